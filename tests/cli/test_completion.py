"""What a shell is told of the command line, and what it makes of it when a key is pressed."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jarvis.cli import completion_fish, completion_zsh
from jarvis.cli.completion import SHELLS, script, taken
from jarvis.cli.verbs import VERBS
from tests.cli.conftest import Jarvis

PROGRAMS = Path(sys.executable).parent
HERE = [shell for shell in SHELLS if shutil.which(shell)]  # bash is everywhere; the others where they are installed

#: The words before the cursor, as bash splits them, are the arguments.
PRESSED = """
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_jarvis
for each in "${COMPREPLY[@]}"; do printf '%s\\n' "$each"; done
"""


def pressed(*words: str) -> list[str]:
    """What bash offers for the last word."""
    asked = ["bash", "-c", script("bash") + PRESSED, "bash", *words]
    env = os.environ | {"PATH": f"{PROGRAMS}:{os.environ['PATH']}", "HOME": "/home/you"}
    done = subprocess.run(asked, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.mark.process
@pytest.mark.parametrize("shell", HERE)
def test_a_shell_can_read_its_script(shell: str, jarvis: Jarvis, tmp_path: Path) -> None:
    said = jarvis("completion", shell)
    assert (said.code, said.err) == (0, "")
    file = tmp_path / "script"
    file.write_text(said.out)
    done = subprocess.run([shell, "-n", file], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("shell", SHELLS)
def test_every_verb_and_every_flag_is_in_each_script(shell: str) -> None:
    text = script(shell)
    for verb in VERBS:
        assert f"'{verb}'" in text or f"__jarvis_verb {verb}'" in text
        for name in (name for flag in taken(verb).flags for name in flag.names):
            assert name in text or f"-l {name[2:]}" in text or f"-s {name[1:]}" in text


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_said_of_a_flag_ends_no_quote(verb: str) -> None:
    for about in (flag.about for flag in taken(verb).flags):
        assert shlex.split(completion_zsh.quoted(about)) == [about]
        assert re.fullmatch(r"'(?:[^'\\]|\\['\\])*'", completion_fish.quoted(about))


@pytest.mark.process
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["ta"], ["task"]),
        (["task", "pa"], ["pause"]),
        (["task", "add", "x", "--cr"], ["--cron"]),
        (["service", "install", "--for", ""], ["launchd", "systemd"]),
        (["service", "install", "--for", "="], ["launchd", "systemd"]),
        (["service", "install", "--for", "=", "l"], ["launchd"]),
        (["completion", "z"], ["zsh"]),
        (["--home", "/nowhere", "stat"], ["status"]),
        (["--home", "=", "/nowhere", "stat"], ["status"]),
        (["task", "add", "x", "--cron", ""], []),
        (["task", "add", "x", "--", "--cr"], []),
        (["nothing", "of", "ours"], []),
        (["--home", ""], []),
    ],
)
def test_bash_completes(words: list[str], offered: list[str], home: Path) -> None:
    assert pressed("jarvis", *words) == offered


@pytest.mark.process
@pytest.mark.parametrize(
    "words", [["task", "show"], ["why"], ["next"], ["runs", "logs"], ["task", "add", "x", "--after"]]
)
def test_bash_completes_the_names_of_tasks(words: list[str], jarvis: Jarvis) -> None:
    for name in ("water plants", "walk"):
        jarvis("task", "add", name, "--every", "1h", "--handler", "noop")
    assert pressed("jarvis", *words, "w") == ["walk", "water\\ plants"]
    assert pressed("jarvis", *words, "water\\ ") == ["water\\ plants"]


@pytest.mark.process
def test_the_name_of_a_task_is_never_a_command(jarvis: Jarvis, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    for name in (f"a$(touch {mark})", f"a`touch {mark}`", f"a;touch {mark}"):
        jarvis("task", "add", name, "--every", "1h", "--handler", "noop")
    offered = pressed("jarvis", "task", "show", "a")
    assert len(offered) == 3
    subprocess.run(["bash", "-c", "\n".join(f": {each}" for each in offered)], check=True)
    assert not mark.exists()


@pytest.mark.process
def test_the_home_that_is_named_is_the_one_that_is_asked(jarvis: Jarvis, home: Path, tmp_path: Path) -> None:
    jarvis("--home", tmp_path / "second", "task", "add", "other", "--every", "1h", "--handler", "noop")
    assert pressed("jarvis", "--home", str(tmp_path / "second"), "task", "show", "") == ["other"]
    pressed("jarvis", "--home", str(tmp_path / "third"), "task", "show", "")
    assert not (tmp_path / "third").exists()  # who only presses a key makes nothing


def test_names_are_printed_one_a_line(jarvis: Jarvis, home: Path) -> None:
    said = jarvis("task", "list", "--names")
    assert (said.code, said.out, said.err) == (0, "", "")
    assert not (home / "data").exists()
    for name in ("b b", "a"):
        jarvis("task", "add", name, "--every", "1h", "--handler", "noop")
    jarvis("task", "pause", "a")
    assert jarvis("task", "list", "--names").out == "a\nb b\n"
    assert jarvis("task", "list", "--names", "--json").code == 2
