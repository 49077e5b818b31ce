"""Properties of plan() over random schedules, gaps and policies, against a plain walk of the schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from jarvis.scheduler.model import Policy, RunState, Task
from jarvis.scheduler.plan import plan
from jarvis.scheduler.schedule import Cron, Interval, Once, Schedule
from tests.stored import a_task

START = datetime(2026, 3, 1, tzinfo=UTC)

instants = st.integers(0, 270 * 86_400).map(lambda seconds: START + timedelta(seconds=seconds))
schedules: st.SearchStrategy[Schedule] = st.one_of(
    st.integers(100, 10_000_000).map(lambda ms: Interval(timedelta(milliseconds=ms), START)),
    st.sampled_from(["*/15 * * * *", "0 9 * * 1-5", "30 2 * * *", "0 0 1 * *", "30 1 * * *"]).map(
        lambda expr: Cron(expr, "America/New_York")
    ),
    instants.map(Once),
)
policies = st.builds(
    Policy,
    grace=st.integers(0, 7200).map(lambda seconds: timedelta(seconds=seconds)),
    catch_up=st.sampled_from(["skip", "last", "all"]),
    catch_up_max=st.integers(1, 20),
    overlap=st.sampled_from(["skip", "queue", "allow", "cancel_running"]),
    late_ok=st.none() | st.integers(0, 7200).map(lambda seconds: timedelta(seconds=seconds)),
)
gaps = st.integers(0, 40).map(lambda steps: timedelta(minutes=7 * steps))


def due_task(schedule: Schedule, policy: Policy, after: datetime) -> Task | None:
    first = schedule.next_after(after)
    if first is None:
        return None
    return a_task(schedule, policy=policy, created_at=START, next_run_at=first)


def walked(schedule: Schedule, first: datetime, now: datetime) -> list[datetime]:
    found: list[datetime] = []
    at: datetime | None = first
    while at is not None and at <= now and len(found) < 200_000:
        found.append(at)
        at = schedule.next_after(at)
    return found


@given(schedules, policies, instants, gaps, st.none() | st.just(7))
def test_recorded_rows_are_all_the_instants_and_nothing_else(
    schedule: Schedule, policy: Policy, after: datetime, gap: timedelta, open_run: int | None
) -> None:
    task = due_task(schedule, policy, after)
    if task is None or task.next_run_at is None:
        return
    now = task.next_run_at + gap
    made = plan(task, now, open_run)
    asked = walked(schedule, task.next_run_at, now)
    assert sum(row.count for row in made.record) == len(asked)
    covered = [row for row in made.record if row.count == 1]
    assert {row.due_at for row in covered} <= set(asked)
    for row in made.record:
        if row.until is not None:
            assert [t for t in asked if row.due_at <= t <= row.until][:: row.count - 1] == [
                row.due_at,
                row.until,
            ]
    assert [row.due_at for row in made.record] == sorted({row.due_at for row in made.record})


@given(schedules, policies, policies, instants, gaps)
def test_next_run_at_depends_on_the_schedule_alone(
    schedule: Schedule, one: Policy, other: Policy, after: datetime, gap: timedelta
) -> None:
    first, second = due_task(schedule, one, after), due_task(schedule, other, after)
    if first is None or second is None or first.next_run_at is None:
        return
    now = first.next_run_at + gap
    assert plan(first, now).next_run_at == plan(second, now, 7).next_run_at == schedule.next_after(now)


@given(schedules, policies, instants, gaps, gaps)
def test_planning_in_two_steps_accounts_for_the_same_instants_as_in_one(
    schedule: Schedule, policy: Policy, after: datetime, gap: timedelta, more: timedelta
) -> None:
    task = due_task(schedule, policy, after)
    if task is None or task.next_run_at is None:
        return
    middle, end = task.next_run_at + gap, task.next_run_at + gap + more
    first = plan(task, middle)
    rest = due_task(schedule, policy, middle)
    second = plan(rest, end).record if rest is not None else ()
    whole = plan(task, end)
    assert sum(r.count for r in (*first.record, *second)) == sum(r.count for r in whole.record)


@given(schedules, policies, instants, gaps)
def test_nothing_that_runs_is_older_than_the_policy_allows(
    schedule: Schedule, policy: Policy, after: datetime, gap: timedelta
) -> None:
    task = due_task(schedule, policy, after)
    if task is None or task.next_run_at is None:
        return
    now = task.next_run_at + gap
    pending = [row for row in plan(task, now).record if row.state is RunState.PENDING]
    if policy.late_ok is not None:
        assert all(now - row.due_at <= policy.late_ok for row in pending)
    if policy.catch_up == "skip":
        assert all(now - row.due_at <= policy.grace for row in pending)
    assert len(pending) <= (policy.catch_up_max if policy.catch_up == "all" else 1)
