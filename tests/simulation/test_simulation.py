"""`jarvis simulate`: whatever happens to the machine, the ledger has every instant once, with its end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jarvis import simulation
from jarvis.scheduler.model import Policy, Run, RunState, TaskSpec
from jarvis.scheduler.schedule import MICROSECOND, Cron, Interval, Once, Schedule, bind
from jarvis.simulation import Disturbance, Simulation, kill, nights, simulate, sleep, step, travel

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
END = START + 6 * DAY
MIDDLE = START + 3 * DAY
NONE = timedelta(0)


def spec(schedule: Schedule, name: str = "t", *, follows_zone: bool = False, **policy: object) -> TaskSpec:
    made = Policy(**policy)  # type: ignore[arg-type]
    return TaskSpec(name=name, schedule=schedule, handler="noop", policy=made, follows_zone=follows_zone)


def bound(task: TaskSpec) -> TaskSpec:
    """As `simulate` does: an interval counts from the start of the span."""
    return msgspec.structs.replace(task, schedule=bind(task.schedule, START))


def between(schedule: Schedule, first: datetime, last: datetime) -> list[datetime]:
    """The schedule's instants in first..last, walked one by one."""
    found: list[datetime] = []
    at = schedule.next_after(first - MICROSECOND)
    while at is not None and at <= last:
        found.append(at)
        at = schedule.next_after(at)
    return found


HOURLY = spec(Interval(HOUR), "hourly")
MIXED = (
    spec(Cron("*/15 * * * *", "America/Denver"), "quarter"),
    spec(Cron("30 2 * * *", "America/Denver"), "nightly", catch_up="skip"),
    spec(Cron("0 9 * * 1-5", "Europe/Berlin"), "workdays", catch_up="all"),
    spec(Interval(timedelta(minutes=7)), "seven", catch_up="all", catch_up_max=3, overlap="queue"),
    spec(Interval(HOUR), "hourly", grace=NONE, late_ok=2 * HOUR),
    spec(Once(START + 50 * HOUR), "once"),
)


def instants(task: TaskSpec, end: datetime = END) -> list[datetime]:
    """What the schedule asks for in the span, said by itself alone."""
    return between(bound(task).schedule, START, end - MICROSECOND)


def told(task: TaskSpec, runs: Sequence[Run]) -> list[datetime]:
    """The instants that the ledger accounts for, each as often as it does."""
    found: list[datetime] = []
    for run in runs:
        if run.task == task.name:
            covered = [run.due_at] if run.until is None else between(bound(task).schedule, run.due_at, run.until)
            assert len(covered) == run.count, run
            found += covered
    return sorted(found)


def assert_accounted(tasks: Sequence[TaskSpec], runs: Sequence[Run], end: datetime = END) -> None:
    for task in tasks:
        assert told(task, runs) == instants(task, end), task.name
    assert all(run.state.final for run in runs)
    assert all(run.reason for run in runs if run.state is not RunState.SUCCEEDED)


def states(runs: Sequence[Run]) -> set[str]:
    return {run.state.value for run in runs}


def test_an_undisturbed_span_runs_everything_on_time() -> None:
    runs = simulate(MIXED, START, END)
    assert_accounted(MIXED, runs)
    assert states(runs) == {"succeeded"}
    assert all(run.started_at == run.due_at for run in runs)


def test_the_start_is_part_of_the_span_and_the_end_is_not() -> None:
    runs = simulate([HOURLY], START, END)
    assert (runs[0].due_at, runs[-1].due_at, len(runs)) == (START, END - HOUR, 144)


def test_a_night_asleep_is_one_missed_row_and_one_late_run_with_the_reason() -> None:
    runs = simulate([HOURLY], START, START + DAY, [sleep(START + 90 * timedelta(minutes=1), START + 6.5 * HOUR)])
    assert_accounted([HOURLY], runs, START + DAY)
    missed, late = runs[2], runs[3]
    assert (missed.state, missed.count) == (RunState.MISSED, 4)
    assert "asleep" in missed.reason or "slept" in missed.reason
    assert (late.state, late.due_at) == (RunState.SUCCEEDED, START + 6 * HOUR)
    assert late.reason.startswith("late by 30m")


def test_a_killed_daemon_runs_what_it_was_at_again_as_the_same_occurrence() -> None:
    runs = simulate([HOURLY], START, START + DAY, [kill(START + HOUR + timedelta(seconds=10))], timedelta(minutes=1))
    assert_accounted([HOURLY], runs, START + DAY)
    assert [run.attempt for run in runs[:3]] == [1, 2, 1]
    assert "cut off" in runs[1].reason


def test_a_clock_set_back_runs_nothing_twice_and_one_set_forward_misses_nothing_unsaid() -> None:
    back = simulate([HOURLY], START, END, [step(START + 10.5 * HOUR, START + 8.5 * HOUR)])
    assert_accounted([HOURLY], back)
    assert states(back) == {"succeeded"}
    forward = simulate([HOURLY], START, END, [step(START + 10.5 * HOUR, START + 14.5 * HOUR)])
    assert_accounted([HOURLY], forward)
    assert sum(run.count for run in forward if run.state is RunState.MISSED) == 3


def test_a_traveller_keeps_breakfast_at_eight_where_no_zone_was_named() -> None:
    tasks = [
        spec(Cron("0 8 * * *", "Europe/Berlin"), "mine", follows_zone=True),
        spec(Cron("0 8 * * *", "Europe/Berlin"), "theirs"),
    ]
    at = START + 2 * DAY + 12 * HOUR
    runs = simulate(tasks, START, END, [travel(at, "Asia/Tokyo")], zone="Europe/Berlin")

    def local(name: str, since: datetime, zone: str) -> set[int]:
        return {run.due_at.astimezone(ZoneInfo(zone)).hour for run in runs if run.task == name and run.due_at > since}

    assert local("mine", at, "Asia/Tokyo") == {8}
    assert local("theirs", at, "Europe/Berlin") == {8}
    # Three mornings in Berlin, and four in Tokyo: the first of them 8 hours earlier than the fourth in Berlin.
    assert sum(run.task == "mine" for run in runs) == 7


def test_counted_and_following_schedules_end_and_follow_as_they_say() -> None:
    tasks = [
        spec(Interval(HOUR, max_runs=5), "five"),
        spec(Interval(HOUR, after_completion=True), "after"),
    ]
    runs = simulate(tasks, START, START + DAY, takes=timedelta(minutes=30))
    assert sum(run.task == "five" for run in runs) == 5
    after = [run for run in runs if run.task == "after"]
    assert [run.due_at - START for run in after[:3]] == [HOUR * n for n in (0, 1.5, 3)]


def test_what_takes_longer_than_its_interval_is_skipped_and_says_for_which_run() -> None:
    runs = simulate([HOURLY], START, START + DAY, takes=90 * timedelta(minutes=1))
    assert_accounted([HOURLY], runs, START + DAY)
    assert [run.state.value for run in runs[:4]] == ["succeeded", "skipped", "succeeded", "skipped"]
    assert runs[1].reason == f"skipped: run {runs[0].id} was not over"


def test_nights_lie_within_the_span_and_follow_the_local_clock() -> None:
    denver = ZoneInfo("America/Denver")
    found = list(
        nights((23, 30), (6, 30), datetime(2026, 3, 7, 7, tzinfo=UTC), datetime(2026, 3, 9, 6, tzinfo=UTC), denver)
    )
    # From the first midnight to half past six; across the change of 8 March, an hour shorter; until the last midnight.
    assert [each.until - each.at for each in found] == [6.5 * HOUR, 6 * HOUR, 0.5 * HOUR]


moments = st.integers(0, 3 * 24 * 60 - 1).map(lambda minute: START + minute * timedelta(minutes=1))
lengths = st.integers(1, 30 * 60).map(lambda minutes: minutes * timedelta(minutes=1))
disturbances = st.lists(
    st.one_of(
        st.builds(lambda at, for_: sleep(at, at + for_), moments, lengths),
        st.builds(kill, moments),
        st.builds(lambda at, by, back: step(at, at - by if back else at + by), moments, lengths, st.booleans()),
    ),
    max_size=6,
)
takes = st.sampled_from([NONE, timedelta(seconds=5), timedelta(minutes=20), 3 * HOUR])


@settings(max_examples=40, deadline=None)
@given(disturbances=disturbances, takes=takes)
def test_every_instant_is_accounted_for_once_whatever_happens(
    disturbances: list[Disturbance], takes: timedelta
) -> None:
    tasks = [bound(each) for each in MIXED if each.name != "quarter"]
    runs = Simulation(tasks, START, takes=takes).run(MIDDLE, disturbances)
    assert_accounted(tasks, runs, MIDDLE)


@settings(max_examples=15, deadline=None)
@given(disturbances=disturbances)
def test_the_same_span_gives_the_same_ledger(disturbances: list[Disturbance]) -> None:
    once, again = (Simulation(map(bound, MIXED[1:]), START).run(END, disturbances) for _ in range(2))
    assert once == again


def shown(runs: Sequence[Run]) -> list[tuple[object, ...]]:
    return [(run.task, run.due_at, run.until, run.count, run.state, run.reason, run.attempt) for run in runs]


@pytest.mark.parametrize("parts", [2, 3, 5])
def test_a_span_cut_in_parts_gives_the_ledger_of_the_whole(parts: int) -> None:
    zone = ZoneInfo("America/Denver")
    happens = [*nights((23, 30), (6, 30), START, END, zone), kill(START + 40 * HOUR)]
    tasks = [bound(each) for each in MIXED]
    cut = simulation._cut(START, END, happens, parts)
    assert len(cut) == parts
    ledgers = [simulation._part(tasks, happens, NONE, "UTC", part) for part in cut]
    assert shown(simulation._joined(ledgers)) == shown(Simulation(tasks, START).run(END, happens))
