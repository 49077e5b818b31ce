"""`jarvis runs logs`: of ended runs, of running ones, of several attempts; and -f beside real daemons."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from jarvis.memory import MemoryStore
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.model import Claimed, Instance, Outcome, Result
from tests.cli.conftest import Jarvis
from tests.conftest import Eventually

LOGS = [sys.executable, "-m", "jarvis", "runs", "logs"]


@pytest.fixture
def held(jarvis: Jarvis, store: MemoryStore) -> Claimed:
    """Run 1 of x, held by this process."""
    jarvis("task", "add", "x", "--every", "1h", "--", "true")
    jarvis("task", "run", "x")
    return claimed(store)[0]


def claimed(store: MemoryStore) -> tuple[Claimed, Instance]:
    now = SystemClock().now() + timedelta(seconds=1)
    owner = store.instances.register(now)
    (held,) = store.runs.claim(owner.id, 1, now)
    return held, owner


def write(store: MemoryStore, held: Claimed, body: bytes) -> None:
    live = store.outputs.begin(held.run)
    assert live
    live.write(body)


def settle(store: MemoryStore, held: Claimed, body: bytes) -> None:
    store.runs.settle([Outcome(held, Result(output=body, output_total=len(body)), SystemClock().now())])


# -- without -f -------------------------------------------------------------------------------------------
def test_a_running_run_shows_what_there_is_and_how_to_wait_for_more(
    jarvis: Jarvis, store: MemoryStore, held: Claimed
) -> None:
    write(store, held, b"so far")
    said = jarvis("runs", "logs", "1")
    assert (said.code, said.out) == (0, "so far")
    assert "run 1 of x is running, attempt 1: `jarvis runs logs 1 -f` waits for more" in said.err


def test_a_run_that_has_not_started_is_said(jarvis: Jarvis) -> None:
    jarvis("task", "add", "x", "--every", "1h", "--", "true")
    jarvis("task", "run", "x")
    said = jarvis("runs", "logs", "x")
    assert (said.code, said.out) == (0, "")
    assert "run 1 of x has not started yet" in said.err


def test_every_attempt_is_shown_and_announced_beside_the_output(
    jarvis: Jarvis, store: MemoryStore, held: Claimed
) -> None:
    write(store, held, b"one\n")
    store.runs.recover(store.instances.get(held.run.owner or 0), SystemClock().now())
    said = jarvis("runs", "logs", "1")
    assert said.out == "one\n"
    assert "attempt 1 was cut off there: its daemon died" in said.err
    assert "run 1 of x waits for attempt 2" in said.err
    settle(store, claimed(store)[0], b"two\n")
    said = jarvis("runs", "logs", "1")
    assert said.out == "one\ntwo\n"
    assert said.err.splitlines() == [
        "jarvis: note: run 1, attempt 1:",
        "jarvis: note: run 1, attempt 1 was cut off there: its daemon died",
        "jarvis: note: run 1, attempt 2:",
    ]


def test_a_task_s_name_stands_for_its_running_run_else_for_its_newest(
    jarvis: Jarvis, store: MemoryStore, held: Claimed
) -> None:
    jarvis("task", "run", "x")
    write(store, held, b"first")
    assert jarvis("runs", "logs", "x").out == "first"
    settle(store, held, b"first")
    settle(store, claimed(store)[0], b"second")
    assert jarvis("runs", "logs", "x").out == "second"


@pytest.mark.parametrize(
    ("word", "hint"),
    [("7", "no run has the id 7"), ("0", "no run has the id 0"), ("y", "no task is named 'y'"), ("9" * 30, "no task")],
)
def test_what_names_no_run_is_told(word: str, hint: str, jarvis: Jarvis) -> None:
    said = jarvis("runs", "logs", word)
    assert (said.code, said.out) == (1, "")
    assert hint in said.err


def test_a_task_that_never_started_is_told(jarvis: Jarvis) -> None:
    jarvis("task", "add", "x", "--every", "1h", "--", "true")
    said = jarvis("runs", "logs", "x")
    assert said.code == 1
    assert "no run of x has started lately: see `jarvis runs list --task x`" in said.err


# -- with -f ----------------------------------------------------------------------------------------------
def test_following_a_settled_run_writes_it_and_ends(jarvis: Jarvis, store: MemoryStore, held: Claimed) -> None:
    settle(store, held, b"done\n")
    said = jarvis("runs", "logs", "1", "-f")
    assert (said.code, said.out, said.err) == (0, "done\n", "jarvis: note: run 1 of x: succeeded\n")


def test_what_is_cut_off_between_two_looks_is_written_from_the_ledger(
    jarvis: Jarvis, store: MemoryStore, held: Claimed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last words come and the file goes while the follower does not look."""
    write(store, held, b"abc")
    monkeypatch.setattr("jarvis.cli.runs_logs.sleep", lambda _: settle(store, held, b"abcdef"))
    assert jarvis("runs", "logs", "1", "-f").out == "abcdef"


def test_of_what_was_printed_too_fast_the_gap_is_said_once(
    jarvis: Jarvis, store: MemoryStore, held: Claimed, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(store, held, b"abc")
    body = b"ab\n[... 96 bytes left out ...]\nyz"
    outcome = Outcome(held, Result(output=body, output_total=100), SystemClock().now())
    monkeypatch.setattr("jarvis.cli.runs_logs.sleep", lambda _: store.runs.settle([outcome]))
    assert jarvis("runs", "logs", "1", "-f").out == "abc\n[... 95 bytes left out ...]\nyz"


@pytest.fixture
def daemon(jarvis: Jarvis, store: MemoryStore, eventually: Eventually) -> Iterator[list[subprocess.Popen[bytes]]]:
    """One daemon that lives; a test may kill it and add another."""
    made: list[subprocess.Popen[bytes]] = [a_daemon()]
    eventually(lambda: store.instances.living(SystemClock().now()))
    yield made
    for each in made:
        each.terminate()
        each.wait(60)


def a_daemon() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "jarvis", "daemon"], stderr=subprocess.DEVNULL)


@pytest.fixture
def gate(tmp_path: Path, jarvis: Jarvis) -> Path:
    """The task x writes a line, waits for this file to be there, and writes another."""
    gate = tmp_path / "gate"
    script = f'echo "one $JARVIS_ATTEMPT"; while [ ! -e {gate} ]; do sleep 0.05; done; echo two'
    jarvis("task", "add", "x", "--at", "2100-01-01T00:00:00Z", "--", "sh", "-c", script)
    return gate


@pytest.mark.process
def test_a_run_that_has_not_started_is_waited_for_and_followed_to_its_end(
    jarvis: Jarvis, store: MemoryStore, gate: Path, tmp_path: Path, eventually: Eventually
) -> None:
    jarvis("task", "run", "x")
    out = tmp_path / "out"
    with out.open("wb") as sink:
        follower = subprocess.Popen([*LOGS, "x", "-f"], stdout=sink, stderr=subprocess.PIPE)
    daemon = a_daemon()
    eventually(lambda: out.read_bytes() == b"one 1\n")
    gate.touch()
    _, err = follower.communicate(timeout=60)
    assert (follower.returncode, out.read_bytes()) == (0, b"one 1\ntwo\n")
    assert err.splitlines()[-1] == b"jarvis: note: run 1 of x: succeeded"
    daemon.terminate()
    daemon.wait(60)
    assert list(Path(f"{store.path}-output").iterdir()) == []


@pytest.mark.process
def test_a_follower_sees_a_killed_daemon_s_run_through_the_next_attempt(
    jarvis: Jarvis, gate: Path, tmp_path: Path, eventually: Eventually, daemon: list[subprocess.Popen[bytes]]
) -> None:
    jarvis("task", "run", "x")
    out = tmp_path / "out"
    with out.open("wb") as sink:
        follower = subprocess.Popen([*LOGS, "x", "-f"], stdout=sink, stderr=subprocess.PIPE)
    eventually(lambda: out.read_bytes() == b"one 1\n")
    daemon[0].kill()
    daemon[0].wait()
    daemon.append(a_daemon())
    eventually(lambda: out.read_bytes() == b"one 1\none 2\n")
    gate.touch()
    _, err = follower.communicate(timeout=60)
    assert (follower.returncode, out.read_bytes()) == (0, b"one 1\none 2\ntwo\n")
    assert re.search(rb"attempt 1 was cut off there: its daemon died\n.*run \d+, attempt 2:", err)
    assert jarvis("runs", "logs", "x").err.count("attempt") == 3


@pytest.mark.process
@pytest.mark.usefixtures("daemon")
def test_ctrl_c_ends_the_following_and_not_the_run(
    jarvis: Jarvis, gate: Path, tmp_path: Path, eventually: Eventually
) -> None:
    jarvis("task", "run", "x")
    out = tmp_path / "out"
    with out.open("wb") as sink:
        follower = subprocess.Popen([*LOGS, "x", "-f"], stdout=sink, stderr=subprocess.PIPE)
    eventually(lambda: out.read_bytes() == b"one 1\n")
    follower.send_signal(signal.SIGINT)
    _, err = follower.communicate(timeout=60)
    assert (follower.returncode, err) == (130, b"")
    assert jarvis("runs", "list", "--task", "x", "--json").json[0]["state"] == "running"
    gate.touch()
    eventually(lambda: jarvis("runs", "list", "--task", "x", "--json").json[0]["state"] == "succeeded")


@pytest.mark.process
@pytest.mark.usefixtures("daemon")
def test_a_reader_that_goes_away_ends_the_following_quietly(jarvis: Jarvis, gate: Path) -> None:
    jarvis("task", "run", "x")
    follower = subprocess.Popen([*LOGS, "x", "-f"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert follower.stdout
    assert os.read(follower.stdout.fileno(), 100) == b"one 1\n"
    follower.stdout.close()
    gate.touch()
    assert follower.wait(60) == 141
    assert follower.stderr
    with follower.stderr:
        assert b"Traceback" not in follower.stderr.read()
