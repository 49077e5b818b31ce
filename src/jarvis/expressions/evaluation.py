"""Evaluate an expression over values, in a process of its own.

An evaluation has a deadline that ends it, whatever it does: the process has its own session and is killed. It also has
limits of memory and of processor time, which hold when this process is gone. A process that did well is kept for the
next evaluation, as starting one costs more than most expressions; unused for a minute it ends by itself.
"""

from __future__ import annotations

import atexit
from collections import deque
from collections.abc import Mapping
from typing import Any

import msgspec

from jarvis.expressions.language import ExpressionError, check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from jarvis.expressions.evaluator import Evaluator, Found

LARGEST_VALUES = 16 * 2**20  # bytes, as JSON
_MOST_IDLE = 2


def evaluate(text: str, values: Mapping[str, Any], *, seconds: float = 2.0) -> Any:
    """What an expression comes to: a JSON value. `values` go in as JSON (instants as ISO text) under their names.

    ExpressionError, with the place, if it is refused, fails, takes longer than `seconds`, or needs too much memory;
    OSError if no process can be started, which is no fault of the expression.
    """
    check(text, values)
    try:
        given = msgspec.json.encode(values)
    except (TypeError, ValueError, RecursionError) as error:
        raise ExpressionError(f"what it is held against cannot be told as JSON: {error}", 1) from None
    if len(given) > LARGEST_VALUES:
        raise ExpressionError(f"what it is held against is {len(given)} bytes long: at most {LARGEST_VALUES}", 1)
    found = _asked(text, given, seconds)
    if found.problem:
        raise ExpressionError(found.problem, found.column)
    return msgspec.json.decode(found.value)


def end_idle() -> None:
    """End the processes that are kept for the next evaluation."""
    while True:
        try:
            _idle.pop().end()
        except IndexError:
            return


_idle: deque[Evaluator] = deque()  # its append and pop need no guard
atexit.register(end_idle)


def _asked(text: str, given: bytes, seconds: float) -> Found:
    from jarvis.expressions.evaluator import Evaluator  # noqa: PLC0415 - subprocess, with the first one

    while True:
        evaluator = _taken() or Evaluator()
        try:
            found = evaluator.ask(text, given, seconds)
        except BaseException:
            evaluator.end()
            raise
        _give_back(evaluator)
        if found is not None:
            return found


def _taken() -> Evaluator | None:
    """One that is kept and still there. What belongs to the process we were forked from is left alone."""
    while True:
        try:
            evaluator = _idle.pop()
        except IndexError:
            return None
        if evaluator.usable():
            return evaluator
        evaluator.end()


def _give_back(evaluator: Evaluator) -> None:
    if evaluator.usable() and len(_idle) < _MOST_IDLE:
        _idle.append(evaluator)
    else:
        evaluator.end()
