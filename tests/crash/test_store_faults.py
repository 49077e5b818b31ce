"""Real daemons on stores that fail: locked, full, read-only, replaced, deleted, damaged, of a newer schema."""

from __future__ import annotations

import itertools
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import apsw
import pytest

from jarvis.memory import MemoryStore
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.model import Policy, Run, RunState, TaskSpec
from jarvis.scheduler.schedule import Interval, Once
from tests.contexts import lives

pytestmark = [pytest.mark.process, pytest.mark.skipif(sys.platform != "linux", reason="mounts and prlimit of Linux")]

Eventually = Callable[..., None]
EVERY = timedelta(milliseconds=200)


class Served:
    """A daemon as a user starts it, on one home; its log lies outside, so that it tells of a full disk."""

    def __init__(self, home: Path, log: Path, until: Eventually) -> None:
        self.home, self.log_file, self.until = home, log, until
        self.path = home / "data" / "memory.db"
        self.daemon: subprocess.Popen[str] | None = None

    def start(self) -> subprocess.Popen[str]:
        environ = {**os.environ, "JARVIS_HOME": str(self.home), "DAEMON_LOG_FILE": str(self.log_file)}
        self.daemon = subprocess.Popen(
            [sys.executable, "-m", "jarvis", "daemon"], env=environ, stderr=subprocess.PIPE, text=True
        )
        return self.daemon

    def ends(self) -> tuple[int, str]:
        """Its exit code, and the last line on stderr."""
        assert self.daemon is not None
        _, said = self.daemon.communicate(timeout=45)
        return self.daemon.returncode, said.strip().splitlines()[-1] if said.strip() else ""

    def stop(self) -> tuple[int, str]:
        assert self.daemon is not None
        self.daemon.send_signal(signal.SIGTERM)
        return self.ends()

    def log(self) -> str:
        return self.log_file.read_text() if self.log_file.exists() else ""

    def says(self, *words: str, within: float = 60) -> None:
        self.until(lambda: all(word in self.log() for word in words), within=within)

    def store(self) -> MemoryStore:
        return MemoryStore(str(self.path))

    def add(self, name: str, command: list[str], every: timedelta | None = EVERY) -> None:
        now, store = SystemClock().now(), self.store()
        policy = Policy(catch_up="all", overlap="queue")
        schedule = Interval(every) if every else Once(now)
        store.add_task(
            TaskSpec(name=name, schedule=schedule, handler="command", params={"command": command}, policy=policy), now
        )
        store.close()

    def runs(self, name: str = "t") -> list[Run]:
        store = self.store()
        try:
            return store.runs.newest(task=name, limit=None)
        finally:
            store.close()

    def running(self) -> list[str]:
        """The tasks with a run that has not ended."""
        store = self.store()
        try:
            return [run.task for run in store.runs.newest(limit=None) if not run.state.final]
        finally:
            store.close()

    def goes_on(self, more: int = 3) -> None:
        """Until some more runs have ended well."""
        before = self.ended_well()
        self.until(lambda: self.ended_well() >= before + more, within=60)

    def ended_well(self) -> int:
        return sum(run.state is RunState.SUCCEEDED for run in self.runs())

    def status(self) -> str:
        environ = {**os.environ, "JARVIS_HOME": str(self.home)}
        command = [sys.executable, "-m", "jarvis", "status"]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    def close(self) -> None:
        if self.daemon is not None and self.daemon.poll() is None:
            self.daemon.kill()
            self.daemon.communicate()


@pytest.fixture
def served(home: Path, tmp_path: Path, eventually: Eventually) -> Iterator[Served]:
    made = Served(home, tmp_path / "daemon.log", eventually)
    yield made
    made.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB, where we may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "jarvis-test", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here; a limit on the file size stands in for it below")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def assert_whole(served: Served) -> None:
    """Every due moment is one row, nothing is held by nobody, and SQLite finds the file in order."""
    runs = served.runs()
    due = sorted(run.due_at for run in runs)
    assert len(due) == len(set(due)), "an occurrence has two rows"
    assert {later - sooner for sooner, later in itertools.pairwise(due)} <= {EVERY}, "an occurrence was lost"
    assert [run for run in runs if run.state is RunState.RUNNING] == []
    store = served.store()
    assert store.database.value("PRAGMA integrity_check") == "ok"
    store.close()


def fill(folder: Path) -> Path:
    """Write until nothing more goes in."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (65_536, 4096, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                pass
    return ballast


def waits_and_goes_on(
    served: Served, kind: str, said: str, begin: Callable[[], object], end: Callable[[], object]
) -> None:
    """While something is wrong the daemon waits and has said so once; afterwards it goes on by itself."""
    served.add("t", ["true"])
    served.start()
    served.goes_on()
    begin()
    served.says(said, "Tasks wait, nothing is lost")
    began = SystemClock().now()
    served.until(lambda: SystemClock().now() - began > 8 * EVERY)
    end()
    served.says("the tick works again after", f"({kind})")
    served.goes_on()
    assert served.log().count("Tasks wait, nothing is lost") == 1
    assert served.stop()[0] == 0
    assert_whole(served)
    store = served.store()
    assert store.database.rows("SELECT kind, detail FROM absences WHERE kind <> 'stopped'") == [("no_store", kind)]
    store.close()


@pytest.mark.slow
def test_a_locked_store_is_waited_for(served: Served) -> None:
    other: list[apsw.Connection] = []

    def lock() -> None:
        other.append(apsw.Connection(str(served.path)))
        other[0].set_busy_timeout(10_000)
        other[0].execute("BEGIN EXCLUSIVE")

    def unlock() -> None:
        assert "locked by another process" in served.status()
        other[0].close(True)

    waits_and_goes_on(served, "locked", "is locked by another process", lock, unlock)


@pytest.mark.slow
def test_a_full_disk_is_waited_for_and_status_says_so(small_disk: Path, served: Served) -> None:
    served.home, served.path = small_disk, small_disk / "data" / "memory.db"
    ballast = small_disk / "ballast"

    def make_room() -> None:
        assert "is full: make room on it" in served.status()
        ballast.unlink()

    waits_and_goes_on(served, "full", "is full: make room on it", lambda: fill(small_disk), make_room)


@pytest.mark.slow
def test_a_file_that_may_not_grow_is_waited_for_as_a_full_disk_is(served: Served) -> None:
    def limit(size: int) -> None:
        assert served.daemon is not None
        resource.prlimit(served.daemon.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    waits_and_goes_on(
        served, "full", "is full: make room on it", lambda: limit(4096), lambda: limit(resource.RLIM_INFINITY)
    )


@pytest.mark.slow
def test_a_store_that_is_locked_at_the_start_is_waited_for(served: Served) -> None:
    served.add("t", ["true"])
    other = apsw.Connection(str(served.path))
    other.execute("BEGIN EXCLUSIVE")
    served.start()
    served.says("is locked by another process")
    other.close(True)
    served.goes_on()
    assert served.stop()[0] == 0
    assert served.log().count("is locked by another process") == 1


def test_a_stop_while_the_store_is_waited_for_at_the_start_is_a_graceful_one(served: Served) -> None:
    served.add("t", ["true"])
    other = apsw.Connection(str(served.path))
    other.execute("BEGIN EXCLUSIVE")
    served.start()
    served.says("is locked by another process")
    assert served.stop()[0] == 0
    other.close(True)


def test_a_store_that_is_deleted_is_refused_and_what_it_held_is_kept(served: Served) -> None:
    served.add("t", ["true"])
    served.start()
    served.goes_on()
    served.path.unlink()
    code, said = served.ends()
    assert code == 78
    assert "was deleted while it was in use; nothing more was written to it" in said
    copy = kept(served)
    assert f"mv {copy} {served.path}" in said
    assert not Path(f"{served.path}-wal").exists()
    copy.rename(served.path)
    served.start()
    served.goes_on()
    assert served.stop()[0] == 0
    assert_whole(served)


def test_a_store_that_is_replaced_is_refused_and_neither_file_loses_anything(served: Served) -> None:
    served.add("t", ["true"])
    other = served.path.with_name("other.db")
    shutil.copy(served.path, other)
    before = other.read_bytes()
    served.start()
    served.goes_on()
    other.rename(served.path)
    code, said = served.ends()
    assert (code, "was replaced while it was in use" in said) == (78, True)
    assert served.path.read_bytes() == before
    assert not Path(f"{served.path}-wal").exists()
    store = MemoryStore(str(kept(served)))
    assert len(store.runs.newest(task="t", limit=None)) >= 3
    assert store.database.value("PRAGMA integrity_check") == "ok"
    store.close()
    served.start()
    served.goes_on()
    assert served.stop()[0] == 0
    assert_whole(served)


def kept(served: Served) -> Path:
    (copy,) = served.path.parent.glob("memory.db.lost-*")
    return copy


def test_a_store_that_is_gone_with_its_last_changes_left_is_not_begun_anew(served: Served) -> None:
    served.add("t", ["true"])
    daemon = served.start()
    served.goes_on()
    daemon.kill()
    served.ends()
    served.path.unlink()
    served.start()
    code, said = served.ends()
    assert (code, "is gone, but" in said) == (78, True)
    assert not served.path.exists()
    assert Path(f"{served.path}-wal").stat().st_size


def test_a_damaged_page_at_the_start_is_refused_untouched(served: Served) -> None:
    served.add("t", ["true"])
    content = bytearray(served.path.read_bytes())
    content[3 * 4096 : 4 * 4096] = b"\xa5" * 4096
    served.path.write_bytes(content)
    served.start()
    code, said = served.ends()
    assert (code, "is damaged" in said, "There is no whole backup" in said) == (78, True, True)
    assert served.path.read_bytes() == content


LARGE = """
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 150000)
INSERT INTO facts (category, key, value, updated_at) SELECT 'large', n, printf('"%.1000c"', 'x'), 0 FROM numbers
"""


def test_damage_deep_in_a_large_store_ends_the_daemon_that_works_on_it(served: Served) -> None:
    """Larger than what is looked over before a start: found beside the work, and nothing is written from then on."""
    served.add("t", ["true"])
    store = served.store()
    store.database.change(LARGE)
    store.close()
    content = bytearray(served.path.read_bytes())
    assert len(content) > 150_000_000
    content[-100 * 4096 : -99 * 4096] = b"\xa5" * 4096
    served.path.write_bytes(content)
    served.start()
    code, said = served.ends()
    assert (code, "is damaged" in said, "looked over while the daemon works" in served.log()) == (78, True, True)


def test_a_newer_schema_is_refused_untouched(served: Served) -> None:
    served.add("t", ["true"])
    store = served.store()
    store.database.change("PRAGMA user_version = 999")
    store.close()
    before = served.path.read_bytes()
    served.start()
    code, said = served.ends()
    assert (code, "has schema 999, newer than" in said) == (78, True)
    assert served.path.read_bytes() == before


def test_a_store_that_may_not_be_written_is_refused_at_the_start(served: Served, tmp_path: Path) -> None:
    served.add("t", ["true"])
    program = [sys.executable, "-m", "jarvis", "daemon"]
    if os.geteuid():
        served.path.chmod(0o400)
    else:  # permissions do not hold root up: a mount does, in a namespace of its own
        wrapped = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
        program = ["unshare", "--mount", "sh", "-c", wrapped, str(served.path), *program]
    environ = {**os.environ, "DAEMON_LOG_FILE": str(tmp_path / "daemon.log")}
    done = subprocess.run(program, env=environ, capture_output=True, text=True, check=False, timeout=45)
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    assert done.returncode == 78
    assert "cannot be opened" in done.stderr
    assert "read-only" in done.stderr or "write access" in done.stderr


@pytest.mark.slow
def test_a_second_signal_ends_the_work_and_the_daemon_though_the_store_is_locked(
    served: Served, tmp_path: Path
) -> None:
    daemon, pid = started_work(served, tmp_path)
    other = apsw.Connection(str(served.path))
    other.set_busy_timeout(10_000)
    other.execute("BEGIN EXCLUSIVE")
    daemon.send_signal(signal.SIGTERM)
    served.says("SIGTERM: stopping")
    tell_again(served, daemon, 2)
    code, said = served.ends()
    other.close(True)
    assert code == 1
    assert "stopped with 1 runs unsettled" in said
    assert not lives(pid)
    assert [run.state for run in served.runs("work")] == [RunState.RUNNING]
    recovered(served, tmp_path)


def test_after_a_third_signal_the_next_start_ends_what_was_left_running(served: Served, tmp_path: Path) -> None:
    daemon, pid = started_work(served, tmp_path, 'trap "" TERM; ')
    daemon.send_signal(signal.SIGTERM)
    served.says("SIGTERM: stopping")
    tell_again(served, daemon, 2)
    served.says("SIGTERM again")
    tell_again(served, daemon, 3)
    assert served.ends()[0] == 128 + signal.SIGTERM
    assert lives(pid)
    recovered(served, tmp_path)
    assert not lives(pid)


def started_work(served: Served, tmp_path: Path, first: str = "") -> tuple[subprocess.Popen[str], int]:
    """A daemon with one run at work that ends when a file `go` is there; the run's process."""
    pids, go_on = tmp_path / "pids", tmp_path / "go"
    loop = f'{first}echo $$ >> "{pids}"; while [ ! -e "{go_on}" ]; do sleep 0.05; done'
    served.add("work", ["sh", "-c", loop], every=None)
    daemon = served.start()
    served.until(lambda: pids.exists() and pids.read_text().endswith("\n"))
    served.until(lambda: served.running() == ["work"])  # what a first start adds has run
    return daemon, int(pids.read_text())


def tell_again(served: Served, daemon: subprocess.Popen[str], times: int) -> None:
    """Signal once more, late enough not to be taken for the same stop passed on by somebody."""
    told = SystemClock().now()
    served.until(lambda: SystemClock().now() - told > timedelta(milliseconds=200))
    daemon.send_signal(signal.SIGTERM)


def recovered(served: Served, tmp_path: Path) -> None:
    """The next start takes the run over, once, and it ends."""
    (tmp_path / "go").touch()
    served.start()
    served.until(lambda: [run.state for run in served.runs("work")] == [RunState.SUCCEEDED], within=60)
    (run,) = served.runs("work")
    assert run.attempt == 2
    assert served.stop()[0] == 0
