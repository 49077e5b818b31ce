"""Loads the handlers that are not the house's own. In a worker process only: the daemon never imports them.

Where they come from: every `*.py` file of one folder whose name does not begin with `_`, and the entry points of
the group `jarvis.handlers`. What is wrong with one source is told under its name and stops no other.
"""

from __future__ import annotations

import sys
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

import msgspec

from jarvis.handlers.registry import Claim, claims, place_of
from jarvis.handlers.stamps import handler_files
from jarvis.scheduler.ports import Handler

GROUP = "jarvis.handlers"


class Loaded(msgspec.Struct, frozen=True):
    """The handlers by name, and what is wrong by source."""

    handlers: dict[str, Claim]
    problems: dict[str, str]


def load_handlers(folder: Path, house: Iterable[str], skip: dict[str, str], announce: Callable[[str], None]) -> Loaded:
    """Load everything there is, less what is to be skipped. `announce` is told each source before it is loaded."""
    found: list[Claim] = []
    problems: dict[str, str] = {}
    for source, load in _sources(folder):
        if source in skip:
            problems[source] = skip[source]
            continue
        announce(source)
        before = len(claims)
        try:
            load()
            found += claims[before:]
        except (Exception, SystemExit, KeyboardInterrupt) as error:  # noqa: BLE001 - foreign: it may raise anything
            problems[source] = _told(error, source)
        del claims[before:]
    return _settled(found, frozenset(house), problems)


def _sources(folder: Path) -> Iterable[tuple[str, Callable[[], object]]]:
    if files := handler_files(folder):
        sys.path.append(str(folder))  # last: a file of it never stands in for a module of somebody else's
    for path in files:
        yield str(path), lambda path=path: _load_file(path)  # type: ignore[misc] # mypy cannot infer it
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        yield f"entry point {point.name} ({point.value})", lambda point=point: _load_point(point)  # type: ignore[misc]


def _load_file(path: Path) -> None:
    """Import one file under its own name, so that others of the folder can import it too, and pickle finds it."""
    name = path.stem
    spec = find_spec(name) if "." not in name else None
    if spec is None or spec.origin is None or not Path(spec.origin).samefile(path):
        there = f"there is a module {name} already" if spec else f"{name!r} is no name for a module"
        raise ImportError(f"{there}: rename the file")
    import_module(name)


def _load_point(point: EntryPoint) -> None:
    function: Handler = point.load()
    if not callable(function):
        raise TypeError(f"it is a {type(function).__name__}, no function")
    if not any(claim.name == point.name and claim.function is function for claim in claims):
        claims.append(Claim(point.name, function, place_of(function) or point.value))


def _settled(found: list[Claim], house: frozenset[str], problems: dict[str, str]) -> Loaded:
    """Each name to the one who claims it. Of two nobody gets it: either could be the one that is meant."""
    by_name: defaultdict[str, list[Claim]] = defaultdict(list)
    for claim in found:
        by_name[claim.name].append(claim)
    handlers = {}
    for name, claimed in by_name.items():
        sources = " and ".join(sorted({claim.source for claim in claimed}))
        if name in house:
            problems[sources] = f"{name!r} is a handler of the house: choose another name"
        elif len(claimed) > 1:
            problems[sources] = f"{name!r} is claimed more than once: nobody gets it until one is renamed"
        else:
            handlers[name] = claimed[0]
    return Loaded(handlers, problems)


def _told(error: BaseException, source: str) -> str:
    """The line, and what is wrong there."""
    said = " ".join(f"{type(error).__name__}: {error}".split())[:500].rstrip(": ")
    if isinstance(error, SyntaxError) and error.filename == source:
        return f"line {error.lineno}: {type(error).__name__}: {error.msg}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == source]
    return f"line {lines[-1]}: {said}" if lines else said
