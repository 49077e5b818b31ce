"""The end of a log and what follows it, through rotation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jarvis.service.tail import follow, last_lines


@pytest.mark.parametrize(
    ("content", "count", "shown"),
    [
        (b"", 5, b""),
        (b"one\ntwo\nthree\n", 2, b"two\nthree\n"),
        (b"one\ntwo\nthree", 2, b"two\nthree"),
        (b"one\n", 5, b"one\n"),
        (b"one\ntwo\n", 0, b""),
        (b"\n\n\n", 2, b"\n\n"),
    ],
)
def test_the_last_lines(tmp_path: Path, content: bytes, count: int, shown: bytes) -> None:
    file = tmp_path / "log"
    file.write_bytes(content)
    assert last_lines(file, count) == shown


@pytest.mark.parametrize("length", [1, 100, 65_535, 65_536, 200_000])
def test_lines_longer_than_what_is_read_at_once_stay_whole(tmp_path: Path, length: int) -> None:
    file = tmp_path / "log"
    lines = [bytes([97 + number]) * length + b"\n" for number in range(5)]
    file.write_bytes(b"".join(lines))
    assert last_lines(file, 3) == b"".join(lines[-3:])


class Script:
    """What happens to the log, one step at each pause of the reader; then the reader is ended."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        self._steps = iter(steps)

    def __call__(self) -> None:
        step = next(self._steps, None)
        if step is None:
            raise KeyboardInterrupt
        step()


def shown(pieces: Iterator[bytes]) -> bytes:
    found: list[bytes] = []
    with pytest.raises(KeyboardInterrupt):
        found.extend(pieces)
    return b"".join(found)


def append(file: Path, text: bytes) -> Callable[[], object]:
    def act() -> None:
        with file.open("ab") as out:
            out.write(text)

    return act


def test_what_is_added_follows(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(b"one\ntwo\n")
    script = Script(append(file, b"three\n"), lambda: None, append(file, b"four\n"))
    assert shown(follow(file, 1, script)) == b"two\nthree\nfour\n"


def test_a_log_that_is_rotated_is_followed_to_its_successor_and_nothing_is_lost(tmp_path: Path) -> None:
    file, kept = tmp_path / "log", tmp_path / "log.1"
    file.write_bytes(b"one\n")
    script = Script(
        lambda: file.rename(kept), append(kept, b"two\n"), append(file, b"three\n"), append(file, b"four\n")
    )
    assert shown(follow(file, 1, script)) == b"one\ntwo\nthree\nfour\n"


def test_a_log_that_does_not_exist_yet_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "log"
    assert shown(follow(file, 5, Script(lambda: None, append(file, b"one\n")))) == b"one\n"


def test_a_log_that_was_emptied_is_read_from_its_start(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(b"one\ntwo\n")
    assert shown(follow(file, 1, Script(lambda: file.write_bytes(b"new\n")))) == b"two\nnew\n"
