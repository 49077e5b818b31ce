"""docs/dst.md says what the code does: the tables are made anew and compared, and Jarvis's part of them is held
to figures written by hand, which know nothing of CronExpression."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from benchmarks.dst import table
from benchmarks.dst.cases import CASES, Case, asked_for

HOURLY, EVERY_15 = "0 * * * *", "*/15 * * * *"

#: Day -> the fixed time, and when it starts.
FIXED = {
    "America/New_York spring": ("30 2 * * *", "2026-03-08T03:00-04:00"),
    "America/New_York autumn": ("30 1 * * *", "2026-11-01T01:30-04:00"),
    "Europe/Berlin spring": ("30 2 * * *", "2026-03-29T03:00+02:00"),
    "Europe/Berlin autumn": ("30 2 * * *", "2026-10-25T02:30+02:00"),
    "Australia/Lord_Howe spring": ("15 2 * * *", "2026-10-04T02:30+11:00"),
    "Australia/Lord_Howe autumn": ("45 1 * * *", "2026-04-05T01:45+11:00"),
    "Asia/Beirut spring": ("30 0 * * *", "2026-03-29T01:00+03:00"),
    "Asia/Beirut autumn": ("30 23 * * *", "2026-10-24T23:30+03:00"),
}

#: Day -> how often on it: hourly, every 15 minutes, every 15 minutes of the odd hour, every two hours.
OFTEN = {
    "America/New_York spring": (23, 92, 0, 11),
    "America/New_York autumn": (25, 100, 8, 12),
    "Europe/Berlin spring": (23, 92, 0, 11),
    "Europe/Berlin autumn": (25, 100, 8, 13),
    "Australia/Lord_Howe spring": (23, 94, 2, 11),
    "Australia/Lord_Howe autumn": (24, 98, 6, 12),
    "Asia/Beirut spring": (23, 92, 0, 11),
    "Asia/Beirut autumn": (25, 100, 8, 12),
}

#: Day -> the hours around the change, as the hourly schedule starts in them.
HOURS = {
    "America/New_York spring": "01:00-05:00 03:00-04:00",
    "America/New_York autumn": "00:00-04:00 01:00-04:00 01:00-05:00 02:00-05:00",
    "Europe/Berlin spring": "01:00+01:00 03:00+02:00",
    "Europe/Berlin autumn": "01:00+02:00 02:00+02:00 02:00+01:00 03:00+01:00",
    "Australia/Lord_Howe spring": "01:00+10:30 03:00+11:00",
    "Australia/Lord_Howe autumn": "01:00+11:00 02:00+10:30",
    "Asia/Beirut spring": "01:00+03:00 02:00+03:00",
    "Asia/Beirut autumn": "22:00+03:00 23:00+03:00 23:00+02:00",
}

#: Day -> the quarters around the change.
QUARTERS = {
    "America/New_York spring": "01:45-05:00 03:00-04:00",
    "America/New_York autumn": "01:45-04:00 01:00-05:00",
    "Europe/Berlin spring": "01:45+01:00 03:00+02:00",
    "Europe/Berlin autumn": "02:45+02:00 02:00+01:00",
    "Australia/Lord_Howe spring": "01:45+10:30 02:30+11:00",
    "Australia/Lord_Howe autumn": "01:45+11:00 01:30+10:30",
    "Asia/Beirut spring": "01:00+03:00 01:15+03:00",
    "Asia/Beirut autumn": "23:45+03:00 23:00+02:00",
}

#: Zone -> what the fixed times do under dst_gap=run_after, skip and dst_repeat=first, second, both.
CHOICES = {
    "America/New_York": ["03:00-04:00", "", "01:30-04:00", "01:30-05:00", "01:30-04:00, 01:30-05:00"],
    "Europe/Berlin": ["03:00+02:00", "", "02:30+02:00", "02:30+01:00", "02:30+02:00, 02:30+01:00"],
    "Australia/Lord_Howe": ["02:30+11:00", "", "01:45+11:00", "01:45+10:30", "01:45+11:00, 01:45+10:30"],
    "Asia/Beirut": ["01:00+03:00", "", "23:30+03:00", "23:30+02:00", "23:30+03:00, 23:30+02:00"],
}

each_day = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def shown(expr: str, case: Case) -> str:
    return " ".join(table.clock(at, case) for at in table.jarvis(expr, case))


def test_the_document_is_what_the_code_and_the_measurements_give() -> None:
    text = table.DOCUMENT.read_text(encoding="utf-8")
    assert text == table.regenerated(text), "run: python -m benchmarks.dst.table --write"


def test_the_document_holds_every_block() -> None:
    found = table.BLOCK.findall(table.DOCUMENT.read_text(encoding="utf-8"))
    assert sorted(found) == sorted(table.BLOCKS)


@each_day
def test_a_fixed_time_starts_exactly_once(case: Case) -> None:
    expr, moment = FIXED[case.name]
    assert case.schedules[0] == ("fixed time", expr)
    assert table.jarvis(expr, case) == [datetime.fromisoformat(moment).astimezone(UTC)]


@each_day
def test_wildcard_schedules_start_as_often_as_the_day_is_long(case: Case) -> None:
    assert tuple(len(table.jarvis(expr, case)) for _, expr in case.schedules[1:]) == OFTEN[case.name]


@each_day
def test_wildcard_schedules_follow_real_time_across_the_change(case: Case) -> None:
    assert HOURS[case.name] in shown(HOURLY, case)
    assert QUARTERS[case.name] in shown(EVERY_15, case)


@pytest.mark.parametrize(
    ("spring", "autumn"), list(zip(CASES[::2], CASES[1::2], strict=True)), ids=lambda case: case.name
)
def test_who_wants_another_rule_for_fixed_times_gets_it(spring: Case, autumn: Case) -> None:
    skipped, repeated = spring.schedules[0][1], autumn.schedules[0][1]
    found = [
        table.clocks(table.jarvis(skipped, spring, dst_gap="run_after"), spring),
        table.clocks(table.jarvis(skipped, spring, dst_gap="skip"), spring),
        table.clocks(table.jarvis(repeated, autumn, dst_repeat="first"), autumn),
        table.clocks(table.jarvis(repeated, autumn, dst_repeat="second"), autumn),
        table.clocks(table.jarvis(repeated, autumn, dst_repeat="both"), autumn),
    ]
    assert found == CHOICES[spring.zone]


@each_day
def test_jarvis_and_debian_cron_as_measured_are_exact_on_every_day(case: Case) -> None:
    debian = table.measured()["debian cron"]["minutes"][case.name]
    for _, expr in case.schedules:
        wanted = asked_for(expr, case)
        assert table.instants(debian[expr], case) == wanted, expr
        assert table.jarvis(expr, case) == wanted, expr


def test_the_measurements_hold_every_peer_day_and_schedule() -> None:
    record = table.measured()
    assert set(record) == set(table.PEERS)
    for peer in record.values():
        tried = {name: set(schedules) for name, schedules in peer["minutes"].items()}
        assert tried == {case.name: {expr for _, expr in case.schedules} for case in CASES}


# ---------------------------------------------------------------- the judge is judged
AUTUMN = CASES[1]


@pytest.mark.parametrize(
    ("expr", "minutes", "word"),
    [
        ("30 1 * * *", [90], "exact"),
        ("30 1 * * *", [90, 150], "twice"),
        ("30 1 * * *", [150], "shifted"),
        ("30 1 * * *", [], "never"),
        (HOURLY, [60 * n for n in range(25)], "exact"),
        (HOURLY, [60 * n for n in range(25) if n != 2], "lost hour"),
        (HOURLY, [60 * n for n in range(25) if n != 3], "lost"),
        (HOURLY, [30, *(60 * n for n in range(25))], "extra"),
        (HOURLY, [60, *(60 * n for n in range(25))], "extra"),
        (HOURLY, [60 * n + 1 for n in range(25)], "shifted"),
        (HOURLY, "cannot tell", "gives up"),
    ],
)
def test_the_verdict_tells_right_from_wrong(expr: str, minutes: list[float] | str, word: str) -> None:
    assert table.verdict(expr, AUTUMN, table.instants(minutes, AUTUMN)) == word


def test_a_change_in_what_was_measured_changes_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    record = table.measured()
    record["huey"]["minutes"][AUTUMN.name]["30 1 * * *"] = [90]
    text = table.DOCUMENT.read_text(encoding="utf-8")
    monkeypatch.setattr(table, "measured", lambda: record)
    assert table.regenerated(text) != text
