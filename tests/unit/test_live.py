"""The output of runs that go on, in files: read as it grows, bounded however much is printed, gone at the end."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.memory.live import KEPT, LiveFile, LiveFolder

ONE, OTHER = (12, 1), (12, 2)


@pytest.fixture
def store(tmp_path: Path) -> str:
    return str(tmp_path / "memory.db")


def begun(folder: LiveFolder, attempt: tuple[int, int] = ONE) -> LiveFile:
    made = folder.begin(attempt)
    assert made
    return made


def files(store: str) -> list[Path]:
    return sorted(Path(f"{store}-output").iterdir())


def test_what_is_written_is_read_at_once_by_another(store: str) -> None:
    file, reader = begun(LiveFolder(store)), LiveFolder(store)
    assert reader.read(ONE) == []
    file.write(b"\xff one")
    assert reader.read(ONE) == [(0, b"\xff one")]
    file.write(b" two")
    assert reader.read(ONE, since=5) == [(5, b" two")]
    assert reader.read(ONE, since=9) == []
    file.discard()


def test_nothing_written_is_no_file(store: str) -> None:
    begun(LiveFolder(store)).discard()
    assert not Path(f"{store}-output").exists()


def test_only_the_owner_may_read_it(store: str) -> None:
    file = begun(LiveFolder(store))
    file.write(b"secret")
    (path,) = files(store)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    file.discard()


def test_however_much_is_printed_the_head_and_the_newest_stay_and_no_more(store: str) -> None:
    folder = LiveFolder(store, segment=10)
    file = begun(folder)
    for number in range(1000):
        file.write(b"%04d" % number)
        assert sum(path.stat().st_size for path in files(store)) <= KEPT * 10
    assert folder.read(ONE) == [(0, b"0000000100"), (3980, b"0995099609"), (3990, b"9709980999")]
    file.discard()


def test_a_reader_that_was_too_slow_sees_where_it_goes_on(store: str) -> None:
    folder = LiveFolder(store, segment=10)
    file = begun(folder)
    file.write(bytes(15))
    assert sum(len(piece) for _, piece in folder.read(ONE)) == 15
    file.write(bytes(100))
    assert [offset for offset, _ in folder.read(ONE, since=15)] == [100, 110]
    file.discard()


def test_attempts_do_not_mix_and_go_one_by_one(store: str) -> None:
    folder = LiveFolder(store)
    first, second = begun(folder, ONE), begun(folder, OTHER)
    first.write(b"1")
    second.write(b"2")
    assert (folder.read(ONE), folder.read(OTHER)) == ([(0, b"1")], [(0, b"2")])
    assert folder.attempts() == {ONE, OTHER}
    first.discard()
    assert folder.attempts() == {OTHER}
    folder.remove({OTHER})
    assert folder.attempts() == set()
    second.discard()
    assert files(store) == []


def test_a_file_that_is_none_of_ours_is_let_be(store: str) -> None:
    folder = LiveFolder(store)
    file = begun(folder)
    file.write(b"1")
    strange = Path(f"{store}-output") / "notes-of-mine"
    strange.touch()
    folder.remove(folder.attempts())
    assert files(store) == [strange]
    file.discard()


def test_beside_a_store_in_memory_there_is_nothing() -> None:
    folder = LiveFolder(":memory:")
    assert (folder.begin(ONE), folder.read(ONE), folder.attempts()) == (None, [], set())


@given(chunks=st.lists(st.binary(max_size=25), max_size=12), segment=st.integers(1, 12))
def test_what_is_read_is_what_was_written_there(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes], segment: int
) -> None:
    folder = LiveFolder(str(tmp_path_factory.mktemp("live") / "memory.db"), segment)
    file, whole, followed = begun(folder), b"", 0
    for chunk in chunks:
        file.write(chunk)
        whole += chunk
        for offset, piece in folder.read(ONE, followed):
            assert whole[offset : offset + len(piece)] == piece
            followed = offset + len(piece)
        assert followed == len(whole)
    file.discard()


@contextmanager
def small_files() -> Iterator[None]:
    """No file of this process may grow beyond 8 bytes: a disk that takes no more, as the kernel says it."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_disk_that_takes_no_more_is_an_error_and_what_it_took_can_be_read(store: str) -> None:
    folder = LiveFolder(store)
    file = begun(folder)
    with pytest.raises(OSError, match="too large"), small_files():
        file.write(b"0123456789")
    assert folder.read(ONE) == [(0, b"01234567")]
    file.discard()
    assert files(store) == []
