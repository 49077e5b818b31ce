"""How often a failing store is tried, and how seldom it is complained about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import inf

import pytest

from jarvis.errors import StoreBusy
from jarvis.scheduler.outage import FIRST_RETRY, LONGEST_RETRY, SAY_AGAIN, Outage

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
FULL = StoreBusy("full", "the disk is full: make room on it")
LOCKED = StoreBusy("locked", "the store is locked")


class Failing:
    """An outage on a clock that moves from one retry to the next."""

    def __init__(self) -> None:
        self.outage, self.mono = Outage(), 1_000.0
        self.said: list[str] = []

    @property
    def now(self) -> datetime:
        return START + timedelta(seconds=self.mono - 1_000)

    def fail(self, error: Exception, seconds: float = 0.0) -> list[float]:
        """Fail at every retry for `seconds`; the pauses."""
        pauses, until = [], self.mono + seconds
        while True:
            said = self.outage.failed(error, self.mono, self.now)
            self.said += [said] if said else []
            pauses.append(self.outage.retry_at - self.mono)
            if self.outage.retry_at > until:
                return pauses
            self.mono = self.outage.retry_at


@pytest.fixture
def failing() -> Failing:
    return Failing()


def test_what_fails_for_an_hour_is_tried_every_few_seconds_and_told_every_ten_minutes(failing: Failing) -> None:
    pauses = failing.fail(FULL, 3600)
    assert pauses[:5] == [FIRST_RETRY, 1.0, 2.0, 4.0, LONGEST_RETRY]
    assert set(pauses[5:]) == {LONGEST_RETRY}
    assert len(failing.said) == 1 + 3600 // SAY_AGAIN - 1
    assert failing.said[0].startswith("the disk is full: make room on it. Tasks wait, nothing is lost")
    assert failing.said[1].startswith("still: the disk is full")


def test_the_same_is_told_again_once_ten_minutes_are_over() -> None:
    outage = Outage()
    assert outage.failed(FULL, 0.0, START)
    assert outage.failed(FULL, SAY_AGAIN - 0.1, START) is None
    assert str(outage.failed(FULL, SAY_AGAIN, START)).startswith("still: ")


def test_while_nothing_fails_nothing_has_to_wait() -> None:
    outage = Outage()
    assert (outage.retry_at, outage.kind, outage.worked(5.0)) == (-inf, "", None)
    outage.failed(FULL, 10.0, START)
    outage.worked(11.0)
    assert (outage.retry_at, outage.kind) == (-inf, "")


def test_another_reason_is_told_at_once_and_told_as_new(failing: Failing) -> None:
    failing.fail(FULL, 10)
    failing.fail(LOCKED, 10)
    assert [said.partition(".")[0] for said in failing.said] == [str(FULL), str(LOCKED)]


def test_an_error_that_is_not_the_stores_is_told_by_its_name(failing: Failing) -> None:
    failing.fail(ValueError("no"), 10)
    assert failing.said[0].startswith("the tick failed: ValueError: no.")
    assert len(failing.said) == 1


def test_its_end_is_told_with_its_length_and_the_next_one_begins_anew(failing: Failing) -> None:
    failing.fail(FULL, 60)
    failing.mono = 1_063.2
    assert failing.outage.worked(failing.mono) == "the tick works again after 1m3s (full)"
    assert (failing.outage.kind, failing.outage.worked(failing.mono)) == ("", None)
    assert failing.fail(FULL) == [FIRST_RETRY]
    assert len(failing.said) == 2


def test_it_explains_what_is_due_in_the_instant_it_began(failing: Failing) -> None:
    failing.fail(FULL)
    absence = failing.outage.absence(START)
    assert absence is not None
    assert absence.explains(START)


def test_it_explains_what_came_due_meanwhile(failing: Failing) -> None:
    assert failing.outage.absence(START) is None
    failing.fail(FULL, 60)
    absence = failing.outage.absence(failing.now)
    assert absence is not None
    assert absence.explains(START + timedelta(seconds=30))
    assert absence.said(UTC).startswith("while the store could not be used (full) 2026-03-02 09:00:00-")
    assert failing.outage.absence(START - timedelta(hours=1)) is None, "the clock was set back meanwhile"
