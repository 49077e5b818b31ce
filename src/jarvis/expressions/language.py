"""The expression language: what a text may say, told before it is ever evaluated. Pure.

An expression is a subset of a Python expression: `age(facts.work.backup_last_success) > hours(48)`. It has comparisons,
`and or not in`, arithmetic, `a if b else c`, lists, keys of objects as `a.b` or `a["b"]`, and the functions of
FUNCTIONS, some of which take `... for x in list if ...`. It has no power, no slices, no formatting, no methods and no
assignment.

The text is read twice. A scan allows a small alphabet, counts and closes the brackets: what reaches Python's parser is
short and shallow. Then every node of the tree must be one that is allowed here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator
from itertools import pairwise
from typing import NoReturn

import msgspec

from jarvis.errors import UsageError
from jarvis.scheduler.suggest import did_you_mean

LONGEST = 2_000  # characters
MOST_TOKENS = 500
DEEPEST = 40  # brackets within brackets, and nodes within nodes
MOST_DIGITS = 15  # of a number: exact as a float too

CONSTANTS = {"true": True, "false": False, "null": None}  # beside Python's own, as JSON writes them

_ANY = 100


class Signature(msgspec.Struct, frozen=True):
    """How many arguments a function takes; `over`: its only one may be `... for x in list if ...`."""

    least: int
    most: int
    says: str
    over: bool = False


FUNCTIONS = {
    "abs": Signature(1, 1, "abs(number): without its sign"),
    "age": Signature(1, 1, "age(instant): seconds since then; negative if it is to come"),
    "all": Signature(1, 1, "all(... for x in list): whether it holds for each", over=True),
    "any": Signature(1, 1, "any(... for x in list): whether it holds for one", over=True),
    "contains": Signature(2, 2, "contains(text or list, part)"),
    "count": Signature(1, 1, "count(... for x in list): for how many it holds", over=True),
    "days": Signature(1, 1, "days(number): in seconds, of 24 h each"),
    "days_between": Signature(2, 2, "days_between(date, date): from the first to the second"),
    "duration": Signature(1, 1, 'duration("1h30m"): in seconds'),
    "endswith": Signature(2, 2, "endswith(text, end)"),
    "get": Signature(2, 3, 'get(facts, "work/queue", default): what is there, or the default (null) where nothing is'),
    "hours": Signature(1, 1, "hours(number): in seconds"),
    "instant": Signature(1, 1, 'instant("2026-03-02T09:00:00+00:00"): seconds since 1970'),
    "len": Signature(1, 1, "len(text, list or object)"),
    "lower": Signature(1, 1, "lower(text)"),
    "max": Signature(1, _ANY, "max(a, b, ...) or max(list)", over=True),
    "min": Signature(1, _ANY, "min(a, b, ...) or min(list)", over=True),
    "minutes": Signature(1, 1, "minutes(number): in seconds"),
    "number": Signature(1, 1, 'number("12.5"): the number that a text says'),
    "round": Signature(1, 2, "round(number, digits)"),
    "startswith": Signature(2, 2, "startswith(text, start)"),
    "sum": Signature(1, 1, "sum(... for x in list)", over=True),
    "upper": Signature(1, 1, "upper(text)"),
}

_TOKEN = re.compile(
    r"""(?P<blank>[ \t\r\n]+)
      | (?P<text>"[^"\\\x00-\x1f\x7f\ud800-\udfff]*" | '[^'\\\x00-\x1f\x7f\ud800-\udfff]*')
      | (?P<number>[0-9]+(?:\.[0-9]+)?)
      | (?P<name>[A-Za-z][A-Za-z0-9_]*)
      | (?P<sign>\*\*|==|!=|<=|>=|//|[-+*/%<>()\[\].,])""",
    re.VERBOSE,
)
_BEFORE_ESCAPE = re.compile(r"""["'][^"'\\]*\\""")
_LINES = re.compile(r"[\t\r\n]")
_PAIRS = {")": "(", "]": "["}
_WORDS = frozenset({"and", "or", "not", "in", "if", "else", "for", "True", "False", "None"})
_REFUSED_WORDS = {
    "lambda": "functions cannot be made here",
    "is": "use == or !=",
    **dict.fromkeys(("import", "await", "async", "yield"), "there are expressions, and nothing else"),
}
_REFUSED_SIGNS = {
    "=": "use == to compare",
    "!": "use != or `not`",
    "&": "use `and`",
    "|": "use `or`",
    "{": 'keys are read with a.b or a["b"]; objects cannot be made here',
    ":": "there are no slices, and nothing can be named here",
    "_": 'names begin with a letter; write a key with one in front as ["_key"]',
    "\\": "there are no escapes in texts: write the character itself",
    '"': "this text is not closed on its line",
    "'": "this text is not closed on its line",
    "#": "there are no comments",
}
_OPERATORS = (
    *(ast.And, ast.Or, ast.Not, ast.USub, ast.UAdd, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod),
    *(ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn, ast.Load, ast.Store),
)
_NODES = (
    *(ast.BoolOp, ast.UnaryOp, ast.BinOp, ast.Compare, ast.IfExp, ast.Attribute, ast.Subscript),
    *(ast.Constant, ast.Name, ast.Call, ast.List, ast.Tuple, ast.GeneratorExp),
)
_SPOKEN: dict[type, str] = {ast.ListComp: "`[... for ...]`", ast.Starred: "`*` before a value"}


class ExpressionError(UsageError):
    """An expression that is refused, or that failed; `column` is where, from 1."""

    def __init__(self, problem: str, column: int, what: str = "") -> None:
        """`what` holds it, where there could be doubt."""
        self.problem, self.column = problem, column
        super().__init__(f"{what and what + ', '}column {column}: {problem}")


def check(text: str, names: Collection[str]) -> None:
    """Refuse a text that is no expression over `names`: ExpressionError, with the place of the fault."""
    parse(text, names)


def parse(text: str, names: Collection[str]) -> ast.expr:
    """The tree of an expression that may use `names`. ExpressionError, with the place, if it is none."""
    if not isinstance(text, str):
        raise ExpressionError(f"an expression is a text, got {type(text).__name__}", 1)
    if len(text) > LONGEST:
        raise ExpressionError(f"it is {len(text)} characters long: at most {LONGEST} are allowed", LONGEST + 1)
    _scan(text)
    tree = _parsed(text)
    if isinstance(tree, ast.Tuple):
        raise ExpressionError("these are several values: one is needed", 1)
    _Allowed(text, names).check(tree)
    return tree


def column_of(node: ast.AST, text: str) -> int:
    """Where a node of `parse(text)` begins, in characters from 1. Python counts bytes."""
    at: int = getattr(node, "col_offset", 1)
    if isinstance(node, ast.Attribute):  # the key, not what it is a key of
        at = (node.end_col_offset or at + len(node.attr)) - len(node.attr)
    elif isinstance(node, ast.Subscript):
        at = node.slice.col_offset
    return len(text.encode()[: at - 1].decode(errors="ignore")) + 1


# -- the text
def _scan(text: str) -> None:
    """Refuse what is not of the alphabet, too much of it, and brackets that do not match."""
    tokens = [token for token in _tokens(text) if token.lastgroup != "blank"]
    if not tokens:
        raise ExpressionError("it is empty", 1)
    if len(tokens) > MOST_TOKENS:
        raise ExpressionError(f"it has more than {MOST_TOKENS} words and signs", tokens[MOST_TOKENS].start() + 1)
    for token in tokens:
        _check_word(token)
    for before, token in pairwise(tokens):
        if token.lastgroup == "text" and before.end() == token.start() and before.lastgroup in ("name", "text"):
            raise ExpressionError("a text stands by itself: no letter or text directly before it", token.start() + 1)
    _check_brackets(tokens)


def _tokens(text: str) -> Iterator[re.Match[str]]:
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            escape = _BEFORE_ESCAPE.match(text, at)
            at = escape.end() - 1 if escape else at
            hint = _REFUSED_SIGNS.get(text[at], "it is not part of the language")
            raise ExpressionError(f"{text[at]!a}: {hint}", at + 1)
        yield token
        at = token.end()
        if token.lastgroup == "number" and text[at : at + 1].isalnum():
            raise ExpressionError(
                f'{text[token.start() : at + 1]!a} is no number: a length of time is hours(2), or duration("2h")',
                token.start() + 1,
            )


def _check_word(token: re.Match[str]) -> None:
    said, at = token.group(), token.start() + 1
    if said == "**":
        raise ExpressionError("there is no power: multiply", at)
    if token.lastgroup == "number" and len(said.replace(".", "")) > MOST_DIGITS:
        raise ExpressionError(f"this number has more than {MOST_DIGITS} digits", at)
    if token.lastgroup == "name" and said in _REFUSED_WORDS:
        raise ExpressionError(f"{said!r} is not part of the language: {_REFUSED_WORDS[said]}", at)


def _check_brackets(tokens: list[re.Match[str]]) -> None:
    opened: list[re.Match[str]] = []
    for token in tokens:
        said, at = token.group(), token.start() + 1
        if said in _PAIRS.values():
            opened.append(token)
            if len(opened) > DEEPEST:
                raise ExpressionError(f"brackets stand more than {DEEPEST} deep", at)
        elif said in _PAIRS and (not opened or opened.pop().group() != _PAIRS[said]):
            raise ExpressionError(f"{said!r} closes nothing", at)
    if opened:
        raise ExpressionError(f"{opened[-1].group()!r} is not closed", opened[-1].start() + 1)


def _parsed(text: str) -> ast.expr:
    """Python's tree. In brackets, so that blanks and lines mean nothing: columns of nodes count from 1 for that."""
    try:
        return ast.parse(f"({_LINES.sub(' ', text)})", mode="eval").body
    except SyntaxError as error:
        at = min(max((error.offset or 2) - 1, 1), len(text))
        raise ExpressionError(f"this cannot be read here: {_near(text, at)}", at) from None
    except (RecursionError, MemoryError, ValueError):  # each by what it says in its own version of Python
        raise ExpressionError("it is nested too deeply", 1) from None


def _near(text: str, at: int) -> str:
    word = text[at - 1 :].split()
    return repr(word[0][:30]) if word else "the end"


# -- the tree
class _Allowed:
    """Walks a tree and refuses what is not in the language."""

    def __init__(self, text: str, names: Collection[str]) -> None:
        self._text = text
        self._names = frozenset(names)

    def check(self, tree: ast.expr) -> None:
        """ExpressionError for a node that is refused."""
        waiting: list[tuple[ast.AST, int, frozenset[str]]] = [(tree, 1, self._names)]
        while waiting:
            node, depth, names = waiting.pop()
            if depth > DEEPEST:
                self._refuse(node, f"it is nested more than {DEEPEST} deep")
            waiting += [(child, depth + 1, known) for child, known in self._children(node, names)]

    def _children(self, node: ast.AST, names: frozenset[str]) -> Iterable[tuple[ast.AST, frozenset[str]]]:
        """What is to be checked below a node, and the names known there."""
        if isinstance(node, ast.Call):
            return self._arguments(node, names)
        if isinstance(node, ast.GeneratorExp):
            over = ", ".join(name for name, signature in FUNCTIONS.items() if signature.over)
            self._refuse(node, f"`for` stands alone in the brackets of one of {over}")
        if not isinstance(node, _NODES + _OPERATORS):
            self._refuse(node, f"{_SPOKEN.get(type(node), 'this')} is not part of the language")
        if isinstance(node, ast.Name):
            self._check_name(node, names)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Mod):
            self._check_numbers(node)
        return ((child, names) for child in ast.iter_child_nodes(node))

    def _check_numbers(self, node: ast.BinOp) -> None:
        for side in (node.left, node.right):
            if isinstance(side, ast.List | ast.Tuple) or isinstance(getattr(side, "value", None), str):
                self._refuse(side, "only numbers are multiplied and divided")

    def _check_name(self, node: ast.Name, names: frozenset[str]) -> None:
        if node.id in names or node.id in CONSTANTS:
            return
        if node.id in FUNCTIONS:
            self._refuse(node, f"{node.id} is a function: {FUNCTIONS[node.id].says}")
        there = f"there are {', '.join(sorted(names))}" if names else "there are none"
        self._refuse(node, f"no name {node.id!r} is known here: {there}.{did_you_mean(node.id, sorted(names))}")

    def _arguments(self, call: ast.Call, names: frozenset[str]) -> Iterable[tuple[ast.AST, frozenset[str]]]:
        signature = self._signature(call)
        if len(call.args) == 1 and isinstance(call.args[0], ast.GeneratorExp) and signature.over:
            return self._generator(call.args[0], names)
        if not signature.least <= len(call.args) <= signature.most:
            self._refuse(call, f"{len(call.args)} arguments do not fit: {signature.says}")
        return ((each, names) for each in call.args)

    def _signature(self, call: ast.Call) -> Signature:
        if not isinstance(call.func, ast.Name):
            self._refuse(call.func, "there are no methods: call a function, such as lower(text)")
        name = call.func.id
        if name not in FUNCTIONS:
            near = did_you_mean(name, FUNCTIONS)
            self._refuse(call.func, f"no function {name!r} is known: there are {', '.join(FUNCTIONS)}.{near}")
        if name == "age" and "now" not in self._names:
            self._refuse(call.func, "age() needs `now`, which is not known here")
        return FUNCTIONS[name]

    def _generator(self, node: ast.GeneratorExp, names: frozenset[str]) -> Iterable[tuple[ast.AST, frozenset[str]]]:
        (first, *more) = node.generators
        if more:
            self._refuse(node, "only one `for` is allowed in a pair of brackets")
        if not isinstance(first.target, ast.Name):
            self._refuse(first.target, "one name stands between `for` and `in`")
        name = first.target.id
        if name in names or name in FUNCTIONS or name in CONSTANTS:
            self._refuse(first.target, f"{name!r} means something already: choose another name")
        inner = names | {name}
        return [(first.iter, names), (node.elt, inner), *((each, inner) for each in first.ifs)]

    def _refuse(self, node: ast.AST, problem: str) -> NoReturn:
        raise ExpressionError(problem, column_of(node, self._text))
