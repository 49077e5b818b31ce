"""Facts under any sequence of puts, deletes and undos by several authors are those of a plain model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jarvis.errors import Conflict, NotFound
from jarvis.memory import MemoryStore

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
AUTHORS, KEYS = ("ada", "task x, run 1"), ("a", "b")
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | FLOATS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(AUTHORS), st.sampled_from(KEYS), JSON),
        st.tuples(st.just("delete"), st.sampled_from(AUTHORS), st.sampled_from(KEYS), st.none()),
        st.tuples(st.just("undo"), st.sampled_from(AUTHORS), st.none(), st.none() | st.integers(1, 12)),
    ),
    max_size=25,
)

Known = tuple[str, datetime] | None  # a value as it was said, and when


@dataclass
class Made:
    """One change, as the model remembers it."""

    author: str
    key: str
    before: Known
    after: Known


class Model:
    """A dict of what is known and a list of what was changed."""

    def __init__(self) -> None:
        self.known: dict[str, Known] = {}
        self.made: list[Made] = []

    def set(self, author: str, key: str, value: Known) -> None:
        if value is not None or self.known.get(key) is not None:
            self.made.append(Made(author, key, self.known.get(key), value))
            self.known[key] = value

    def undo(self, author: str, number: int | None) -> type[Exception] | None:
        """Do it, or say with which error it is refused."""
        own = [each for each in self.made if each.author == author]
        if number is not None:
            own = self.made[number - 1 : number]
        if not own:
            return NotFound
        change = own[-1]
        if self.known.get(change.key) != change.after:
            return Conflict
        self.set(author, change.key, change.before)
        return None


def shown(value: Any) -> str:
    return repr(value)  # True and 1, 0.0 and -0.0 are told apart


def carry_out(store: MemoryStore, model: Model, step: tuple[str, str, Any, Any], now: datetime) -> None:
    verb, author, key, value = step
    facts = store.by(author).facts
    if verb == "put":
        facts.put("c", key, value, now)
        model.set(author, key, (shown(value), now))
    elif verb == "delete":
        assert facts.delete("c", key, now) is (model.known.get(key) is not None)
        model.set(author, key, None)
    elif (error := model.undo(author, value)) is None:
        facts.undo(value, now)
    else:
        with pytest.raises(error):
            facts.undo(value, now)


@settings(max_examples=200)
@given(STEPS)
def test_facts_are_what_a_dict_says_after_any_puts_deletes_and_undos(steps: list[tuple[str, str, Any, Any]]) -> None:
    store, model = MemoryStore(), Model()
    for number, step in enumerate(steps):
        carry_out(store, model, step, START + timedelta(seconds=number))
        found = {fact.key: (shown(fact.value), fact.updated_at) for fact in store.facts.list()}
        assert found == {key: known for key, known in model.known.items() if known is not None}
    changes = store.changes.list(limit=None)
    assert [(change.source, known(change.before), known(change.after)) for change in reversed(changes)] == [
        (made.author, made.before, made.after) for made in model.made
    ]
    store.close()


def known(row: dict[str, Any] | None) -> Known:
    return None if row is None else (shown(row["value"]), row["updated_at"])


WORDS = st.text("abAB", min_size=1, max_size=3)
TEXTS = st.lists(WORDS, max_size=4).map(" ".join)


@settings(max_examples=200)
@given(st.lists(TEXTS, min_size=1, max_size=6), st.lists(WORDS, min_size=1, max_size=3))
def test_a_search_finds_the_facts_with_all_words_or_else_with_all_parts(texts: list[str], words: list[str]) -> None:
    store = MemoryStore()
    for number, text in enumerate(texts):
        store.facts.put("0", str(number), [text], START)
    found = {int(each.fact.key) for each in store.facts.search(" ".join(words))}
    wanted = [word.lower() for word in words]
    begin = {
        number
        for number, text in enumerate(texts)
        if all(any(part.startswith(word) for part in text.lower().split()) for word in wanted)
    }
    hold = {number for number, text in enumerate(texts) if all(word in text.lower() for word in wanted)}
    assert found == (begin or hold)
    store.close()


@given(st.text(max_size=40))
def test_whatever_is_typed_finds_the_fact_that_holds_just_that(words: str) -> None:
    store = MemoryStore()
    store.facts.put("c", "k", words, START)
    typed = words.replace("\0", " ").split()
    assert [each.fact.value for each in store.facts.search(words)] == ([words] if typed else [])
    store.close()
