"""Which rows a task is promised for instants that were first seen late: docs/DESIGN's rules, told a second time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from tests.crash.account import MICROSECOND, Row
from tests.crash.daemons import Daemons

GRACE = timedelta(seconds=1)
MOST = 100  # what catch_up=all brings back
POLICIES = ("skip", "last", "all")
WHY_MISSED = {
    "skip": "catch_up=skip",
    "last": "a newer one had come due",
    "all": f"catch_up=all runs at most the newest {MOST}",
}


@dataclass(frozen=True)
class Gap:
    """A task whose instants from `first` on nobody can see in time."""

    task: str
    every: timedelta
    first: int

    @classmethod
    def begins(cls, daemons: Daemons, task: str, every: timedelta) -> Gap:
        """From what is recorded now. The tasks here bear the name of their policy."""
        ((first,),) = daemons.query("SELECT next_run_at FROM tasks WHERE name = ?", task)
        return cls(task, every, first)

    def is_over(self, daemons: Daemons) -> bool:
        """Whether its first instant is recorded, and everything recorded is settled."""
        rows = daemons.rows(self.task)
        return any(row.due_at == self.first for row in rows) and not {"pending", "running"} & {r.state for r in rows}

    def assert_promised(self, daemons: Daemons, why: str) -> None:
        """Exactly the promised rows, each with the reason."""
        rows = [row for row in daemons.rows(self.task) if row.due_at >= self.first]
        seen_at = rows[0].recorded_at
        dues = range(self.first, seen_at + 1, self.every // MICROSECOND)
        late = seen_at - dues[-1] > GRACE // MICROSECOND
        kept = {"skip": 0 if late else 1, "last": 1, "all": MOST}[self.task]
        run, missed = dues[max(len(dues) - kept, 0) :], dues[: max(len(dues) - kept, 0)]

        found = [row for row in rows if row.recorded_at == seen_at]
        promised = [("missed", missed[0], missed[-1] if len(missed) > 1 else None, len(missed))] if missed else []
        promised += [("succeeded", due_at, None, 1) for due_at in run]
        assert [(row.state, row.due_at, row.until, row.count) for row in found] == promised
        for row in found:
            self._assert_reason(row, seen_at, why)

    def _assert_reason(self, row: Row, seen_at: int, why: str) -> None:
        if row.state == "missed":
            assert row.reason.startswith(f"missed: {row.count} occurrence"), row
            assert row.reason.endswith(f"; {WHY_MISSED[self.task]}"), row
            assert why in row.reason, row
        elif seen_at - row.due_at > GRACE // MICROSECOND:
            assert "late by" in row.reason, row
            assert why in row.reason, row


def assert_one_effect_each(daemons: Daemons) -> None:
    """Every run that succeeded did what it was to do, once; nothing else did anything."""
    succeeded = [
        (row.task_id, row.due_at) for row in daemons.rows() if row.task in POLICIES if row.state == "succeeded"
    ]
    assert succeeded
    assert sorted((effect.task_id, effect.due_at) for effect in daemons.effects()) == sorted(succeeded)
