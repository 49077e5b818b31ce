"""What Jarvis promises of a ledger, as one pure function over its rows and over what the runs did to the world.

Nothing of Jarvis is imported: this is the outside view, and it must be able to catch the code in a lie.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from operator import attrgetter

OPEN = ("pending", "running")
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of the ledger; instants in microseconds of UTC, as they are stored."""

    id: int
    task_id: int
    task: str
    due_at: int
    until: int | None
    count: int
    state: str
    reason: str
    attempt: int
    recorded_at: int

    def instants(self, every: int) -> range:
        """What the row says it accounts for."""
        return range(self.due_at, (self.until or self.due_at) + 1, every)


@dataclass(frozen=True)
class Effect:
    """What one attempt of a run left in the world."""

    task_id: int
    due_at: int
    attempt: int


@dataclass(frozen=True)
class Account:
    """What became of every instant. `wrong` lists, in words, what the ledger and the effects cannot both be."""

    occurrences: int
    lost: int
    unsettled: int
    settled_twice: int
    repeated_effects: int
    integrity: str
    wrong: tuple[str, ...] = ()

    @property
    def kept(self) -> bool:
        """Whether the promise was kept."""
        return (self.lost, self.unsettled, self.settled_twice, self.integrity, self.wrong) == (0, 0, 0, "ok", ())

    def __str__(self) -> str:
        """One line for people; what is wrong comes after it, a line each."""
        of_whom = "see below" if self.wrong else "all of runs that were cut off"
        line = (
            f"{self.occurrences} occurrences, lost {self.lost}, unsettled {self.unsettled}, "
            f"settled twice {self.settled_twice}, repeated effects {self.repeated_effects} "
            f"({of_whom}), integrity {self.integrity}"
        )
        return "\n".join([line, *self.wrong])


def account(
    rows: Iterable[Row],
    every: timedelta,
    effects: Iterable[Effect] | None = None,
    settles: Iterable[int] = (),
    integrity: str = "ok",
) -> Account:
    """Account for the instants of tasks that all come `every` so often.

    `effects` are those of all attempts (None: the runs have none), `settles` the ids of the runs that the
    daemons said, on their own and outside the store, that they settled.
    """
    rows = sorted(rows, key=attrgetter("task_id", "due_at"))
    step = every // MICROSECOND
    covered = lost = twice = 0
    wrong: list[str] = []
    for _, group in groupby(rows, key=attrgetter("task_id")):
        own = list(group)
        times = Counter(instant for row in own for instant in row.instants(step))
        promised = range(own[0].due_at, max(times) + 1, step)
        covered += len(times)
        lost += len(set(promised) - times.keys())
        twice += times.total() - len(times)
        wrong += [f"{row.task}: {row.due_at} was never promised" for row in own if row.due_at not in promised]
        wrong += [f"{row.task}: {row} says {row.count}" for row in own if len(row.instants(step)) != row.count]
    repeated = 0
    if effects is not None:
        repeated, found = _repeated(rows, effects)
        wrong += found
    return Account(
        occurrences=covered,
        lost=lost,
        unsettled=sum(row.state in OPEN for row in rows),
        settled_twice=twice + sum(times - 1 for times in Counter(settles).values()),
        repeated_effects=repeated,
        integrity=integrity,
        wrong=tuple(wrong),
    )


def _repeated(rows: list[Row], effects: Iterable[Effect]) -> tuple[int, list[str]]:
    """How many effects came again, and where effects and ledger contradict each other."""
    attempts: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for effect in effects:
        attempts[effect.task_id, effect.due_at].append(effect.attempt)
    repeated = sum(len(own) - 1 for own in attempts.values())
    wrong = [said for row in rows for said in _contradictions(row, attempts.pop((row.task_id, row.due_at), []))]
    wrong += [f"an effect without a row: task {task_id}, due {due_at}" for task_id, due_at in attempts]
    return repeated, wrong


def _contradictions(row: Row, attempts: list[int]) -> Iterator[str]:
    if row.state == "succeeded" and not attempts:
        yield f"succeeded without an effect: {row}"
    if len(attempts) > len(set(attempts)):
        yield f"an attempt was started twice ({attempts}): {row}"
    if attempts and max(attempts) > row.attempt:
        yield f"an attempt the ledger does not know ({attempts}): {row}"
    if len(attempts) > 1 and "was cut off" not in row.reason:
        yield f"run again without having been cut off: {row}"
