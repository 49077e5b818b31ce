"""The table [attention] of jarvis.toml: what it may say, and every problem at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jarvis.scheduler.attention import Attention, Settings
from jarvis.scheduler.quiet import read_window
from jarvis.settings.attention import MOST_TIMES, MOST_WINDOWS, read_attention

HOUR = 3600


def read(table: dict[str, Any], tz: str = "UTC") -> Settings:
    settings, problems = read_attention(table, tz, ["me", "log"])
    assert problems == []
    return settings


def problems(table: dict[str, Any]) -> list[str]:
    return read_attention(table, "UTC", ["me", "log"])[1]


def test_an_empty_table_holds_nothing_and_makes_digests_at_eight() -> None:
    assert read({}, "America/Denver") == Settings(
        Attention(tz="America/Denver", quiet=(), digest=(8 * HOUR,), cap=None, remind=timedelta(days=1))
    )


def test_everything_that_can_be_said() -> None:
    table = {
        "quiet": ["22:00-07:00", "sat,sun 00:00-10:00"],
        "zone": "Europe/Berlin",
        "digest": ["18:00", "08:00", " 18:00"],
        "cap": 20,
        "remind": "12h",
    }
    assert read(table).of("me") == Attention(
        tz="Europe/Berlin",
        quiet=(read_window("22:00-07:00"), read_window("sat,sun 00:00-10:00")),
        digest=(8 * HOUR, 18 * HOUR),
        cap=20,
        remind=timedelta(hours=12),
    )


def test_a_channel_says_what_is_otherwise_with_it() -> None:
    own = {"me": {"quiet": [], "cap": "none", "remind": "never"}}
    settings = read({"quiet": ["22:00-07:00"], "cap": 5, "channels": own}, "America/Denver")
    assert settings.of("log").cap == 5
    assert settings.of("me") == Attention(tz="America/Denver", remind=None)


def test_every_problem_is_told_at_once_with_what_is_allowed() -> None:
    found = problems(
        {
            "quite": ["22:00-07:00"],
            "quiet": ["22:00-25:00"],
            "zone": "Berlin",
            "digest": [],
            "cap": 0,
            "remind": "never ever",
            "channels": {"you": {}, "lgo": {}, "me": {"cap": True, "digset": 1}, "log": 3},
        }
    )
    key = "jarvis.toml key attention"
    for line, (start, part) in zip(
        found,
        [
            (f"{key}.quite: not a key of attention; allowed: quiet, zone, digest, cap, remind.", "Did you mean quiet?"),
            (f"{key}.quiet: got ['22:00-25:00'] ('25:00' is not a time", 'such as ["22:00-07:00", "sat,sun'),
            (f"{key}.zone: got 'Berlin' (Did you mean Europe/Berlin?); allowed: an IANA", "America/Denver"),
            (f"{key}.digest: got [] (without a time what waits", 'allowed: a list of 1 to 24 times such as ["08:00"'),
            (f"{key}.cap: got 0; allowed: a whole number from 1 to 10000, or", '"none"'),
            (f"{key}.remind: got 'never ever'", 'allowed: a duration of at least a minute such as "1d", or "never"'),
            (f"{key}.channels.you: no such channel; there are: log, me.", ""),
            (f"{key}.channels.lgo: no such channel; there are: log, me.", "Did you mean log?"),
            (f"{key}.channels.me.cap: got True; allowed: a whole number", ""),
            (f"{key}.channels.me.digset: not a key of attention", "Did you mean digest?"),
            (f"{key}.channels.log: allowed: a table [attention.channels.log]", ""),
        ],
        strict=True,
    ):
        assert line.startswith(start)
        assert part in line


@pytest.mark.parametrize(
    ("key", "value", "hint"),
    [
        ("quiet", "22:00-07:00", "got '22:00-07:00'; allowed: a list"),
        ("quiet", [1], "got [1]; allowed"),
        ("quiet", ["22:00-07:00"] * (MOST_WINDOWS + 1), "allowed: a list of up to 50"),
        ("quiet", ["00:00-24:00"], "leave no time in which anything could be told"),
        ("zone", 3, "got 3; allowed"),
        ("zone", "Mars", "got 'Mars'; allowed"),
        ("digest", "08:00", "allowed: a list of 1 to"),
        ("digest", ["8:00"], "'8:00' is not a time of day"),
        ("digest", ["08:00"] * (MOST_TIMES + 1), "allowed"),
        ("cap", 10_001, "allowed"),
        ("cap", 1.5, "allowed"),
        ("cap", "3", "allowed"),
        ("remind", True, "got True; allowed"),
        ("remind", [], "got []; allowed"),
        ("remind", 59, "(for each failure write same-told where the task says deliver)"),
        ("channels", [], "allowed: tables [attention.channels.NAME]"),
    ],
)
def test_a_bad_value_is_refused(key: str, value: object, hint: str) -> None:
    (line,) = problems({key: value})
    assert line.startswith(f"jarvis.toml key attention.{key}: ")
    assert hint in line
    assert len(line) < 300
