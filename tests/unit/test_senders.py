"""The threads that send: a hung channel holds its own thread and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from jarvis.scheduler.carrier import MARGIN, Carrier
from jarvis.scheduler.model import Delivery, DeliveryState, RunState
from jarvis.scheduler.ports import Message
from jarvis.scheduler.senders import Senders
from jarvis.testing import FakeClock

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
WITHIN = 10.0


class Held:
    """A channel that sends when it is let go."""

    timeout = 5.0

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.messages: list[Message] = []

    def send(self, message: Message, /) -> None:
        self.messages.append(message)
        self.begun.set()
        assert self.go_on.wait(WITHIN)


class Bench:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.channels = {"a": Held(), "b": Held()}
        self.ended = threading.Semaphore(0)
        self.senders = Senders(Carrier(self.channels.__getitem__, self.clock))
        self.senders.on_finish = self.ended.release

    def start(self, *deliveries: Delivery) -> None:
        self.senders.start(deliveries)
        for each in deliveries:
            assert self.channels[each.channel].begun.wait(WITHIN)

    def let_go(self, name: str) -> None:
        self.channels[name].go_on.set()
        assert self.ended.acquire(timeout=WITHIN)

    @property
    def how(self) -> list[tuple[int, str]]:
        return [(each.delivery.id, each.how) for each in self.senders.finished()]


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    for channel in made.channels.values():
        channel.go_on.set()
    made.senders.close()


def a_delivery(number: int, channel: str) -> Delivery:
    return Delivery(
        id=number, key=f"k{number}", run_id=1, task_id=1, task="t", channel=channel, kind="result", subject="s",
        body="b", state=DeliveryState.SENDING, reason="", attempt=1, failures=0, created_at=NOW,
        available_at=NOW, expires_at=NOW + timedelta(days=1), started_at=NOW, finished_at=None, owner=1,
        fence=1, run_state=RunState.SUCCEEDED, due_at=NOW,
    )  # fmt: skip


def test_channels_send_beside_each_other_and_are_engaged_until_acknowledged(bench: Bench) -> None:
    bench.start(a_delivery(1, "a"), a_delivery(2, "b"))
    assert (bench.senders.engaged, bench.senders.busy, bench.how) == (frozenset({"a", "b"}), 2, [])
    bench.let_go("b")
    assert bench.how == bench.how == [(2, "sent")]
    bench.senders.acknowledge(bench.senders.finished())
    assert (bench.senders.engaged, bench.senders.busy, bench.how) == (frozenset({"a"}), 1, [])


def test_a_send_past_its_deadline_is_given_up_as_unknown_and_holds_only_its_channel(bench: Bench) -> None:
    bench.start(a_delivery(1, "a"))
    assert bench.senders.overdue_in() == 5.0 + MARGIN
    bench.clock.advance(5.0 + MARGIN)
    bench.senders.wait()
    assert bench.how == [(1, "unknown")]
    bench.senders.acknowledge(bench.senders.finished())
    assert (bench.senders.engaged, bench.senders.busy, bench.senders.overdue_in()) == (frozenset({"a"}), 0, None)
    bench.let_go("a")  # its late word counts no more, but the channel is free again
    assert (bench.senders.engaged, bench.how) == (frozenset(), [])


def test_what_a_channel_says_after_it_was_given_up_is_not_believed(bench: Bench) -> None:
    bench.start(a_delivery(1, "a"))
    bench.clock.advance(60)
    assert bench.how == [(1, "unknown")]
    bench.let_go("a")
    assert bench.how == [(1, "unknown")]
    bench.senders.acknowledge(bench.senders.finished())
    assert bench.senders.engaged == frozenset()


def test_a_message_tells_how_much_time_is_left_and_none_once_all_must_stop(bench: Bench) -> None:
    bench.start(a_delivery(1, "a"))
    (message,) = bench.channels["a"].messages
    assert message.remaining() == 5.0
    bench.clock.advance(2)
    assert message.remaining() == 3.0
    stopping = threading.Thread(target=bench.senders.close)
    stopping.start()
    bench.let_go("a")
    stopping.join()
    assert message.remaining() < 0


def test_a_channel_that_is_not_there_is_what_failed(bench: Bench) -> None:
    bench.senders.start([a_delivery(1, "nobody")])
    assert bench.ended.acquire(timeout=WITHIN)
    (sent,) = bench.senders.finished()
    assert (sent.how, sent.reason) == ("failed", "'nobody'")
