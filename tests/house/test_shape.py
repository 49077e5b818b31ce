"""Ratchets on the shape of the source: short functions, short files, one clock, few places that speak.

The figures are those of the code that reads best in this field. When one of them fails, split the thing by
what it does; raising the figure is the last resort and needs a decision record.
"""

from __future__ import annotations

import ast
import io
import statistics
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.house.tree import SRC, python_sources, relative

LONGEST_FUNCTION, MEDIAN_FUNCTION, P90_FUNCTION = 40, 8, 25
LONGEST_FILE, LONGEST_CLASS = 400, 300

CLOCK_FILE = "src/jarvis/scheduler/clock.py"
WALL_CLOCK = {
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.datetime.today",
    "datetime.date.today",
    "time.time",
    "time.time_ns",
    "time.clock_gettime",
    "time.clock_gettime_ns",
}
#: In the scheduler the Clock port is at hand, and a clock read past it cannot be simulated.
WAITING_CLOCK = {
    "time.monotonic",
    "time.monotonic_ns",
    "time.perf_counter",
    "time.perf_counter_ns",
    "time.sleep",
}

MAY_SPEAK = ("src/jarvis/cli/", "src/jarvis/__main__.py")

Function = ast.FunctionDef | ast.AsyncFunctionDef
Check = Callable[[str, str], Iterator[str]]


def functions(tree: ast.AST) -> list[Function]:
    return [node for node in ast.walk(tree) if isinstance(node, Function)]


def length(node: Function | ast.ClassDef) -> int:
    """Lines from `def` to the end, without the docstring."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node, clean=False) is None:
        return lines
    docstring = node.body[0]
    return lines - ((docstring.end_lineno or docstring.lineno) - docstring.lineno + 1)


def long_functions(name: str, source: str) -> Iterator[str]:
    for node in functions(ast.parse(source)):
        if length(node) > LONGEST_FUNCTION:
            yield f"{name}:{node.lineno}: {node.name} has {length(node)} lines, not <= {LONGEST_FUNCTION}"


def long_classes(name: str, source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef) and length(node) > LONGEST_CLASS:
            yield f"{name}:{node.lineno}: {node.name} has {length(node)} lines, not <= {LONGEST_CLASS}"


def long_files(name: str, source: str) -> Iterator[str]:
    lines = len(source.splitlines())
    if lines > LONGEST_FILE:
        yield f"{name}: {lines} lines, not <= {LONGEST_FILE}"


def imported_names(tree: ast.AST) -> dict[str, str]:
    """Local name -> full name, for everything a module imports."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def full_name(node: ast.expr, names: dict[str, str]) -> str | None:
    """`dt.datetime.now` under `import datetime as dt` -> `datetime.datetime.now`."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute) and (base := full_name(node.value, names)):
        return f"{base}.{node.attr}"
    return None


def clock_reads(name: str, source: str) -> Iterator[str]:
    if name == CLOCK_FILE:
        return
    tree = ast.parse(source)
    names = imported_names(tree)
    banned = WALL_CLOCK | (WAITING_CLOCK if name.startswith("src/jarvis/scheduler/") else set())
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name) and (read := full_name(node, names)) in banned:
            yield f"{name}:{node.lineno}: {read}: time is an argument; only {CLOCK_FILE} reads a clock"


def is_main_guard(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"


def speaking(name: str, source: str) -> Iterator[str]:
    """print and exit outside the command line; a module's own `if __name__ == "__main__"` may exit."""
    if name.startswith(MAY_SPEAK):
        return
    tree = ast.parse(source)
    guarded = {inner for node in tree.body if is_main_guard(node) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        exits = called in {"sys.exit", "exit", "quit", "SystemExit"} and node not in guarded
        if isinstance(node, ast.expr) and (called == "print" or exits):
            yield f"{name}:{node.lineno}: {called}() outside jarvis.cli: return it, raise it or log it"


def catches_everything(handler: ast.ExceptHandler) -> bool:
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or ast.unparse(kind) in {"Exception", "BaseException"} for kind in caught)


def comments(source: str) -> dict[int, str]:
    """Line -> what its comment says beside any `noqa` code."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    said = {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}
    return {line: reason(text) for line, text in said.items()}


def reason(comment: str) -> str:
    words = comment.lstrip("# ").split()
    if words and words[0].lower().startswith("noqa"):
        words = [word for word in words[1:] if not word.rstrip(",").isupper() and not word[-1].isdigit()]
    return " ".join(words).strip("-: ")


def silent_catches(name: str, source: str) -> Iterator[str]:
    """One that cleans up and ends in a bare `raise` hides nothing and needs no comment."""
    said = comments(source)
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ExceptHandler) or not catches_everything(node):
            continue
        if isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None:
            continue
        first = node.body[0].lineno
        if not any(said.get(line) for line in range(node.lineno - 1, first + 1)):
            yield f"{name}:{node.lineno}: catches everything and no comment says why"


CHECKS: tuple[Check, ...] = (
    long_functions, long_classes, long_files, clock_reads, speaking, silent_catches
)  # fmt: skip


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_source_holds(check: Check) -> None:
    found = [line for path in python_sources() for line in check(relative(path), path.read_text(encoding="utf-8"))]
    assert not found, "\n" + "\n".join(found)


def test_most_functions_are_short() -> None:
    lengths = [
        length(node) for path in python_sources() for node in functions(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert_short(lengths)


def assert_short(lengths: list[int]) -> None:
    if len(lengths) < 2:
        return
    median, p90 = statistics.median(lengths), statistics.quantiles(lengths, n=10)[-1]
    assert median <= MEDIAN_FUNCTION, f"the median function has {median} lines"
    assert p90 <= P90_FUNCTION, f"nine in ten functions have up to {p90} lines"


def test_every_folder_of_the_package_is_a_package() -> None:
    """Without its __init__.py a folder is invisible to the import rules."""
    folders: set[Path] = {path.parent for path in python_sources()}
    missing = [relative(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()]
    assert not missing, f"no __init__.py in {missing}"
    assert SRC in folders


BODY = "\n".join(f"    x{n} = {n}" for n in range(LONGEST_FUNCTION))
GUARD = 'if __name__ == "__main__":\n'


@pytest.mark.parametrize(
    ("check", "source"),
    [
        (long_functions, f"def long():\n{BODY}\n"),
        (long_classes, "class Long:\n" + "    x = 1\n" * LONGEST_CLASS),
        (long_files, "x = 1\n" * (LONGEST_FILE + 1)),
        (clock_reads, "from datetime import datetime\nx = datetime.now()\n"),
        (clock_reads, "import datetime as dt\nx = dt.datetime.now(dt.UTC)\n"),
        (clock_reads, "from time import time as clock\nx = clock()\n"),
        (clock_reads, "import time\nfield(default_factory=time.time)\n"),
        (speaking, "print('hello')\n"),
        (speaking, "import sys\nsys.exit(1)\n"),
        (speaking, "def f():\n    raise SystemExit(1)\n"),
        (speaking, f"{GUARD}    print('hello')\n"),
        (silent_catches, "try:\n    f()\nexcept Exception:\n    pass\n"),
        (silent_catches, "try:\n    f()\nexcept (ValueError, BaseException):  # noqa: BLE001\n    pass\n"),
        (silent_catches, "try:\n    f()\nexcept:\n    pass\n"),
    ],
)
def test_each_check_can_fail(check: Check, source: str) -> None:
    assert list(check("src/jarvis/made_up.py", source))


@pytest.mark.parametrize(
    ("check", "source"),
    [
        (
            long_functions,
            f'def documented():\n    """One.\n\n    Two.\n    """\n{BODY[: BODY.rindex(chr(10))]}\n',
        ),
        (clock_reads, "import time\nx = time.monotonic()\n"),
        (clock_reads, "x = clock.now()\n"),
        (speaking, f"import sys\n{GUARD}    sys.exit(main())\n"),
        (
            silent_catches,
            "try:\n    f()\nexcept Exception:  # one bad row never stops the others\n    pass\n",
        ),
        (
            silent_catches,
            "try:\n    f()\nexcept Exception:\n    # noqa: BLE001 - a reader's fault\n    pass\n",
        ),
        (silent_catches, "try:\n    f()\nexcept OSError:\n    pass\n"),
        (silent_catches, "try:\n    f()\nexcept BaseException:\n    undo()\n    raise\n"),
    ],
)
def test_each_check_lets_the_good_form_pass(check: Check, source: str) -> None:
    assert not list(check("src/jarvis/made_up.py", source))


def test_the_scheduler_may_not_even_read_the_waiting_clock() -> None:
    assert list(clock_reads("src/jarvis/scheduler/made_up.py", "import time\nx = time.monotonic()\n"))


@pytest.mark.parametrize("lengths", [[MEDIAN_FUNCTION + 1] * 10, [1] * 8 + [P90_FUNCTION + 1] * 2])
def test_the_ratchet_on_lengths_can_fail(lengths: list[int]) -> None:
    with pytest.raises(AssertionError, match=r"functions? ha"):
        assert_short(lengths)
