"""Amounts of memory as people write them (`512MB`, `2G`), in bytes. As memory is counted: 1 KB is 1024 bytes."""

from __future__ import annotations

_FACTORS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_LONGEST_TEXT = 40
LARGEST = 1 << 50
LEAST_MEMORY = 64 << 20
"""Less than this an interpreter with its libraries does not start in."""

ALLOWED = 'a number of bytes, or one with a unit such as "512MB", "1.5G", "64 MiB" (1 KB = 1 KiB = 1024 bytes)'


def parse_memory_limit(value: object) -> int:
    """Bytes that a process may use. ValueError for what is no amount, or less than a process starts in."""
    size = parse_size(value)
    if size < LEAST_MEMORY:
        least = format_size(LEAST_MEMORY)
        raise ValueError(f"{str(value).strip()} is less than a process starts in: use at least {least}")
    return size


def parse_size(value: object) -> int:
    """The bytes that `value` says. ValueError for what is no amount, is no whole number of bytes, or is 0."""
    found = _read(value) if isinstance(value, str) else value
    if isinstance(found, bool) or not isinstance(found, int) or not 0 < found <= LARGEST:
        raise ValueError(f"{str(value)[:60]!r} is no amount of memory. Allowed: {ALLOWED}")
    return found


def _read(text: str) -> int | None:
    word = text.strip().lower()
    if not word.isascii() or len(word) > _LONGEST_TEXT:
        return None
    number = word.rstrip("abcdefghijklmnopqrstuvwxyz ")
    unit = word[len(number) :].strip().removesuffix("b").removesuffix("i")
    whole, _, part = number.partition(".")
    if unit not in _FACTORS or not whole.isdigit() or not (part or "0").isdigit() or number.endswith("."):
        return None
    scale = 10 ** len(part)
    size, rest = divmod(int(whole + part) * _FACTORS[unit], scale)
    return None if rest and unit == "" else size


def format_size(size: int) -> str:
    """In the largest unit that leaves a short number: `512 MiB`, `1.5 GiB`."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        factor = _FACTORS[unit[0].lower()]
        if size >= factor:
            return f"{round(size / factor, 1):g} {unit}"
    return f"{size} B"
