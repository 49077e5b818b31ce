"""`jarvis apply`: what it says, what it does, and how it ends."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from jarvis.memory import MemoryStore
from tests.cli.conftest import Jarvis

ONE = '[tasks.one]\nevery = "1h"\nhandler = "noop"\n'
TWO = '[tasks."number two"]\ncron = "0 9 * * 1-5"\ncommand = ["echo", "hi"]\ntimeout = "5m"\n'


@pytest.fixture
def file(home: Path) -> Path:
    return home / "jarvis.toml"


def names(jarvis: Jarvis) -> list[str]:
    return [task["name"] for task in jarvis("task", "list", "--json").json]


def test_a_dry_run_shows_the_plan_and_does_nothing(jarvis: Jarvis, file: Path) -> None:
    file.write_text('daemon_log_level = "DEBUG"\n' + ONE + TWO)
    said = jarvis("apply", "--dry-run")
    assert said.code == 0
    assert said.out.splitlines() == [
        "+ add one  every 1h",
        "+ add number two  cron 0 9 * * 1-5 (UTC)",
        "2 to add, 0 to change, 0 to remove, 0 unchanged; nothing was done (--dry-run)",
    ]
    assert said.err == ""
    assert names(jarvis) == []


def test_what_is_applied_is_told_and_the_second_time_there_is_nothing_to_do(jarvis: Jarvis, file: Path) -> None:
    file.write_text(ONE + TWO)
    said = jarvis("apply")
    assert said.out.splitlines()[-1] == "2 added, 0 changed, 0 removed, 0 unchanged"
    assert "no daemon is running" in said.err
    assert names(jarvis) == ["number two", "one"]
    assert jarvis("apply").out == f"nothing to do: 2 tasks are as {file} says\n"
    file.write_text(TWO.replace("5m", "10m").replace("hi", "x" * 90))
    assert jarvis("apply").out.splitlines() == [
        f'~ change number two: command ["echo", "hi"] -> ["echo", "{"x" * 47}...; timeout 5m -> 10m',
        "- remove one",
        "0 added, 1 changed, 1 removed, 0 unchanged",
    ]
    assert jarvis("apply").out == f"nothing to do: 1 task is as {file} says\n"


def test_as_json_every_part_is_a_list(jarvis: Jarvis, file: Path) -> None:
    file.write_text(ONE + TWO)
    assert jarvis("apply", "--json", "--dry-run").json == {
        "file": str(file),
        "dry_run": True,
        "add": [
            {"name": "one", "schedule": "every 1h"},
            {"name": "number two", "schedule": "cron 0 9 * * 1-5 (UTC)"},
        ],
        "change": [],
        "remove": [],
        "unchanged": 0,
    }
    jarvis("apply")
    file.write_text(ONE.replace('"1h"', '"2h"\nends_at = 2036-01-01T00:00:00Z'))
    said = jarvis("apply", "--json").json
    assert said["change"] == [
        {
            "name": "one",
            "taken_from": None,
            "keys": {
                "every": {"old": "1h", "new": "2h"},
                "ends_at": {"old": None, "new": "2036-01-01T00:00:00+00:00"},
            },
        }
    ]
    assert said["remove"] == [{"name": "number two"}]


def test_a_task_added_by_hand_is_taken_over_and_that_is_said(jarvis: Jarvis, file: Path) -> None:
    jarvis("task", "add", "one", "--every", "1h", "--handler", "noop")
    file.write_text(ONE)
    assert jarvis("apply").out.startswith(f"~ change one: was added by hand; now from {file}\n")
    assert jarvis("task", "list", "--json").json[0]["source"] == str(file)
    assert str(file) in jarvis("task", "show", "one").out
    assert jarvis("task", "show", "one", "--json").json["source"] == str(file)


def test_another_file_has_tasks_of_its_own_and_takes_none(jarvis: Jarvis, file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(ONE + TWO)
    assert jarvis("apply", other).code == 0
    file.write_text(ONE)
    said = jarvis("apply")
    assert (said.code, said.out) == (2, "")
    assert f"{file}, line 1: [tasks.one]: a task of that name comes from {other}" in said.err
    file.write_text("")
    assert jarvis("apply").code == 0
    assert names(jarvis) == ["number two", "one"]
    other.rename(tmp_path / "moved.toml")
    said = jarvis("apply", tmp_path / "moved.toml")
    assert f"~ change one: came from {other}, which is gone; now from {tmp_path / 'moved.toml'}" in said.out


def test_every_problem_is_told_with_its_file_line_table_and_key(jarvis: Jarvis, file: Path) -> None:
    file.write_text(
        ONE + '[tasks.bad]\ncron = "0 25 * * *"\ncommand = []\n[tasks."a b"]\nevry = "5m"\nhandler = "nop"\n'
    )
    said = jarvis("apply")
    assert (said.code, said.out) == (2, "")
    told = [line.removeprefix(f"jarvis: error: {file}, line ") for line in said.err.splitlines()]
    heads = ["5: [tasks.bad] cron: ", "6: [tasks.bad] command: ", '7: [tasks."a b"]: ', '8: [tasks."a b"] evry: ']
    heads += ['9: [tasks."a b"] handler: ']
    assert [line[: len(head)] for line, head in zip(told, heads, strict=True)] == heads
    assert "Did you mean every?" in told[3]
    assert names(jarvis) == []


def test_a_bad_setting_is_the_configurations_and_a_file_that_is_none_a_slip(jarvis: Jarvis, file: Path) -> None:
    said = jarvis("apply")
    assert said.code == 2
    assert f"there is no {file}" in said.err
    assert jarvis("apply", file.parent).code == 2
    file.write_text("jarvis_max_workers = 0\n" + ONE)
    assert jarvis("apply").code == 78
    file.write_text("[tasks.x")
    assert jarvis("apply").code == 78


def test_on_a_terminal_a_long_plan_is_cut(jarvis: Jarvis, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("".join(ONE.replace("one", f"t{number}") for number in range(100)))
    assert len(jarvis("apply", "--dry-run").out.splitlines()) == 101
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    lines = jarvis("apply", "--dry-run").out.splitlines()
    assert len(lines) == 62
    assert lines[-2].startswith("... and 40 more")


def test_what_a_file_states_is_not_changed_by_hand_but_may_be_paused(jarvis: Jarvis, file: Path) -> None:
    file.write_text(TWO)
    jarvis("apply")
    for words in (["remove", "number two"], ["edit", "number two", "--grace", "5m"]):
        said = jarvis("task", *words)
        assert (said.code, said.out) == (2, "")
        assert f'edit [tasks."number two"] there, then `jarvis apply {file}`' in said.err
    assert jarvis("task", "pause", "number two").code == 0
    assert jarvis("apply").out.startswith("nothing to do")
    assert jarvis("task", "list", "--json").json[0]["enabled"] is False
    file.unlink()
    assert jarvis("task", "remove", "number two").code == 0


def test_a_task_that_cannot_be_read_begins_anew(jarvis: Jarvis, file: Path, store: MemoryStore) -> None:
    file.write_text(ONE)
    jarvis("apply")
    store.database.change("UPDATE tasks SET policy = '{torn'")
    assert jarvis("apply", "--json", "--dry-run").json["change"] == [{"name": "one", "taken_from": None, "keys": None}]
    assert "~ change one: what is stored of it cannot be read, so it begins anew" in jarvis("apply").out
    assert jarvis("task", "show", "one").code == 0
