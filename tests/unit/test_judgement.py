"""The decision: told now, later, with others, or not at all; and what makes two results the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from jarvis.scheduler.attention import Attention, Settings
from jarvis.scheduler.judgement import SEND, Asked, Before, Verdict, decide, mark, same_of
from jarvis.scheduler.model import DeliveryState, Result, RunState, Same
from jarvis.scheduler.quiet import read_window

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NIGHT = datetime(2026, 3, 2, 23, tzinfo=UTC)
DAY = timedelta(days=1)
QUIET = Attention(quiet=(read_window("22:00-07:00"),))
ASKED = Asked(id=9, kind="result", urgent=False, low=False, same="told", mark="m", created_at=NOON)
BEFORE = Before(id=3, run_id=2, state=DeliveryState.SENT, mark="m", created_at=NOON - timedelta(hours=1))


class Past:
    """What was told before. Whatever is not set must not be asked for."""

    def __init__(self, before: Before | None = None, told: int | None = None) -> None:
        self._before = before
        self._told = told
        self.since: datetime | None = None

    def before(self, asked: Asked) -> Before | None:
        assert asked.same != "told"
        return self._before

    def told_since(self, since: datetime) -> int:
        assert self._told is not None
        self.since = since
        return self._told


def asked(**more: object) -> Asked:
    return msgspec.structs.replace(ASKED, **more)


def before(**more: object) -> Past:
    return Past(msgspec.structs.replace(BEFORE, **more))


# -- when -------------------------------------------------------------------------------------------------
def test_without_settings_all_is_told_at_once_and_nothing_is_looked_up() -> None:
    assert decide(ASKED, Attention(), Past(), NIGHT) == SEND
    assert SEND.state is DeliveryState.PENDING


def test_in_quiet_hours_it_is_held_until_they_end_and_says_so_in_their_zone() -> None:
    assert decide(ASKED, QUIET, Past(), NOON) == SEND
    assert decide(ASKED, QUIET, Past(), NIGHT) == Verdict(
        DeliveryState.HELD, "quiet hours until 2026-03-03 07:00+00:00", NIGHT + timedelta(hours=8), "quiet"
    )
    denver = QUIET._replace(tz="America/Denver")
    held = decide(ASKED, denver, Past(), datetime(2026, 3, 3, 6, tzinfo=UTC))
    assert held.reason == "quiet hours until 2026-03-03 07:00-07:00"


def test_what_is_urgent_is_told_whatever_the_hour_and_however_much_was() -> None:
    capped = QUIET._replace(cap=1)
    assert decide(asked(urgent=True), capped, Past(), NIGHT) == SEND
    assert decide(asked(urgent=True, low=True), capped, Past(), NIGHT) == SEND


def test_what_can_wait_waits_for_the_next_digest() -> None:
    twice = Attention(digest=(8 * 3600, 18 * 3600))
    assert decide(asked(low=True), twice, Past(), NOON) == Verdict(
        DeliveryState.HELD, "it can wait: for the digest of 2026-03-02 18:00+00:00", NOON + timedelta(hours=6), "digest"
    )
    assert decide(asked(low=True), QUIET, Past(), NIGHT).until == datetime(2026, 3, 3, 8, tzinfo=UTC)


def test_what_is_over_the_cap_of_its_local_day_waits_for_the_next_digest() -> None:
    capped = Attention(cap=2, tz="America/Denver")
    past = Past(told=1)
    assert decide(ASKED, capped, past, NOON) == SEND
    assert past.since == datetime(2026, 3, 2, 7, tzinfo=UTC)
    assert decide(ASKED, capped, Past(told=2), NOON) == Verdict(
        DeliveryState.HELD,
        "2 were told today, which is the cap: for the digest of 2026-03-02 08:00-07:00",
        datetime(2026, 3, 2, 15, tzinfo=UTC),
        "capped",
    )
    assert decide(ASKED, capped, Past(told=3), NOON).hold == "capped"


def test_a_digest_is_over_no_cap_but_keeps_to_quiet_hours() -> None:
    digest = asked(kind="digest")
    assert decide(digest, Attention(cap=1), Past(), NOON) == SEND
    assert decide(digest, QUIET, Past(), NIGHT).hold == "quiet"


# -- whether ----------------------------------------------------------------------------------------------
def test_the_same_failure_again_is_grouped_with_the_first() -> None:
    verdict = decide(asked(same="grouped"), QUIET, before(), NIGHT)
    assert verdict == Verdict(DeliveryState.GROUPED, "the same failure as run 2, of which delivery 3 tells")


def test_the_same_result_again_is_silenced() -> None:
    assert decide(asked(same="silent"), QUIET, before(), NIGHT) == Verdict(DeliveryState.SILENCED, "the same as run 2")


@pytest.mark.parametrize("same", ["grouped", "silent"])
@pytest.mark.parametrize("past", [Past(), before(mark="other"), before(mark="")])
def test_what_says_something_new_is_told(same: Same, past: Past) -> None:
    assert decide(asked(same=same), Attention(), past, NOON) == SEND


@pytest.mark.parametrize("same", ["grouped", "silent"])
@pytest.mark.parametrize("state", DeliveryState)
def test_what_may_have_told_nobody_silences_nothing(same: Same, state: DeliveryState) -> None:
    told = state in {"pending", "held", "sending", "sent", "digested"}
    assert (decide(asked(same=same), Attention(), before(state=state), NOON) != SEND) == told


def test_only_a_failure_is_the_same_whatever_it_wrote() -> None:
    wrote = {"mark": "failed:one"}
    assert decide(asked(same="grouped", mark="failed:two"), Attention(), before(**wrote), NOON) != SEND
    assert decide(asked(same="grouped", mark="failed"), Attention(), before(**wrote), NOON) != SEND
    assert decide(asked(same="silent", mark="failed:two"), Attention(), before(**wrote), NOON) == SEND


@pytest.mark.parametrize(
    ("age", "remind", "told"),
    [
        (DAY, DAY, True),
        (DAY - timedelta(microseconds=1), DAY, False),
        (30 * DAY, None, False),
    ],
)
def test_a_failure_that_goes_on_is_told_again_after_a_while(
    age: timedelta, remind: timedelta | None, told: bool
) -> None:
    attention = Attention(remind=remind)
    past = before(created_at=NOON - age)
    assert (decide(asked(same="grouped"), attention, past, NOON + 5 * DAY) == SEND) == told
    assert decide(asked(same="silent"), attention, past, NOON) != SEND


def test_an_urgent_failure_is_not_told_twice_either() -> None:
    assert decide(asked(same="grouped", urgent=True), Attention(), before(), NOON).state is DeliveryState.GROUPED


# -- what is the same -------------------------------------------------------------------------------------
def test_a_mark_tells_states_and_reasons_apart_and_content_where_it_is_wanted() -> None:
    one = Result(state=RunState.FAILED, reason="exit code 1", output=b"a", output_total=1, data={"x": 1, "y": 2})
    marks = {
        mark(each, content=False)
        for each in (
            one,
            msgspec.structs.replace(one, reason="exit code 2"),
            msgspec.structs.replace(one, state=RunState.TIMED_OUT),
        )
    }
    assert len(marks) == 3
    assert mark(one, content=False) == mark(msgspec.structs.replace(one, output=b"b"), content=False)
    others: list[dict[str, object]] = [
        {},
        {"output": b"b"},
        {"output_total": 2},
        {"data": {"x": 2, "y": 2}},
        {"output": b"", "data": "a"},
    ]
    assert len({mark(msgspec.structs.replace(one, **other), content=True) for other in others}) == len(others)
    turned = msgspec.structs.replace(one, data={"y": 2, "x": 1})
    assert mark(turned, content=True) == mark(one, content=True)
    assert mark(one, content=True).partition(":")[0] == mark(one, content=False)
    assert ":" not in mark(one, content=False)


@pytest.mark.parametrize("data", [{1: "a", "b": 2}, {"a": {2: None, "x": [1.5]}}, {"a": {"x", 1}}, [], "text", None])
def test_whatever_can_be_kept_of_a_result_has_a_mark(data: object) -> None:
    assert mark(Result(data=data), content=True)


def test_the_parts_of_a_mark_do_not_run_into_each_other() -> None:
    assert mark(Result(output=b"ab", data="c"), content=True) != mark(Result(output=b"a", data="bc"), content=True)
    a = Result(output=b"1", output_total=23)
    assert mark(a, content=True) != mark(Result(output=b"12", output_total=3), content=True)


@pytest.mark.parametrize(
    ("same", "state", "turned", "looked_at"),
    [
        ("grouped", RunState.FAILED, False, "grouped"),
        ("grouped", RunState.TIMED_OUT, False, "grouped"),
        ("grouped", RunState.UNKNOWN, False, "grouped"),
        ("grouped", RunState.FAILED, True, "told"),
        ("grouped", RunState.SUCCEEDED, False, "told"),
        ("grouped", RunState.CANCELLED, False, "told"),
        ("silent", RunState.SUCCEEDED, False, "silent"),
        ("silent", RunState.FAILED, True, "silent"),
        ("told", RunState.FAILED, False, "told"),
    ],
)
def test_an_incident_is_failures_in_a_row(same: Same, state: RunState, turned: bool, looked_at: Same) -> None:
    assert same_of(same, state, turned=turned) == looked_at


def test_a_channel_has_its_own_settings_or_the_usual_ones() -> None:
    settings = Settings(QUIET, {"me": Attention(cap=3)})
    assert settings.of("me").cap == 3
    assert settings.of("other") is QUIET
