"""A task's table becomes one task, or is refused with every problem and its key; and a task becomes its table."""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from jarvis.app import check_handler
from jarvis.errors import UsageError
from jarvis.scheduler.model import Deliver, Policy, TaskSpec
from jarvis.scheduler.schedule import Cron, Interval, Once, Rrule
from jarvis.tasks.spec import KEYS, Reading, SpecError, read_spec, to_table, to_toml

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DENVER = ZoneInfo("America/Denver")


def check_channel(name: str) -> None:
    if name not in ("me", "log"):
        raise UsageError(f"no channel is named {name!r}")


TYPED = Reading(now=NOW, tz="America/Denver", check_handler=check_handler, check_channel=check_channel)
KEPT = msgspec.structs.replace(TYPED, exact=True, origin="file")
NOOP = {"handler": "noop"}
HOURLY = {"every": "1h"}


def spec_of(table: dict[str, Any], reading: Reading = KEPT) -> TaskSpec:
    return read_spec("t", table, reading)[0]


def problems_of(table: dict[str, Any], reading: Reading = KEPT) -> dict[str, str]:
    with pytest.raises(SpecError) as caught:
        read_spec("t", table, reading)
    return dict(caught.value.problems)


# -- what can be said -------------------------------------------------------------------------------------
def test_a_table_says_when_what_and_how() -> None:
    text = """
    cron = "0 9 * * 1-5"
    tz = "Europe/Berlin"
    exclude = ["sat", 2026-12-25]
    starts-at = 2026-12-01
    ends_at = 2026-12-31T12:00:00+01:00
    max_runs = 3
    jitter = "5m"
    dst_gap = "skip"
    dst_repeat = "both"
    command = ["echo", "hi"]
    env = { A = "1" }
    grace = 90
    catch_up = "all"
    """
    assert spec_of(tomllib.loads(text)) == TaskSpec(
        name="t",
        schedule=Cron(
            "0 9 * * 1-5",
            "Europe/Berlin",
            "skip",
            "both",
            exclude=("sat", "2026-12-25"),
            starts_at=datetime(2026, 11, 30, 23, tzinfo=UTC),
            ends_at=datetime(2026, 12, 31, 11, tzinfo=UTC),
            max_runs=3,
            jitter=timedelta(minutes=5),
        ),
        handler="command",
        params={"command": ["echo", "hi"], "env": {"A": "1"}},
        policy=Policy(grace=timedelta(seconds=90), catch_up="all"),
        origin="file",
    )


def test_a_task_that_names_no_zone_follows_the_one_it_is_read_in() -> None:
    spec = spec_of({"cron": "0 9 * * *"} | NOOP)
    assert (spec.schedule.tz, spec.follows_zone) == ("America/Denver", True)
    assert not spec_of({"cron": "0 9 * * *", "tz": "America/Denver"} | NOOP).follows_zone


def test_a_day_is_meant_from_its_first_instant_to_its_last() -> None:
    schedule = spec_of(HOURLY | NOOP | {"starts_at": "2026-12-01", "ends_at": date(2026, 12, 1)}).schedule
    assert schedule.starts_at == datetime(2026, 12, 1, tzinfo=DENVER)
    assert schedule.ends_at == datetime(2026, 12, 2, tzinfo=DENVER).astimezone(UTC) - timedelta(microseconds=1)


@pytest.mark.parametrize(("rule", "field"), [({"every": "7h"}, "anchor"), ({"rrule": "FREQ=DAILY"}, "dtstart")])
def test_what_starts_at_a_moment_is_counted_from_it(rule: dict[str, str], field: str) -> None:
    table = rule | NOOP | {"starts_at": "2026-12-01T09:00:00-07:00"}
    assert getattr(spec_of(table).schedule, field) == datetime(2026, 12, 1, 16, tzinfo=UTC)
    other = "2026-11-01T00:00:00-07:00"
    assert getattr(spec_of(table | {field: other}).schedule, field) == datetime(2026, 11, 1, 7, tzinfo=UTC)


@pytest.mark.parametrize("value", [7200, 7200.0, "2h", "120 minutes"])
def test_a_duration_is_a_number_of_seconds_or_has_units(value: object) -> None:
    assert spec_of({"every": value} | NOOP).schedule == Interval(timedelta(hours=2), tz="America/Denver")


def test_words_that_repeat_mean_the_same_in_a_file() -> None:
    for table in ({"every": "weekday at 9"}, {"when": "every weekday at 9"}):
        assert spec_of(table | NOOP).schedule == Cron("0 9 * * 1-5", "America/Denver")


def test_words_for_one_instant_are_for_the_command_line() -> None:
    assert isinstance(spec_of({"at": "tomorrow 5pm"} | NOOP, TYPED).schedule, Once)
    assert "ISO 8601" in problems_of({"at": "tomorrow 5pm"} | NOOP)["at"]
    assert "write at = '2026-11-25T17:00:00-07:00'" in problems_of({"when": "tomorrow 5pm"} | NOOP)["when"]
    assert "starts_at" in problems_of(HOURLY | NOOP | {"starts_at": "tomorrow 5pm"})


def test_what_is_kept_may_have_had_its_time_and_what_is_typed_may_not() -> None:
    for table, key in (
        ({"at": "2020-01-01T00:00:00Z"} | NOOP, "at"),
        ({"ends_at": "2020-01-01T00:00:00Z"} | HOURLY | NOOP, "ends_at"),
        ({"rrule": "FREQ=DAILY;UNTIL=20200101T000000Z"} | NOOP, "rrule"),
    ):
        assert spec_of(table).name == "t"
        assert key in problems_of(table, TYPED)


def test_what_is_said_back_is_the_exact_schedule() -> None:
    _, said = read_spec("t", {"every": "weekday at 9", "exclude": "2026-12-25"} | NOOP, TYPED)
    assert said == ["cron 0 9 * * 1-5 in America/Denver (at 09:00, Monday to Friday), not on 2026-12-25"]
    assert read_spec("t", HOURLY | NOOP, TYPED)[1] == ["every 1h, counted from now"]


def test_relative_paths_start_from_the_folder_of_the_table(tmp_path: Path) -> None:
    (tmp_path / "days.ics").write_text(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20260101T000000Z\r\n"
        "DTSTART;VALUE=DATE:20261225\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        encoding="utf-8",
    )
    reading = msgspec.structs.replace(KEPT, folder=tmp_path)
    table = HOURLY | {"exclude": ["sat", "days.ics"], "command": ["true"], "cwd": "sub"}
    spec, said = read_spec("t", table, reading)
    assert spec.schedule.exclude == ("sat", "2026-12-25")
    assert spec.params["cwd"] == f"{tmp_path}/sub"
    assert "days.ics" in said[1]
    assert spec_of(table | {"exclude": "sat", "cwd": "~/sub"}, reading).params["cwd"] == "~/sub"


def test_params_are_as_the_store_keeps_them() -> None:
    assert spec_of(HOURLY | NOOP | {"params": {"d": date(2026, 1, 2), "n": [1, 2.5]}}).params == {
        "d": "2026-01-02",
        "n": [1, 2.5],
    }


def test_every_field_of_a_policy_is_a_key() -> None:
    assert set(Policy.__struct_fields__) <= set(KEYS)


# -- what is refused --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("table", "key", "hint"),
    [
        (NOOP, "", "exactly one of cron, every, at, when, rrule, on, after: got none"),
        (NOOP | {"every": "1h", "cron": "* * * * *"}, "", "got cron and every"),
        (HOURLY, "", "say what to do"),
        (NOOP | HOURLY | {"overlpa": "skip"}, "overlpa", "Did you mean overlap?"),
        (NOOP | HOURLY | {"starts-at": "2027-01-01", "starts_at": "2027-01-01"}, "starts_at", "given twice"),
        (NOOP | {"on": "github"}, "on", "did you mean 'github/*'"),
        (NOOP | HOURLY | {"deliver": "slack"}, "deliver", "no channel is named 'slack'"),
        (NOOP | HOURLY | {"deliver": ["me", "me:failed"]}, "deliver", "Did you mean failure?"),
        (NOOP | HOURLY | {"deliver": 3}, "deliver", "got 3, use a text"),
        (NOOP | HOURLY | {"deliver": {"channel": "me", "when": "failure"}}, "deliver", "no key 'when'"),
        (NOOP | HOURLY | {"deliver": {"on": "failure"}}, "deliver", "use a text"),
        (NOOP | HOURLY | {"deliver": {"channel": "me", "on": "never"}}, "deliver", "use one of always, failure"),
        (NOOP | {"every": 0}, "every", "too short"),
        (NOOP | {"every": "0s"}, "every", "too short: the shortest is 100ms"),
        (NOOP | {"every": "99ms"}, "every", "too short"),
        (NOOP | {"every": -5}, "every", "is negative"),
        (NOOP | {"every": float("nan")}, "every", "is not a number"),
        (NOOP | {"every": float("inf")}, "every", "is not a number"),
        (NOOP | {"every": True}, "every", "is a bool"),
        (NOOP | {"every": [1]}, "every", "is a list"),
        (NOOP | {"cron": "61 * * * *"}, "cron", "minute field '61'"),
        (NOOP | {"cron": 5}, "cron", "use a text"),
        (NOOP | {"cron": "0 0 30 2 *"}, "cron", "never"),
        (NOOP | {"rrule": "FREQ=SOMETIMES"}, "rrule", "FREQ=SOMETIMES is not one of"),
        (NOOP | {"rrule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}, "rrule", "never happens"),
        (NOOP | HOURLY | {"tz": "America/Denvr"}, "tz", "Did you mean America/Denver?"),
        (NOOP | HOURLY | {"tz": 7}, "tz", "unknown time zone"),
        (NOOP | {"at": datetime(2026, 12, 24, 18)}, "at", "Did you mean 2026-12-24T18:00:00-07:00?"),  # noqa: DTZ001
        (NOOP | {"at": "2026-12-24T18:00:00"}, "at", "Did you mean 2026-12-24T18:00:00-07:00?"),
        (NOOP | {"at": date(2026, 12, 24)}, "at", "such as 2026-12-24T09:00:00-07:00"),
        (NOOP | {"at": 5}, "at", "use a text"),
        (NOOP | HOURLY | {"starts_at": "2026-12-01T00:00"}, "starts_at", "Did you mean 2026-12-01T00:00:00-07:00?"),
        (NOOP | HOURLY | {"starts_at": "2026-12-02", "ends_at": "2026-12-01"}, "ends_at", "is not after starts_at"),
        (NOOP | {"cron": "0 9 * * sat", "exclude": "sat"}, "exclude", "nothing of this schedule comes after"),
        (NOOP | HOURLY | {"exclude": "mon,tue,wed,thu,fri,sat,sun"}, "exclude", "all seven weekdays"),
        (NOOP | HOURLY | {"exclude": ["someday"]}, "exclude", "cannot exclude 'someday'"),
        (NOOP | HOURLY | {"exclude": 5}, "exclude", "use a list"),
        (NOOP | HOURLY | {"exclude": [5]}, "exclude", "use a text"),
        (NOOP | HOURLY | {"exclude": "missing.ics"}, "exclude", "cannot read the calendar"),
        (NOOP | HOURLY | {"exclude": __file__}, "exclude", "is not an .ics calendar"),
        (NOOP | HOURLY | {"max_runs": 0}, "max_runs", "whole number from 1"),
        (NOOP | HOURLY | {"max_runs": True}, "max_runs", "whole number from 1"),
        (NOOP | HOURLY | {"jitter": "1h"}, "jitter", "not shorter than the interval"),
        (NOOP | {"at": "2026-12-25T12:00:00Z", "exclude": ["2026-12-25"]}, "exclude", "leave nothing"),
        (NOOP | {"cron": "* * * * *", "anchor": "2026-12-01"}, "anchor", "goes only with an interval"),
        (NOOP | HOURLY | {"dst_gap": "skip"}, "dst_gap", "goes only with a cron expression"),
        (NOOP | {"cron": "* * * * *", "dst_gap": "skp"}, "dst_gap", "Did you mean skip?"),
        (NOOP | HOURLY | {"after_completion": "yes"}, "after_completion", "use true or false"),
        (NOOP | HOURLY | {"overlap": "skp"}, "overlap", "use one of skip, queue, allow, cancel_running. Did you mean"),
        (NOOP | HOURLY | {"overlap": ["skip"]}, "overlap", "use one of"),
        (NOOP | HOURLY | {"timeout": 0}, "timeout", "end every run at once"),
        (NOOP | HOURLY | {"priority": 1.5}, "priority", "whole number from -1000000"),
        (NOOP | HOURLY | {"memory_limit": "lots"}, "memory_limit", "is no amount of memory"),
        (NOOP | HOURLY | {"memory_limit": 1000}, "memory_limit", "use at least 64 MiB"),
        (NOOP | HOURLY | {"catch_up_max": 0}, "catch_up_max", "whole number from 1"),
        (NOOP | HOURLY | {"params": "x=1"}, "params", "use a table"),
        (NOOP | HOURLY | {"params": {"a": [float("nan")]}}, "params", "cannot be stored"),
        (NOOP | HOURLY | {"command": ["true"]}, "handler", "two things to do"),
        (NOOP | HOURLY | {"cwd": "/"}, "cwd", "only with a command"),
        (HOURLY | {"handler": "nop"}, "handler", "Did you mean noop?"),
        (HOURLY | {"command": "echo hi"}, "command", '["echo", "hi"]'),
        (HOURLY | {"command": []}, "command", "list of arguments"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused_by_its_key(table: dict[str, Any], key: str, hint: str) -> None:
    problems = problems_of(table)
    assert list(problems) == [key]
    assert hint in problems[key]


def test_all_problems_are_told_at_once() -> None:
    table = {"every": "soon", "grace": "late", "overlap": "skp", "colour": "red", "tz": "Mars", "handler": 5}
    assert set(problems_of(table)) == set(table)


def test_a_problem_is_told_in_the_words_of_who_reads_it() -> None:
    reading = msgspec.structs.replace(TYPED, spelled=lambda key: f"--{key.replace('_', '-')}")
    with pytest.raises(SpecError, match=r"--max-runs: got 'x'"):
        read_spec("t", HOURLY | NOOP | {"max_runs": "x"}, reading)


def test_a_name_that_cannot_be_shown_is_refused() -> None:
    with pytest.raises(SpecError, match="cannot be named"):
        read_spec(" t", HOURLY | NOOP, KEPT)


# -- and back ---------------------------------------------------------------------------------------------
def test_a_task_is_told_as_the_table_that_states_it() -> None:
    table = {"every": "2h", "starts_at": "2026-12-01", "command": ["sh", "-c", 'echo "hi"\n'], "timeout": 30}
    assert to_toml(spec_of(table)) == (
        "[tasks.t]\n"
        'every = "2h"\n'
        'starts_at = "2026-12-01T00:00:00-07:00"\n'
        'command = ["sh", "-c", "echo \\"hi\\"\\n"]\n'
        'timeout = "30s"\n'
    )


def test_what_toml_cannot_say_is_refused_by_name() -> None:
    spec = spec_of(HOURLY | NOOP | {"params": {"a": {"b": None}}})
    with pytest.raises(UsageError, match=r"params\.a\.b is null"):
        to_toml(spec)
    assert spec_of(to_table(spec)) == spec


def test_a_rrule_is_told_with_where_it_begins() -> None:
    schedule = Rrule("FREQ=DAILY", dtstart=NOW, tz="America/Denver")
    spec = TaskSpec(name="t", schedule=schedule, handler="noop", origin="file")
    assert to_table(spec)["dtstart"] == "2026-11-24T05:00:00-07:00"
    assert spec_of(to_table(spec)) == spec


@pytest.mark.parametrize(
    ("stated", "deliver"),
    [
        ("me", (Deliver("me"),)),
        (["me:failure", "log"], (Deliver("me", "failure"), Deliver("log"))),
        ({"channel": "me", "on": "recovery"}, (Deliver("me", "recovery"),)),
        ([{"channel": "me"}, "log:change"], (Deliver("me"), Deliver("log", "change"))),
        ([], ()),
    ],
)
def test_where_results_go_is_a_text_or_a_table_or_a_list_of_these(stated: object, deliver: tuple[Deliver, ...]) -> None:
    spec = spec_of(NOOP | HOURLY | {"deliver": stated})
    assert spec.deliver == deliver
    assert spec_of(to_table(spec)).deliver == deliver
