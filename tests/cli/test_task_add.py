"""`jarvis task add`: what is typed becomes exactly one stored task, or is refused and nothing is stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jarvis.cli.task_flags import spelled
from jarvis.memory import MemoryStore
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.model import Policy
from jarvis.scheduler.schedule import Cron, Interval, Once
from jarvis.tasks.spec import KEYS
from tests.cli.conftest import Jarvis

COMMAND = ["--", "true"]


def ahead(seconds: float) -> str:
    return (SystemClock().now() + timedelta(seconds=seconds)).isoformat()


def test_a_command_after_the_dashes_is_kept_word_for_word(jarvis: Jarvis, store: MemoryStore) -> None:
    words = ["sh", "-c", "echo hi", "--json", "--", "", "a b", "$HOME", "-x"]
    said = jarvis("task", "add", "hello", "--every", "2s", "--", *words)
    assert said.code == 0, said.err
    task = store.tasks.get("hello")
    assert (task.handler, task.params) == ("command", {"command": words})
    assert isinstance(task.schedule, Interval)
    assert task.schedule.every == timedelta(seconds=2)


def test_the_exact_schedule_is_echoed_with_its_next_three_instants(jarvis: Jarvis, store: MemoryStore) -> None:
    said = jarvis("task", "add", "x", "--cron", "0 9 * * 1-5", "--tz", "America/Denver", "--handler", "noop")
    lines = said.out.splitlines()
    assert lines[0] == "added x: cron 0 9 * * 1-5 (America/Denver): at 09:00, Monday to Friday, in America/Denver"
    assert len(lines) == 4
    task = store.tasks.get("x")
    assert task.next_run_at is not None
    assert lines[1].startswith("next: ")
    assert all(" 09:00:00-0" in line for line in lines[1:])


@pytest.mark.parametrize(
    ("flags", "every"),
    [
        (["--every", "90"], 90),
        (["--every", "1h30m"], 5400),
        (["--every", "500ms"], 0.5),
        (["--when", "every 5 minutes"], 300),
    ],
)
def test_an_interval_is_a_duration_or_words(flags: list[str], every: float, jarvis: Jarvis, store: MemoryStore) -> None:
    assert jarvis("task", "add", "x", *flags, "--handler", "noop").code == 0
    schedule = store.tasks.get("x").schedule
    assert isinstance(schedule, Interval)
    assert schedule.every == timedelta(seconds=every)


@pytest.mark.parametrize("flags", [["--every", "weekday at 9"], ["--when", "every weekday at 9"]])
def test_words_become_a_cron_expression(flags: list[str], jarvis: Jarvis, store: MemoryStore) -> None:
    said = jarvis("task", "add", "x", *flags, "--tz", "Asia/Tokyo", "--handler", "noop")
    schedule = store.tasks.get("x").schedule
    assert isinstance(schedule, Cron)
    assert (schedule.expr, schedule.tz) == ("0 9 * * 1-5", "Asia/Tokyo")
    assert "cron 0 9 * * 1-5 in Asia/Tokyo" in said.out


def test_the_zone_is_the_configured_one_unless_told(
    jarvis: Jarvis, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JARVIS_TIMEZONE", "Asia/Kolkata")
    jarvis("task", "add", "x", "--cron", "0 9 * * *", "--handler", "noop")
    assert store.tasks.get("x").schedule.tz == "Asia/Kolkata"
    assert [each[-6:] for each in jarvis("next", "x", "--json").json] == ["+05:30"] * 5


@pytest.mark.parametrize("text", ["in 20 minutes", "tomorrow 5pm"])
@pytest.mark.parametrize("flag", ["--at", "--when"])
def test_one_instant_can_be_told_in_words(flag: str, text: str, jarvis: Jarvis, store: MemoryStore) -> None:
    assert jarvis("task", "add", "x", flag, text, "--handler", "noop").code == 0
    assert isinstance(store.tasks.get("x").schedule, Once)


def test_an_instant_just_past_is_accepted_and_due_at_once(jarvis: Jarvis, store: MemoryStore) -> None:
    at = ahead(-5)
    said = jarvis("task", "add", "x", "--at", at, "--json", "--handler", "noop")
    assert said.code == 0, said.err
    assert [row["state"] for row in jarvis("tick", "--json").json] == ["succeeded"]


@pytest.mark.parametrize(
    ("late", "grace", "code"), [(90, [], 2), (90, ["--grace", "2m"], 0), (5, ["--grace", "1s"], 2)]
)
def test_an_instant_older_than_the_grace_is_refused(
    late: int, grace: list[str], code: int, jarvis: Jarvis, store: MemoryStore
) -> None:
    assert jarvis("task", "add", "x", "--at", ahead(-late), *grace, "--handler", "noop").code == code
    assert len(store.tasks.names()) == (code == 0)


def test_every_policy_flag_reaches_the_stored_task(jarvis: Jarvis, store: MemoryStore) -> None:
    flags = "--grace 5m --catch-up all --overlap queue --timeout 10s --on-interrupt fail --priority -7 --late-ok 1h"
    flags += " --retries 3 --retry-on 75,timed_out --retry-delay 1s --retry-max-delay 5m --pause-after 0"
    said = jarvis("task", "add", "x", "--every", "1h", *flags.split(), "--handler", "noop")
    assert said.code == 0, said.err
    assert store.tasks.get("x").policy == Policy(
        grace=timedelta(minutes=5),
        catch_up="all",
        overlap="queue",
        timeout=timedelta(seconds=10),
        on_interrupt="fail",
        priority=-7,
        late_ok=timedelta(hours=1),
        retries=3,
        retry_on=(75, "timed_out"),
        retry_delay=timedelta(seconds=1),
        retry_max_delay=timedelta(minutes=5),
        pause_after=0,
    )


def test_every_bound_reaches_the_stored_task(jarvis: Jarvis, store: MemoryStore) -> None:
    flags = "--tz America/Denver --starts-at 2099-01-01 --ends-at 2099-12-31T00:00Z --max-runs 7 --jitter 5m"
    excluded = ["--exclude", "sat", "--exclude", "sun,2099-12-25"]
    said = jarvis("task", "add", "x", "--every", "1h", *flags.split(), *excluded, "--after-completion", *COMMAND)
    assert said.code == 0, said.err
    starts_at = datetime(2099, 1, 1, 7, tzinfo=UTC)
    assert store.tasks.get("x").schedule == Interval(
        timedelta(hours=1),
        starts_at,
        "America/Denver",
        after_completion=True,
        starts_at=starts_at,
        ends_at=datetime(2099, 12, 31, tzinfo=UTC),
        max_runs=7,
        jitter=timedelta(minutes=5),
        exclude=("sat", "sun", "2099-12-25"),
    )


def test_a_cron_task_says_what_becomes_of_times_the_clock_skips_and_repeats(jarvis: Jarvis, store: MemoryStore) -> None:
    said = jarvis("task", "add", "x", "--cron", "@daily", "--dst-gap", "skip", "--dst-repeat", "both", *COMMAND)
    assert said.code == 0, said.err
    assert store.tasks.get("x").schedule == Cron("@daily", "UTC", "skip", "both")


def test_a_recurrence_begins_now_or_where_it_is_told(jarvis: Jarvis, store: MemoryStore) -> None:
    said = jarvis("task", "add", "x", "--rrule", "FREQ=DAILY", "--dtstart", "2099-01-01T09:00Z", *COMMAND)
    assert said.code == 0, said.err
    assert store.tasks.get("x").next_run_at == datetime(2099, 1, 1, 9, tzinfo=UTC)
    assert "beginning now" in jarvis("task", "add", "y", "--rrule", "FREQ=DAILY", *COMMAND).out


def test_without_a_zone_a_task_follows_that_of_the_system(jarvis: Jarvis, store: MemoryStore) -> None:
    jarvis("task", "add", "follows", "--every", "1h", *COMMAND)
    jarvis("task", "add", "stays", "--every", "1h", "--tz", "UTC", *COMMAND)
    assert [store.tasks.get(name).follows_zone for name in ("follows", "stays")] == [True, False]


def test_all_that_is_wrong_is_told_at_once(jarvis: Jarvis) -> None:
    said = jarvis("task", "add", "x", "--every", "soon", "--grace", "late", "--overlap", "skp", "--handler", "noop")
    assert [flag in said.err for flag in ("--every: ", "--grace: ", "--overlap: ")] == [True] * 3


def test_every_key_of_a_table_has_a_flag(jarvis: Jarvis) -> None:
    shown = jarvis("task", "add", "--help").out
    assert [key for key in KEYS if key != "command" and f"{spelled(key)} " not in shown] == []


def test_parameters_are_json_or_text(jarvis: Jarvis, store: MemoryStore) -> None:
    texts = ["n=1", "list=[1, 2]", "text=[1, 2", "empty=", "eq=a=b", "null=null"]
    params = [word for text in texts for word in ("--param", text)]
    assert jarvis("task", "add", "x", "--every", "1h", "--handler", "noop", *params).code == 0
    expected = {"n": 1, "list": [1, 2], "text": "[1, 2", "empty": "", "eq": "a=b", "null": None}
    assert store.tasks.get("x").params == expected


def test_a_command_has_a_folder_variables_and_an_input(
    jarvis: Jarvis, store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    flags = ["--cwd", "sub", "--env", "A=1", "--env", "B=x=y", "--stdin", ""]
    assert jarvis("task", "add", "x", "--every", "1h", *flags, "--", "true").code == 0
    expected: dict[str, Any] = {
        "command": ["true"],
        "cwd": f"{tmp_path}/sub",
        "env": {"A": "1", "B": "x=y"},
        "stdin": "",
    }
    assert store.tasks.get("x").params == expected


@pytest.mark.parametrize(
    ("flags", "hint"),
    [
        (["--cron", "61 * * * *", *COMMAND], "minute field '61'"),
        (["--cron", "0 0 30 2 *", *COMMAND], "--cron: "),
        (["--cron", "* * * * *", "--tz", "America/Denvr", *COMMAND], "Did you mean America/Denver?"),
        (["--cron", "* * * * *", "--tz", "../../etc/passwd", *COMMAND], "unknown time zone"),
        (["--every", "0", *COMMAND], "--every: "),
        (["--every", "5x", *COMMAND], "--every: "),
        (["--every=-5m", *COMMAND], "--every: "),
        (["--every", "nan", *COMMAND], "--every: "),
        (["--every", "1ms", *COMMAND], "100ms"),
        (["--at", "2026-01-01T09:00:00", *COMMAND], "offset"),
        (["--at", "2020-01-01T09:00:00Z", *COMMAND], "past"),
        (["--at", "banana", *COMMAND], "--at: "),
        (["--when", "sometimes", *COMMAND], "--when: "),
        (["--when", "", *COMMAND], "--when: "),
        (COMMAND, "exactly one of --cron, --every, --at, --when, --rrule, --on, --after: got none"),
        (["--every", "1h", "--cron", "* * * * *", *COMMAND], "got --cron and --every"),
        (["--every", "1h"], "say what to do"),
        (["--every", "1h", "--"], "no command after --"),
        (["--every", "1h", "--", ""], "must name the program"),
        (["--every", "1h", "--handler", "noop", *COMMAND], "two things to do"),
        (["--every", "1h", "--handler", "nop"], "Did you mean noop?"),
        (["--every", "1h", "--handler", "noop", "--cwd", "/"], "--cwd: only with a command"),
        (["--every", "1h", "--param", "x", "--handler", "noop"], "use NAME=VALUE"),
        (["--every", "1h", "--param", "colour=red", *COMMAND], "no param 'colour'"),
        (["--every", "1h", "--env", "=x", *COMMAND], "use NAME=VALUE"),
        (["--every", "1h", "--overlap", "skp", *COMMAND], "Did you mean skip?"),
        (["--every", "1h", "--catch-up", "everything", *COMMAND], "use one of skip, last, all"),
        (["--every", "1h", "--grace", "-1s", *COMMAND], "--grace"),
        (["--every", "1h", "--grace=soon", *COMMAND], "--grace: duration 'soon'"),
        (["--every", "1h", "--timeout", "0", *COMMAND], "--timeout: "),
        (["--every", "1h", "--timeout", "1e9", *COMMAND], "--timeout: "),
        (["--every", "1h", "--priority", "1.5", *COMMAND], "use a whole number"),
        (["--every", "1h", "--priority", "99999999", *COMMAND], "from -1000000 to 1000000"),
        (["--every", "1h", "--max-runs", "0", *COMMAND], "--max-runs: got '0', use a whole number from 1"),
        (["--every", "1h", "--starts-at", "2026-12-01T09:00", *COMMAND], 'say "2026-12-01T09:00:00+00:00"'),
        (["--every", "1h", "--ends-at", "2020-01-01", *COMMAND], "--ends-at: nothing of this schedule comes after"),
        (["--every", "1h", "--starts-at", "2099-01-02", "--ends-at", "2099-01-01", *COMMAND], "not after starts_at"),
        (["--cron", "0 9 * * sat", "--exclude", "sat", *COMMAND], "--exclude: nothing of this schedule comes after"),
        (["--every", "1h", "--exclude", "someday", *COMMAND], "--exclude: cannot exclude 'someday'"),
        (["--every", "1h", "--exclude", "/dev/null", *COMMAND], "--exclude: /dev/null is not a file"),
        (["--every", "1h", "--exclude", __file__, *COMMAND], "is not an .ics calendar"),
        (["--every", "1h", "--jitter", "1h", *COMMAND], "--jitter: a jitter of 1h is not shorter"),
        (["--every", "1h", "--dst-gap", "skip", *COMMAND], "--dst-gap: goes only with a cron expression"),
        (["--cron", "* * * * *", "--after-completion", *COMMAND], "--after-completion: goes only with an interval"),
        (["--rrule", "FREQ=NEVER", *COMMAND], "--rrule: rrule 'FREQ=NEVER'"),
        (["--every", "1h", "--retries", "-3", *COMMAND], "--retries"),
        (["--every", "1h", "--retry-on", "75,never", *COMMAND], "use a whole number from -255 to 255, or timed_out"),
        (["--every", "1h", "--deliver=slack", *COMMAND], "no channel is named 'slack'"),
        (["--every", "1h", "more", *COMMAND], "'more' is one argument too many"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_stored(
    flags: list[str], hint: str, jarvis: Jarvis, store: MemoryStore
) -> None:
    said = jarvis("task", "add", "x", *flags)
    assert (said.code, said.out) == (2, "")
    assert hint in said.err
    assert "Traceback" not in said.err
    assert store.tasks.names() == []


@pytest.mark.parametrize("name", ["", " x", "x ", "a\nb", "\x1b[2J", "x" * 121, "nul\0", "\ud800"])
def test_a_name_that_cannot_be_shown_is_refused(name: str, jarvis: Jarvis, store: MemoryStore) -> None:
    said = jarvis("task", "add", name, "--every", "1h", "--handler", "noop")
    assert said.code == 2
    assert "cannot be named" in said.err
    assert "\x1b" not in said.err
    assert store.tasks.names() == []


def test_a_name_that_is_taken_is_refused(jarvis: Jarvis, store: MemoryStore) -> None:
    assert jarvis("task", "add", "x", "--every", "1h", "--handler", "noop").code == 0
    said = jarvis("task", "add", "x", "--every", "2h", "--handler", "noop")
    assert said.code == 2
    assert "exists already" in said.err
    assert jarvis("task", "list", "--json").json[0]["schedule"] == "every 1h"


def test_a_task_without_a_daemon_is_stored_with_a_word_about_it(jarvis: Jarvis) -> None:
    said = jarvis("task", "add", "x", "--every", "1h", "--handler", "noop")
    assert said.code == 0
    assert "no daemon is running" in said.err


@pytest.mark.usefixtures("living")
def test_beside_a_living_daemon_there_is_nothing_to_say(jarvis: Jarvis) -> None:
    assert jarvis("task", "add", "x", "--every", "1h", "--handler", "noop").err == ""


def test_as_json_a_new_task_looks_as_in_the_list(jarvis: Jarvis) -> None:
    added = jarvis("task", "add", "x", "--every", "1h", "--handler", "noop", "--json").json
    assert len(added.pop("next")) == 3
    assert [added] == jarvis("task", "list", "--json").json
