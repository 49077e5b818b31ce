"""One warm worker process as the daemon holds it: what is said to it, what it says and prints, how it is ended.

Its output and its answers are read together, so that neither pipe fills while the other is waited for. The number of
the process stays its own until `close`, because it is not waited for before: that is what makes it safe to signal.
"""

from __future__ import annotations

import math
import os
import select
import signal
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

import msgspec

from jarvis.handlers.brand import Brand
from jarvis.handlers.environment import inherited, mark_of
from jarvis.handlers.frames import Answer, Load, Loading, Ready, Request, answers, frame
from jarvis.handlers.processes import OWNER, Ending, Tree, Watch
from jarvis.scheduler.output import Output

_MARK = "JARVIS_WORKER_PROCESS"
_CHUNK = 65_536
_NO_WATCH = 0.02  # seconds between two looks, where the system cannot announce the end
_MOST_CHUNKS = 64  # read at once: somebody who prints without end must not keep us
_OPEN_FOR_SURE = 1.0  # seconds after which somebody who is not found holds the output
_SLICE = 0.05  # seconds: where the whole machine stands still, this much of it counts, and everybody has a turn then


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What every worker process is started with."""

    folder: Path  # of the handler files
    cwd: Path
    env: dict[str, str]  # on top of ours
    house: tuple[str, ...]  # names that are taken


class WorkerProcess:
    """One started process. For one thread at a time; OSError from the constructor: it could not be started."""

    def __init__(self, setup: Setup, owner_mark: str, skip: dict[str, str]) -> None:
        """Start it and have it load the handlers, which it says with Ready."""
        self.owner_mark = owner_mark
        self.ended = False
        self.loading = ""  # what it loads now
        self.loading_since = time.monotonic()
        self.ready: Ready | None = None
        self.written = Output(0)
        marks = {OWNER: mark_of(owner_mark), _MARK: os.urandom(12).hex()}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "jarvis.handlers.worker"],
            cwd=setup.cwd,
            env=inherited() | setup.env | marks,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
        brand = Brand.of_process(marks[OWNER], int.from_bytes(os.urandom(4)))
        brand.put_on(self._process.pid)
        self._tree = Tree([f"{name}={value}" for name, value in marks.items()], self._process.pid, brand=brand)
        self._received: deque[Answer] = deque()
        self._frames = answers()
        self._unsent = b""
        self._poll = select.poll()
        self._open_pipes()
        self.post(Load(str(setup.folder), list(setup.house), skip))

    def _open_pipes(self) -> None:
        process = self._process
        assert process.stdin and process.stdout and process.stderr  # noqa: S101, PT018 - all three are PIPE
        self._requests, self._answers = process.stdin.fileno(), process.stdout.fileno()
        self._output: int | None = process.stderr.fileno()
        self._watch = Watch(process.pid)
        for descriptor in (self._requests, self._answers, self._output):
            os.set_blocking(descriptor, False)
        for watched in (self._answers, self._output, self._watch.descriptor):
            if watched is not None:
                self._poll.register(watched, select.POLLIN)

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def post(self, message: Request) -> None:
        """Say something, as soon as it can be taken. FrameError if it is too long."""
        self._unsent += frame(message)
        self._send()

    def next_answer(self, seconds: float) -> Answer | None:
        """What it says next, at most `seconds` later. None: nothing yet, or it has ended. FrameError if garbled."""
        if not self._received and not self.ended:
            self._pump(seconds)
        if not self._received:
            return None
        answer = self._received.popleft()
        if isinstance(answer, Loading):
            self.loading, self.loading_since = answer.source, time.monotonic()
        elif isinstance(answer, Ready):
            self.ready, self.loading = answer, ""
        return answer

    def drain(self) -> None:
        """Take the output there is now. What was printed before an answer was sent is there with the answer."""
        for _ in range(_MOST_CHUNKS):
            if not self._take_output():
                return

    def end(self, grace: float) -> Ending:
        """End it and everything it started: SIGTERM, after `grace` seconds SIGKILL, until none is found."""
        ending = self._tree.end(grace, self._pump_quietly)
        left = 0.0 if ending.left_said else _OPEN_FOR_SURE
        while self._output is not None and left > 0:
            began = time.monotonic()
            self._pump_quietly(min(left, _SLICE))
            left -= min(time.monotonic() - began, _SLICE)
        return ending

    def left(self, ending: Ending) -> str:
        """Who is still there after `end`, for people; "" when all are gone."""
        if ending.left_said:
            return ending.left_said
        return "" if self._output is None else "a process that could not be found still holds the output"

    def close(self) -> int:
        """Kill what is in its group, wait for it and give everything back. Its exit code, or minus the signal."""
        if self._tree.held:
            with suppress(ProcessLookupError, PermissionError):  # on macOS the latter, when all of it has ended
                os.killpg(self._process.pid, signal.SIGKILL)
            self._tree.held = False
            self._process.wait()
            self._watch.close()
            for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
                if pipe:
                    pipe.close()
        return self._process.returncode

    def _pump_quietly(self, seconds: float) -> None:
        """While it is being ended, what it says is of no interest, and may be cut off."""
        with suppress(ValueError):
            self._pump(seconds)

    def _pump(self, seconds: float) -> None:
        """Read, write, or notice the end, for at most `seconds`."""
        unwatched = not self.ended and self._watch.descriptor is None
        for descriptor, _ in self._poll.poll(math.ceil(1000 * (min(seconds, _NO_WATCH) if unwatched else seconds))):
            if descriptor == self._output:
                self._take_output()
            elif descriptor == self._answers:
                self._take_answers()
            elif descriptor == self._requests:
                self._send()
            else:
                self._poll.unregister(descriptor)
                self._on_end()
        if unwatched and self._watch.ended():
            self._on_end()

    def _on_end(self) -> None:
        self.ended = True
        self.drain()
        while self._take_answers():
            pass

    def _send(self) -> None:
        try:
            self._unsent = self._unsent[os.write(self._requests, self._unsent) :]
        except BlockingIOError:
            pass
        except BrokenPipeError:  # it has ended, which is noticed elsewhere
            self._unsent = b""
        if self._unsent:
            self._poll.register(self._requests, select.POLLOUT)
        else:
            with suppress(KeyError):
                self._poll.unregister(self._requests)

    def _take_answers(self) -> bool:
        """Read once; whether there may be more now."""
        chunk = _read(self._answers)
        if chunk:
            self._received.extend(self._frames.feed(chunk))
        elif chunk is not None:
            with suppress(KeyError):
                self._poll.unregister(self._answers)
        return bool(chunk)

    def _take_output(self) -> bool:
        """Read once; whether there may be more now."""
        chunk = None if self._output is None else _read(self._output)
        if chunk:
            self.written.write(chunk)
        elif chunk is not None and self._output is not None:
            self._poll.unregister(self._output)
            self._output = None  # nobody holds the other end any more
        return bool(chunk)


def _read(descriptor: int) -> bytes | None:
    """What is there; b"" at the end, None if nothing is there yet."""
    try:
        return os.read(descriptor, _CHUNK)
    except BlockingIOError:
        return None
