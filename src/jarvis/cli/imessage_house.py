"""What a command that came as a message does: the same as the verbs of the command line, in words for a telephone."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from hashlib import sha256

from jarvis.cli import status
from jarvis.cli.next import instants_after
from jarvis.cli.output import instant
from jarvis.cli.why import gather
from jarvis.errors import NotFound, UsageError
from jarvis.imessage.ports import Reminder
from jarvis.scheduler.explain import explain
from jarvis.scheduler.model import Policy, Task, TaskSpec
from jarvis.scheduler.schedule import Once
from jarvis.scheduler.zone import load_zone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from jarvis.cli.session import Session
    from jarvis.memory import MemoryStore
    from jarvis.scheduler.model import Run

_INSTANTS = 3
_REMINDER = "reminder-"
_LONGEST_NAME = 120
_SAME_START = timedelta(milliseconds=5)  # a start that finds its microsecond taken moves on by one
_FOR_A_TELEPHONE = ("trouble", "daemons", "tasks", "due next", "open runs", "last 24 h", "alerts", "not sent")


class CommandLineHouse:
    """Each command opens the store anew: what a restore or an upgrade put in its place counts at once."""

    def __init__(self, session: Callable[[], Session]) -> None:
        self._session = session

    def status(self) -> str:
        """The lines of `jarvis status` that change."""
        with closing(self._session()) as session:
            said = dict(status.lines(status.look(session), session.zone))
        return "\n".join(f"{name}: {_words(said[name])}" for name in _FOR_A_TELEPHONE if name in said)

    def next(self, name: str) -> str:
        """As `jarvis next` says it."""
        with closing(self._session()) as session:
            task = session.store.tasks.get(name)
            zone = load_zone(task.schedule.tz)
            found = instants_after(task.schedule, session.now, _INSTANTS)
        lines = [instant(each, zone) for each in found] or ["never again"]
        return "\n".join([f"{name}, next:" if task.enabled else f"{name} is paused, else next:", *lines])

    def why(self, name: str) -> str:
        """As `jarvis why` says it."""
        with closing(self._session()) as session:
            store, places = session.store, session.config.max_workers
            facts = gather(store, store.tasks.get(name), session.now, at=None, removed_at=None, places=places)
            return explain(facts).sentence

    def named(self, name: str) -> str:
        """The task of that name, in any case if only one is meant: telephones write the first letter large."""
        if len(name) > _LONGEST_NAME:
            raise UsageError(f"No task has a name as long as that: {_LONGEST_NAME} characters at most.")
        with closing(self._session()) as session:
            names = session.store.tasks.names()
            same = [each for each in names if each.casefold() == name.casefold()]
            if name in names or len(same) != 1:
                return session.store.tasks.get(name).name
        return same[0]

    def run(self, name: str, asked_at: datetime) -> str:
        """As `jarvis task run`: once for one `asked_at`, which becomes the run's due_at."""
        with closing(self._session()) as session:
            store = session.store
            with store.transaction():
                task = store.tasks.get(name)
                run = _started(store, task, asked_at) or store.start_now(name, asked_at)
            alone = not store.instances.living(session.now)
        return f"run {run.id} of {name} is queued" + (f"; {status.NO_DAEMON}" if alone else "")

    def pause(self, name: str, by: str) -> str:
        """As `jarvis task pause`."""
        with closing(self._session()) as session:
            session.store.pause_task(name, session.now, f"paused by {by} by iMessage")
        return f"{name} is paused"

    def resume(self, name: str) -> str:
        """As `jarvis task resume`."""
        with closing(self._session()) as session:
            task = session.store.resume_task(name, session.now)
            zone = session.zone
        due = f"due next at {instant(task.next_run_at, zone)}" if task.next_run_at else "its schedule has ended"
        return f"{name} is enabled: {due}"

    def remind(self, reminder: Reminder, now: datetime) -> str:
        """As `jarvis task add --at T --handler remind`: once for one key, which the task's name comes from."""
        name = f"{_REMINDER}{sha256(reminder.key.encode()).hexdigest()[:12]}"
        with closing(self._session()) as session:
            store = session.store
            with store.transaction():
                if _missing(store, name):
                    store.add_task(_spec(name, reminder, now, session.config.timezone), now)
                at = store.tasks.get(name).schedule
            zone = session.zone
        when = instant(at.at, zone) if isinstance(at, Once) else "its time"
        return f"I will remind you at {when}: {reminder.text}\n(task {name})"

    def tidy(self, before: datetime) -> int:
        """As `jarvis task remove`, for what nobody else will remove; the runs stay in the ledger."""
        with closing(self._session()) as session:
            store = session.store
            over = [task.name for task in store.tasks.all() if isinstance(task, Task) and _over(store, task, before)]
            for name in over:
                store.remove_task(name, session.now)
        return len(over)


def _over(store: MemoryStore, task: Task, before: datetime) -> bool:
    """Whether a task is a reminder of ours that was due before and waits for nothing more."""
    if task.handler != "remind" or not task.name.startswith(_REMINDER) or not isinstance(task.schedule, Once):
        return False
    return task.next_run_at is None and task.schedule.at < before and not store.runs.open_of(task.id)


def _started(store: MemoryStore, task: Task, asked_at: datetime) -> Run | None:
    """The run that this very message started before its daemon was killed."""
    until = asked_at + _SAME_START
    rows = store.runs.around(task.id, asked_at, until)
    return next((row for row in rows if row.origin == "manual" and asked_at <= row.due_at < until), None)


def _missing(store: MemoryStore, name: str) -> bool:
    try:
        store.tasks.get(name)
    except NotFound:
        return True
    return False


def _spec(name: str, reminder: Reminder, now: datetime, tz: str) -> TaskSpec:
    """One that came late, and whose moment is over, is due at once."""
    recipient = {"chat": reminder.recipient.chat} if reminder.recipient.chat else {}
    return TaskSpec(
        name=name,
        schedule=Once(at=max(reminder.at, now), tz=tz),
        handler="remind",
        params={"to": reminder.recipient.to, "text": reminder.text, "key": reminder.key, **recipient},
        policy=Policy(retries=5),
    )


def _words(value: object) -> str:
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value or "none")
