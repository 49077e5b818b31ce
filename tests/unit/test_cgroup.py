"""A cgroup for each run, over a tree of real files: what is asked of the kernel, and what happens without it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from jarvis.handlers import processes
from jarvis.handlers.cgroup import Cgroup, Cgroups, delegated
from jarvis.handlers.command import command
from jarvis.scheduler.model import RunState
from tests.contexts import a_context, lives, seconds_once

linux = pytest.mark.skipif(sys.platform != "linux", reason="cgroups are Linux's")


def a_proc(tmp_path: Path, *, line: str = "0::/user.slice/jarvis", kind: str = "cgroup2") -> tuple[Path, Path]:
    """What /proc/self says, and the folder that it speaks of."""
    proc, root = tmp_path / "proc", tmp_path / "tree"
    folder = root / "user.slice" / "jarvis"
    folder.mkdir(parents=True)
    proc.mkdir()
    (proc / "cgroup").write_text(f"9:name=systemd:/x\n{line}\n")
    (proc / "mounts").write_text(f"tmpfs /tmp tmpfs rw 0 0\ncgroup2 {root} {kind} rw 0 0\n")
    return proc, folder


@linux
def test_a_part_of_the_tree_that_was_given_to_us_is_found(tmp_path: Path) -> None:
    proc, folder = a_proc(tmp_path)
    assert delegated(proc) is None
    os.setxattr(folder, "user.delegate", b"1")
    assert delegated(proc) == folder


@linux
def test_the_cgroup_of_our_own_unit_is_ours_and_that_of_what_it_starts_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proc, folder = a_proc(tmp_path)
    assert delegated(proc, "jarvis") == folder
    assert delegated(proc, "other.service") is None
    monkeypatch.setenv("JARVIS_UNIT", "jarvis")
    assert delegated(proc) == folder
    (folder / "jarvis-run-1-2").mkdir()
    (proc / "cgroup").write_text("0::/user.slice/jarvis/jarvis-run-1-2\n")
    assert delegated(proc) is None


@linux
@pytest.mark.parametrize(("line", "kind"), [("0::/elsewhere", "cgroup2"), ("1:cpu:/", "cgroup2"), ("0::/", "cgroup")])
def test_where_there_is_none_nothing_is_used(tmp_path: Path, line: str, kind: str) -> None:
    proc, folder = a_proc(tmp_path, line=line, kind=kind)
    os.setxattr(folder, "user.delegate", b"1")
    assert delegated(proc) is None
    assert delegated(tmp_path / "no-proc") is None


def test_elsewhere_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert delegated() is None
    assert Cgroups(None).enclose(1, "1") is None


def test_a_process_is_moved_and_killed_by_writing_to_the_files_of_the_kernel(tmp_path: Path) -> None:
    made = Cgroups(tmp_path).enclose(123, "7")
    assert made
    folder = tmp_path / "jarvis-run-7-123"
    assert (folder / "cgroup.procs").read_text() == "123"
    assert made.pids() == {123}
    made.kill()
    assert (folder / "cgroup.kill").read_text() == "1"


def test_empty_ones_of_earlier_runs_are_taken_away_and_others_left(tmp_path: Path) -> None:
    for name in ("jarvis-run-1-2", "jarvis-run-3-4", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "jarvis-run-3-4" / "a-service-stays-here").touch()
    Cgroups(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["jarvis-run-3-4", "other"]


def test_where_none_can_be_made_the_run_goes_on_without(tmp_path: Path) -> None:
    assert Cgroups(tmp_path / "gone").enclose(123, "7") is None
    assert Cgroup(tmp_path / "gone").pids() == set()
    Cgroup(tmp_path / "gone").kill()


@pytest.fixture
def hidden() -> Iterator[subprocess.Popen[bytes]]:
    """Of no group, session, parent or environment of the run."""
    child = subprocess.Popen(["sleep", "1000"], env={}, start_new_session=True)
    yield child
    child.kill()
    child.wait()


@pytest.mark.process
def test_what_only_the_cgroup_knows_of_is_ended_with_the_run(
    hidden: subprocess.Popen[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the kernel has it: the hidden one is listed until it has ended."""
    monkeypatch.setattr(Cgroup, "pids", lambda _: {hidden.pid})
    run = command(timedelta(seconds=30), Cgroups(tmp_path))
    result = run(a_context("sleep", "1000", remaining=seconds_once(lambda: any(tmp_path.iterdir()))))
    assert (result.state, result.reason.endswith("; ended by SIGTERM")) == (RunState.TIMED_OUT, True)
    assert not lives(hidden.pid)


@pytest.mark.process
def test_what_stays_in_the_cgroup_after_sigkill_makes_the_run_unknown(
    hidden: subprocess.Popen[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cgroup, "pids", lambda _: {hidden.pid})
    monkeypatch.setattr(processes, "send", lambda process, number: None)
    monkeypatch.setattr(processes, "CONFIRM", 0.05)
    run = command(timedelta(seconds=0.05), Cgroups(tmp_path))
    result = run(a_context("sleep", "1000", remaining=seconds_once(lambda: any(tmp_path.iterdir()))))
    assert result.state is RunState.UNKNOWN
    assert f"pid {hidden.pid} still there" in result.reason
    (made,) = tmp_path.iterdir()
    assert (made / "cgroup.kill").read_text() == "1"
