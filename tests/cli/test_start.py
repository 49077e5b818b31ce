"""The way to a verb, and out of it: help, mistakes, errors, exit codes, closed pipes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import jarvis as package
from jarvis.cli import start
from jarvis.cli.verbs import LATER, VERBS, nouns
from jarvis.errors import ConfigError, StoreUnusable
from tests.cli.conftest import Jarvis

PROGRAM = [sys.executable, "-m", "jarvis"]


def test_without_a_verb_the_help_is_shown_and_that_is_no_error(jarvis: Jarvis) -> None:
    said = jarvis()
    assert said.code == 0
    assert all(f"\n  {verb} " in said.out for verb in VERBS)


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"], ["--home", "/tmp/x", "--help"]])
def test_the_help_lists_every_verb(words: list[str], jarvis: Jarvis) -> None:
    assert jarvis(*words) == jarvis()


@pytest.mark.parametrize("words", [["--version"], ["-V"], ["--home", "/tmp/x", "--version"]])
def test_the_version_is_told(words: list[str], jarvis: Jarvis) -> None:
    said = jarvis(*words)
    assert (said.code, said.out) == (0, f"jarvis {package.__version__}\n")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_examples(verb: str, jarvis: Jarvis) -> None:
    said = jarvis(*verb.split(), "--help")
    assert (said.code, said.err) == (0, "")
    assert f"usage: jarvis {verb}" in said.out
    assert f"examples:\n  jarvis {verb}" in said.out
    assert jarvis("help", *verb.split()).out == said.out
    assert max(map(len, said.out.splitlines())) <= 100


@pytest.mark.parametrize("noun", [noun for noun, actions in nouns().items() if actions])
def test_the_help_of_a_noun_lists_its_verbs(noun: str, jarvis: Jarvis) -> None:
    said = jarvis(noun, "--help")
    assert said == jarvis("help", noun)
    listed = [line.split("  ")[1] for line in said.out.splitlines() if line.startswith("  ")]
    assert listed == [verb for verb in VERBS if verb.startswith(f"{noun} ")]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["tsk"], "Did you mean task?"),
        (["stauts"], "Did you mean status?"),
        (["task", "ad"], "Did you mean task add?"),
        (["task"], "needs one word more: add, list"),
        (["runs", "log"], "Did you mean runs logs?"),
        (["help", "staus"], "Did you mean status?"),
        (["--hoem", "x", "status"], "Did you mean --home?"),
        (["--home"], "--home needs a folder"),
        (["status", "--jsno"], "Did you mean --json?"),
        (["status", "--js"], "there is no flag '--js'"),
        (["status", "now"], "'now' is one argument too many"),
        (["task", "show"], "NAME"),
        (["task", "add", "x", "--corn", "* * * * *", "--", "true"], "Did you mean --cron?"),
        (["runs", "list", "--limit"], "--limit: expected one argument"),
        ([""], "there is no verb ''"),
        (["task", "\x1b[2J"], "'task \\x1b[2J'"),
    ],
)
def test_a_slip_is_a_usage_error_with_the_nearest_right_thing(words: list[str], hint: str, jarvis: Jarvis) -> None:
    said = jarvis(*words)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("jarvis: error: ")
    assert hint in said.err


@pytest.mark.parametrize("verb", LATER)
def test_a_verb_of_a_later_version_is_told_as_that(verb: str, jarvis: Jarvis) -> None:
    said = jarvis(*verb.split())
    assert said.code == 2
    assert f"`jarvis {verb}` is not in this version" in said.err


def test_the_home_can_be_given_before_the_verb_and_after_it(jarvis: Jarvis, tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert jarvis("--home", other, "status", "--json").json["home"] == str(other)
    assert jarvis(f"--home={other}", "status", "--json").json["home"] == str(other)
    assert jarvis("status", "--home", other, "--json").json["home"] == str(other)


def test_every_problem_of_the_configuration_is_told_and_the_exit_code_is_78(
    jarvis: Jarvis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAEMON_TICK_INTERVAL_SECONDS", "abc")
    monkeypatch.setenv("JARVIS_TIMEZONE", "America/Denvr")
    said = jarvis("status")
    assert said.code == 78
    assert len(said.err.splitlines()) == 2
    assert "DAEMON_TICK_INTERVAL_SECONDS" in said.err
    assert "Did you mean America/Denver?" in said.err


@pytest.mark.parametrize("flag", ["abc", "-1", "0", "nan"])
def test_a_flag_of_the_daemon_is_judged_as_its_setting_is(flag: str, jarvis: Jarvis) -> None:
    said = jarvis("daemon", f"--tick-interval={flag}")
    assert said.code == 78
    assert "--tick-interval" in said.err


def test_a_folder_in_place_of_the_store_is_refused_with_78(jarvis: Jarvis, home: Path) -> None:
    (home / "data" / "memory.db").mkdir(parents=True)
    for verb in (["status"], ["task", "list"], ["runs", "list"]):
        said = jarvis(*verb)
        assert said.code == 78
        assert "memory.db" in said.err
        assert "Traceback" not in said.err


def test_a_damaged_store_is_refused_with_78(jarvis: Jarvis, home: Path) -> None:
    (home / "data").mkdir()
    (home / "data" / "memory.db").write_bytes(b"garbage" * 1000)
    for verb in (["status"], ["task", "list"], ["runs", "list"], ["tick"]):
        assert jarvis(*verb).code == 78


@pytest.mark.parametrize(
    ("error", "code", "lines"),
    [
        (ConfigError(["one", "two"]), 78, ["jarvis: error: one", "jarvis: error: two"]),
        (StoreUnusable("no\x1b[2Jstore"), 78, ["jarvis: error: no\\x1b[2Jstore"]),
        (PermissionError(13, "Permission denied", "/x"), 1, ["jarvis: error: /x: Permission denied"]),
        (OSError(28, "No space left on device"), 1, ["jarvis: error: No space left on device"]),
        (KeyboardInterrupt(), 130, []),
        (BrokenPipeError(), 141, []),
    ],
)
def test_an_error_becomes_one_message_and_an_exit_code(
    error: BaseException,
    code: int,
    lines: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(_arguments: list[str]) -> int:
        raise error

    monkeypatch.setattr(start, "_dispatch", fail)
    monkeypatch.setattr(start, "_give_up_stdout", lambda: None)
    assert start.run([]) == code
    assert capsys.readouterr().err.splitlines() == lines


@pytest.mark.process
def test_a_reader_that_leaves_is_no_error_worth_a_word(home: Path) -> None:
    process = subprocess.Popen([*PROGRAM, "help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (141, b"")


@pytest.mark.process
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_below_stdout_is_told(home: Path) -> None:
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*PROGRAM, "help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=buffered
        )
    assert (done.returncode, done.stderr) == (1, "jarvis: error: No space left on device\n")


@pytest.mark.process
@pytest.mark.parametrize("program", [PROGRAM, [str(Path(sys.executable).parent / "jarvis")]], ids=["-m", "script"])
def test_both_ways_to_start_it_are_the_same(program: list[str], home: Path) -> None:
    done = subprocess.run([*program, "status", "--json"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert str(home) in done.stdout


@pytest.mark.process
def test_a_name_that_the_encoding_of_stdout_lacks_is_shown_escaped(home: Path) -> None:
    environ = os.environ | {"PYTHONIOENCODING": "ascii"}
    add = [*PROGRAM, "task", "add", "Grüße", "--every", "1h", "--handler", "noop"]
    done = subprocess.run(add, capture_output=True, text=True, env=environ, check=False)
    assert done.returncode == 0, done.stderr
    done = subprocess.run([*PROGRAM, "task", "list"], capture_output=True, text=True, env=environ, check=False)
    assert "Gr\\xfc\\xdfe" in done.stdout
