"""The outbox in any store: written with the run it tells of, sent once, and honest where it cannot know."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from jarvis.errors import JarvisError, NotFound, SendFailed, SendRefused, SendUnknown
from jarvis.memory import MemoryStore
from jarvis.memory.faults import Refused
from jarvis.scheduler.delivery import LIFETIME
from jarvis.scheduler.engine import SchedulerEngine
from jarvis.scheduler.model import (
    LEGAL_DELIVERY,
    Deliver,
    Delivery,
    DeliveryState,
    On,
    Policy,
    Result,
    RunState,
    Sent,
    TaskSpec,
)
from jarvis.scheduler.ports import Context, Message
from jarvis.scheduler.schedule import Interval
from jarvis.testing import FakeClock, InlineSender, engine

MINUTE = timedelta(minutes=1)
GOOD = Result(output=b"all is well\n", output_total=12)
BAD = Result(state=RunState.FAILED, reason="exit code 1")


class Box:
    """A channel that keeps what it is sent, or raises what it is told to."""

    timeout = 30.0

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.raises: list[Exception] = []
        self.before: Callable[[], object] = lambda: None

    def send(self, message: Message, /) -> None:
        self.before()
        if self.raises:
            raise self.raises.pop(0)
        self.messages.append(message)

    @property
    def subjects(self) -> list[str]:
        return [message.subject for message in self.messages]


class World:
    """One task that ends each minute as it is told to, and the channels `me` and `log`."""

    def __init__(self, store: MemoryStore, *ends: Result, deliver: tuple[Deliver, ...], **policy: object) -> None:
        self.store, self.clock = store, FakeClock()
        self.me, self.log = Box(), Box()
        self.ends = list(ends)
        self.engine = self.start()
        self.sender = self.engine.outbox._sender
        assert isinstance(self.sender, InlineSender)
        spec = TaskSpec(
            name="t",
            schedule=Interval(MINUTE),
            handler="scripted",
            policy=Policy(**policy),  # type: ignore[arg-type]
            deliver=deliver,
        )
        store.add_task(spec, self.clock.now())

    def start(self) -> SchedulerEngine:
        return engine(self.store, {"scripted": self._end}, self.clock, channels={"me": self.me, "log": self.log})

    def _end(self, _context: Context) -> Result:
        return self.ends.pop(0) if self.ends else GOOD

    def minute(self) -> None:
        self.clock.advance(MINUTE)
        self.engine.evaluate_due_tasks()

    def deliver(self, after: timedelta) -> list[Delivery]:
        """Let time pass in which no run is due, and send what has its turn then."""
        self.clock.advance(after)
        sent = self.engine.deliver_due(self.clock.now())
        self.engine.outbox.settle_finished()
        return sent

    @property
    def states(self) -> list[str]:
        return [each.state.value for each in reversed(self.store.deliveries.newest(limit=None))]

    @property
    def last(self) -> Delivery:
        return self.store.deliveries.newest()[0]


ME = (Deliver("me"),)


def test_a_result_goes_to_each_channel_once(store: MemoryStore) -> None:
    world = World(store, deliver=(Deliver("me"), Deliver("log"), Deliver("me", "success")))
    world.minute()
    assert world.me.subjects == world.log.subjects == ["t succeeded"]
    first, second = world.me.messages + world.log.messages
    assert first.key != second.key
    assert first.body.startswith("all is well\n\ndue at 2026-03-02 09:01:00+00:00, attempt 1\n")
    run = store.runs.newest()[0]
    assert [(each.channel, each.state) for each in store.deliveries.of_run(run.id)] == [("me", "sent"), ("log", "sent")]
    assert world.last.finished_at == world.clock.now()


@pytest.mark.parametrize(
    ("on", "subjects"),
    [
        ("always", ["t succeeded", "t failed", "t failed", "t succeeded again", "t succeeded"]),
        ("failure", ["t failed", "t succeeded again"]),
        ("success", ["t succeeded", "t succeeded again", "t succeeded"]),
        ("change", ["t failed", "t succeeded again"]),
        ("recovery", ["t succeeded again"]),
    ],
)
def test_a_channel_gets_the_results_it_was_asked_to(store: MemoryStore, on: On, subjects: list[str]) -> None:
    world = World(store, GOOD, BAD, BAD, GOOD, GOOD, deliver=(Deliver("me", on),))
    for _ in range(5):
        world.minute()
    assert [subject.partition(":")[0] for subject in world.me.subjects] == subjects


def test_a_failure_that_another_attempt_follows_is_no_result(store: MemoryStore) -> None:
    world = World(store, BAD, GOOD, deliver=ME, retries=1)
    world.minute()
    assert world.me.subjects == []
    world.clock.advance(timedelta(seconds=20))
    world.engine.evaluate_due_tasks()
    assert world.me.subjects[0] == "t succeeded: (attempt 1 failed: exit code 1)"


def test_a_task_without_channels_writes_no_delivery(store: MemoryStore) -> None:
    world = World(store, BAD, deliver=())
    world.minute()
    assert store.deliveries.newest() == []


def test_settling_a_run_and_its_deliveries_is_all_or_nothing(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(store, deliver=ME)

    def broken(*_: object, **__: object) -> int:
        raise Refused("no room")

    monkeypatch.setattr(store.deliveries, "add_result", broken)
    with pytest.raises(Refused):
        world.minute()
    assert [run.state for run in store.runs.newest()] == [RunState.RUNNING]
    monkeypatch.undo()
    world.engine.settle_finished()
    assert [run.state for run in store.runs.newest()] == [RunState.SUCCEEDED]
    assert world.states == ["pending"]


def test_a_task_that_is_paused_says_so_through_all_its_channels(store: MemoryStore) -> None:
    world = World(store, BAD, BAD, deliver=(Deliver("me", "success"), Deliver("log")), pause_after=2)
    for _ in range(3):
        world.minute()
    assert world.me.subjects == [
        "t was paused after 2 runs in a row that failed (pause_after=2), the last: exit code 1",
    ]
    assert world.log.subjects == ["t failed: exit code 1", "t failed: exit code 1", *world.me.subjects]
    assert world.log.messages[-1].kind == "paused"
    assert "jarvis task resume t" in world.log.messages[-1].body


# -- attempts ---------------------------------------------------------------------------------------------
def test_a_failed_send_is_tried_again_later_each_time_with_the_same_key(store: MemoryStore) -> None:
    world = World(store, deliver=ME)
    world.me.raises = [SendFailed("no route"), RuntimeError("a bug")]
    world.minute()
    assert (world.last.state, world.last.reason) == (DeliveryState.PENDING, "attempt 1 failed: no route")
    first = world.last.available_at - world.clock.now()
    assert timedelta(seconds=10) <= first <= timedelta(seconds=12.5)
    assert world.deliver(timedelta(seconds=9)) == []
    (again,) = world.deliver(timedelta(seconds=4))
    assert world.last.reason == "attempt 2 failed: a bug"
    assert timedelta(seconds=20) <= world.last.available_at - world.clock.now() <= timedelta(seconds=25)
    assert world.engine.next_wake() == min(world.last.available_at, store.tasks.next_due_at() or world.clock.now())
    world.deliver(timedelta(seconds=26))
    assert (world.last.state, world.last.attempt, world.last.reason) == (DeliveryState.SENT, 3, "")
    assert [message.key for message in world.me.messages] == [again.key]


def test_what_a_channel_refuses_is_not_tried_again(store: MemoryStore) -> None:
    world = World(store, deliver=ME)
    world.me.raises = [SendRefused("no such number")]
    world.minute()
    assert (world.last.state, world.last.reason) == (DeliveryState.FAILED, "no such number")
    assert world.deliver(timedelta(hours=2)) == []


def test_what_may_have_arrived_is_not_sent_again_by_itself(store: MemoryStore) -> None:
    world = World(store, deliver=ME)
    world.me.raises = [SendUnknown("the line went dead")]
    world.minute()
    assert (world.last.state, world.last.reason) == (DeliveryState.UNKNOWN, "the line went dead")
    assert world.deliver(timedelta(hours=2)) == []


def test_what_cannot_be_sent_within_a_day_expires_with_what_was_wrong(store: MemoryStore) -> None:
    world = World(store, deliver=ME)
    world.me.raises = [SendFailed("no route")] * 1_000
    world.minute()
    attempts = 1
    while world.last.state is DeliveryState.PENDING:
        attempts += len(world.deliver(world.last.available_at - world.clock.now()))
    assert world.last.state is DeliveryState.EXPIRED
    assert world.last.reason == f"not sent within 1d: attempt {attempts} failed: no route"
    assert 20 < attempts < 60
    assert world.clock.now() < world.last.expires_at


def test_what_waited_through_a_long_absence_expires_unsent(store: MemoryStore) -> None:
    world = World(store, deliver=ME)
    world.me.raises = [SendFailed("no route")]
    world.minute()
    assert world.deliver(LIFETIME) == []
    assert (world.last.state, world.last.reason) == (
        DeliveryState.EXPIRED,
        "not sent within 1d: attempt 1 failed: no route",
    )


def test_a_channel_that_hangs_delays_no_other_and_no_run(store: MemoryStore) -> None:
    world = World(store, deliver=(Deliver("me"), Deliver("log")))
    assert isinstance(world.sender, InlineSender)
    world.sender.hanging.add("me")
    for _ in range(3):
        world.clock.advance(MINUTE)
        world.engine.tick(world.clock.now())
        world.engine.tick(world.clock.now())
        world.engine.tick(world.clock.now())
    assert len(world.log.messages) == 3
    assert world.states == ["sending", "sent", "pending", "sent", "pending", "sent"]
    world.sender.wait()
    world.engine.tick(world.clock.now())
    assert world.states[0] == "unknown"


def test_results_reach_a_channel_in_their_order(store: MemoryStore) -> None:
    world = World(store, BAD, GOOD, BAD, deliver=ME)
    world.engine.outbox._sender = None  # nothing is sent yet
    for _ in range(3):
        world.minute()
    world.engine = world.start()
    world.engine.evaluate_due_tasks()
    assert [subject.partition(":")[0] for subject in world.me.subjects] == ["t failed", "t succeeded again", "t failed"]


# -- crashes ----------------------------------------------------------------------------------------------
def test_a_crash_before_the_send_begins_or_after_it_ended_leaves_unknown_and_never_a_second_send(
    store: MemoryStore,
) -> None:
    world = World(store, deliver=(Deliver("me"), Deliver("log")))
    assert isinstance(world.sender, InlineSender)
    world.sender.hanging.add("log")  # claimed, and the crash comes before its send
    world.clock.advance(MINUTE)
    world.engine.tick(world.clock.now())
    world.engine.tick(world.clock.now())  # settles the run, sends; what came of it is never settled
    assert (len(world.me.messages), world.states) == (1, ["sending", "sending"])
    store.instances.abandon(world.engine.instance.id)
    world.engine = world.start()
    world.engine.evaluate_due_tasks()
    assert world.states == ["unknown", "unknown"]
    assert "ended while it was being sent, so it may have arrived" in world.last.reason
    assert (len(world.me.messages), len(world.log.messages)) == (1, 0)


def test_a_crash_before_the_claim_sends_once_and_one_during_the_run_tells_once(store: MemoryStore) -> None:
    world = World(store, deliver=ME)
    world.clock.advance(MINUTE)
    world.engine.tick(world.clock.now())
    world.engine.settle_finished()  # the run is settled, its delivery waits
    assert world.states == ["pending"]
    store.instances.abandon(world.engine.instance.id)
    world.engine = world.start()
    world.engine.evaluate_due_tasks()
    assert (world.states, len(world.me.messages)) == (["sent"], 1)


def test_a_run_that_is_recovered_as_failed_tells_its_channels(store: MemoryStore) -> None:
    world = World(store, deliver=ME, on_interrupt="fail")
    world.clock.advance(MINUTE)
    world.engine.plan_due(world.clock.now())
    dead = store.instances.register(world.clock.now())
    store.runs.claim(dead.id, 1, world.clock.now())
    store.instances.abandon(dead.id)
    world.engine.evaluate_due_tasks()
    assert world.me.subjects[0].startswith("t failed: attempt 1 was cut off")


def test_an_owner_that_lost_its_delivery_cannot_settle_it(store: MemoryStore) -> None:
    world = World(store, deliver=ME)
    world.clock.advance(MINUTE)
    world.engine.tick(world.clock.now())
    world.engine.settle_finished()
    owner = store.instances.register(world.clock.now())
    (held,) = store.deliveries.claim(owner.id, (), world.clock.now())
    assert store.deliveries.claim(owner.id, (), world.clock.now()) == []
    store.deliveries.lose(owner.id, "gone", world.clock.now())
    assert store.deliveries.settle([Sent(held, "sent", "", world.clock.now())]) == [None]
    assert world.states == ["unknown"]
    store.deliveries.again(held.id, world.clock.now())
    store.deliveries.claim(owner.id, (), world.clock.now())
    assert store.deliveries.settle([Sent(held, "sent", "", world.clock.now())]) == [None]
    assert world.states == ["sending"]


def test_a_stop_while_it_is_being_sent_is_unknown_and_what_waits_stays(store: MemoryStore) -> None:
    world = World(store, deliver=ME)
    assert isinstance(world.sender, InlineSender)
    world.sender.hanging.add("me")
    for _ in range(2):
        world.clock.advance(MINUTE)
        world.engine.tick(world.clock.now())
        world.engine.tick(world.clock.now())
    world.engine.close()
    assert world.states == ["unknown", "pending"]
    world.engine = world.start()
    world.engine.evaluate_due_tasks()
    assert world.states == ["unknown", "sent"]


def test_an_interrupt_between_claim_and_start_hands_the_delivery_back(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(store, deliver=ME)

    def interrupted(claimed: Sequence[Delivery]) -> None:
        if claimed:
            raise KeyboardInterrupt

    monkeypatch.setattr(world.engine.outbox, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        world.minute()
    assert world.states == ["sending"]
    world.engine.close()
    assert world.states == ["pending"]
    assert world.last.attempt == 0


# -- the user's word --------------------------------------------------------------------------------------
@pytest.mark.parametrize("wrong", [SendUnknown("the line went dead"), SendRefused("no such number")])
def test_what_was_given_up_is_sent_again_when_it_is_asked_for(store: MemoryStore, wrong: Exception) -> None:
    world = World(store, deliver=ME)
    world.me.raises = [wrong]
    world.minute()
    again = store.deliveries.again(world.last.id, world.clock.now())
    assert again.state is DeliveryState.PENDING
    assert str(wrong) in again.reason
    world.deliver(timedelta(0))
    assert (world.states, len(world.me.messages)) == (["sent"], 1)


def test_what_has_expired_can_be_asked_for_and_has_a_new_lifetime(store: MemoryStore) -> None:
    world = World(store, deliver=ME)
    world.me.raises = [SendFailed("no route"), SendFailed("no route")]
    world.minute()
    world.deliver(LIFETIME)
    again = store.deliveries.again(world.last.id, world.clock.now())
    assert again.expires_at == world.clock.now() + LIFETIME
    world.deliver(timedelta(0))
    assert world.last.available_at - world.clock.now() <= timedelta(seconds=12.5)


def test_what_was_sent_or_waits_cannot_be_asked_for_again(store: MemoryStore) -> None:
    world = World(store, deliver=ME)
    world.minute()
    with pytest.raises(JarvisError, match="has been sent"):
        store.deliveries.again(world.last.id, world.clock.now())
    world.me.raises = [SendFailed("no route")]
    world.minute()
    with pytest.raises(JarvisError, match="waits to be sent by itself"):
        store.deliveries.again(world.last.id, world.clock.now())
    with pytest.raises(NotFound, match="delivery list"):
        store.deliveries.again(99, world.clock.now())


def test_a_removed_tasks_waiting_deliveries_are_cancelled(store: MemoryStore) -> None:
    world = World(store, deliver=ME)
    world.me.raises = [SendFailed("no route")]
    world.minute()
    store.remove_task("t", world.clock.now())
    assert (world.last.state, world.last.reason) == (DeliveryState.CANCELLED, "cancelled: its task was removed")
    assert world.deliver(MINUTE) == []


@pytest.mark.parametrize(("old", "new"), list(itertools.product(DeliveryState, repeat=2)))
def test_the_database_itself_refuses_to_change_what_is_settled(
    store: MemoryStore, old: DeliveryState, new: DeliveryState
) -> None:
    world = World(store, deliver=ME)
    world.clock.advance(MINUTE)
    world.engine.tick(world.clock.now())
    world.engine.settle_finished()
    store.database.change("UPDATE deliveries SET state = ?", (old,))
    settled = old not in (DeliveryState.PENDING, DeliveryState.HELD, DeliveryState.SENDING)
    if settled and new not in LEGAL_DELIVERY[old]:
        with pytest.raises(Refused, match="settled"):
            store.database.change("UPDATE deliveries SET state = ?", (new,))
    else:
        assert store.database.change("UPDATE deliveries SET state = ?", (new,)) == 1


def test_settling_without_channels_costs_no_statement_more(store: MemoryStore) -> None:
    def statements(deliver: tuple[Deliver, ...]) -> int:
        world = World(store, deliver=deliver)
        world.engine.outbox._sender = None
        world.clock.advance(MINUTE)
        world.engine.tick(world.clock.now())
        outcomes = world.engine.executor.finished()
        seen: list[str] = []
        with store.transaction() as connection:
            connection.trace_v2(1, lambda found: seen.append(found["sql"]))  # type: ignore[attr-defined]
            store.runs.settle(outcomes)
            connection.trace_v2(0, None)  # type: ignore[attr-defined]
        world.engine.executor.acknowledge(len(outcomes))
        store.remove_task("t", world.clock.now())
        store.instances.sign_off(world.engine.instance.id, world.clock.now())
        assert any("deliveries" in sql for sql in seen) == bool(deliver)
        return len(seen)

    assert statements(()) == statements(ME) - 1
