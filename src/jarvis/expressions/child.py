"""`python -m jarvis.expressions.child`: the process in which expressions are evaluated. Never started by hand.

On stdin a line of JSON (text, seconds, length) and `length` bytes of JSON, the values; on stdout one line of JSON, what
came of it. The limits are its own, so they hold when whoever started it is gone; unused for a minute it ends.
"""

from __future__ import annotations

import ast
import json
import math
import operator
import os
import resource
import select
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date, datetime
from typing import Any

import simpleeval

from jarvis.expressions.language import CONSTANTS, ExpressionError, column_of, parse
from jarvis.scheduler.duration import DurationError, parse_duration
from jarvis.scheduler.suggest import did_you_mean

IDLE = 60.0  # seconds
MEMORY = 512 << 20  # bytes
LARGEST_RESULT = 1 << 20  # bytes, as JSON
simpleeval.MAX_COMPREHENSION_LENGTH = 10**9  # the deadline bounds it: a store may hold more than ten thousand facts

_DAY, _HOUR, _MINUTE = 86_400, 3_600, 60


class Fault(Exception):
    """Something in an expression that cannot be; `node` is where, once it is known.

    It tells what a value is, never the value: that may be a secret, and faults come into logs and messages.
    """

    def __init__(self, problem: str, node: ast.AST | None = None) -> None:
        self.problem, self.node = problem, node
        super().__init__(problem)


# -- values
def _kind(value: object) -> str:
    """What a value is, for people."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return "true" if value else "false"
    names: dict[type, str] = {int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}
    return names.get(type(value), "a list")


def _number(value: object) -> Any:
    if not isinstance(value, int | float):
        raise Fault(f"a number is needed here, this is {_kind(value)}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Fault(f"text is needed here, this is {_kind(value)}")
    return value


def _items(value: object) -> Any:
    if not isinstance(value, list | tuple | dict):
        raise Fault(f"a list is needed here, this is {_kind(value)}")
    return value


# -- operators
def _reckon(does: Callable[[Any, Any], Any]) -> Callable[[object, object], Any]:
    def reckoned(left: object, right: object) -> Any:
        try:
            return does(_number(left), _number(right))
        except ZeroDivisionError:
            raise Fault("this divides by zero") from None

    return reckoned


def _order(does: Callable[[Any, Any], bool]) -> Callable[[object, object], bool]:
    def ordered(left: object, right: object) -> bool:
        for alike in (int | float, str):
            if isinstance(left, alike) and isinstance(right, alike):
                return does(left, right)
        raise Fault(f"{_kind(left)} cannot be compared with {_kind(right)}")

    return ordered


def _within(part: object, whole: object) -> bool:
    if isinstance(whole, str):
        return _text(part) in whole
    if isinstance(whole, dict):
        return isinstance(part, str) and part in whole
    return part in _items(whole)


OPERATORS: dict[type, Callable[..., Any]] = {
    ast.Add: _reckon(operator.add),
    ast.Sub: _reckon(operator.sub),
    ast.Mult: _reckon(operator.mul),
    ast.Div: _reckon(operator.truediv),
    ast.FloorDiv: _reckon(operator.floordiv),
    ast.Mod: _reckon(operator.mod),
    ast.USub: lambda value: -_number(value),
    ast.UAdd: lambda value: +_number(value),
    ast.Not: operator.not_,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: _order(operator.lt),
    ast.LtE: _order(operator.le),
    ast.Gt: _order(operator.gt),
    ast.GtE: _order(operator.ge),
    ast.In: _within,
    ast.NotIn: lambda part, whole: not _within(part, whole),
}


# -- functions
def _instant(value: object) -> float:
    """Seconds since 1970."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    try:
        at = datetime.fromisoformat(_text(value))
    except ValueError:
        raise Fault("this text is no ISO instant") from None
    if at.tzinfo is None:
        raise Fault("this instant has no offset: it is written as 2026-03-02T09:00:00+00:00")
    return at.timestamp()


def _day(value: object) -> date:
    try:
        return date.fromisoformat(_text(value))
    except ValueError:
        raise Fault("this text is no date of the calendar as YYYY-MM-DD") from None


def _duration(value: object) -> float:
    try:
        return parse_duration(_text(value)).total_seconds()
    except DurationError:
        raise Fault("this text is no length of time such as 90s, 5m, 1h30m or 1.5h") from None


def _said_number(value: object) -> int | float:
    try:
        said = float(_text(value))
    except ValueError:
        raise Fault("this text is no number") from None
    if not math.isfinite(said):
        raise Fault("this text is no finite number")
    return int(said) if said.is_integer() else said


def _get(whole: object, key: object, default: Any = None) -> Any:
    """By the key as it is, else part by part: get(facts, "work/queue")."""
    if not isinstance(whole, dict):
        raise Fault(f"get() looks into an object, this is {_kind(whole)}")
    if (path := _text(key)) in whole:
        return whole[path]
    found: Any = whole
    for part in path.split("/"):
        if not isinstance(found, dict) or part not in found:
            return default
        found = found[part]
    return found


def _length(value: object) -> int:
    return len(value) if isinstance(value, str) else len(_items(value))


def _most(does: Callable[[Any, Any], bool]) -> Callable[..., Any]:
    def most(*values: Any) -> Any:
        among = list(_items(values[0])) if len(values) == 1 else values
        if not among:
            raise Fault("there is nothing to choose from: the list is empty")
        found = among[0]
        for each in among[1:]:
            found = each if does(each, found) else found
        return found

    return most


def functions(values: Mapping[str, Any]) -> dict[str, Callable[..., Any]]:
    """Every function of the language; `age` counts to the `now` of the values."""
    return {
        "abs": lambda value: abs(_number(value)),
        "age": lambda value: _instant(values["now"]) - _instant(value),
        "all": lambda found: all(_items(found)),
        "any": lambda found: any(_items(found)),
        "contains": lambda whole, part: _within(part, whole),
        "count": lambda found: sum(1 for each in _items(found) if each),
        "days": lambda value: _number(value) * _DAY,
        "days_between": lambda first, second: (_day(second) - _day(first)).days,
        "duration": _duration,
        "endswith": lambda whole, part: _text(whole).endswith(_text(part)),
        "get": _get,
        "hours": lambda value: _number(value) * _HOUR,
        "instant": _instant,
        "len": _length,
        "lower": lambda value: _text(value).lower(),
        "max": _most(OPERATORS[ast.Gt]),
        "min": _most(OPERATORS[ast.Lt]),
        "minutes": lambda value: _number(value) * _MINUTE,
        "number": _said_number,
        "round": lambda value, digits=0: round(_number(value), int(_number(digits))),
        "startswith": lambda whole, part: _text(whole).startswith(_text(part)),
        "sum": lambda found: sum(map(_number, _items(found))),
        "upper": lambda value: _text(value).upper(),
    }


# -- the evaluation
_KEPT: tuple[type, ...] = (
    *(ast.BoolOp, ast.UnaryOp, ast.BinOp, ast.Compare, ast.IfExp, ast.Constant, ast.Name, ast.Call),
    *(ast.List, ast.Tuple),
)


class _Evaluation(simpleeval.EvalWithCompoundTypes):  # type: ignore[misc]  # shipped without types
    """simpleeval, less what the language does not have, and with the place of every fault.

    Keys of objects are all that a dot reads: no attribute of any Python object can be reached.
    """

    nodes: dict[type, Callable[[Any], Any]]

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(operators=OPERATORS, functions={}, names={**CONSTANTS, **values})
        self.functions = functions(values)
        made: dict[type, Callable[[Any], Any]] = self.nodes
        self.nodes = {kind: made[kind] for kind in _KEPT}
        self.nodes |= {ast.Attribute: self._eval_attribute, ast.Subscript: self._eval_subscript}
        self.nodes[ast.GeneratorExp] = self._eval_generator

    def _eval(self, node: ast.AST) -> Any:
        try:
            return self.nodes[type(node)](node)
        except Fault as fault:
            fault.node = fault.node or node
            raise
        except (RecursionError, MemoryError):
            raise
        except Exception as error:
            # whatever it is, it is told at its place and ends this evaluation alone
            raise Fault(f"this failed ({type(error).__name__})", node) from error

    def _eval_generator(self, node: ast.GeneratorExp) -> Any:
        try:
            return self._eval_comprehension(node)
        except TypeError:
            raise Fault("what stands after `in` is no list", node.generators[0].iter) from None

    def _eval_attribute(self, node: ast.Attribute) -> Any:
        return _part(self._eval(node.value), node.attr, repr(node.attr))

    def _eval_subscript(self, node: ast.Subscript) -> Any:
        said = repr(node.slice.value) if isinstance(node.slice, ast.Constant) else "such key"
        return _part(self._eval(node.value), self._eval(node.slice), said)


def _part(whole: Any, key: object, said: str) -> Any:
    """What an object has under a key, or a list at a place; `said` is the key as a fault may tell it."""
    if isinstance(whole, dict) and isinstance(key, str):
        if key in whole:
            return whole[key]
        near = "" if said == "such key" else did_you_mean(key, whole)
        raise Fault(f"there is no {said:.60} in this object.{near}")
    if isinstance(whole, list | tuple) and isinstance(key, int) and not isinstance(key, bool):
        if -len(whole) <= key < len(whole):
            return whole[key]
        raise Fault(f"the list has {len(whole)} items, and none at this place")
    raise Fault(f"{_kind(whole)} has no {said:.60}")


def outcome(text: str, given: bytes | str) -> dict[str, Any]:
    """What an expression comes to over values given as JSON: a value, or a problem and its column."""
    try:
        values = json.loads(given)
        tree = parse(text, values)
        value = _Evaluation(values).eval(text, tree)
        if len(json.dumps(value, allow_nan=False)) > LARGEST_RESULT:
            return {"problem": f"what it comes to is larger than {LARGEST_RESULT} bytes", "column": 1}
    except ExpressionError as error:
        return {"problem": error.problem, "column": error.column}
    except Fault as fault:
        return {"problem": fault.problem, "column": column_of(fault.node, text) if fault.node else 1}
    except (RecursionError, MemoryError) as error:
        small = "memory" if isinstance(error, MemoryError) else "depth"
        return {"problem": f"it needs too much {small}", "column": 1}
    except ValueError as error:
        return {"problem": f"what it comes to is no JSON value: {error}", "column": 1}
    return {"value": value}


# -- the process
def _limit(seconds: float) -> None:
    """Processor time for one more evaluation; the second more is for reading the values."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    with suppress(ValueError, OSError):
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(used.ru_utime + used.ru_stime + seconds) + 1, hard))


def _hold() -> None:
    """Memory, and no core dump, for good. macOS takes the first and does nothing; the deadline stands there."""
    for kind, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_AS, MEMORY)):
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))


def _say(line: dict[str, Any]) -> None:
    rest = memoryview(json.dumps(line).encode() + b"\n")
    while rest:
        rest = rest[os.write(1, rest) :]


class _Stdin:
    """What comes in, as lines and as lengths."""

    def __init__(self) -> None:
        self._read = bytearray()

    def line(self) -> bytes:
        """The next line; b"" when none comes any more."""
        while b"\n" not in self._read:
            if not self._more():
                return b""
        line, _, self._read = self._read.partition(b"\n")
        return bytes(line)

    def take(self, length: int) -> bytes:
        """That many bytes; fewer at the end."""
        while len(self._read) < length and self._more():
            pass
        taken = bytes(self._read[:length])
        del self._read[:length]
        return taken

    def _more(self) -> bool:
        ready, _, _ = select.select([0], [], [], IDLE)
        chunk = os.read(0, 65_536) if ready else b""
        self._read += chunk
        return bool(chunk)


def main() -> int:
    """Answer until nobody asks any more."""
    _hold()
    stdin = _Stdin()
    _say({"value": None})
    while head := stdin.line():
        asked = json.loads(head)
        _limit(asked["seconds"])
        _say(outcome(asked["text"], stdin.take(asked["length"])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
