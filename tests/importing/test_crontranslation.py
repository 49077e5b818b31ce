"""The earlier assistant's cron in ours: the same instants, found by walking minute by minute as it did."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jarvis.importing.crontranslation import Translated, translate
from jarvis.scheduler.schedule import Cron

RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
START = datetime(2026, 1, 31, 23, 17, tzinfo=UTC)


def means(expression: str) -> list[set[int]]:
    """What each field names, by the rules of the earlier program, written down a second time."""
    fields = []
    for text, (low, high) in zip(expression.split(), RANGES, strict=True):
        found: set[int] = set()
        for part in text.split(","):
            base, _, step = part.partition("/")
            first, dash, last = base.partition("-")
            if base == "*":
                found |= {n for n in range(low, high + 1) if not (n - low) % int(step or 1)}
            elif dash:
                found |= {n for n in range(int(first), int(last) + 1) if not (n - int(first)) % int(step or 1)}
            else:
                found.add(int(base))
        fields.append(found)
    return fields


def walked(expression: str, count: int, days: int) -> list[datetime]:
    """The first instants after START: all five fields must hold, and Monday is 0."""
    minute, hour, day, month, weekday = means(expression)
    found: list[datetime] = []
    for number in range(days):
        date = (START + timedelta(days=number)).date()
        if date.day in day and date.month in month and date.weekday() in weekday:
            moments = (datetime(date.year, date.month, date.day, h, m, tzinfo=UTC)
                       for h in sorted(hour) for m in sorted(minute))  # fmt: skip
            found += [moment for moment in moments if moment > START]
            if len(found) >= count:
                return found[:count]
    return found


@st.composite
def field(draw: st.DrawFn, low: int, high: int) -> str:
    def part() -> str:
        kind = draw(st.sampled_from(["*", "*/", "n", "n/", "-", "-/"]))
        first = draw(st.integers(low, high))
        step = draw(st.integers(1, 9))
        spelled = {"*": "*", "*/": f"*/{step}", "n": f"{first}", "n/": f"{first}/{step}"}
        last = draw(st.integers(first, high))
        return spelled.get(kind) or f"{first}-{last}{f'/{step}' if kind == '-/' else ''}"

    return ",".join(part() for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3]))))


EXPRESSIONS = st.tuples(*(field(low, high) for low, high in RANGES)).map(" ".join)


@given(EXPRESSIONS)
@example("0 9 13 * 4")
@example("0 9 * * 4-6")
@example("*/15 9-17 */2 * 0-4")
@example("0 0 31 2,4,5 6")
@example("5/15 8 1-31 * 0")
def test_a_translated_expression_has_the_instants_it_had(expression: str) -> None:
    made = translate(expression)
    expected = walked(expression, 6, 3 * 366)
    minutes, hours, days, months, _ = means(expression)
    if not expected:  # such as 31 February: Jarvis refuses what never comes, or it is rarer than three years
        return
    schedule = Cron(made.expression, "UTC", exclude=made.exclude)
    moment, found = START, []
    for _ in expected:
        following = schedule.next_after(moment)
        assert following is not None
        moment = following
        found.append(following)
    assert found == expected, (made, minutes, hours, days, months)


@pytest.mark.parametrize(
    ("expression", "made"),
    [
        ("* * * * *", Translated("* * * * *")),
        ("30 7 * * 0-4", Translated("30 7 * * 1,2,3,4,5")),
        ("0 9 * * 6", Translated("0 9 * * 0")),
        ("0 9 * * 4-6", Translated("0 9 * * 0,5,6")),
        ("*/15 */2 * * 0-6", Translated("*/15 */2 * * *")),
        ("0 9 13 * *", Translated("0 9 13 * *")),
        ("0 9 1-31 * 4", Translated("0 9 * * 5")),
        ("0 9 13 * 4", Translated("0 9 13 * *", ("mon", "tue", "wed", "thu", "sat", "sun"))),
        ("5/15 0 * * *", Translated("5 0 * * *")),
        ("0,,30 0 * * *", Translated("0,30 0 * * *")),
    ],
)
def test_an_expression_is_written_in_standard_cron(expression: str, made: Translated) -> None:
    assert translate(expression) == made


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("0 9 * * 5-1", "'5-1' runs backwards, so the earlier assistant never ran it: write 5-6,0-1"),
        ("0 22-2 * * *", "hour '22-2' runs backwards"),
        ("0 9 * * 7", "weekday '7' is not in 0-6, 0 = Monday"),
        ("0 9 0 * *", "day of month '0' is not in 1-31"),
        ("0 9 * * mon", "is no number"),
        ("0 9 L * *", "is no number"),
        ("*/0 * * * *", "a step of 0"),
        (", * * * *", "names nothing"),
        ("0 9 * *", "has 4 fields"),
        ("@daily", "has 1 fields"),
        ("0 0 9 * * *", "has 6 fields"),
        ("-5 * * * *", "is no number"),
        ("٣ * * * *", "is no number"),
        ("0 9 * * 4#2", "is no number"),
    ],
)
def test_what_never_ran_there_is_refused_with_its_field(expression: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        translate(expression)
