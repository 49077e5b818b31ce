"""Durations are exact to the microsecond, one spelling for each, and nothing doubtful is let through."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.scheduler.duration import LONGEST, DurationError, format_duration, parse_duration

S, M, H, D = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("value", "length"),
    [
        (90, 90 * S),
        ("90", 90 * S),
        (" 90 ", 90 * S),
        ("90s", 90 * S),
        ("5m", 5 * M),
        ("2h", 2 * H),
        ("1d", D),
        ("1w", 7 * D),
        ("500ms", S / 2),
        ("500MS", S / 2),
        ("1.5h", 90 * M),
        ("1h30m", 90 * M),
        ("1h 30m", 90 * M),
        ("1w2d3h4m5s6ms", 9 * D + 3 * H + 4 * M + 5 * S + timedelta(milliseconds=6)),
        ("1m0.5s", M + S / 2),
        ("5 minutes", 5 * M),
        ("2 hours", 2 * H),
        ("1 day", D),
        ("1 Day 2 Hours", D + 2 * H),
        ("5H", 5 * H),
        ("0.1s", timedelta(milliseconds=100)),
        ("0.000001s", timedelta(microseconds=1)),
        ("0.001ms", timedelta(microseconds=1)),
        (0.1, timedelta(milliseconds=100)),
        (1e-6, timedelta(microseconds=1)),
        (2.5, 2.5 * S),
        (timedelta(hours=3), 3 * H),
        (0, timedelta(0)),
        ("0s", timedelta(0)),
        ("3652425d", LONGEST),
        ("5m".rjust(100, "0"), 5 * M),
        (LONGEST.total_seconds(), LONGEST),
    ],
)
def test_a_duration_is_read_exactly(value: str | float | timedelta, length: timedelta) -> None:
    assert parse_duration(value) == length


@pytest.mark.parametrize("value", [
    "", " ", "-5m", "+5m", -1, -0.5, timedelta(seconds=-1), "nan", "inf", float("nan"), float("inf"), float("-inf"),
    "1e3", "1_000", "1,5h", "0x10", "\u0665m", "5\u00a0m", "5m\n", "\x005m", "1.2.3s", ".5h", "5.", ".", "m", "ms5",
    "5M", "1h30", "90 90", "30m1h", "1h1h", "1h30min20m", "5 months", "1y", "5x", "five minutes", "5m ago",
    "0.0000001s", 1e-9, "3652425.1d", "99999999999999999999w", "9" * 101, "9" * 1_000_000, LONGEST + S, 1e300, 10**400,
    True, None, [], b"5m",
])  # fmt: skip
def test_what_is_not_exactly_one_duration_is_refused(value: object) -> None:
    with pytest.raises(DurationError, match="Allowed: a number of seconds") as caught:
        parse_duration(value)  # type: ignore[arg-type]
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "None: is a NoneType."),
        (b"5m", "b'5m': is a bytes."),
        (-1, "-1: is negative."),
        (-S, "datetime.timedelta(days=-1, seconds=86399): is negative."),
        (10**12, "1000000000000: is not a number of seconds up to 10,000 years."),
        (LONGEST + S, "datetime.timedelta(days=3652425, seconds=1): is longer than 10,000 years."),
        ("3652426d", "'3652426d': is longer than 10,000 years."),
        ("999999999999", "'999999999999': is longer than 10,000 years."),
        (1e-9, "1e-09: is finer than a microsecond."),
        ("0.0000001s", "'0.0000001s': is finer than a microsecond."),
        ("1h1h", "'1h1h': name each unit once, the largest first."),
        ("five minutes", "'five minutes': 'five minutes' is not a number with a unit."),
        ("5m five", "'5m five': 'five' is not a number with a unit."),
        ("X5m", "'X5m': 'X5m' is not a number with a unit."),
        (
            "!" + "1234567890" * 3,
            "'!123456789012345678901234567890': '!1234567890123456789' is not a number with a unit.",
        ),
        ("", "'': is empty."),
        ("1h30", "'1h30': every number needs a unit."),
        ("5M", "'5M': M could be minutes or months"),
        ("5y", "'5y': 'y' is not a unit (ms, s, m, h, d, w)."),
        ("1.2.3s", "'1.2.3s': '1.2.3' is not a number."),
        ("9" * 101, "'" + "9" * 56 + "...: is 101 characters long."),
        ("!" * 58, "'" + "!" * 58 + "': "),
        ("!" * 59, "'" + "!" * 56 + "...: "),
    ],
)
def test_a_refusal_shows_what_was_got_and_what_is_wrong_with_it(value: object, said: str) -> None:
    with pytest.raises(DurationError) as refused:
        parse_duration(value)  # type: ignore[arg-type]
    assert str(refused.value).startswith(f"duration {said}")


def test_a_capital_m_is_refused_with_what_it_could_mean() -> None:
    with pytest.raises(DurationError, match='minutes or months: write "m" for minutes'):
        parse_duration("5M")


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (90 * S, "1m30s"),
        (S, "1s"),
        (timedelta(0), "0s"),
        (S / 2, "500ms"),
        (1.5 * S, "1.5s"),
        (timedelta(microseconds=1), "0.001ms"),
        (timedelta(microseconds=1_000_001), "1.000001s"),
        (2 * H, "2h"),
        (7 * D, "7d"),
        (D + S, "1d1s"),
        (10 * S, "10s"),
        (100 * M, "1h40m"),
        (timedelta(milliseconds=250), "250ms"),
        (-90 * S, "-1m30s"),
    ],
)
def test_a_duration_has_one_canonical_spelling(length: timedelta, text: str) -> None:
    assert format_duration(length) == text


@given(st.timedeltas(min_value=timedelta(0), max_value=LONGEST))
def test_what_is_written_is_read_back_the_same(length: timedelta) -> None:
    assert parse_duration(format_duration(length)) == length


@given(st.integers(0, 500), st.integers(0, 999), st.sampled_from("smhdw"))
def test_decimals_never_drift(whole: int, thousandths: int, unit: str) -> None:
    thousand_times = parse_duration(f"{whole * 1000 + thousandths}{unit}")
    assert parse_duration(f"{whole}.{thousandths:03}{unit}") * 1000 == thousand_times


@given(st.text())
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    with contextlib.suppress(DurationError):
        assert timedelta(0) <= parse_duration(text) <= LONGEST


def test_importing_it_costs_no_regular_expressions() -> None:
    code = "import sys; import jarvis.scheduler.duration; sys.exit('re' in sys.modules)"
    assert subprocess.run([sys.executable, "-S", "-c", code], check=False, env={"PYTHONPATH": "src"}).returncode == 0
