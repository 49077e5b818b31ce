"""A module of Jarvis run in a process of its own: for libraries that are slow to load, and texts that may never end.

It is asked on its standard input, where no list of processes shows it, and answers in lines of JSON.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import msgspec

from jarvis.delivery.environment import modest
from jarvis.delivery.program import end

_LISTEN = 0.2  # the longest time, in seconds, in which a stop is not noticed
_TOLD = 300  # characters of the end of what it complained of


class Silent(Exception):
    """It did not answer: the text says why. `begun`: it had said before that it would now begin."""

    def __init__(self, why: str, begun: bool) -> None:
        self.begun = begun
        super().__init__(why)


def ask(
    module: str, request: Mapping[str, Any], environ: Mapping[str, str], remaining: Callable[[], float]
) -> dict[str, Any]:
    """What the module answers. Silent if it could not be started, had to be ended, or ended without a word."""
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", module],
            env=modest(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise Silent(f"Python could not be started: {error.strerror}", begun=False) from error
    with process:
        output, complaints, in_time = _listen(process, msgspec.json.encode(request), remaining)
    return _answer(output, complaints, process.returncode if in_time else None)


def _listen(
    process: subprocess.Popen[bytes], request: bytes, remaining: Callable[[], float]
) -> tuple[bytes, bytes, bool]:
    """What it wrote on either stream, and whether it ended by itself."""
    asked: bytes | None = request
    try:
        while (left := remaining()) > 0:
            try:
                return *process.communicate(asked, min(left, _LISTEN)), True
            except subprocess.TimeoutExpired:
                asked = None  # it goes on from where it was
        end(process, at_once=True)
        return *process.communicate(), False
    except BaseException:
        end(process, at_once=True)
        raise


def _answer(output: bytes, complaints: bytes, code: int | None) -> dict[str, Any]:
    """The last line of it; `code` is None where it had to be ended."""
    said: list[dict[str, Any]] = []
    for line in output.splitlines():
        with suppress(msgspec.MsgspecError):
            said.append(msgspec.json.decode(line, type=dict))
    begun = {"begun": True} in said
    found = [each for each in said if each != {"begun": True}]
    if found:
        return found[-1]
    if code is None or code == -signal.SIGXCPU:
        raise Silent("it needed more time than it may have", begun)
    why = " ".join(complaints.decode(errors="replace").split())[-_TOLD:]
    raise Silent(f"it ended without an answer (exit code {code}){': ' if why else ''}{why}", begun)


def answer(value: Mapping[str, Any]) -> None:
    """For the child: one line of its answer, out at once."""
    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
    sys.stdout.buffer.flush()


def question() -> dict[str, Any]:
    """For the child: what it is asked."""
    asked: dict[str, Any] = msgspec.json.decode(sys.stdin.buffer.read(), type=dict)
    return asked
