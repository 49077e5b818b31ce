"""The `command` handler: a list of arguments run as a process of its own, which ends when the run ends.

Params: `command`, the list of arguments (never a shell by itself: for one write ["sh", "-c", "..."]); `cwd`,
an absolute folder or one that begins with `~/`; `env`, added to the daemon's environment; `stdin`, a text to
be read (by default what started the run, as JSON: an event, or the end of another run; else nothing);
`kill_grace`, the time from SIGTERM to SIGKILL (5s). The environment also says which run this is: JARVIS_TASK,
JARVIS_RUN_ID, JARVIS_OCCURRENCE, JARVIS_DUE_AT, JARVIS_ATTEMPT, and JARVIS_OWNER, by which leftovers are found.

The command gets a session and a process group of its own; stdout and stderr come as one stream. A run is
over when its command is: what that left in its group, or left writing to its output, is ended, and the reason
says so. What left the group and closed the output, and goes on when the command ends by itself, is taken for
a service that is meant to stay, and is let be. At the deadline, or when the run is cancelled, everything
that `jarvis.handlers.processes` can find is ended, and there is no result before it is gone. What cannot be
shown to be gone, as when somebody still holds the output, makes the run `unknown`.

The environment is never logged or put in a reason: it may hold secrets. The arguments may be shown.
"""

from __future__ import annotations

import math
import os
import select
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import msgspec

from jarvis.errors import UsageError
from jarvis.handlers.brand import Brand
from jarvis.handlers.cgroup import Cgroups
from jarvis.handlers.child import Child
from jarvis.handlers.command_params import OURS, Wanted, check_params, read_params
from jarvis.handlers.cutoff import cut_said, cut_state, how, leftovers_said, must_stop, signal_name
from jarvis.handlers.environment import inherited, mark_of
from jarvis.handlers.limits import held
from jarvis.handlers.processes import OWNER, Ending, Tree, Watch, group_exists
from jarvis.scheduler.model import Result, RunState
from jarvis.scheduler.ports import Context

__all__ = ["Command", "check_params", "command"]

KILL_GRACE = timedelta(seconds=5)

_LEFTOVER_GRACE = 1.0  # seconds for what a command left behind: nobody waits for it any more
_LISTEN = 0.5  # the longest time, in seconds, in which a cancelled run is not noticed
_NO_WATCH = 0.02  # the same for the command's end, where the system cannot announce it
_CHUNK = 65_536  # what a pipe holds (pipe(7))
# Between fork(2) and execve(2) any child of the daemon holds every pipe of it, for a moment (longer on a busy
# machine): that the output is still open says something only if it stays open.
_OPEN_BY_CHANCE = 0.05
_OPEN_FOR_SURE = 1.0
_SLICE = 0.05  # seconds: where the whole machine stands still, this much of it counts, and everybody has a turn then
_MOST_CHUNKS = 32  # read after the end; somebody who still writes must not keep us


class Command:
    """Runs `context.params["command"]` and says how it ended. One object serves any number of threads."""

    def __init__(
        self,
        kill_grace: timedelta = KILL_GRACE,
        cgroups: Cgroups | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """`kill_grace` is the time between SIGTERM and SIGKILL for tasks that name none; `cgroups` hold runs.

        `environ` is what commands inherit: by default this process's environment, as it is at each start.
        """
        self._environ = environ
        self._kill_grace = kill_grace
        self._cgroups = cgroups or Cgroups(None)

    def __call__(self, context: Context, /) -> Result:
        """Start it, wait for its end or the deadline, and leave nothing behind."""
        allowed = context.remaining()
        if must_stop(context):
            return Result(state=cut_state(context), reason="the command was not started: no time was left")
        try:
            wanted = read_params(context.params)
        except UsageError as error:
            return Result(state=RunState.FAILED, reason=str(error))
        try:
            env = _environment(self._environ or inherited(), wanted, context)
            running = _Running(wanted, env, context, self._cgroups)
        except OSError as error:
            return Result(state=RunState.FAILED, reason=_why_not_started(wanted, error))
        with running:
            if running.wait(context):
                return _ended(running)
            grace = self._kill_grace if wanted.kill_grace is None else wanted.kill_grace
            return self._cut_off(running, context, allowed, grace.total_seconds())

    def _cut_off(self, running: _Running, context: Context, allowed: float, grace: float) -> Result:
        """The deadline passed or the run was cancelled: end everything, then say so."""
        state = cut_state(context)
        what = cut_said(state, allowed)
        ending = running.end(grace)
        if left := running.left(ending):
            return running.result(RunState.UNKNOWN, f"{what}, but cannot be confirmed to have ended: {left}", {})
        return running.result(state, f"{what}; ended by {ending.by.name}", how(running.reap()))


def command(
    kill_grace: timedelta = KILL_GRACE,
    cgroups: Cgroups | None = None,
    environ: Mapping[str, str] | None = None,
) -> Command:
    """The handler."""
    return Command(kill_grace, cgroups, environ)


class _Running:
    """One started command: its output as it comes, its end, and the processes it started."""

    def __init__(self, wanted: Wanted, env: dict[str, str], context: Context, cgroups: Cgroups) -> None:
        """Start it; an OSError means that it did not start."""
        folder = _folder(wanted.cwd)
        command = held(wanted.command, context.memory_limit, folder, env.get("PATH"))
        with _stdin(_given(wanted, context)) as stdin:
            self._process = Child(command, env, folder, stdin)
        # From here on it runs: nothing below may fail, or nobody would end it.
        brand = Brand(env[OWNER], context.run_id)
        brand.put_on(self._process.pid)
        self._cgroup = cgroups.enclose(self._process.pid, env["JARVIS_RUN_ID"])
        marks = [f"{name}={env[name]}" for name in (OWNER, "JARVIS_RUN_ID")]
        self._tree = Tree(marks, self._process.pid, brand=brand, cgroup=self._cgroup)
        self._written = context.output
        self._watch = Watch(self._process.pid)
        self._output: int | None = self._process.output
        self._ended = False
        self._poll = select.poll()
        for descriptor in (self._output, self._watch.descriptor):
            if descriptor is not None:
                self._poll.register(descriptor, select.POLLIN)

    def wait(self, context: Context) -> bool:
        """Until the command itself ends (True), or the deadline passes or the run is cancelled (False)."""
        while not self._ended and not must_stop(context):
            self._pump(min(max(context.remaining(), 0), _LISTEN))
        if not self._ended:
            self._pump(0)  # we may have been held up ourselves: an end in time counts
        return self._ended

    def leftovers(self) -> Ending | None:
        """After the command's end, end what is still in its group or holds its output; None if nothing is."""
        self._await_close(_OPEN_BY_CHANCE)
        if self._output is None:
            self.reap()
            if not group_exists(self._process.pid):
                return None
        ending = self.end(_LEFTOVER_GRACE)
        return ending if ending.found or self.left(ending) else None

    def end(self, grace: float) -> Ending:
        """End everything this run started, reading its output meanwhile: a full pipe would keep it alive."""
        ending = self._tree.end(grace, self._pump)
        if not ending.left_said:
            self._await_close(_OPEN_FOR_SURE)
        return ending

    def left(self, ending: Ending) -> str:
        """Who is still there after `end`, for people; "" when all are gone."""
        if ending.left_said:
            return ending.left_said
        # The last writer's end closes the pipe: so there is one, and it hid itself well.
        return "" if self._output is None else "a process that could not be found still holds the output"

    def reap(self) -> int:
        """Wait for the command, which has ended: its exit code, or the negative number of a signal."""
        self._tree.held = False
        return self._process.wait()

    def result(self, state: RunState, reason: str, data: dict[str, Any]) -> Result:
        """The result, with all the output there is."""
        output = self._written
        return Result(state=state, reason=reason, data=data, output=output.kept(), output_total=output.total)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Whatever went wrong in here, no process and no descriptor is left."""
        try:
            if kind is not None:
                self.end(0)
            self._process.poll()
        finally:
            if self._cgroup:
                self._cgroup.close()
            self._watch.close()
            os.close(self._process.output)

    def _pump(self, seconds: float) -> None:
        """Take output, or notice the end, for at most `seconds`."""
        unwatched = not self._ended and self._watch.descriptor is None
        ended = False
        for descriptor, _ in self._poll.poll(math.ceil(1000 * (min(seconds, _NO_WATCH) if unwatched else seconds))):
            if descriptor == self._output:
                self._take()
            else:
                self._poll.unregister(descriptor)  # it stays readable and would keep poll from waiting
                ended = True
        if ended or (unwatched and self._watch.ended()):
            self._ended = True
            self._drain()

    def _await_close(self, seconds: float) -> None:
        """Read until nobody holds the output, for at most `seconds` in which we are not held up ourselves."""
        self._drain()
        while self._output is not None and seconds > 0:
            began = time.monotonic()
            self._pump(min(seconds, _SLICE))
            seconds -= min(time.monotonic() - began, _SLICE)

    def _drain(self) -> None:
        """What the pipe holds now."""
        for _ in range(_MOST_CHUNKS):
            if not self._take():
                return

    def _take(self) -> bool:
        """Read once; whether there may be more now."""
        if self._output is None:
            return False
        try:
            chunk = os.read(self._output, _CHUNK)
        except BlockingIOError:
            return False
        self._written.write(chunk)
        if not chunk:
            self._poll.unregister(self._output)
            self._output = None  # nobody holds the other end any more
        return bool(chunk)


def _ended(running: _Running) -> Result:
    """The command ended by itself: its exit code decides, and what it left behind is ended."""
    ending = running.leftovers()
    code = running.reap()
    data, reasons = how(code), [] if code == 0 else [_how_said(code)]
    state = RunState.SUCCEEDED if code == 0 else RunState.FAILED
    if ending:
        data["left_behind"] = ending.found
        left = running.left(ending)
        reasons.append(f"left behind and not ended: {left}" if left else leftovers_said(ending.found, ending))
        if left and state is RunState.FAILED:
            state = RunState.UNKNOWN  # a retry would start beside what still runs
    return running.result(state, "; ".join(reasons), data)


def _how_said(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"killed by {signal_name(-code)}"


def _given(wanted: Wanted, context: Context) -> str | None:
    """What the command reads: the task's own text, else as JSON what started the run, if anything but time did."""
    cause = context.event or context.upstream
    return wanted.stdin if wanted.stdin is not None or cause is None else msgspec.json.encode(cause).decode()


@contextmanager
def _stdin(text: str | None) -> Iterator[int | None]:
    """What the command reads. A file and not a pipe: nobody has to feed it while the command runs."""
    if text is None:
        yield None
        return
    import tempfile  # noqa: PLC0415 - slow to load, and few commands are given a text

    with tempfile.TemporaryFile(prefix="jarvis-stdin-") as file:
        file.write(text.encode("utf-8", "surrogateescape"))
        file.seek(0)
        yield file.fileno()


def _folder(cwd: str | None) -> Path | None:
    return Path(cwd).expanduser() if cwd else None


def _environment(environ: Mapping[str, str], wanted: Wanted, context: Context) -> dict[str, str]:
    """The daemon's environment, the task's on top, and which run this is."""
    run = (
        context.task,
        str(context.run_id),
        context.occurrence_id,
        context.due_at.isoformat(),
        str(context.attempt),
        mark_of(context.owner_mark),
    )
    return {**environ, **wanted.env, **dict(zip(OURS, run, strict=True))}


def _why_not_started(wanted: Wanted, error: OSError) -> str:
    program, folder = wanted.command[0], _folder(wanted.cwd)
    if folder is not None and not folder.is_dir():
        return f"cwd {str(folder)!r} is not a folder"
    if isinstance(error, FileNotFoundError):
        return _why_not_found(program, folder)
    if isinstance(error, PermissionError):
        return f"{program!r} may not be started: it is not executable, or a folder on the way is closed to us"
    return f"{program!r} could not be started: {error.strerror or error}"


def _why_not_found(program: str, folder: Path | None) -> str:
    if "/" not in program:
        return (
            f"{program!r} is not in any folder of PATH, which is short under launchd and systemd: "
            "give its full path, or PATH in the task's env"
        )
    if ((folder or Path()) / program).exists():
        return f"{program!r} could not be started: the interpreter named in its first line does not exist"
    return f"{program!r} does not exist"
