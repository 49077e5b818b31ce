"""One delivery through its channel: when the store is told that it may arrive, in which words, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from jarvis.errors import SendFailed
from jarvis.scheduler.carrier import Carrier, Deadline
from jarvis.scheduler.delivery import Letter
from jarvis.scheduler.model import Delivery, Form
from jarvis.scheduler.ports import Message
from jarvis.testing import FakeClock
from tests.unit.test_senders import a_delivery


class Noted:
    """A channel that notes what happens to it."""

    timeout = 5.0

    def __init__(self, begins: bool, notes: list[str]) -> None:
        self.begins = begins
        self.notes = notes
        self.raises: Exception | None = None

    def send(self, message: Message, /) -> None:
        self.notes.append(f"send {message.subject}")
        if self.begins:
            message.begin()
        if self.raises:
            raise self.raises
        self.notes.append("effect")


@pytest.fixture
def notes() -> list[str]:
    return []


def a_carrier(
    channel: Noted, *, ours: bool = True, compose: Callable[[Delivery, Callable[[], float]], Letter] | None = None
) -> Carrier:
    def begin(delivery: Delivery) -> bool:
        channel.notes.append(f"begin {delivery.id}")
        return ours

    return Carrier(lambda _name: channel, FakeClock(), compose, begin)


@pytest.mark.parametrize(
    ("begins", "story"), [(False, ["begin 1", "send s", "effect"]), (True, ["send s", "begin 1", "effect"])]
)
def test_the_store_is_told_before_it_may_arrive_by_a_channel_that_knows_or_for_it(
    notes: list[str], begins: bool, story: list[str]
) -> None:
    carrier = a_carrier(Noted(begins, notes))
    assert carrier.careful
    assert carrier.carry(a_delivery(1, "a"), carrier.deadline()).how == "sent"
    assert notes == story


@pytest.mark.parametrize("begins", [False, True])
def test_what_is_not_ours_any_more_is_not_sent(notes: list[str], begins: bool) -> None:
    carrier = a_carrier(Noted(begins, notes), ours=False)
    sent = carrier.carry(a_delivery(1, "a"), carrier.deadline())
    assert (sent.how, sent.reason) == ("failed", "it is not this daemon's to send any more")
    assert "effect" not in notes


def test_without_a_store_to_tell_it_is_sent_as_it_is(notes: list[str]) -> None:
    carrier = Carrier(lambda _name: Noted(True, notes), FakeClock())
    assert not carrier.careful
    assert carrier.carry(a_delivery(1, "a"), carrier.deadline()).how == "sent"
    assert notes == ["send s", "effect"]


def with_a_form() -> Delivery:
    return msgspec.structs.replace(a_delivery(1, "a"), form=Form("{{ x }}", {}))


def test_a_text_of_its_own_is_filled_in_before_it_may_arrive(notes: list[str]) -> None:
    def compose(delivery: Delivery, remaining: Callable[[], float]) -> Letter:
        assert remaining() == 30.0
        notes.append("compose")
        return Letter("own words", delivery.body)

    carrier = a_carrier(Noted(False, notes), compose=compose)
    assert carrier.carry(with_a_form(), carrier.deadline()).how == "sent"
    assert notes == ["compose", "begin 1", "send own words", "effect"]
    notes.clear()
    carrier.carry(a_delivery(2, "a"), carrier.deadline())
    assert notes[0] == "begin 2"


def test_what_was_told_to_stop_while_its_text_was_filled_in_is_not_sent(notes: list[str]) -> None:
    deadlines: list[Deadline] = []

    def compose(_delivery: Delivery, _remaining: Callable[[], float]) -> Letter:
        deadlines[0].stop()
        return Letter("plain", "")

    carrier = a_carrier(Noted(False, notes), compose=compose)
    deadlines.append(carrier.deadline())
    sent = carrier.carry(with_a_form(), deadlines[0])
    assert (sent.how, sent.reason) == ("failed", "Jarvis stopped before it began to send it")
    assert notes == []


def test_how_long_the_receiver_asks_to_wait_is_kept_within_a_day(notes: list[str]) -> None:
    channel = Noted(False, notes)
    carrier = a_carrier(channel)
    for asked, kept in ((90.0, 90.0), (-5.0, 0.0), (1e12, 86_400.0), (None, None)):
        channel.raises = SendFailed("busy", asked)
        sent = carrier.carry(a_delivery(1, "a"), carrier.deadline())
        assert (None if sent.retry_after is None else sent.retry_after.total_seconds()) == kept
    channel.raises = RuntimeError("a bug")
    assert carrier.carry(a_delivery(1, "a"), carrier.deadline()).retry_after is None
