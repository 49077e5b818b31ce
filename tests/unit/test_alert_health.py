"""The types of rules about tasks, deliveries and disks: when they hold, and what they say."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from jarvis.handlers import alert_health
from jarvis.handlers.alert_words import Now, ago
from jarvis.memory.health import TaskHealth, Unsent

MOMENT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
NOW = Now(MOMENT, UTC)
HOUR, DAY, TINY = timedelta(hours=1), timedelta(days=1), timedelta(microseconds=1)


def task(name: str = "backup", **changes: Any) -> TaskHealth:
    given: dict[str, Any] = {
        "name": name,
        "enabled": True,
        "pause_reason": "",
        "created_at": MOMENT - 30 * DAY,
        "failures": 0,
        "next_run_at": None,
        "last_state": None,
        "last_run_at": None,
        "last_reason": "",
        "last_success_at": None,
    }
    return TaskHealth(**given | changes)


class Health:
    """As the store tells it, of a few tasks and deliveries."""

    def __init__(self, *tasks: TaskHealth, unsent: Sequence[Unsent] = ()) -> None:
        self._tasks, self._unsent = tasks, unsent
        self.asked: tuple[datetime, datetime, str | None] | None = None

    def tasks(self, name: str | None = None, *, failures: int = 0) -> list[TaskHealth]:
        return [each for each in self._tasks if name in (None, each.name) and each.failures >= failures]

    def unsent(self, since: datetime, until: datetime, channel: str | None = None) -> Sequence[Unsent]:
        self.asked = (since, until, channel)
        return self._unsent


def stale(health: Health, within: str = "1d") -> str | None:
    found = alert_health.task_stale({"task": "backup", "within": within}, health, NOW)
    return found and found[0]


@pytest.mark.parametrize(("age", "holds"), [(DAY - TINY, False), (DAY, True), (-DAY, False)])
def test_a_task_is_stale_exactly_when_its_time_is_up(age: timedelta, holds: bool) -> None:
    assert (stale(Health(task(last_success_at=MOMENT - age))) is not None) is holds
    assert (stale(Health(task(created_at=MOMENT - age))) is not None) is holds


def test_a_stale_task_says_since_when_and_whether_it_is_paused() -> None:
    assert stale(Health(task(last_success_at=MOMENT - 51 * HOUR - timedelta(minutes=5)))) == (
        "The task backup succeeded last 2d3h ago (2026-11-20 06:55:00+00:00); 1d is allowed."
    )
    assert stale(Health(task(enabled=False, pause_reason="paused by the user"))) == (
        "The task backup has never succeeded; added 30d ago (2026-10-23 10:00:00+00:00); 1d is allowed. "
        "It is paused: paused by the user."
    )
    assert str(stale(Health(task(enabled=False)))).endswith(" It is paused.")


def test_a_task_that_is_gone_is_a_fault_of_its_rule() -> None:
    with pytest.raises(LookupError, match="no task is named 'backup' any more"):
        stale(Health())
    with pytest.raises(LookupError, match="no task is named 'backup' any more"):
        alert_health.task_failing({"task": "backup", "failures": 1}, Health(), NOW)


def failing(health: Health, name: str = "*", failures: int = 3) -> str | None:
    found = alert_health.task_failing({"task": name, "failures": failures}, health, NOW)
    return found and found[0]


def test_tasks_that_fail_again_and_again_are_named_with_the_last_reason() -> None:
    health = Health(task("a", failures=2), task("b", failures=3, last_reason="exit code 1"), task("c", failures=9))
    assert failing(health) == "2 tasks have failed 3 times or more in a row: b 3 times (exit code 1); c 9 times."
    assert failing(health, "b") == "1 task has failed 3 times or more in a row: b 3 times (exit code 1)."
    assert failing(health, "a") is None
    assert failing(health, failures=10) is None
    assert failing(Health(task("a", failures=1)), failures=1) == "1 task has failed: a 1 time."
    assert failing(Health()) is None


def stuck(health: Health, channel: str = "*") -> str | None:
    found = alert_health.delivery_stuck({"longer_than": "2h", "channel": channel}, health, NOW)
    return found and found[0]


def test_deliveries_that_have_not_arrived_are_counted() -> None:
    one = Health(unsent=[Unsent("me", "failed", 1, MOMENT - 3 * HOUR)])
    assert stuck(one) == (
        "1 delivery has not arrived for sure within 2h: 1 failed to me, the oldest made 3h ago "
        "(2026-11-22 07:00:00+00:00)."
    )
    assert one.asked == (MOMENT - 7 * DAY, MOMENT - 2 * HOUR, None)
    two = Health(unsent=[Unsent("me", "failed", 1, MOMENT - DAY), Unsent("log", "pending", 4, MOMENT - 3 * HOUR)])
    assert str(stuck(two, "me")).startswith("5 deliveries have not arrived for sure within 2h: 1 failed to me, ")
    assert "; 4 pending to log, " in str(stuck(two))
    assert two.asked == (MOMENT - 7 * DAY, MOMENT - 2 * HOUR, None)
    assert stuck(Health()) is None


def test_one_channel_is_asked_for_alone() -> None:
    health = Health()
    stuck(health, "me")
    assert health.asked is not None
    assert health.asked[2] == "me"


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def low(below: str, usage: Usage, monkeypatch: pytest.MonkeyPatch, path: str = "") -> str | None:
    looked: list[str] = []

    def disk_usage(at: str) -> Usage:
        looked.append(at)
        return usage

    monkeypatch.setattr(shutil, "disk_usage", disk_usage)
    found = alert_health.disk_low({"below": below, "path": path}, "/store")
    assert looked == [path or "/store"]
    return found and found[0]


@pytest.mark.parametrize(("free", "holds"), [(1 << 30, False), ((1 << 30) - 1, True), (0, True)])
def test_a_disk_is_low_below_a_size(free: int, holds: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (low("1GiB", Usage(10 << 30, 0, free), monkeypatch) is not None) is holds


@pytest.mark.parametrize(("free", "holds"), [(100, False), (99, True)])
def test_a_disk_is_low_below_a_part(free: int, holds: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (low("10%", Usage(1000, 0, free), monkeypatch, "/home") is not None) is holds


def test_a_low_disk_is_told_with_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    assert low("1GiB", Usage(10 << 30, 0, 1 << 29), monkeypatch) == (
        "512 MiB (5.0%) of 10 GiB are free on the disk of /store; less than 1GiB is too little."
    )


def test_a_disk_that_does_not_answer_is_a_fault_and_is_not_asked_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    answers = threading.Event()

    def hangs(at: str) -> Usage:
        asked.append(at)
        answers.wait(30)
        return Usage(1000, 0, 1)

    monkeypatch.setattr(shutil, "disk_usage", hangs)
    monkeypatch.setattr(alert_health, "DISK_SECONDS", 0.01)
    condition = {"below": "10%", "path": "/net"}
    for _ in range(3):
        with pytest.raises(TimeoutError, match=r"the disk of /net did not answer within 0\.01 s"):
            alert_health.disk_low(condition, "")
    assert asked == ["/net"]
    answers.set()
    monkeypatch.setattr(alert_health, "DISK_SECONDS", 30.0)
    assert alert_health.disk_low(condition, "") is not None
    assert asked == ["/net"]
    assert alert_health.disk_low(condition, "") is not None
    assert asked == ["/net"] * 2


def test_a_real_disk_is_looked_at_and_one_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    assert alert_health.disk_low({"below": "1", "path": str(tmp_path)}, "") is None
    with pytest.raises(OSError, match="No such file"):
        alert_health.disk_low({"below": "1", "path": str(tmp_path / "gone")}, "")
    with pytest.raises(LookupError, match="the store is in memory and on no disk"):
        alert_health.disk_low({"below": "1", "path": ""}, "")


@pytest.mark.parametrize(
    ("past", "said"),
    [
        (timedelta(0), "0s"),
        (-HOUR, "0s"),
        (timedelta(seconds=59.9), "59s"),
        (timedelta(seconds=61), "1m"),
        (HOUR + timedelta(minutes=5, seconds=3), "1h5m"),
        (DAY + HOUR + timedelta(minutes=5), "1d1h"),
    ],
)
def test_how_long_ago_is_told_in_two_units(past: timedelta, said: str) -> None:
    assert ago(MOMENT - past, NOW).startswith(f"{said} ago (2026-11-2")
