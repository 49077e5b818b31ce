"""docs/alerts.md tells of every type of rule with its keys, and of every name and function of the language."""

from __future__ import annotations

from pathlib import Path

import pytest

from jarvis.expressions.language import FUNCTIONS
from jarvis.memory.rule_types import NAMES, TYPES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "alerts.md"


def row(first: str) -> str:
    """The row of a table whose first cell begins so."""
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    (found,) = [line for line in rows if line.split("|")[1].find(first) in (1, 0)]
    return found


@pytest.mark.parametrize("name", TYPES)
def test_every_type_is_told_with_its_keys_and_their_defaults(name: str) -> None:
    said = row(f"`{name}`")
    assert TYPES[name].says in said
    for key, what in TYPES[name].keys.items():
        default = "must be given" if what.default is None else what.default or "none"
        assert f"`{key}` ({default}): {what.says}" in said


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_is_told(name: str) -> None:
    assert FUNCTIONS[name].says.partition(": ")[0] in row(f"`{name}(")


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_told(name: str) -> None:
    tables = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert any(f"`{name}`" in line.split("|")[1] for line in tables)
