"""`jarvis simulate`: nothing is run or stored, and what is shown is what the daemon would have written."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Jarvis

SPAN = ("--from", "2026-03-07", "--to", "2026-03-10")


@pytest.fixture
def tasks(jarvis: Jarvis) -> None:
    jarvis("task", "add", "night", "--cron", "30 2 * * *", "--tz", "America/Denver", "--", "true")
    jarvis("task", "add", "hourly", "--every", "1h", "--", "touch", "never")


@pytest.mark.usefixtures("tasks")
def test_it_shows_what_would_happen_and_stores_nothing(jarvis: Jarvis) -> None:
    found = jarvis("simulate", *SPAN, "--json").json
    assert {run["task"]: 0 for run in found} == {"night": 0, "hourly": 0}
    assert sum(run["task"] == "hourly" for run in found) == 72
    assert sum(run["task"] == "night" for run in found) == 3
    assert {run["state"] for run in found} == {"succeeded"}
    assert jarvis("runs", "list", "--json").json == []


@pytest.mark.usefixtures("tasks")
def test_nights_asleep_are_in_it_with_the_reason(jarvis: Jarvis) -> None:
    out = jarvis("simulate", *SPAN, "--sleep", "23:30-06:30", "--task", "hourly").out
    assert "missed" in out
    assert "asleep" in out or "slept" in out


@pytest.mark.usefixtures("tasks")
def test_one_task_can_be_asked_for(jarvis: Jarvis) -> None:
    found = jarvis("simulate", *SPAN, "--task", "night", "--json").json
    assert [run["due_at"] for run in found] == [
        "2026-03-07T09:30:00+00:00",
        "2026-03-08T09:00:00+00:00",  # 02:30 does not exist on that day: right after the gap
        "2026-03-09T08:30:00+00:00",
    ]


@pytest.mark.usefixtures("tasks")
def test_a_kill_a_clock_step_and_a_journey_can_be_played(jarvis: Jarvis) -> None:
    flags = (
        *("--kill-at", "2026-03-07T09:30:10Z", "--takes", "1m"),
        *("--clock-at", "2026-03-08T12:30:00Z=2026-03-08T14:30:00Z"),
        *("--zone-at", "2026-03-09T00:00:00Z=Asia/Tokyo"),
    )
    found = jarvis("simulate", *SPAN, *flags, "--json").json
    assert any("cut off" in run["reason"] for run in found)
    assert sum(run["count"] for run in found if run["task"] == "hourly") == 72


@pytest.mark.usefixtures("tasks")
@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--from", "2026-03-10", "--to", "2026-03-07"), "is not after"),
        (("--from", "soon", "--to", "2026-03-07"), "--from"),
        ((*SPAN, "--sleep", "25:00-06:00"), "no time of day"),
        ((*SPAN, "--sleep", "2026-03-08T06:00:00Z..2026-03-08T05:00:00Z"), "ends before it begins"),
        ((*SPAN, "--zone-at", "2026-03-09T00:00:00Z=America/Denvr"), "America/Denver"),
        ((*SPAN, "--kill-at", "2026-03-08T06:00:00"), "--kill-at"),
        ((*SPAN, "--task", "nihgt"), "night"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_does(jarvis: Jarvis, flags: tuple[str, ...], said: str) -> None:
    outcome = jarvis("simulate", *flags)
    assert outcome.code in (1, 2)
    assert said in outcome.err
