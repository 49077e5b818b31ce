"""`jarvis task edit` and `jarvis task show --toml`: a stored task changes by its flags, and only as they say."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta

import pytest

from jarvis.memory import MemoryStore
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.model import Policy, TaskSpec
from jarvis.scheduler.schedule import Cron, Interval, Once
from tests.cli.conftest import Jarvis

HOUR = timedelta(hours=1)


@pytest.fixture
def report(jarvis: Jarvis, store: MemoryStore) -> MemoryStore:
    """The store with one task in it."""
    flags = ["--exclude", "sat", "--max-runs", "9", "--env", "A=1", "--grace", "5m"]
    assert jarvis("task", "add", "report", "--every", "1h", *flags, "--", "echo", "hi").code == 0
    return store


def test_only_what_is_given_changes(jarvis: Jarvis, report: MemoryStore) -> None:
    before = report.tasks.get("report")
    said = jarvis("task", "edit", "report", "--overlap", "queue", "--env", "B=2")
    assert said.code == 0, said.err
    assert "  overlap: not set -> queue" in said.out
    task = report.tasks.get("report")
    assert task.policy == Policy(grace=timedelta(minutes=5), overlap="queue")
    assert task.params == {"command": ["echo", "hi"], "env": {"A": "1", "B": "2"}}
    assert (task.id, task.schedule, task.next_run_at) == (before.id, before.schedule, before.next_run_at)


def test_a_flag_can_be_taken_back(jarvis: Jarvis, report: MemoryStore) -> None:
    unset = ["--unset", "exclude", "--unset", "--max-runs", "--unset", "env", "--unset", "grace"]
    said = jarvis("task", "edit", "report", *unset[:2], "--unset=--max-runs", *unset[4:])
    assert said.code == 0, said.err
    task = report.tasks.get("report")
    assert (task.schedule.exclude, task.schedule.max_runs) == ((), None)
    assert (task.params, task.policy) == ({"command": ["echo", "hi"]}, Policy())


def test_another_rule_takes_the_place_of_the_old_one_and_leaves_the_bounds(jarvis: Jarvis, report: MemoryStore) -> None:
    assert jarvis("task", "edit", "report", "--cron", "0 9 * * *", "--dst-gap", "skip").code == 0
    assert report.tasks.get("report").schedule == Cron("0 9 * * *", "UTC", "skip", max_runs=9, exclude=("sat",))
    assert jarvis("task", "edit", "report", "--cron", "0 8 * * *").code == 0
    assert report.tasks.get("report").schedule == Cron("0 8 * * *", "UTC", "skip", max_runs=9, exclude=("sat",))
    assert jarvis("task", "edit", "report", "--when", "every 2 hours").code == 0
    schedule = report.tasks.get("report").schedule
    assert isinstance(schedule, Interval)
    assert (schedule.every, schedule.max_runs) == (2 * HOUR, 9)


def test_another_thing_to_do_takes_the_place_of_the_old_one(jarvis: Jarvis, report: MemoryStore) -> None:
    assert jarvis("task", "edit", "report", "--handler", "noop", "--param", "x=1").code == 0
    assert (report.tasks.get("report").handler, report.tasks.get("report").params) == ("noop", {"x": 1})
    assert jarvis("task", "edit", "report", "--param", "y=2").code == 0
    assert report.tasks.get("report").params == {"x": 1, "y": 2}
    assert jarvis("task", "edit", "report", "--", "echo", "bye").code == 0
    assert report.tasks.get("report").params == {"command": ["echo", "bye"]}


def test_a_start_moves_where_an_interval_is_counted_from(jarvis: Jarvis, report: MemoryStore) -> None:
    assert jarvis("task", "edit", "report", "--starts-at", "2099-01-01T09:00Z").code == 0
    assert report.tasks.get("report").next_run_at == datetime(2099, 1, 1, 9, tzinfo=UTC)


def test_a_task_that_has_had_its_time_can_be_changed_without_another(jarvis: Jarvis, store: MemoryStore) -> None:
    at = SystemClock().now() - HOUR
    store.add_task(TaskSpec(name="x", schedule=Once(at), handler="noop"), at - HOUR)
    assert jarvis("task", "edit", "x", "--grace", "2h").code == 0
    assert jarvis("task", "edit", "x", "--at", at.isoformat()).code == 0  # within the grace it has now
    assert jarvis("task", "edit", "x", "--unset", "grace", "--at", at.isoformat()).code == 2


def test_a_task_that_follows_the_zone_stays_where_it_is(
    jarvis: Jarvis, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    jarvis("task", "add", "x", "--cron", "0 9 * * *", "--handler", "noop")
    monkeypatch.setenv("JARVIS_TIMEZONE", "Asia/Tokyo")
    jarvis("task", "edit", "x", "--grace", "2h")
    assert (store.tasks.get("x").schedule.tz, store.tasks.get("x").follows_zone) == ("UTC", True)
    jarvis("task", "edit", "x", "--tz", "America/Denver")
    assert (store.tasks.get("x").schedule.tz, store.tasks.get("x").follows_zone) == ("America/Denver", False)
    jarvis("task", "edit", "x", "--unset", "tz")
    assert (store.tasks.get("x").schedule.tz, store.tasks.get("x").follows_zone) == ("Asia/Tokyo", True)


def test_a_paused_task_is_changed_and_stays_paused(jarvis: Jarvis, report: MemoryStore) -> None:
    jarvis("task", "pause", "report")
    assert "next: not while it is paused" in jarvis("task", "edit", "report", "--every", "2h").out
    assert jarvis("task", "edit", "report", "--every", "3h", "--json").json["enabled"] is False


def test_what_is_so_already_is_said_to_be(jarvis: Jarvis, report: MemoryStore) -> None:
    before = report.tasks.get("report")
    assert jarvis("task", "edit", "report", "--every", "1h", "--grace", "5m").out.startswith("report is as it was: ")
    assert report.tasks.get("report") == before


@pytest.mark.parametrize(
    ("flags", "hint"),
    [
        ([], "say what is to change"),
        (["--unset", "graze"], "no flag 'graze' to unset. Did you mean grace?"),
        (["--unset", "every"], "exactly one of"),
        (["--every", "nan"], "--every: "),
        (["--every", "1h", "--cron", "* * * * *"], "got --cron and --every"),
        (["--ends-at", "2020-01-01"], "--ends-at: "),
        (["--tz", "America/Denvr"], "Did you mean America/Denver?"),
        (["--jitter", "2h"], "--jitter: "),
        (["--dst-gap", "skip"], "goes only with a cron expression"),
        (["--handler", "nop"], "Did you mean noop?"),
        (["--"], "no command after --"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_changes(
    flags: list[str], hint: str, jarvis: Jarvis, report: MemoryStore
) -> None:
    before = report.tasks.get("report")
    said = jarvis("task", "edit", "report", *flags)
    assert (said.code, said.out) == (2, "")
    assert hint in said.err
    assert report.tasks.get("report") == before


def test_there_is_no_task_of_that_name(jarvis: Jarvis, report: MemoryStore) -> None:
    said = jarvis("task", "edit", "reprot", "--every", "2h")
    assert said.code == 1
    assert "Did you mean report?" in said.err


def test_a_task_is_shown_as_the_table_that_states_it(jarvis: Jarvis, report: MemoryStore) -> None:
    table = tomllib.loads(jarvis("task", "show", "report", "--toml").out)["tasks"]["report"]
    assert datetime.fromisoformat(table.pop("anchor")) <= SystemClock().now()
    assert table == {
        "every": "1h",
        "max_runs": 9,
        "exclude": ["sat"],
        "command": ["echo", "hi"],
        "env": {"A": "1"},
        "grace": "5m",
    }
    assert jarvis("task", "show", "report", "--toml", "--json").code == 2
