"""docs/cli.md has every verb, and the examples of the help are command lines that are understood."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from jarvis.cli.args import parse
from jarvis.cli.start import find, load
from jarvis.cli.verbs import VERBS

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "cli.md"
EXAMPLES = [line for verb in VERBS for line in load(verb).examples.strip().splitlines()]


@pytest.mark.parametrize("verb", VERBS)
def test_the_reference_has_every_verb_with_an_example(verb: str) -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    assert f"\n| `{verb}` | " in text
    assert f"$ jarvis {verb}" in text


@pytest.mark.parametrize("line", EXAMPLES)
def test_an_example_of_the_help_is_understood(line: str) -> None:
    words = shlex.split(line.partition(" > ")[0])
    assert words.pop(0) == "jarvis"
    if words[0] == "--home":
        del words[:2]
    verb, rest = find(words)
    assert parse(verb, load(verb), rest, None) is not None
