"""What the kernel tells of files and of the clock: real files, real inotify."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jarvis import app, lookout
from jarvis.config import load_config
from jarvis.lookout import KernelLookout
from jarvis.memory import MemoryStore

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify(7) and timerfd_create(2) are Linux's")


class Watched:
    """A store, its log, a file that may come and go, and a folder, all watched."""

    def __init__(self, folder: Path) -> None:
        self.store, self.wal = folder / "data" / "memory.db", folder / "data" / "memory.db-wal"
        self.settings, self.inbox = folder / "settings" / "jarvis.toml", folder / "inbox"
        for each in (self.store.parent, self.settings.parent, self.inbox):
            each.mkdir()
        self.store.touch()
        self.wal.touch()
        self.lookout = KernelLookout([self.store, self.wal], [self.settings], [self.inbox])

    def tells(self) -> bool:
        """Whether there is something to see; it is seen then."""
        told = bool(select.select([self.lookout.fd], [], [], 0)[0])
        self.lookout.drain()
        assert not select.select([self.lookout.fd], [], [], 0)[0]
        return told


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path)
    yield made
    made.lookout.close()


def _replace(path: Path) -> None:
    new = path.with_name("new")
    new.write_text("new")
    new.replace(path)


CHANGES: dict[str, Callable[[Watched], object]] = {
    "a commit": lambda watched: watched.wal.write_text("frame"),
    "a checkpoint": lambda watched: watched.store.write_text("page"),
    "the store taken away": lambda watched: watched.store.unlink(),
    "the store moved": lambda watched: watched.store.rename(watched.store.with_name("old")),
    "the store replaced": lambda watched: _replace(watched.store),
    "the store's folder moved": lambda watched: watched.store.parent.rename(
        watched.store.parent.with_name("elsewhere")
    ),
    "settings made": lambda watched: watched.settings.write_text("x"),
    "settings moved there": lambda watched: _replace(watched.settings),
    "an event dropped": lambda watched: (watched.inbox / "e.json").write_text("{}"),
    "the inbox taken away": lambda watched: watched.inbox.rmdir(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_each_change_is_told_once(watched: Watched, change: Callable[[Watched], object]) -> None:
    assert watched.lookout.sees_all()
    assert not watched.tells()
    change(watched)
    assert watched.tells()
    assert not watched.tells()


def test_what_is_only_read_or_lies_beside_is_not_told(watched: Watched) -> None:
    watched.wal.read_text()
    list(watched.inbox.iterdir())
    (watched.store.parent / "outputs").mkdir()
    watched.tells()  # that there is a new name; not what happens under it
    (watched.store.parent / "outputs" / "1").write_text("x")
    assert not watched.tells()


def test_a_file_that_came_or_was_replaced_is_watched_from_then_on(watched: Watched) -> None:
    for _ in range(3):
        _replace(watched.settings)
        assert watched.tells()
        with watched.settings.open("a") as file:
            file.write("more")
        assert watched.tells()
    watched.settings.unlink()
    assert watched.tells()
    assert watched.lookout.sees_all()


def test_a_change_behind_a_link_is_told(watched: Watched, tmp_path: Path) -> None:
    behind = tmp_path / "dotfiles.toml"
    behind.write_text("")
    watched.settings.symlink_to(behind)
    assert watched.tells()
    behind.write_text("x")
    assert watched.tells()
    _replace(behind)
    assert watched.tells()
    behind.write_text("y")
    assert watched.tells()


def test_it_says_when_something_cannot_be_watched_and_tries_again(watched: Watched) -> None:
    watched.wal.unlink()
    assert watched.tells()
    assert not watched.lookout.sees_all()
    watched.wal.touch()
    assert watched.lookout.sees_all()
    watched.tells()
    watched.wal.write_text("frame")
    assert watched.tells()


def test_without_descriptors_to_watch_with_it_sees_nothing(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def inotify_init1(self, _flags: int) -> int:
            return -1

    real = watched.lookout._c
    monkeypatch.setattr(watched.lookout, "_c", Full())
    watched.store.unlink()
    assert watched.tells()
    assert not watched.lookout.sees_all()
    watched.store.touch()
    monkeypatch.setattr(watched.lookout, "_c", real)
    assert watched.lookout.sees_all()


def test_the_timer_is_one_that_the_kernel_cancels_when_the_clock_is_set(watched: Watched) -> None:
    """As proc_pid_fdinfo(5) tells it: on CLOCK_REALTIME, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, and running."""
    lines = Path(f"/proc/self/fdinfo/{watched.lookout._clock}").read_text().splitlines()
    told = dict(line.split(":", 1) for line in lines)
    assert (told["clockid"].strip(), int(told["settime flags"], 8)) == ("0", 3)
    assert told["it_value"].strip() != "(0, 0)"


def test_a_clock_that_is_set_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Setting the machine's clock is not for a test: a counter that can be read stands for the cancelled timer."""
    timer = os.eventfd(0, os.EFD_NONBLOCK)
    monkeypatch.setattr(lookout, "_clock_timer", lambda _c: timer)
    made = Watched(tmp_path)
    assert not made.tells()
    os.eventfd_write(timer, 1)
    assert made.tells()
    made.lookout.close()


def test_nothing_is_left_open(tmp_path: Path) -> None:
    before = _open_descriptors()
    made = Watched(tmp_path)
    made.store.unlink()
    made.tells()
    made.lookout.close()
    assert _open_descriptors() == before


def _open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_home_with_its_store_open_is_watched_as_a_whole(home: Path) -> None:
    config = load_config()
    memory = app.store(config)
    made = app.lookout(config, memory)
    assert isinstance(made, KernelLookout)
    assert made.sees_all()
    made.close()
    memory.close()


def test_a_store_in_memory_is_not_watched(home: Path) -> None:
    memory = MemoryStore(":memory:")
    assert not app.lookout(load_config(), memory).sees_all()
    memory.close()
