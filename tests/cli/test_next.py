"""`jarvis next`: the instants of a task, or of an expression, as the schedule itself has them."""

from __future__ import annotations

from datetime import datetime

import pytest

from jarvis.memory import MemoryStore
from jarvis.scheduler.cron import CronExpression
from tests.cli.conftest import Jarvis


def test_an_expression_is_told_in_its_own_zone(jarvis: Jarvis) -> None:
    start = "2026-03-07T00:00:00-07:00"
    said = jarvis("next", "--cron", "30 2 * * *", "--tz", "America/Denver", "--from", start, "-n", "3", "--json")
    assert said.json == ["2026-03-07T02:30:00-07:00", "2026-03-08T03:00:00-06:00", "2026-03-09T02:30:00-06:00"]
    assert said.err == ""


def test_the_instants_are_after_the_start_and_not_at_it(jarvis: Jarvis) -> None:
    said = jarvis("next", "--cron", "0 9 * * *", "--from", "2026-03-02T09:00:00+00:00", "-n", "1", "--json")
    assert said.json == ["2026-03-03T09:00:00+00:00"]


def test_five_are_told_unless_asked_otherwise(jarvis: Jarvis) -> None:
    assert len(jarvis("next", "--cron", "@daily").out.splitlines()) == 5
    assert len(jarvis("next", "--cron", "@daily", "-n", "1000", "--json").json) == 1000


def test_a_task_is_told_in_the_zone_of_its_schedule(jarvis: Jarvis) -> None:
    jarvis("task", "add", "x", "--cron", "0 9 * * *", "--tz", "Asia/Tokyo", "--handler", "noop")
    said = jarvis("next", "x", "--from", "2026-03-02T00:00:00Z", "--json", "-n", "2")
    assert said.json == ["2026-03-03T09:00:00+09:00", "2026-03-04T09:00:00+09:00"]
    assert jarvis("next", "x", "--json").json[0] == jarvis("task", "show", "x", "--json").json["next"][0].replace(
        "T00:00:00+00:00", "T09:00:00+09:00"
    )


def test_a_paused_task_is_told_with_a_word_about_it(jarvis: Jarvis) -> None:
    jarvis("task", "add", "x", "--every", "1h", "--handler", "noop")
    jarvis("task", "pause", "x", "--reason", "holiday")
    said = jarvis("next", "x", "--json")
    assert len(said.json) == 5
    assert "paused" in said.err
    assert "holiday" in said.err


def test_a_schedule_that_ends_says_so(jarvis: Jarvis, store: MemoryStore) -> None:
    jarvis("task", "add", "x", "--at", "2100-01-01T00:00:00Z", "--handler", "noop")
    said = jarvis("next", "x")
    assert said.out == "2100-01-01 00:00:00+00:00\n"
    assert "there are no more" in said.err
    said = jarvis("next", "x", "--from", "2100-01-01T00:00:00Z")
    assert (said.code, said.out) == (0, "")
    assert "there are none" in said.err
    assert jarvis("next", "x", "--from", "2100-01-01T00:00:00Z", "--json").json == []


def test_the_end_of_the_calendar_is_an_end(jarvis: Jarvis) -> None:
    said = jarvis("next", "--cron", "@yearly", "--from", "9998-06-01T00:00:00Z", "--json")
    assert said.json == ["9999-01-01T00:00:00+00:00"]


@pytest.mark.parametrize("expr", ["*/7 1-5,22 * * mon-fri", "0 0 29 2 *", "0 12 L * *", "15 30 2 * * *"])
def test_they_are_what_the_expression_says(expr: str, jarvis: Jarvis) -> None:
    at = datetime.fromisoformat("2026-10-30T00:00:00+02:00")
    said = jarvis("next", "--cron", expr, "--tz", "Europe/Berlin", "--from", at.isoformat(), "-n", "9", "--json")
    for each in said.json:
        at = CronExpression(expr, "Europe/Berlin").next_after(at)
        assert each == at.isoformat()


@pytest.mark.parametrize(
    ("flags", "code", "hint"),
    [
        ([], 2, "say either"),
        (["x", "--cron", "@daily"], 2, "say either"),
        (["x", "--tz", "UTC"], 2, "--tz goes with --cron"),
        (["x"], 1, "no task is named 'x'"),
        (["--cron", "61 * * * *"], 2, "minute field '61'"),
        (["--cron", "0 0 31 2 *"], 2, "--cron: "),
        (["--cron", ""], 2, "--cron: "),
        (["--cron", "@daily", "--tz", "Mars/Olympus"], 2, "unknown time zone"),
        (["--cron", "@daily", "-n", "0"], 2, "from 1 to 1000"),
        (["--cron", "@daily", "-n", "1001"], 2, "from 1 to 1000"),
        (["--cron", "@daily", "--from", "2026-03-02T09:00:00"], 2, "Did you mean 2026-03-02T09:00:00+00:00?"),
        (["--cron", "@daily", "--tz", "Asia/Tokyo", "--from", "2026-03-02"], 2, "2026-03-02T00:00:00+09:00?"),
        (["--cron", "@daily", "--from", "soon"], 2, "'soon' is no instant"),
    ],
)
def test_what_makes_no_sense_is_refused(flags: list[str], code: int, hint: str, jarvis: Jarvis) -> None:
    said = jarvis("next", *flags)
    assert (said.code, said.out) == (code, "")
    assert hint in said.err
