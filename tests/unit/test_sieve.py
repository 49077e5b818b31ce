"""Filters are evaluated in a thread of their own, each once, and what they say is kept."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from jarvis.errors import UsageError
from jarvis.expressions import evaluation
from jarvis.scheduler.model import Event
from jarvis.scheduler.sieve import MOST_ASKED, MOST_BYTES, FilterSieve

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
DEADLINE = 20.0


def event(number: int = 1, payload: str = '{"n": 3}') -> Event:
    return Event(id=number, source="github", event_type="push", payload=payload, received_at=T0)


def answered(sieve: FilterSieve, number: int, text: str) -> tuple[str, str]:
    while (said := sieve.said(number, text)) is None:
        sieve.wait()
    return said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("payload.n == 3", "takes"),
        ("payload.n == 4", "filtered"),
        ('source == "github" and type == "push"', "takes"),
        ("payload.m == 3", "failed"),
    ],
)
def test_it_answers_by_the_expression_language(text: str, said: str) -> None:
    sieve = FilterSieve(evaluation.evaluate)
    sieve.ask(event(), text)
    found = answered(sieve, 1, text)
    assert found[0] == said
    assert ("column 9" in found[1]) is (said == "failed")
    sieve.close()


def test_nothing_is_known_before_it_is_asked() -> None:
    sieve = FilterSieve(lambda _text, _values: True)
    assert sieve.said(1, "a") is None
    sieve.wait()
    sieve.close()


def test_a_question_is_answered_once_and_kept_until_it_is_decided() -> None:
    asked: list[tuple[str, Mapping[str, Any]]] = []
    sieve = FilterSieve(lambda text, values: asked.append((text, values)))
    for _ in range(3):
        sieve.ask(event(), "a")
        assert answered(sieve, 1, "a") == ("filtered", "")
    assert asked == [("a", {"source": "github", "type": "push", "payload": {"n": 3}, "received_at": T0})]
    sieve.keep([1])
    assert sieve.said(1, "a") is not None
    sieve.keep([2])
    assert sieve.said(1, "a") is None
    sieve.close()


@pytest.mark.parametrize(
    ("error", "said"), [(UsageError("one\ntwo"), "one two"), (ZeroDivisionError("no"), "ZeroDivisionError: no")]
)
def test_an_error_is_what_it_says(error: Exception, said: str) -> None:
    def broken(_text: str, _values: Mapping[str, Any]) -> bool:
        raise error

    sieve = FilterSieve(broken)
    sieve.ask(event(), "a")
    assert answered(sieve, 1, "a") == ("failed", said)
    sieve.close()


def test_a_slow_filter_keeps_nobody_but_those_behind_it() -> None:
    begun, go_on, calls = threading.Event(), threading.Event(), list[int]()

    def slow(_text: str, _values: Mapping[str, Any]) -> bool:
        begun.set()
        return go_on.wait(DEADLINE)

    sieve = FilterSieve(slow)
    sieve.on_finish = lambda: calls.append(1)
    sieve.ask(event(), "a")  # which returns at once
    assert begun.wait(DEADLINE)
    assert sieve.said(1, "a") is None
    assert sieve.room == MOST_ASKED - 1
    go_on.set()
    assert answered(sieve, 1, "a") == ("takes", "")
    sieve.close()
    assert calls == [1]
    assert sieve.room == 0


def test_there_is_no_room_while_long_payloads_wait() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(_text: str, _values: Mapping[str, Any]) -> bool:
        begun.set()
        return go_on.wait(DEADLINE)

    sieve = FilterSieve(slow)
    sieve.ask(event(payload='"' + "x" * MOST_BYTES + '"'), "a")
    assert begun.wait(DEADLINE)
    assert sieve.room == 0
    go_on.set()
    answered(sieve, 1, "a")
    assert sieve.room == MOST_ASKED
    sieve.close()


def test_what_is_closed_answers_no_more() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(_text: str, _values: Mapping[str, Any]) -> bool:
        begun.set()
        return go_on.wait(DEADLINE)

    sieve = FilterSieve(slow)
    sieve.ask(event(1), "a")
    sieve.ask(event(2), "a")
    assert begun.wait(DEADLINE)
    closing = threading.Thread(target=sieve.close)
    closing.start()
    while sieve.room:  # until it is closed
        closing.join(0.01)
    go_on.set()
    closing.join()
    sieve.ask(event(3), "a")
    assert [sieve.said(number, "a") for number in (1, 2, 3)] == [("takes", ""), None, None]
    sieve.wait()
