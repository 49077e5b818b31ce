"""`jarvis runs logs`: what a run wrote, once it has ended or as it comes."""

from __future__ import annotations

from time import sleep

from jarvis.cli.args import task_name
from jarvis.cli.command import Command
from jarvis.cli.output import note, write_bytes
from jarvis.errors import NotFound
from jarvis.scheduler.capture import pieces, said_left_out
from jarvis.scheduler.model import RunState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

    from jarvis.cli.session import Session
    from jarvis.memory import MemoryStore
    from jarvis.memory.outputs import Written
    from jarvis.scheduler.model import Run

LOOK_EVERY = 0.1  # seconds between two looks at the run and at its file
DAEMON_EVERY = 20  # looks between two at whether a daemon lives
NEVER_STARTED = (RunState.MISSED, RunState.SKIPPED)


def _flags(parser: ArgumentParser) -> None:
    text = "a run's id, or a task's name for its running or newest run"
    parser.add_argument("run", metavar="ID|TASK", type=task_name, help=text)
    parser.add_argument("-f", "--follow", action="store_true", help="wait for more until the run has ended")


def _logs(args: Namespace, session: Session) -> int:
    run = _wanted(args.run, session.store)
    if args.follow:
        _follow(session.store, run.id)
        return 0
    write_output(session.store, run.id)
    if not run.state.final:
        then = f"`jarvis runs logs {run.id} -f` waits for more"
        note(f"run {run.id} of {run.task} {_stands(run)}: {then}")
    return 0


def _stands(run: Run) -> str:
    if run.state is RunState.RUNNING:
        return f"is running, attempt {run.attempt}"
    return "has not started yet" if run.attempt == 0 else f"waits for attempt {run.attempt + 1}"


def _wanted(word: str, store: MemoryStore) -> Run:
    """A number is a run's id; anything else names a task: the run of it that goes on, else the newest."""
    if word.isascii() and word.isdecimal() and len(word) < 19:
        return store.runs.get(int(word))
    found = store.runs.newest(task=word, state=RunState.RUNNING, limit=1) or [
        run for run in store.runs.newest(task=word) if run.state not in NEVER_STARTED
    ]
    if not found:
        if not store.runs.newest(task=word, limit=1):  # a removed task has its runs still
            store.tasks.id_of(word)
        raise NotFound(f"no run of {word} has started lately: see `jarvis runs list --task {word}`")
    return found[0]


def write_output(store: MemoryStore, run_id: int) -> None:
    """What each attempt wrote, byte for byte, also one that goes on; on stderr which it is and what is missing."""
    run, ended = store.runs.get(run_id), store.outputs.of(run_id)
    shown = _Shown(run_id, several=run.attempt > 1)
    for written in ended:
        shown.ended(written)
    if run.state is RunState.RUNNING:
        shown.so_far(run.attempt, store.outputs.live.read((run.id, run.fence)))


def _follow(store: MemoryStore, run_id: int) -> None:
    """Write what comes until the run is settled. Ctrl-C ends the following, not the run."""
    from jarvis.scheduler.clock import SystemClock

    shown, looks, stood = _Shown(run_id, several=False), 0, (-1, RunState.PENDING)
    while True:
        run = store.runs.get(run_id)
        if stood != (run.fence, run.state):  # only then an attempt can have ended since
            stood = (run.fence, run.state)
            for written in store.outputs.of(run_id):
                shown.ended(written)
        if run.state.final:
            note(f"run {run.id} of {run.task}: {run.state}{': ' + run.reason if run.reason else ''}")
            return
        if run.state is RunState.RUNNING:
            shown.so_far(run.attempt, store.outputs.live.read((run.id, run.fence), shown.reached(run.attempt)))
        if looks % DAEMON_EVERY == 0:
            shown.alone(run, not store.instances.living(SystemClock().now()))
        looks += 1
        sleep(LOOK_EVERY)


class _Shown:
    """What has been written to stdout of each attempt's output."""

    def __init__(self, run_id: int, *, several: bool) -> None:
        self._run_id = run_id
        self._several = several  # attempts: then each is announced
        self._at: dict[int, int] = {}  # attempt -> bytes of its output that were written or left out
        self._last = 0  # the attempt shown last
        self._done: set[int] = set()
        self._is_alone = False

    def reached(self, attempt: int) -> int:
        """How far into that attempt's output we are."""
        return self._at.get(attempt, 0)

    def so_far(self, attempt: int, found: Sequence[tuple[int, bytes]]) -> None:
        """Write what of it is new, with a line in the place of what is gone."""
        for offset, piece in found:
            at = self.reached(attempt)
            if offset + len(piece) <= at:
                continue
            self._announce(attempt)
            gap = said_left_out(offset - at) if offset > at else b""
            write_bytes(gap + piece[max(0, at - offset) :])
            self._at[attempt] = offset + len(piece)

    def ended(self, written: Written) -> None:
        """Write what is new of an attempt that has ended, and say if some of it was not kept."""
        if written.attempt in self._done:
            return
        self._done.add(written.attempt)
        self.so_far(written.attempt, pieces(written.body, written.total))
        kept = sum(len(piece) for _, piece in pieces(written.body, written.total))
        if written.total > kept:
            note(f"run {self._run_id} wrote {written.total} bytes, of which {kept} were kept")
        if written.cut_off:
            note(f"run {self._run_id}, attempt {written.attempt} was cut off there: its daemon died")

    def alone(self, run: Run, is_alone: bool) -> None:
        """Say once that nobody carries the run on."""
        if is_alone and not self._is_alone:
            note(f"run {run.id} {_stands(run)} and no daemon lives: waiting for one (Ctrl-C ends only the waiting)")
        self._is_alone = is_alone

    def _announce(self, attempt: int) -> None:
        if attempt != self._last and (self._several or attempt > 1):
            note(f"run {self._run_id}, attempt {attempt}:")
        self._last = attempt


LOGS = Command(
    _logs,
    flags=_flags,
    about=(
        "Write what a run wrote to stdout, byte for byte, also while it runs; on stderr which attempt it is, where "
        "there are several. With -f wait for more until the run has ended; Ctrl-C ends the waiting, not the run."
    ),
    examples="""
jarvis runs logs 12
jarvis runs logs 12 > output.txt
jarvis runs logs 12 -f
jarvis runs logs report --follow""",
)
