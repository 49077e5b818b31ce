"""Vigil: what the clocks tell from one look to the next, and what that makes late."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from jarvis.scheduler.clockwatch import Absence, Reading, compare
from jarvis.scheduler.model import Task
from jarvis.scheduler.plan import SEEN_LATE
from jarvis.scheduler.ports import Clock, Store
from jarvis.scheduler.zone import load_zone

_LOG = logging.getLogger("jarvis.engine")


class Vigil:
    """Looks at the clocks, keeps what they tell in the store, and has it at hand while it explains what is late."""

    def __init__(self, store: Store, clock: Clock, settle: timedelta) -> None:
        """`settle`: how long after waking nothing is to begin."""
        self.zone_changed = True  # since the tasks last followed; at first nobody knows
        self.settled_at: datetime | None = None  # nothing is planned or started before
        self._store = store
        self._clock = clock
        self._settle = settle
        self._reading: Reading | None = None
        self._absences: list[Absence] = []  # those that may still explain why something is late
        self._to_keep: list[Absence] = []

    @property
    def slept(self) -> bool:
        """Whether a sleep may still explain what is late."""
        return any(absence.kind == "slept" for absence in self._absences)

    def undisturbed(self, meant: float) -> bool:
        """Whether the clocks say nothing of the time since they were last read; else they are left to `look`."""
        before, now = self._reading, self._clock.read()
        if before is None or self._to_keep or compare(before, now, meant):
            return False
        self._reading = now
        return True

    def look(self, meant: float) -> tuple[Reading, list[Absence]]:
        """Read the clocks; what they say of the time since they were last read, `meant` seconds ago, is noted."""
        before, self._reading = self._reading, self._clock.read()
        found = compare(before, self._reading, meant) if before is not None else []
        if any(absence.kind == "slept" for absence in found):
            self.settled_at = self._reading.wall + self._settle
        self.zone_changed |= any(absence.kind == "zone_changed" for absence in found)
        self.note(found)
        return self._reading, found

    def note(self, absences: Sequence[Absence]) -> None:
        """Keep what the clocks told: it explains what is late now, and answers `why` later."""
        self._absences += absences
        self._to_keep += absences
        while self._to_keep:  # what cannot be written now is written when something can be
            self._store.absences.add(self._to_keep[0])
            _LOG.info("noted: %s", self._to_keep.pop(0).said(UTC))

    def expect(self, absence: Absence) -> None:
        """What is planned late from now on may be so because of this, which is not to be kept yet."""
        self._absences = [each for each in self._absences if each.since != absence.since] + [absence]

    def forget(self) -> None:
        """Whatever was made late so far has been accounted for."""
        self._absences.clear()

    def settling(self, now: datetime) -> bool:
        """Whether it is too early after waking. A clock set back must not hold anything for longer."""
        if self.settled_at is None or not self.settled_at - self._settle <= now < self.settled_at:
            self.settled_at = None
            return False
        return True

    def why_late(self, task: Task) -> str:
        """Why an occurrence of the task that is due now would be late."""
        due_at = task.next_run_at
        for absence in self._absences:
            if due_at is not None and absence.explains(due_at):
                return absence.said(load_zone(task.schedule.tz))
        return SEEN_LATE
