"""One process that evaluates expressions, as who asks holds it: started, asked under a deadline, ended."""

from __future__ import annotations

import math
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress

import msgspec

START_WITHIN = 30.0  # seconds: on a busy machine an interpreter takes its time, and that is no fault of the expression
_GONE_WITHIN = 5.0
_CHUNK = 65_536


class Found(msgspec.Struct, frozen=True):
    """What came of one evaluation: a value, or a problem at a column from 1."""

    value: msgspec.Raw = msgspec.Raw(b"null")
    problem: str = ""
    column: int = 1


class Evaluator:
    """`python -m jarvis.expressions.child`, which knows nothing of ours: no files, no store, no settings."""

    def __init__(self) -> None:
        """Start it. OSError if it cannot be."""
        self._parent = os.getpid()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "jarvis.expressions.child"],
            cwd="/",
            env={name: value for name, value in os.environ.items() if name.startswith("PYTHON")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )
        assert self._process.stdin and self._process.stdout  # noqa: S101, PT018 - both are PIPE
        self._in, self._out = self._process.stdin, self._process.stdout
        for pipe in (self._in, self._out):
            os.set_blocking(pipe.fileno(), False)
        self._read = b""
        self._ready = False

    def usable(self) -> bool:
        """Whether it can be asked: it is there, and it is ours and not that of the process we were forked from."""
        return self._parent == os.getpid() and self._process.poll() is None

    def ask(self, text: str, given: bytes, seconds: float) -> Found | None:
        """What `text` comes to over `given`, JSON. None if it was asked before, and has ended: ask another one.

        It may have gone unused, or been killed, just before.
        """
        fresh = not self._ready
        if fresh and not self._exchange(b"", START_WITHIN):
            return self._lost("the process that evaluates expressions did not start")
        self._ready = True
        head = msgspec.json.encode({"text": text, "seconds": seconds, "length": len(given)})
        line = self._exchange(head + b"\n" + given, seconds)
        if line is None:
            return self._lost(f"it took longer than {seconds:g} s and was ended")
        if line:
            return msgspec.json.decode(line, type=Found)
        lost = self._lost("it ended the process that evaluated it")
        return lost if fresh else None

    def end(self) -> None:
        """Kill it and everything in its session's group, and wait until it is gone."""
        if self._parent == os.getpid():
            if self._process.returncode is None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_GONE_WITHIN)
        self._in.close()
        self._out.close()

    def _lost(self, problem: str) -> Found:
        self.end()
        return Found(problem=problem)

    def _exchange(self, message: bytes, seconds: float) -> bytes | None:
        """Say it and read one line back: b"" if it has ended, None if it took too long."""
        until, rest = time.monotonic() + seconds, memoryview(message)
        poll = select.poll()
        poll.register(self._out, select.POLLIN)
        if rest:
            poll.register(self._in, select.POLLOUT)
        while (left := until - time.monotonic()) > 0:
            for descriptor, _ in poll.poll(math.ceil(left * 1000)):
                if descriptor == self._in.fileno():
                    rest = self._write(rest)
                    if not rest:
                        poll.unregister(self._in)
                elif (line := self._take()) is not None:
                    return line
        return None

    def _write(self, rest: memoryview) -> memoryview:
        try:
            return rest[os.write(self._in.fileno(), rest) :]
        except BlockingIOError:
            return rest
        except BrokenPipeError:  # it has ended, which its other pipe tells
            return rest[:0]

    def _take(self) -> bytes | None:
        """A whole line, b"" at the end, None if there is more to come."""
        chunk = os.read(self._out.fileno(), _CHUNK)
        line, found, self._read = (self._read + chunk).partition(b"\n")
        if not found and chunk:
            self._read = line
            return None
        return line if found else b""
