"""A file of tasks: what is wrong with it is told at once, each thing with its file, line, table and key."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.errors import FileError
from jarvis.settings.values import LARGEST_FILE
from jarvis.tasks.file import Problem, lines_of, read_file, source_of
from jarvis.tasks.toml import toml_key

TEXT = '''\
# a comment with [tasks.no] in it
jarvis_timezone = "UTC"

[tasks.plain]
every = "5m"   # [tasks.neither]
command = [
  "echo",
  ["not a head"],
]
[ tasks . "with a.dot" ]
params.url = """
[tasks.not_this]
every = 1
"""
'single' = 'x = "y'
[tasks]
inline = { every = "1h",
  command = ["a"] }
[[other]]
a = 1
'''


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "tasks.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def problems(path: Path, *, settings_too: bool = False) -> list[str]:
    with pytest.raises(FileError) as refused:
        read_file(path, settings_too=settings_too)
    assert refused.value.exit_code == 2
    return [problem.removeprefix(source_of(path)) for problem in refused.value.problems]


def test_every_table_and_key_is_found_on_its_line() -> None:
    found = lines_of(TEXT.replace('{ every = "1h",\n  command = ["a"] }', "[[\n1]]"))
    assert found == {
        ("jarvis_timezone",): 2,
        ("tasks", "plain"): 4,
        ("tasks", "plain", "every"): 5,
        ("tasks", "plain", "command"): 6,
        ("tasks", "with a.dot"): 10,
        ("tasks", "with a.dot", "params"): 11,
        ("tasks", "with a.dot", "params", "url"): 11,
        ("tasks", "with a.dot", "single"): 15,
        ("tasks",): 16,
        ("tasks", "inline"): 17,
        ("other",): 19,
        ("other", "a"): 20,
    }


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
VALUES = st.sampled_from(
    ['"x"', '"""\n[tasks.a]\n"""', "'''\nevery = 1\n'''", "[1,\n[2]]", "1", '"#"', "'\"'", '"\\""']
)


@given(st.dictionaries(NAMES, st.dictionaries(NAMES, VALUES, max_size=4), max_size=5), st.booleans())
def test_the_line_of_a_key_is_the_one_it_was_written_on(tables: dict[str, dict[str, str]], carriage: bool) -> None:
    lines: list[str] = []
    wanted: dict[tuple[str, ...], int] = {}
    for name, table in tables.items():
        wanted["tasks", name] = sum(line.count("\n") + 1 for line in lines) + 1
        lines.append(f"[tasks.{toml_key(name)}]")
        for key, value in table.items():
            wanted["tasks", name, key] = sum(line.count("\n") + 1 for line in lines) + 1
            lines.append(f"{toml_key(key)} = {value}  # it's [tasks.x]")
    text = ("\r\n" if carriage else "\n").join(lines)
    assert set(tomllib.loads(text).get("tasks", {})) == set(tables)
    assert lines_of(text) == wanted


def test_a_problem_is_told_with_its_place_and_one_without_a_place_without(tmp_path: Path) -> None:
    path = written(tmp_path, TEXT.partition("[tasks]")[0])
    file = read_file(path, settings_too=True)
    told = file.error(
        [
            Problem("m1", "with a.dot", "params"),
            Problem("m2", "plain"),
            Problem("m3", "plain", "grace"),
            Problem("m4"),
            Problem("m5", "nowhere", "x"),
        ]
    )
    assert [line.removeprefix(str(path)) for line in told.problems] == [
        ": m4",
        ": [tasks.nowhere] x: m5",
        ", line 4: [tasks.plain]: m2",
        ", line 4: [tasks.plain] grace: m3",
        ', line 11: [tasks."with a.dot"] params: m1',
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[tasks.x]\nevery = "2s\n', ", line 2, column 12: "),
        ('[tasks.x]\nevery = "2s', ", at its end: "),
        ("[tasks.x]\n[tasks.x]\n", ", line 2, column "),
        (b"a = 1\nb = '\xff'", ", line 2, column 6: not UTF-8 text"),
        ("a = " + "[" * 50_000, ", it is nested too deeply"),
    ],
)
def test_text_that_is_no_toml_is_told_with_its_place(text: str | bytes, said: str, tmp_path: Path) -> None:
    (told,) = problems(written(tmp_path, text))
    assert told.startswith(said)


def test_what_is_no_table_and_what_is_no_task_is_told_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, 'task = 1\n[tasks]\na = 3\n"b c" = "x"\n')
    first, second, third = problems(path)
    assert first.startswith(", line 1: task: only [tasks.NAME] tables are read here")
    assert "Did you mean tasks?" in first
    assert second.startswith(", line 3: [tasks.a]: got 3")
    assert third.startswith(', line 4: [tasks."b c"]: ')
    assert len(problems(path, settings_too=True)) == 2
    assert problems(written(tmp_path, "tasks = 5"))[0].startswith(", line 1: tasks: got int")


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    assert problems(tmp_path)[0].startswith(": it is not a file")
    assert "No such file" in problems(tmp_path / "none.toml")[0]
    assert "No such file" in problems(tmp_path / "none" / "none.toml")[0]
    os.mkfifo(tmp_path / "pipe")
    assert problems(tmp_path / "pipe")[0].startswith(": it is not a file")
    large = written(tmp_path, "")
    os.truncate(large, LARGEST_FILE + 1)
    assert "too many" in problems(large)[0]


def test_a_file_without_tables_has_none(tmp_path: Path) -> None:
    assert read_file(written(tmp_path, "")).tables == {}
    assert read_file(written(tmp_path, b"\xef\xbb\xbf[tasks.x]\na = 1")).tables == {"x": {"a": 1}}


def test_a_file_is_known_by_its_folder_without_links_and_its_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "now.toml").symlink_to(tmp_path / "generation-7.toml")
    monkeypatch.chdir(tmp_path / "real")
    wanted = str((tmp_path / "real").resolve() / "now.toml")
    assert {source_of(Path(p)) for p in ("now.toml", "../link/now.toml", tmp_path / "link" / "now.toml")} == {wanted}
