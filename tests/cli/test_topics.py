"""`jarvis help TOPIC` and `jarvis service files`: what comes with Jarvis beside its code."""

from __future__ import annotations

from pathlib import Path

import pytest

from jarvis import shipped
from jarvis.cli import topics
from jarvis.cli.verbs import VERBS
from tests.cli.conftest import Jarvis

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", topics.known())
def test_every_topic_is_a_page(name: str, jarvis: Jarvis) -> None:
    said = jarvis("help", "--page", name)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("# ")
    assert f"\n  {name} " in jarvis("help", "topics").out


@pytest.mark.parametrize("path", sorted((ROOT / "docs").glob("*.md")), ids=lambda path: path.name)
def test_every_page_is_a_topic_as_it_stands(path: Path, jarvis: Jarvis) -> None:
    assert jarvis("help", "--page", path.stem).out == path.read_text(encoding="utf-8")


def test_a_verb_goes_before_a_page_of_its_name(jarvis: Jarvis) -> None:
    assert "backup" in VERBS
    assert jarvis("help", "backup") == jarvis("backup", "--help")
    assert jarvis("help", "--page", "backup").out.startswith("# Backups\n")
    assert jarvis("help", "phrases") == jarvis("help", "--page", "phrases")
    assert jarvis("inbox", "--help").out.endswith("\nMore about it: jarvis help --page inbox\n")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["phrase"], "no verb and no topic 'phrase'. Did you mean phrases?"),
        (["--page", "phrase"], "no topic 'phrase'. Did you mean phrases?"),
        (["--page", "../README"], "no topic '../README'."),
        (["--page", "phrases", "task"], "leave the verb out"),
        (["phrases", "task"], "there is no verb 'phrases'"),
    ],
)
def test_a_topic_that_is_none_is_refused_with_the_nearest(words: list[str], hint: str, jarvis: Jarvis) -> None:
    said = jarvis("help", *words)
    assert (said.code, said.out) == (2, "")
    assert hint in said.err


def test_the_scripts_are_named_by_their_paths(jarvis: Jarvis) -> None:
    paths = sorted((ROOT / "scripts").iterdir())
    assert jarvis("service", "files").out.splitlines() == [str(path) for path in paths]
    assert jarvis("service", "files", "jarvis-backup.sh").out == f"{ROOT}/scripts/jarvis-backup.sh\n"
    assert jarvis("service", "files", "--json").json == [{"name": path.name, "path": str(path)} for path in paths]
    said = jarvis("service", "files", "jarvis-backup")
    assert (said.code, said.out) == (1, "")
    assert "Did you mean jarvis-backup.sh?" in said.err


def test_an_installation_without_its_files_says_so(jarvis: Jarvis, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setattr(shipped, "_PACKAGE", home)
    said = jarvis("service", "files")
    assert (said.code, said.out) == (1, "")
    assert "Install from a clone" in said.err
    assert jarvis("help", "--page", "phrases").code == 2
