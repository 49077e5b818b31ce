"""Whatever a command does to its processes, they are found and ended; and nobody else's are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from jarvis.handlers import processes, processtable
from jarvis.handlers.command import command
from jarvis.scheduler.model import RunState
from tests.conftest import Eventually
from tests.contexts import a_context, lives, seconds_once

pytestmark = pytest.mark.process

GRACE = 0.4
quick = command(kill_grace=timedelta(seconds=GRACE))

# Each writes its number down, says so, and ignores SIGTERM for ever after.
STAY = """
def stay():
    os.write(pids, f"{os.getpid()}\\n".encode())
    print("here", flush=True)
    while True:
        signal.pause()
"""
HEAD = f"""
import os, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pids = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
{STAY}
"""
TWO_WITH_SESSIONS = """
for _ in range(2):
    if os.fork() == 0:
        os.setsid()
        stay()
stay()
"""
RE_PARENTED = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.dup2(os.open("/dev/null", os.O_RDWR), 1)
        stay()
    os._exit(0)
stay()
"""
WITHOUT_ENVIRONMENT = """
if os.fork() == 0:
    os.setsid()
    os.write(pids, f"{os.getpid()}\\n".encode())
    os.execve("/bin/sleep", ["sleep", "1000"], {})
signal.signal(signal.SIGTERM, signal.SIG_DFL)
stay()
"""
HIDDEN_IN_FOUR_WAYS = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(pids, f"{os.getpid()}\\n".encode())
        os.dup2(os.open("/dev/null", os.O_RDWR), 1)
        os.dup2(1, 2)
        os.execve("/bin/sleep", ["sleep", "1000"], {})
    os._exit(0)
os.wait()
stay()
"""
OWN_GROUP = """
if os.fork() == 0:
    os.setpgid(0, 0)
    stay()
stay()
"""
FIRST_THREAD_ENDED = """
import ctypes, threading
threading.Thread(target=stay).start()
ctypes.CDLL(None).pthread_exit(None)
"""


@pytest.fixture(params=["/proc and pidfd", "/proc", "ps"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each way to look at processes, also those of the systems that the tests do not run on."""
    if request.param != "/proc and pidfd":
        monkeypatch.setattr(processes, "_pidfd", lambda pid: None)
    if request.param == "ps":
        monkeypatch.setattr(processtable, "_HAS_PROC", False)
    return str(request.param)


def pids(file: Path) -> list[int]:
    return [int(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.mark.parametrize(
    ("program", "count"),
    [
        pytest.param(TWO_WITH_SESSIONS, 3, id="two children with sessions of their own"),
        pytest.param(RE_PARENTED, 2, id="a grandchild without a parent"),
        pytest.param(WITHOUT_ENVIRONMENT, 2, id="a child that wiped its environment"),
        pytest.param(OWN_GROUP, 2, id="a child with a group of its own"),
    ],
)
def test_at_the_deadline_all_are_gone_before_the_run_is(program: str, count: int, way: str, tmp_path: Path) -> None:
    file = tmp_path / "pids"
    timeout = 0.3
    ready: list[float] = []

    def all_there() -> bool:
        there = len(pids(file)) == count
        if there and not ready:
            ready.append(time.monotonic())
        return there

    context = a_context(sys.executable, "-c", HEAD + program, str(file), remaining=seconds_once(all_there, timeout))
    result = quick(context)
    took = time.monotonic() - ready[0]
    assert [pid for pid in pids(file) if lives(pid)] == []
    assert (result.state, result.reason.endswith("; ended by SIGKILL")) == (RunState.TIMED_OUT, True), result
    assert took < timeout + GRACE + processes.CONFIRM


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there are no brands")
@pytest.mark.parametrize("way", ["/proc and pidfd"], indirect=True)
def test_a_grandchild_that_hides_in_all_four_ways_is_gone_before_the_run_is(way: str, tmp_path: Path) -> None:
    test_at_the_deadline_all_are_gone_before_the_run_is(HIDDEN_IN_FOUR_WAYS, 2, way, tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a first thread cannot end alone")
def test_a_process_whose_first_thread_ended_is_not_taken_for_dead(tmp_path: Path) -> None:
    file = tmp_path / "pids"
    context = a_context(
        sys.executable, "-c", HEAD + FIRST_THREAD_ENDED, str(file), remaining=seconds_once(lambda: pids(file))
    )
    result = quick(context)
    assert result.reason.endswith("; ended by SIGKILL")
    assert not lives(pids(file)[0])


def test_a_command_that_is_still_forking_is_ended(tmp_path: Path) -> None:
    file = tmp_path / "pids"
    program = HEAD + "for _ in range(5): os.fork()\nstay()\n"
    context = a_context(sys.executable, "-c", program, str(file), remaining=seconds_once(lambda: len(pids(file)) >= 8))
    result = quick(context)
    assert result.state is RunState.TIMED_OUT
    assert [pid for pid in pids(file) if lives(pid)] == []


# ---------------------------------------------------------------------------- a daemon that died

DAEMON = """
import sys
from jarvis.handlers.command import command
from tests.contexts import a_context
command()(a_context(*sys.argv[2:], owner_mark=sys.argv[1]))
"""


@pytest.fixture
def mark() -> str:
    """Of this test alone: tests run side by side, and a mark decides who is killed."""
    return f"host:1:{os.urandom(8).hex()}"


@pytest.fixture
def bystanders(mark: str) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Somebody else's processes: without a mark, with another mark, with the mark as an argument only."""
    others = [
        subprocess.Popen(["sleep", "1000"]),
        subprocess.Popen(["sleep", "1000"], env=os.environ | {"JARVIS_OWNER": mark + "d"}),
        subprocess.Popen(["sleep", "1000"], env=os.environ | {"NOT_JARVIS_OWNER": mark}),
    ]
    yield others
    for other in others:
        other.kill()
        other.wait()


def test_what_a_killed_daemon_left_is_found_and_ended_and_nothing_else(
    way: str, mark: str, tmp_path: Path, eventually: Eventually, bystanders: list[subprocess.Popen[bytes]]
) -> None:
    file = tmp_path / "pids"
    command_line = [sys.executable, "-c", HEAD + TWO_WITH_SESSIONS, str(file)]
    daemon = subprocess.Popen([sys.executable, "-c", DAEMON, mark, *command_line])
    try:
        eventually(lambda: len(pids(file)) == 3)
    finally:
        daemon.kill()
        daemon.wait()
    assert all(lives(pid) for pid in pids(file))
    assert processes.end_marked(mark, grace=0.1) == 3
    assert not any(lives(pid) for pid in pids(file))
    assert [other.poll() for other in bystanders] == [None, None, None]
    assert processes.end_marked(mark) == 0


def test_a_start_beneath_what_was_left_does_not_end_itself(mark: str) -> None:
    """`jarvis tick` may have been started by a command of the very daemon that died."""
    program = f"from jarvis.handlers.processes import end_marked; print(end_marked('{mark}'))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"JARVIS_OWNER": mark},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "0\n"


def test_no_mark_marks_nobody() -> None:
    assert processes.end_marked("") == 0


@pytest.mark.parametrize("marks", [[], [""], ["JARVIS_OWNER"], ["JARVIS_OWNER="], ["=x"], ["A=b", ""]])
@pytest.mark.parametrize("leader", [None, 123])
def test_marks_that_everybody_could_carry_are_refused(marks: list[str], leader: int | None) -> None:
    with pytest.raises(ValueError, match="cannot be told apart"):
        processes.Tree(marks, leader)


LEAVING = """
import os, signal, sys, time
if os.fork() == 0:
    while not os.path.exists(sys.argv[1]): time.sleep(0.01)
    os.setsid()
    open(sys.argv[2], "w").close()
signal.pause()
"""


def test_one_that_leaves_the_group_just_before_that_is_told_is_told_by_itself(
    mark: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    leave, left, real = tmp_path / "leave", tmp_path / "left", processes._kill_group

    def late(leader: int, number: signal.Signals) -> None:
        leave.touch()
        eventually(left.exists)
        real(leader, number)

    command_line = [sys.executable, "-c", LEAVING, str(leave), str(left)]
    leader = subprocess.Popen(command_line, env=os.environ | {"JARVIS_OWNER": mark}, start_new_session=True)
    tree = processes.Tree([f"JARVIS_OWNER={mark}"], leader.pid)
    eventually(lambda: len(tree.find()) == 2)
    monkeypatch.setattr(processes, "_kill_group", late)
    ending = tree.end(grace=8)
    assert leader.wait() == -signal.SIGTERM
    assert (ending.found, ending.by, ending.left) == (2, signal.SIGTERM, ())


def test_this_process_and_its_ancestors_are_never_among_them(monkeypatch: pytest.MonkeyPatch) -> None:
    everyone = processtable.table()
    monkeypatch.setattr(processes, "_carrying", lambda marks, pids: set(everyone))
    found = {process.pid for process in processes.Tree(["JARVIS_OWNER=host:1:all"]).find()}
    assert not found & {os.getpid(), os.getppid(), 1}


def test_what_cannot_be_ended_is_logged(
    mark: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stubborn = subprocess.Popen(["sleep", "1000"], env=os.environ | {"JARVIS_OWNER": mark})
    monkeypatch.setattr(processes, "send", lambda process, number: None)
    monkeypatch.setattr(processes, "CONFIRM", 0.05)
    try:
        assert processes.end_marked(mark, grace=0.05) == 1
    finally:
        stubborn.kill()
        stubborn.wait()
    assert f"cannot be ended: pid {stubborn.pid}" in caplog.text


# ---------------------------------------------------------------------------- never the wrong one


def test_a_number_that_was_given_anew_is_not_signalled(way: str) -> None:
    stranger = subprocess.Popen(["sleep", "1000"])
    try:
        now = processtable.table()[stranger.pid]
        earlier = processtable.Process(now.pid, "another start", now.parent, now.group, now.session, dead=False)
        processes.send(earlier, signal.SIGKILL)
        assert lives(stranger.pid)
        processes.send(now, signal.SIGKILL)
        assert stranger.wait(30) == -signal.SIGKILL
    finally:
        stranger.kill()
        stranger.wait()


def test_the_group_of_a_leader_that_was_waited_for_is_a_stranger_s_if_the_number_lives(mark: str) -> None:
    stranger = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    try:
        tree = processes.Tree([f"JARVIS_OWNER={mark}"], stranger.pid)
        assert [found.pid for found in tree.find()] == [stranger.pid]
        tree = processes.Tree([f"JARVIS_OWNER={mark}"], stranger.pid)
        tree.held = False
        assert tree.find() == []
    finally:
        stranger.kill()
        stranger.wait()


def test_both_ways_to_look_see_the_same(mark: str) -> None:
    if not processtable._HAS_PROC:
        pytest.skip("there is no /proc here")
    sleeper = subprocess.Popen(["sleep", "1000"], env={"JARVIS_OWNER": mark}, start_new_session=True)
    try:
        by_proc, by_ps = processtable._proc_table()[sleeper.pid], processtable._ps_table()[sleeper.pid]
        assert (by_proc.parent, by_proc.group, by_proc.session) == (by_ps.parent, by_ps.group, by_ps.session)
        assert f"JARVIS_OWNER={mark}".encode() in dict(processtable._ps_environments())[sleeper.pid]
        assert f"JARVIS_OWNER={mark}".encode() in dict(processtable._proc_environments([sleeper.pid]))[sleeper.pid]
    finally:
        sleeper.kill()
        sleeper.wait()


@pytest.mark.parametrize("descriptor", [True, False])
def test_a_watch_sees_the_end_and_leaves_the_waiting(
    descriptor: bool, monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    if not descriptor:
        monkeypatch.setattr(processes, "_pidfd", lambda pid: None)
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    watch = processes.Watch(child.pid)
    assert not watch.ended()
    assert child.stdin
    child.stdin.close()
    eventually(watch.ended)
    assert processtable.table()[child.pid].dead
    watch.close()
    assert child.wait() == 0
