"""What does not arrive goes another way: written with the end of the first, told of in both, and never twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from jarvis.errors import SendFailed, SendRefused, SendUnknown
from jarvis.memory import MemoryStore
from jarvis.memory.faults import Refused
from jarvis.scheduler.care import USUAL_CARE, Care
from jarvis.scheduler.model import Deliver, Delivery, DeliveryState, Form, Result, RunState
from jarvis.testing import InlineSender
from tests.contract.test_deliveries import BAD, GOOD, ME, MINUTE, World

DAY = timedelta(days=1)


def a_world(store: MemoryStore, *, deliver: tuple[Deliver, ...] = ME, **cares: Care) -> World:
    world = World(store, deliver=deliver)
    store.deliveries.care = lambda channel: cares.get(channel, USUAL_CARE)
    return world


def by_channel(store: MemoryStore) -> dict[str, Delivery]:
    return {each.channel: each for each in store.deliveries.newest()}


def test_what_is_refused_goes_to_the_fallback_and_each_of_the_two_names_the_other(store: MemoryStore) -> None:
    world = a_world(store, me=Care(fallback="log"))
    world.me.raises = [SendRefused("no such number")]
    world.minute()
    found = by_channel(store)
    first, second = found["me"], found["log"]
    assert (first.state, second.state) == (DeliveryState.FAILED, DeliveryState.SENT)
    assert first.reason == f"no such number; log is told instead, by delivery {second.id}"
    assert (first.fallback, second.fallback_of) == (second.id, first.id)
    (message,) = world.log.messages
    assert message.subject == "t succeeded"
    assert message.body.endswith("\n(It comes by log, because me could not be told for sure: no such number)\n")
    assert message.key == first.key.removesuffix(":me") + ":log"


def test_what_expires_goes_to_the_fallback_with_a_time_of_its_own(store: MemoryStore) -> None:
    world = a_world(store, me=Care(fallback="log", expires=timedelta(seconds=30)), log=Care(expires=2 * DAY))
    world.me.raises = [SendFailed("no route")] * 9
    world.minute()
    assert by_channel(store)["me"].expires_at == world.clock.now() + timedelta(seconds=30)
    world.deliver(timedelta(seconds=31))
    found = by_channel(store)
    assert found["me"].state is DeliveryState.EXPIRED
    assert found["me"].reason.startswith("not sent within 30s: attempt 1 failed: no route; log is told instead")
    assert found["log"].expires_at == world.clock.now() + 2 * DAY
    assert world.log.subjects == ["t succeeded"]


def test_after_so_many_retries_it_is_given_up(store: MemoryStore) -> None:
    world = a_world(store, me=Care(retries=1, fallback="log"))
    world.me.raises = [SendFailed("no route"), SendFailed("still none")]
    world.minute()
    assert world.states == ["pending"]
    world.deliver(timedelta(seconds=13))
    assert by_channel(store)["me"].state is DeliveryState.FAILED
    assert by_channel(store)["me"].reason.startswith("given up (retries=1): attempt 2 failed: still none; log is told")
    world.deliver(timedelta(seconds=1))
    assert world.log.subjects == ["t succeeded"]


def test_the_receiver_is_given_the_time_it_asks_for_and_not_more_than_an_hour(store: MemoryStore) -> None:
    world = a_world(store)
    world.me.raises = [SendFailed("busy", 120.0), SendFailed("busy", 1e9), SendFailed("busy", 0.0)]
    for shortest, longest in ((120, 121), (3600, 3601), (40, 50)):
        if world.states == []:
            world.minute()
        wait = world.last.available_at - world.clock.now()
        assert timedelta(seconds=shortest) <= wait <= timedelta(seconds=longest)
        world.deliver(wait)


@pytest.mark.parametrize("told", [True, False])
def test_what_may_have_arrived_goes_to_the_fallback_only_if_that_is_wanted(store: MemoryStore, told: bool) -> None:
    world = a_world(store, me=Care(fallback="log", fallback_on_unknown=told))
    world.me.raises = [SendUnknown("it hung")]
    world.minute()
    assert by_channel(store)["me"].state is DeliveryState.UNKNOWN
    assert world.log.subjects == (["t succeeded"] if told else [])


@pytest.mark.parametrize("told", [True, False])
def test_the_same_holds_for_what_a_dead_daemon_was_sending(store: MemoryStore, told: bool) -> None:
    world = a_world(store, me=Care(fallback="log", fallback_on_unknown=told))
    assert isinstance(world.sender, InlineSender)
    world.sender.hanging.add("me")
    world.clock.advance(MINUTE)
    world.engine.tick(world.clock.now())
    world.engine.settle_finished()
    (sending,) = world.engine.deliver_due(world.clock.now())
    assert sending.owner is not None
    assert store.deliveries.lose(sending.owner, "it died", world.clock.now()) == 1
    assert world.states == (["unknown", "pending"] if told else ["unknown"])


def test_who_is_told_of_it_anyway_is_not_told_twice(store: MemoryStore) -> None:
    world = a_world(store, deliver=(Deliver("me"), Deliver("log")), me=Care(fallback="log"))
    world.me.raises = [SendRefused("no")]
    world.minute()
    assert world.log.subjects == ["t succeeded"]
    found = by_channel(store)
    assert found["me"].reason == f"no; log has it as delivery {found['log'].id}"
    assert (found["me"].fallback, found["log"].fallback_of) == (None, None)


def test_the_fallback_of_a_fallback_is_told_next(store: MemoryStore) -> None:
    world = a_world(store, me=Care(fallback="mail"), mail=Care(fallback="log"))
    world.me.raises = [SendRefused("no")]
    world.minute()  # there is no channel `mail`: that send fails with a KeyError, and is tried again
    store.deliveries.care = lambda channel: {"mail": Care(fallback="log", retries=0)}.get(channel, USUAL_CARE)
    world.deliver(timedelta(seconds=13))
    found = by_channel(store)
    assert [found[name].state.value for name in ("me", "mail", "log")] == ["failed", "failed", "pending"]
    assert (found["mail"].fallback_of, found["log"].fallback_of) == (found["me"].id, found["mail"].id)
    world.deliver(timedelta(seconds=1))
    assert world.log.subjects == ["t succeeded"]


def test_asked_for_again_it_does_not_go_another_way_twice(store: MemoryStore) -> None:
    world = a_world(store, me=Care(fallback="log"))
    world.me.raises = [SendRefused("no"), SendRefused("no")]
    world.minute()
    store.deliveries.again(by_channel(store)["me"].id, world.clock.now())
    world.deliver(timedelta(seconds=1))
    assert world.log.subjects == ["t succeeded"]
    assert world.states == ["failed", "sent"]
    assert by_channel(store)["me"].reason.endswith(f"; log has it as delivery {by_channel(store)['log'].id}")


def test_the_end_of_the_first_and_the_fallback_are_all_or_nothing(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = a_world(store, me=Care(fallback="log"))
    world.me.raises = [SendRefused("no")]

    def broken(*_: object) -> None:
        raise Refused("no room")

    monkeypatch.setattr("jarvis.memory.deliveries.fall_back", broken)
    with pytest.raises(Refused):
        world.minute()
    assert world.states == ["sending"]
    monkeypatch.undo()
    world.engine.outbox.settle_finished()
    assert world.states == ["failed", "pending"]


# -- texts of a task's own --------------------------------------------------------------------------------
OWN = "{{ output }}"


def test_a_form_is_kept_with_what_the_run_was_then(store: MemoryStore) -> None:
    world = World(store, BAD, GOOD, deliver=(Deliver("me", template=OWN), Deliver("log")))
    forms: list[Form | None] = []
    claim: Callable[..., list[Delivery]] = store.deliveries.claim

    def seen(*args: object, **careful: bool) -> list[Delivery]:
        found = claim(*args, **careful)
        forms.extend(each.form for each in found)
        return found

    store.deliveries.claim = seen  # type: ignore[method-assign, assignment]
    world.minute()
    world.minute()
    nothing, first, _, second = forms  # the channels in the order of their names
    assert nothing is None
    assert first is not None
    assert second is not None
    assert (first.template, first.facts["run"]["state"], first.facts["previous"]) == (OWN, "failed", None)
    assert second.facts["output"] == "all is well\n"
    assert second.facts["previous"]["state"] == RunState.FAILED
    assert second.facts["run"]["due_at"] == "2026-03-02T09:02:00+00:00"
    assert {each.form for each in store.deliveries.newest()} == {None}


def test_a_template_is_for_the_results_of_its_own_entry_and_a_pause_is_told_plainly(store: MemoryStore) -> None:
    entries = (Deliver("me", "failure", "bad"), Deliver("me", "success", "good"))
    world = World(store, BAD, GOOD, BAD, deliver=entries, pause_after=2)
    for _ in range(2):
        world.minute()
    forms = [store.deliveries._forms.of(each.id) for each in reversed(store.deliveries.newest())]
    assert [form.template if form else None for form in forms] == ["bad", "good"]


def test_the_fallback_has_the_same_form(store: MemoryStore) -> None:
    world = a_world(store, deliver=(Deliver("me", template=OWN),), me=Care(fallback="log"))
    world.me.raises = [SendRefused("no")]
    world.minute()
    first, second = (store.deliveries._forms.of(each.id) for each in store.deliveries.newest())
    assert first is not None
    assert first == second


def test_data_that_is_too_large_is_left_out_of_what_a_template_may_speak_of(store: MemoryStore) -> None:
    world = World(store, Result(data={"x": "y" * 300_000}), deliver=(Deliver("me", template=OWN),))
    world.minute()
    form = store.deliveries._forms.of(world.last.id)
    assert form is not None
    assert form.facts["data"] is None


# -- when it may have arrived -----------------------------------------------------------------------------
def sending(store: MemoryStore, *, careful: bool) -> tuple[World, Delivery]:
    world = World(store, deliver=ME)
    world.clock.advance(MINUTE)
    world.engine.tick(world.clock.now())
    world.engine.settle_finished()
    owner = store.instances.register(world.clock.now())
    (claimed,) = store.deliveries.claim(owner.id, (), world.clock.now(), careful=careful)
    assert claimed.owner is not None
    return world, claimed


def test_what_had_not_begun_when_its_daemon_died_waits_again_and_counts_as_no_failure(store: MemoryStore) -> None:
    world, claimed = sending(store, careful=True)
    assert claimed.owner is not None
    assert store.deliveries.lose(claimed.owner, "it died", world.clock.now()) == 1
    back = store.deliveries.get(claimed.id)
    assert (back.state, back.owner, back.failures) == (DeliveryState.PENDING, None, 0)
    assert back.reason == "(Jarvis stopped before it had begun to send it)"
    world.deliver(timedelta(0))
    assert world.me.subjects == ["t succeeded"]


@pytest.mark.parametrize("careful", [True, False])
def test_what_had_begun_is_unknown(store: MemoryStore, careful: bool) -> None:
    world, claimed = sending(store, careful=careful)
    assert claimed.owner is not None
    assert store.deliveries.begin(claimed) or not careful
    assert store.deliveries.lose(claimed.owner, "it died", world.clock.now()) == 1
    assert store.deliveries.get(claimed.id).state is DeliveryState.UNKNOWN


def test_what_is_not_its_owners_any_more_must_not_begin(store: MemoryStore) -> None:
    world, claimed = sending(store, careful=True)
    assert claimed.owner is not None
    store.deliveries.lose(claimed.owner, "it died", world.clock.now())
    assert not store.deliveries.begin(claimed)
    other = store.instances.register(world.clock.now())
    (again,) = store.deliveries.claim(other.id, (), world.clock.now(), careful=True)
    assert not store.deliveries.begin(claimed)
    assert store.deliveries.begin(again)
