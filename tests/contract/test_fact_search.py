"""Facts are found by their words, whatever is typed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jarvis.errors import UsageError
from jarvis.memory.store import MemoryStore

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
FACTS: list[tuple[str, str, Any]] = [
    ("work", "backup_last_success", "2026-03-02T09:00:00-07:00"),
    ("work", "host", {"name": "Kestrel", "disks": ["ssd", "tape"], "spare": True, "rent": None}),
    ("home", "city", "Zürich"),
    ("home", "rooms", ["kitchen", "study"]),
    ("home", "note", "The backup key\nis under the third stone, said Zoë"),
    ("party", "mood", "🎉 great"),
    ("party", "城市", "東京都庁"),
    ("odd", 'say "hi" AND (NOT) *', "a-b_c:d^2 NEAR/3 {col}:x"),
    ("odd", "number", 1234.5),
]


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    store = MemoryStore()
    for number, (category, key, value) in enumerate(FACTS):
        store.facts.put(category, key, value, NOW + timedelta(seconds=number))
    yield store
    store.close()


def keys(store: MemoryStore, words: str) -> list[str]:
    return [found.fact.key for found in store.facts.search(words)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("city", ["city"]),
        ("home", ["city", "rooms", "note"]),
        ("backup", ["backup_last_success", "note"]),  # a word of the key before one of the value
        ("backup stone", ["note"]),
        ("BACK", ["backup_last_success", "note"]),
        ("zurich", ["city"]),
        ("zoe", ["note"]),
        ("is", ["note"]),  # after a line break, which JSON writes as \n
        ("disks tape", ["host"]),
        ("true", ["host"]),
        ("null", ["host"]),
        ("1234.5", ["number"]),
        ("2026-03-02", ["backup_last_success"]),
        ("last_succ", ["backup_last_success"]),
        # what no word begins with is looked for within
        ("estre", ["host"]),
        ("京都", ["城市"]),
        ("城", ["城市"]),
        ("🎉", ["mood"]),
        ("party 🎉", ["mood"]),
        ("_c:d^2", [FACTS[7][1]]),
        # nothing in it is an operator
        ("backup OR city", []),
        ("NOT", ["note", FACTS[7][1]]),
        ("stone AND key", []),
        ('"', [FACTS[7][1]]),
        ('say "hi"', [FACTS[7][1]]),
        ("*", [FACTS[7][1]]),
        ("{col}:x", [FACTS[7][1]]),
        ("key:backup", []),
        ("nothing here", []),
        ("", []),
        (" \t\n", []),
        ("\0", []),
        ("\0city\0", ["city"]),
        ("\ud800", []),
        ("city\udcff", ["city"]),
        ("'; DROP TABLE facts; --", []),
        ("%", []),
    ],
)
def test_facts_are_found_by_what_is_typed(store: MemoryStore, words: str, expected: list[str]) -> None:
    assert sorted(keys(store, words)) == sorted(expected)


def test_the_best_match_comes_first(store: MemoryStore) -> None:
    assert keys(store, "backup") == ["backup_last_success", "note"]
    for number in range(10):
        store.facts.put("filler", f"x{number}", "backup " * 20, NOW)
    assert keys(store, "backup")[0] == "backup_last_success"


@pytest.mark.parametrize(
    ("words", "snippet"),
    [
        ("stone", "The backup key is under the third [stone], said Zoë"),
        ("kit", "[kitchen] study"),
        ("estre", "name K[estre]l disks ssd tape spare true rent null"),
        ("city", "Zürich"),
        ("城", "東京都庁"),
    ],
)
def test_a_snippet_shows_what_matched(store: MemoryStore, words: str, snippet: str) -> None:
    assert [found.snippet for found in store.facts.search(words)] == [snippet]


def test_a_snippet_of_a_long_value_is_short(store: MemoryStore) -> None:
    store.facts.put("long", "k", "word " * 5_000 + "needle" + " word" * 5_000, NOW)
    for words in ("needle", "eedl"):
        (found,) = store.facts.search(words)
        assert "[needle]" in found.snippet or "[eedl]" in found.snippet
        assert len(found.snippet) < 200
        assert found.snippet.startswith("...")
        assert found.snippet.endswith("...")


def test_what_is_changed_or_deleted_is_found_as_it_is_now(store: MemoryStore) -> None:
    store.facts.put("home", "city", "Denver", NOW)
    assert (keys(store, "zurich"), keys(store, "denver")) == ([], ["city"])
    store.facts.undo()
    assert (keys(store, "zurich"), keys(store, "denver")) == (["city"], [])
    store.facts.delete("home", "city")
    assert keys(store, "zurich") == []
    store.facts.undo()
    assert keys(store, "zurich") == ["city"]


def test_at_most_so_many_are_found(store: MemoryStore) -> None:
    assert len(store.facts.search("home", 2)) == len(store.facts.search("o", 2)) == 2


def test_as_many_words_as_anybody_types(store: MemoryStore) -> None:
    assert keys(store, "kitchen " * 50) == ["rooms"]
    assert keys(store, "x" * 100_000) == []
    with pytest.raises(UsageError, match="at most 50 words, got 51"):
        store.facts.search("kitchen " * 51)


def test_values_at_the_edge_are_kept_and_found(store: MemoryStore) -> None:
    deep: Any = "needle"
    for _ in range(900):
        deep = [deep]
    store.facts.put("edge", "deep", deep, NOW)
    store.facts.put("edge", "large", "needle " + "x" * 1_000_000, NOW)
    store.facts.put("edge", "empty", "", NOW)
    store.facts.put("edge", "none", [], NOW)
    assert sorted(keys(store, "needle")) == ["deep", "large"]
    assert sorted(keys(store, "edge")) == ["deep", "empty", "large", "none"]


def test_a_row_that_is_not_json_does_not_stop_a_search(store: MemoryStore) -> None:
    store.database.change("UPDATE facts SET value = '{torn needle' WHERE key = 'city'")
    assert store.database.value("SELECT rowid FROM facts_words ('needle')") is not None
