"""What is told of an incident, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from jarvis.scheduler.incident import Incident, IncidentState, Step, key, letter, step

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
HOUR, TINY = timedelta(hours=1), timedelta(microseconds=1)


def incident(**changes: Any) -> Incident:
    given: dict[str, Any] = {
        "id": 7,
        "rule": "late",
        "kind": "alert",
        "alert_type": "overdue_delegation",
        "state": IncidentState.FIRING,
        "text": "1 delegation is overdue: Budget.",
        "items": (1,),
        "started_at": NOW - 5 * HOUR,
        "told": 1,
        "last_told_at": NOW - 5 * HOUR,
        "told_by": 3,
        "heard": True,
        "acknowledged_at": None,
        "acknowledged_by": "",
        "resolved_at": None,
        "reason": "",
        "fence": 0,
    }
    return Incident(**given | changes)


def test_what_begins_to_hold_is_told_at_once_and_what_does_not_hold_is_nothing() -> None:
    assert step(None, holds=True, cool_down=4 * HOUR, now=NOW) == "start"
    assert step(None, holds=False, cool_down=4 * HOUR, now=NOW) == ""


@pytest.mark.parametrize(
    ("told_at", "what"),
    [
        (-4 * HOUR - TINY, "repeat"),
        (-4 * HOUR, "repeat"),
        (-4 * HOUR + TINY, ""),
        (0 * HOUR, ""),
        (timedelta(seconds=1), ""),  # another daemon's now, a little ahead of ours
        (4 * HOUR - TINY, ""),
        (4 * HOUR, "repeat"),  # the clock was wrong when it was told
    ],
)
def test_what_goes_on_is_told_again_after_exactly_the_cool_down(told_at: timedelta, what: Step) -> None:
    going_on = incident(last_told_at=NOW + told_at)
    assert step(going_on, holds=True, cool_down=4 * HOUR, now=NOW) == what


def test_without_a_cool_down_every_evaluation_tells_it() -> None:
    assert step(incident(last_told_at=NOW), holds=True, cool_down=0 * HOUR, now=NOW) == "repeat"


def test_what_somebody_has_seen_is_not_told_again_before_it_is_over() -> None:
    seen = incident(state=IncidentState.ACKNOWLEDGED)
    assert step(seen, holds=True, cool_down=HOUR, now=NOW) == ""
    assert step(seen, holds=False, cool_down=HOUR, now=NOW) == "over"
    assert step(incident(), holds=False, cool_down=HOUR, now=NOW) == "over"


def test_what_began_where_nobody_could_be_told_is_told_as_soon_as_somebody_can() -> None:
    unheard = incident(heard=False, last_told_at=NOW)
    assert step(unheard, holds=True, cool_down=HOUR, now=NOW) == "start"
    assert step(unheard, holds=True, cool_down=HOUR, now=NOW, reachable=False) == ""
    assert step(unheard, holds=True, cool_down=HOUR, now=NOW + HOUR, reachable=False) == "repeat"
    seen = incident(heard=False, state=IncidentState.ACKNOWLEDGED)
    assert step(seen, holds=True, cool_down=HOUR, now=NOW) == ""
    assert step(unheard, holds=False, cool_down=HOUR, now=NOW) == "over"


def test_that_a_rule_is_broken_is_told_once() -> None:
    broken = incident(kind="broken")
    assert step(broken, holds=True, cool_down=HOUR, now=NOW) == ""
    assert step(broken, holds=False, cool_down=HOUR, now=NOW) == "over"


def test_each_step_has_a_key_of_its_own_for_ever() -> None:
    assert key(incident(), "start") == "incident:7:start"
    assert [key(incident(told=told), "repeat") for told in (2, 3)] == ["incident:7:repeat:2", "incident:7:repeat:3"]
    assert key(incident(told=3), "over") == "incident:7:over"


def test_the_letters_say_what_is_since_when_and_what_to_do() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    start = letter(incident(started_at=NOW + TINY), "start", NOW, berlin)
    assert start.subject == "late: 1 delegation is overdue: Budget."
    assert start.body == (
        "1 delegation is overdue: Budget.\n\nrule late, since 2026-11-22 11:00:00+01:00\n"
        "No more of it until it is over: jarvis incident ack 7\n"
    )
    again = letter(incident(told=2), "repeat", NOW + timedelta(seconds=1.9), berlin)
    assert again.subject == "late: still, for 5h1s: 1 delegation is overdue: Budget."
    assert again.body.endswith("rule late, since 2026-11-22 06:00:00+01:00\n" + start.body.splitlines()[-1] + "\n")
    over = letter(incident(), "over", NOW, berlin)
    assert over.subject == "over: late"
    assert over.body == (
        "It is over: late, since 2026-11-22 06:00:00+01:00, for 5h.\nLast: 1 delegation is overdue: Budget.\n"
    )


def test_a_broken_rule_is_told_with_its_fault() -> None:
    broken = letter(incident(kind="broken", text="column 7: there is no 'wrok'"), "start", NOW, UTC)
    assert broken.subject == "rule late is broken: column 7: there is no 'wrok'"
    assert broken.body == (
        "The rule late cannot be evaluated: column 7: there is no 'wrok'\n\n"
        "It watches nothing until that is mended: jarvis rule test late\n"
    )


def test_a_clock_that_went_back_makes_no_negative_length_and_a_subject_is_one_line() -> None:
    early = letter(incident(text="a\nb\x1b"), "over", NOW - 6 * HOUR, UTC)
    assert "for 0s" in early.body
    assert letter(incident(text="a\nb\x1b" + "c" * 300), "start", NOW, UTC).subject.startswith("late: a b ccc")
    assert len(letter(incident(text="c" * 300), "start", NOW, UTC).subject) == 200
