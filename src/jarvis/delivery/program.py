"""One program run for one message: what it reads, how long it may take, and what it said at its end."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO

from jarvis.errors import SendFailed, SendUnknown

_LISTEN = 0.2  # the longest time, in seconds, in which a stop is not noticed
_KILL_GRACE = 1.0  # seconds between SIGTERM and SIGKILL, and until a killed group must be gone
_TOLD = 300  # characters of the end of its output that become the reason
_READ = 16 * 1024  # bytes of it that are looked through first: what is cut in two is not recognised any more


class Ended(Exception):
    """It ended with an exit code other than 0. The text says which, and the end of what it wrote."""


def run(
    command: Sequence[str],
    env: Mapping[str, str],
    stdin: bytes,
    remaining: Callable[[], float],
    scrub: Callable[[str], str] = str,
) -> None:
    """Run it and wait for its end. `scrub` takes out of what it wrote what may not be shown.

    SendFailed if it could not be started, Ended if it failed, SendUnknown if it had to be ended at its deadline.
    """
    import tempfile  # noqa: PLC0415 - slow to load, and at rest nothing is sent

    with tempfile.TemporaryFile() as body, tempfile.TemporaryFile() as output:
        # Files and not pipes: nobody has to feed it, and what it leaves behind keeps nobody waiting.
        body.write(stdin)
        body.seek(0)
        process = _start(command, env, body, output)
        code = _ended(process, remaining)
        told = _end_of(output, scrub)
    if code is None:
        raise SendUnknown(f"{command[0]!r} had not ended in its time and was ended; it may have sent before")
    if code:
        how = f"exit code {code}" if code > 0 else f"killed by signal {-code}"
        raise Ended(f"{command[0]!r}: {how}" + (f": {told}" if told else ""))


def end(process: subprocess.Popen[bytes], *, at_once: bool = False) -> None:
    """End the whole group. It is not waited for before that: until then nobody else can bear its number."""
    for number in (signal.SIGKILL,) if at_once else (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):  # all dead already
            os.killpg(process.pid, number)
        if number is signal.SIGTERM:
            time.sleep(_KILL_GRACE)
    with suppress(subprocess.TimeoutExpired):  # it hangs in the kernel: nothing more can be done
        process.wait(_KILL_GRACE)


def _start(
    command: Sequence[str], env: Mapping[str, str], body: IO[bytes], output: IO[bytes]
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command, env=env, stdin=body, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    except (OSError, ValueError) as error:  # ValueError: a NUL among the arguments
        why = getattr(error, "strerror", None) or "its arguments cannot be passed"
        raise SendFailed(f"{command[0]!r} could not be started: {why}") from error


def _ended(process: subprocess.Popen[bytes], remaining: Callable[[], float]) -> int | None:
    """Its exit code; None if it had to be ended."""
    try:
        while (left := remaining()) > 0:
            with suppress(subprocess.TimeoutExpired):
                return process.wait(min(left, _LISTEN))
    except BaseException:
        end(process)
        raise
    end(process)
    return None


def _end_of(output: IO[bytes], scrub: Callable[[str], str]) -> str:
    """The last of what it wrote, on one line."""
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - _READ))
    return " ".join(scrub(output.read().decode(errors="replace")).split())[-_TOLD:]
