"""The channel `command`: a list of arguments run once for each message, which it reads and sends.

The body is its standard input; JARVIS_SUBJECT, JARVIS_KEY, JARVIS_CHANNEL, JARVIS_KIND, JARVIS_TASK,
JARVIS_RUN_ID, JARVIS_STATE, JARVIS_DUE_AT and JARVIS_ATTEMPT say the rest. Exit code 0 is sent, any other is
not sent and tried again. At its deadline the command's process group is ended: whether the message had gone
out by then nobody knows. What it leaves behind when it ends by itself goes on: a mail program may have put
the message into the hands of a process of its own. That is why the handler `command` does not serve here.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import IO

from jarvis.channelspec import CommandSpec
from jarvis.errors import SendFailed, SendUnknown
from jarvis.scheduler.ports import Message

_LISTEN = 0.2  # the longest time, in seconds, in which a stop is not noticed
_KILL_GRACE = 1.0  # seconds between SIGTERM and SIGKILL, and until a killed group must be gone
_TOLD = 300  # bytes of the end of its output that become the reason


class CommandChannel:
    """Runs the command and takes its exit code for the answer."""

    def __init__(self, spec: CommandSpec, environ: Callable[[], Mapping[str, str]]) -> None:
        """`environ` gives what the command inherits."""
        self._environ = environ
        self._command = spec.command
        self._timeout = spec.timeout

    @property
    def timeout(self) -> float:
        """Seconds that the command may take."""
        return self._timeout

    def send(self, message: Message, /) -> None:
        """Run it with the message and wait for its end."""
        with tempfile.TemporaryFile() as body, tempfile.TemporaryFile() as output:
            # Files and not pipes: nobody has to feed it, and what it leaves behind keeps nobody waiting.
            body.write(message.body.encode(errors="replace"))
            body.seek(0)
            process = self._start(message, body, output)
            code = _ended(process, message)
            told = _end_of(output)
        if code is None:
            raise SendUnknown(f"{self._command[0]!r} had not ended in its time and was ended; it may have sent before")
        if code:
            how = f"exit code {code}" if code > 0 else f"killed by signal {-code}"
            raise SendFailed(f"{self._command[0]!r}: {how}" + (f": {told}" if told else ""))

    def _start(self, message: Message, body: IO[bytes], output: IO[bytes]) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                self._command,
                env={**self._environ(), **_said(message)},
                stdin=body,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise SendFailed(f"{self._command[0]!r} could not be started: {error.strerror}") from error


def _said(message: Message) -> dict[str, str]:
    """What the environment says of the message."""
    return {
        "JARVIS_SUBJECT": message.subject,
        "JARVIS_KEY": message.key,
        "JARVIS_CHANNEL": message.channel,
        "JARVIS_KIND": message.kind,
        "JARVIS_TASK": message.task,
        "JARVIS_RUN_ID": "" if message.run_id is None else str(message.run_id),
        "JARVIS_STATE": message.state,
        "JARVIS_DUE_AT": "" if message.due_at is None else message.due_at.isoformat(),
        "JARVIS_ATTEMPT": str(message.attempt),
    }


def _ended(process: subprocess.Popen[bytes], message: Message) -> int | None:
    """The command's exit code; None if it had to be ended."""
    try:
        while (left := message.remaining()) > 0:
            with suppress(subprocess.TimeoutExpired):
                return process.wait(min(left, _LISTEN))
    except BaseException:
        _end(process)
        raise
    _end(process)
    return None


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the whole group. It is not waited for before that: until then nobody else can bear its number."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):  # all dead already
            os.killpg(process.pid, number)
        if number is signal.SIGTERM:
            time.sleep(_KILL_GRACE)
    with suppress(subprocess.TimeoutExpired):  # it hangs in the kernel: nothing more can be done
        process.wait(_KILL_GRACE)


def _end_of(output: IO[bytes]) -> str:
    """The last of what it wrote, on one line."""
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - _TOLD))
    return " ".join(output.read().decode(errors="replace").split())
