"""A file of `[tasks.NAME]` tables, read into tables that know where they stand; what is wrong, all at once.

Tables are plain dicts here: what their keys mean is `jarvis.tasks.spec`'s to say.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from stat import S_ISREG
from typing import Any, NamedTuple

from jarvis.errors import FileError
from jarvis.scheduler.suggest import did_you_mean
from jarvis.settings.values import LARGEST_FILE
from jarvis.tasks.toml import toml_key

# One piece of TOML at a time: strings and comments whole, so that what is in them opens and closes nothing.
_PIECE = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|\#[^\n]*|[^"\'#\[\]{}\n]+|.', re.DOTALL
)
_Place = tuple[str, ...]


class Problem(NamedTuple):
    """One thing that is wrong with a file: of which table and key, if of any."""

    message: str
    table: str = ""
    key: str = ""


class TaskFile:
    """The tables of one file. `source` is what the store knows it by."""

    def __init__(self, source: str, text: str, tables: Mapping[str, dict[str, Any]]) -> None:
        self.source = source
        self.tables = tables
        self._text = text

    @property
    def folder(self) -> Path:
        """The folder that relative paths in it start from."""
        return Path(self.source).parent

    def error(self, problems: Iterable[Problem]) -> FileError:
        """The problems as one error: for each the file, the line, the table and the key, as far as they can be told."""
        found = [(self._line(problem) or 0, problem) for problem in problems]
        return FileError([self._told(*each) for each in sorted(found, key=itemgetter(0))])

    def _told(self, line: int, problem: Problem) -> str:
        place = f"{self.source}, line {line}" if line else self.source
        table = f"[tasks.{toml_key(problem.table)}]" if problem.table else ""
        return ": ".join(part for part in (place, f"{table} {problem.key}".strip(), problem.message) if part)

    def _line(self, problem: Problem) -> int | None:
        place = (*(("tasks", problem.table) if problem.table else ()), *((problem.key,) if problem.key else ()))
        while place and not (problem.table and place == ("tasks",)):
            if place in self._lines:
                return self._lines[place]
            place = place[:-1]
        return None

    @cached_property
    def _lines(self) -> dict[_Place, int]:
        return lines_of(self._text)


def source_of(path: Path) -> str:
    """The name the store keeps for a file: absolute, its folder without links.

    A link in the last place stays: the homes of dotfile managers point it to another file at each change.
    """
    return str(path.expanduser().absolute().parent.resolve() / path.name)


def read_file(path: Path, *, settings_too: bool = False) -> TaskFile:
    """Read and parse. FileError names everything that makes the file unusable.

    `settings_too` is for jarvis.toml, whose other keys are the configuration's; elsewhere they would do nothing.
    """
    source = source_of(path)
    text = _text(source, path)
    try:
        found = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileError(f"{source}, {_syntax(error)}") from error
    tables = found.get("tasks", {})
    read = TaskFile(source, text, tables if isinstance(tables, dict) else {})
    if problems := [*_not_tables(tables), *([] if settings_too else _not_tasks(found))]:
        raise read.error(problems)
    return read


def lines_of(text: str) -> dict[_Place, int]:
    """The line on which each table and key of a valid text begins; an inline table's keys are not told apart."""
    found: dict[_Place, int] = {}
    table: _Place = ()
    for line, statement in _statements(text):
        if statement.startswith("["):
            table = _place(statement)
            found.setdefault(table, line)
            continue
        place = table + _place(statement.partition("\n")[0])
        for end in range(len(table) + 1, len(place) + 1):
            found.setdefault(place[:end], line)
    return found


def _text(source: str, path: Path) -> str:
    data = _bytes(source, path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].split(b"\n")
        raise FileError(f"{source}, line {len(before)}, column {len(before[-1]) + 1}: not UTF-8 text") from error


def _bytes(source: str, path: Path) -> bytes:
    try:
        status = path.stat()
        if not S_ISREG(status.st_mode):
            raise FileError(f"{source}: it is not a file: name a file with [tasks.NAME] tables")
        if status.st_size > LARGEST_FILE:
            raise FileError(f"{source}: {status.st_size} bytes are too many: the most is {LARGEST_FILE}")
        return path.read_bytes()
    except OSError as error:
        raise FileError(f"{source}: it cannot be read: {error.strerror}") from error


def _syntax(error: Exception) -> str:
    """What tomllib says, with the place in front."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    reason, _, place = str(error).removesuffix(")").rpartition(" (at ")
    place = place.replace("end of document", "at its end")
    return f"{place}: {reason}" if reason else place


def _not_tables(tables: object) -> Iterator[Problem]:
    if not isinstance(tables, dict):
        yield Problem(f"got {type(tables).__name__}, allowed: tables [tasks.NAME]", key="tasks")
        return
    for name, table in tables.items():
        if not isinstance(table, dict):
            yield Problem(f"got {table!r:.60}, allowed: a table of its own", table=name)


def _not_tasks(found: Mapping[str, Any]) -> Iterator[Problem]:
    for key in found:
        if key != "tasks":
            nearest = did_you_mean(key, ["tasks"])
            yield Problem(f"only [tasks.NAME] tables are read here; settings are jarvis.toml's{nearest}", key=key)


# -- where things stand -----------------------------------------------------------------------------------
def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Each table's head and each key with its value, with the line it begins on."""
    line, depth, start, pieces = 1, 0, 1, list[str]()
    for match in _PIECE.finditer(text + "\n"):
        piece = match[0]
        if piece == "\n" and depth == 0:
            if statement := "".join(pieces).strip():
                yield start, statement
            pieces = []
            start = line + 1
        elif not piece.startswith("#"):
            pieces.append(piece)
            depth += (piece in ("[", "{")) - (piece in ("]", "}"))
        line += piece.count("\n")


def _place(statement: str) -> _Place:
    """The keys of a head `[a."b c"]`, or of what is before the `=` of `a.b = value`."""
    if not statement.startswith("["):
        statement = _before_equals(statement) + "= 0"
    try:
        found: Any = tomllib.loads(statement)
    except ValueError:
        return ()
    keys: list[str] = []
    while found and isinstance(found, dict | list):
        found = found[0] if isinstance(found, list) else found
        if not isinstance(found, dict) or not found:
            break
        key, found = next(iter(found.items()))
        keys.append(key)
    return tuple(keys)


def _before_equals(statement: str) -> str:
    pieces = [match[0] for match in _PIECE.finditer(statement)]
    before: list[str] = []
    for piece in pieces:
        head, equals, _ = piece.partition("=") if piece[:1] not in ("'", '"') else (piece, "", "")
        before.append(head)
        if equals:
            break
    return "".join(before)
