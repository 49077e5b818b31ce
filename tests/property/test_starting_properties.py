"""What events come to, whatever comes when: rates are kept, bursts end, every event has a row or a part of one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise

from hypothesis import given
from hypothesis import strategies as st

from jarvis.memory import MemoryStore
from jarvis.scheduler.matching import Matching
from jarvis.scheduler.model import Policy, RunState, TaskSpec
from jarvis.scheduler.onevent import PUT_OFF, OnEvent, Rate

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
GAPS = st.lists(st.integers(0, 90), min_size=1, max_size=25)  # seconds from one event to the next
RATES = st.builds(Rate, st.integers(1, 4), st.integers(1, 200).map(lambda n: timedelta(seconds=n)))


def started_by(schedule: OnEvent, gaps: list[int], *, claimed: bool = False) -> MemoryStore:
    """A store in which such events came, each looked at when it came; `claimed`: what may start then did."""
    store = MemoryStore()
    store.add_task(TaskSpec(name="t", schedule=schedule, handler="noop", policy=Policy(overlap="allow")), T0)
    owner = store.instances.register(T0).id
    for after in accumulate(gaps):
        at = T0 + timedelta(seconds=after)
        if claimed:
            store.runs.claim(owner, 100, at)
        store.events.emit("a", "b", None, at)
        with store.transaction():
            Matching(store).match(at)
    return store


@given(RATES, GAPS)
def test_no_more_start_within_any_time_than_the_rate_says(rate: Rate, gaps: list[int]) -> None:
    store = started_by(OnEvent("*", "*", rate=rate), gaps)
    runs = store.runs.newest(limit=None)
    assert len(runs) == len(gaps)
    starts = sorted(run.due_at for run in runs if run.state is RunState.PENDING)
    for first, one_too_many in zip(starts, starts[rate.starts :], strict=False):
        # Events of one instant have rows a microsecond apart.
        assert one_too_many - first >= rate.per - timedelta(milliseconds=1)
    skipped = sum(run.state is RunState.SKIPPED for run in runs)
    assert skipped + len(starts) == len(gaps)
    store.close()


@given(st.integers(1, 60), GAPS, st.booleans())
def test_a_burst_starts_after_its_last_event_and_in_bounded_time(debounce: int, gaps: list[int], claimed: bool) -> None:
    wait = timedelta(seconds=debounce)
    store = started_by(OnEvent("*", "*", debounce=wait), gaps, claimed=claimed)
    causes = [store.causes.of_event(event.id)[0] for event in store.events.list(limit=None)]
    assert len(causes) == len(gaps)
    received = {event.id: event.received_at for event in store.events.list(limit=None)}
    for run in store.runs.newest(limit=None):
        mine = sorted(received[cause.event_id or 0] for cause in causes if cause.run_id == run.id)
        opens = min(mine[-1] + wait, max(mine[0] + PUT_OFF * wait, mine[-1]))
        assert (run.due_at, run.available_at) == (mine[0], opens)
        assert not (claimed and any(later - earlier > wait for earlier, later in pairwise(mine)))
    store.close()
