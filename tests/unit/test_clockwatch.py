"""What two readings of the clocks tell apart: sleep, steps, being held up, another zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.clockwatch import Absence, Reading, compare

START = datetime(2026, 3, 2, 1, 10, tzinfo=UTC)
BEFORE = Reading(START, 1_000.0, 5_000.0, "UTC")


def later(*, wall: float, awake: float, boot: float | None, zone: str = "UTC") -> Reading:
    return Reading(START + timedelta(seconds=wall), 1_000.0 + awake, None if boot is None else 5_000.0 + boot, zone)


def kinds(after: Reading, before: Reading = BEFORE) -> list[str]:
    return [found.kind for found in compare(before, after, 5)]


def test_time_that_passes_as_usual_is_nothing_to_tell() -> None:
    assert kinds(later(wall=5, awake=5, boot=5)) == []


def test_a_drift_below_a_second_is_nothing_to_tell() -> None:
    assert kinds(later(wall=5.9, awake=5, boot=5.5)) == []


def test_boot_time_that_was_not_awake_is_sleep() -> None:
    (slept,) = compare(BEFORE, later(wall=19_200, awake=3, boot=19_200), 5)
    assert (slept.kind, slept.until) == ("slept", START + timedelta(seconds=19_200))
    assert slept.until - slept.since == timedelta(seconds=19_197)


def test_wall_time_no_clock_accounts_for_is_a_step_forward() -> None:
    (step,) = compare(BEFORE, later(wall=3_605, awake=5, boot=5), 5)
    assert (step.kind, step.detail) == ("stepped_forward", "+3600 s")
    assert step.until - step.since == timedelta(hours=1)


def test_wall_time_that_went_back_is_a_step_back() -> None:
    (step,) = compare(BEFORE, later(wall=-3_595, awake=5, boot=5), 5)
    assert (step.kind, step.detail) == ("stepped_back", "-3600 s")
    assert (step.since, step.until) == (START - timedelta(seconds=3_595), START + timedelta(seconds=5))


@pytest.mark.parametrize(
    ("most", "more"),
    [
        (later(wall=6, awake=5, boot=6), later(wall=6.001, awake=5, boot=6.001)),  # asleep for a second
        (later(wall=6, awake=5, boot=5), later(wall=6.001, awake=5, boot=5)),  # set forward by a second
        (later(wall=4, awake=5, boot=5), later(wall=3.999, awake=5, boot=5)),  # set back by a second
        (later(wall=13, awake=13, boot=13), later(wall=13.001, awake=13.001, boot=13.001)),  # held up for 8
    ],
)
def test_what_is_just_within_its_limit_is_nothing_to_tell(most: Reading, more: Reading) -> None:
    assert (len(kinds(most)), len(kinds(more))) == (0, 1)


def test_a_sleep_with_a_step_in_it_is_told_as_both() -> None:
    assert kinds(later(wall=7_205, awake=5, boot=3_605)) == ["slept", "stepped_forward"]


def test_waking_time_nobody_meant_to_wait_is_being_held_up() -> None:
    (held,) = compare(BEFORE, later(wall=30, awake=30, boot=30), 5)
    assert (held.kind, held.since, held.until) == ("held_up", START, START + timedelta(seconds=30))


def test_without_a_boot_clock_missing_time_is_taken_for_sleep() -> None:
    before = Reading(START, 1_000.0, None, "UTC")
    assert kinds(later(wall=3_605, awake=5, boot=None), before) == ["slept"]
    assert kinds(later(wall=-3_595, awake=5, boot=None), before) == ["stepped_back"]


def test_another_zone_is_told_with_both_names() -> None:
    (changed,) = compare(BEFORE, later(wall=5, awake=5, boot=5, zone="Asia/Tokyo"), 5)
    assert (changed.kind, changed.detail) == ("zone_changed", "UTC to Asia/Tokyo")


@pytest.mark.parametrize(("seconds", "expected"), [(-2, False), (-1, True), (0, True), (60, True), (61, False)])
def test_an_absence_explains_what_was_due_in_it(seconds: float, expected: bool) -> None:
    absence = Absence(kind="slept", since=START, until=START + timedelta(seconds=60))
    assert absence.explains(START + timedelta(seconds=seconds)) is expected


def test_an_absence_is_said_in_the_local_time_of_whoever_asks() -> None:
    night = Absence(kind="slept", since=START, until=START + timedelta(hours=5, minutes=20))
    assert night.said(UTC) == "while the machine slept 2026-03-02 01:10-06:30"
    assert night.said(ZoneInfo("America/Denver")) == "while the machine slept 2026-03-01 18:10-23:30"
    long = Absence(kind="stopped", since=START, until=START + timedelta(days=2))
    assert long.said(UTC) == "while no daemon was running 2026-03-02 01:10-2026-03-04 01:10"


def test_a_short_absence_is_said_to_the_second() -> None:
    short = Absence(kind="held_up", since=START, until=START + timedelta(seconds=119))
    assert short.said(UTC) == "while the daemon was held up 2026-03-02 01:10:00-01:11:59"
    minutes = Absence(kind="held_up", since=START, until=START + timedelta(seconds=120))
    assert minutes.said(UTC) == "while the daemon was held up 2026-03-02 01:10-01:12"
    step = Absence(kind="zone_changed", since=START, until=START, detail="UTC to Asia/Tokyo")
    assert step.said(UTC).endswith("(UTC to Asia/Tokyo) at 2026-03-02 01:10:00")


def test_the_system_clock_reads_forward() -> None:
    clock = SystemClock(lambda: "UTC")
    before, after = clock.read(), clock.read()
    assert after.monotonic >= before.monotonic
    assert after.wall.utcoffset() == timedelta(0)
    assert compare(before, after, 5) == []
