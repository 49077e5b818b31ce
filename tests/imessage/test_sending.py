"""The outbox: what is sent, tried again, given up, or may have been sent; and never twice on a guess."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jarvis.errors import StoreBusy
from jarvis.imessage.outbound import CUT_OFF, Outbound
from jarvis.imessage.ports import Recipient
from tests.imessage.conftest import World
from tests.imessage.world import ADA

TO_ADA = Recipient(ADA)
STATES = "SELECT state, attempts, reason FROM outbound_messages ORDER BY id"


def test_what_was_sent_is_sent(world: World) -> None:
    world.ask("jarvis: help")
    assert world.rows(STATES) == [("sent", 1, "")]


def test_what_failed_is_tried_again_and_arrives_once(world: World) -> None:
    world.osascript.answer(1, "Messages got an error: Application isn't running. (-600)")
    world.ask("jarvis: help")
    ((state, attempts, reason),) = world.rows(STATES)
    assert (state, attempts) == ("pending", 1)
    assert reason.endswith("isn't running. (-600)")
    world.tick(5)
    assert len(world.osascript.calls) == 1, "not before its pause is over"
    world.osascript.answer(0)
    world.tick(15)
    assert world.rows(STATES) == [("sent", 2, "")]
    assert len(world.osascript.calls) == 2


def test_what_cannot_be_sent_in_its_time_is_given_up(world: World) -> None:
    world.osascript.answer(1, "no")
    world.ask("jarvis: help")
    for _ in range(20):
        world.tick(600)
    ((state, _, reason),) = world.rows(STATES)
    assert state == "failed"
    assert reason


def test_an_answer_that_nobody_could_send_for_long_is_dropped(world: World) -> None:
    world.state.outbound.add("k", TO_ADA, "old", world.clock.now(), timedelta(hours=1))
    world.tick(2 * 3600)
    assert world.rows(STATES) == [("failed", 1, "it could not be sent in its time")]
    assert world.osascript.calls == []


def test_without_osascript_it_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    world.ask("jarvis: help")
    ((state, _, reason),) = world.rows(STATES)
    assert state == "failed"
    assert "osascript" in reason


def test_a_send_that_nobody_confirmed_is_unknown_and_not_sent_again(world: World) -> None:
    world.osascript.answer(1, "Messages got an error: AppleEvent timed out. (-1712)")
    world.ask("jarvis: help")
    world.osascript.answer(0)
    world.tick(3600)
    assert [(state, attempts) for state, attempts, _ in world.rows(STATES)] == [("unknown", 1)]
    assert len(world.osascript.calls) == 1


def test_a_daemon_that_ended_while_sending_leaves_it_unknown(world: World) -> None:
    world.state.outbound.add("k", TO_ADA, "hi", world.clock.now(), timedelta(hours=1))
    assert world.state.outbound.claim(world.clock.now()) is not None
    world.restart()
    world.tick()
    assert world.rows(STATES) == [("unknown", 1, CUT_OFF)]
    assert world.osascript.calls == []


def test_what_messages_shows_as_sent_was_sent(world: World) -> None:
    world.tick()
    for text in ("hi", "ho"):
        world.state.outbound.add(text, TO_ADA, text, world.clock.now(), timedelta(hours=1))
        world.state.outbound.claim(world.clock.now())
    world.restart()
    world.write("hi", from_me=True)
    world.write("ho", from_me=True, sender="+15550000000")
    world.tick()
    assert [state for state, *_ in world.rows(STATES)] == ["sent", "unknown"], "what went to another is not this one"
    assert world.rows("SELECT * FROM message_events") == []


def test_a_store_that_fails_after_a_send_leaves_it_unknown(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:

        def settle(*_: object) -> str:
            raise StoreBusy("full", "the disk is full")

        patch.setattr(Outbound, "settle", settle)
        world.ask("jarvis: help")
    assert len(world.osascript.calls) == 1
    world.tick()
    world.tick()
    assert [state for state, *_ in world.rows(STATES)] == ["unknown"]
    assert len(world.osascript.calls) == 1


def test_a_long_answer_is_cut(world: World) -> None:
    world.state.outbound.add("k", TO_ADA, "x" * 50_000, world.clock.now(), timedelta(hours=1))
    world.tick()
    assert world.osascript.said == [(ADA, "x" * 20_000 + "\n...")]


def test_what_is_old_is_forgotten_and_what_waits_is_kept(world: World) -> None:
    world.ask("jarvis: help")
    world.state.outbound.add("later", TO_ADA, "x", world.clock.now(), timedelta(days=400))
    world.clock.advance(timedelta(days=91))
    assert world.state.prune(world.clock.now() - timedelta(days=90)) == 2
    assert [key for (key,) in world.rows("SELECT key FROM outbound_messages")] == ["later"]
    assert world.rows("SELECT * FROM processing_jobs") == []
