"""What is printed: tables, JSON, instants, colour. Plain text where no terminal is, nothing a name could break."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, tzinfo

NOTHING = "-"
_COLOURS = {
    **dict.fromkeys(("succeeded", "running", "ok"), "32"),
    **dict.fromkeys(("failed", "timed_out", "unknown", "unreadable", "error"), "31"),
    **dict.fromkeys(("missed", "skipped", "cancelled", "paused", "warning"), "33"),
}


def write_bytes(body: bytes) -> None:
    """Print bytes as they are, at once."""
    if sys.stdout is not None:
        sys.stdout.flush()
        sys.stdout.buffer.write(body)
        sys.stdout.buffer.flush()


def escaped(text: str) -> str:
    """The text with everything that a terminal could obey, or that would break a line, shown instead."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _spelled(each) for each in text)


def instant(moment: datetime | None, zone: tzinfo) -> str:
    """An instant as a person reads it, in the zone and with its offset, cut to the millisecond."""
    if moment is None:
        return NOTHING
    return local(moment, zone).isoformat(" ", "milliseconds" if moment.microsecond else "seconds")


def iso(moment: datetime | None, zone: tzinfo) -> str | None:
    """An instant for JSON: exact, in the zone and with its offset."""
    return None if moment is None else local(moment, zone).isoformat()


def local(moment: datetime, zone: tzinfo) -> datetime:
    """The instant in the zone; as it is where the calendar of the zone has ended."""
    try:
        return moment.astimezone(zone)
    except OverflowError:
        return moment


def emit(value: object) -> int:
    """Print a value as JSON, a list with one element a line. Returns the exit code 0."""
    from json import dumps

    if isinstance(value, list) and value:
        print("[" + ",\n ".join(dumps(each) for each in value) + "]")
    else:
        print(dumps(value, indent=2))
    return 0


def json_text(value: object) -> str:
    """A stored value as JSON on one line, in ASCII: no character of it can mean anything to a terminal."""
    from json import dumps

    return dumps(value)


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> None:
    """Print rows in aligned columns under their heads, or the sentence that says that there are none."""
    cells = [[_cell(value) for value in row] for row in rows]
    if not cells:
        print(empty)
        return
    widths = [max(map(_width, column)) for column in zip(heads, *cells, strict=True)]
    print(_dim(_line(heads, widths)))
    line = _coloured_line if is_coloured() else _line
    print("\n".join([line(row, widths) for row in cells]))


def listing(pairs: Iterable[tuple[str, object]]) -> None:
    """Print names and values below each other. A value of several lines keeps its column."""
    known = [(name, escaped_lines(value)) for name, value in pairs]
    width = max(len(name) for name, _ in known) + 2
    for name, lines in known:
        print(_dim(name.ljust(width)) + _painted(lines[0], lines[0], is_coloured()))
        for line in lines[1:]:
            print(" " * width + line)


def escaped_lines(value: object) -> list[str]:
    """A value's lines, each escaped; a list has one line for each element."""
    lines = [str(each) for each in value] if isinstance(value, list) else [NOTHING if value is None else str(value)]
    return [escaped(line) for line in lines] or [NOTHING]


def note(text: str) -> None:
    """Say something beside the answer, on stderr; after it where both go to one place."""
    if sys.stdout is not None:
        sys.stdout.flush()
    print(f"jarvis: note: {escaped(text)}", file=sys.stderr)


def is_coloured() -> bool:
    """Whether colour is wanted: only on a terminal that can, and without NO_COLOR (no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return sys.stdout is not None and sys.stdout.isatty()


def _spelled(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def _cell(value: object) -> str:
    text = NOTHING if value is None else str(value)
    return text if text.isprintable() else escaped(text)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(map(_padded, cells, widths)).rstrip()


def _coloured_line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = map(_padded, cells, widths)
    return "  ".join([_painted(text, cell, True) for text, cell in zip(padded, cells, strict=True)]).rstrip()


def _padded(cell: str, width: int) -> str:
    return cell.ljust(width) if cell.isascii() else cell + " " * (width - _width(cell))


def _painted(text: str, word: str, coloured: bool) -> str:
    colour = _COLOURS.get(word) if coloured else None
    return f"\033[{colour}m{text}\033[0m" if colour else text


def _dim(text: str) -> str:
    return f"\033[2m{text}\033[0m" if is_coloured() else text


def _width(text: str) -> int:
    """How many columns a terminal takes for it."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(each) else 2 if east_asian_width(each) in "WF" else 1 for each in text)
