"""`jarvis runs list | show | logs | cancel`, `jarvis tick` and `jarvis status`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jarvis import __version__
from jarvis.memory import MemoryStore
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.model import Claimed
from jarvis.scheduler.workers import Workers
from tests.cli.conftest import Jarvis
from tests.conftest import Eventually

KEYS = {"id", "task", "due_at", "state", "reason", "attempt", "started_at", "finished_at", "count", "until", "origin"}


@pytest.fixture
def ledger(jarvis: Jarvis) -> None:
    """Four runs: a succeeded and printed, b failed, c is pending, and a's second was never started."""
    jarvis("task", "add", "a", "--every", "1h", "--", "printf", "\\377\\033[2Jhi")
    jarvis("task", "add", "b", "--every", "1h", "--", "sh", "-c", "exit 3")
    jarvis("task", "run", "a")
    jarvis("task", "run", "b")
    jarvis("tick")
    jarvis("task", "run", "b")


@pytest.mark.usefixtures("ledger")
def test_the_ledger_is_listed_newest_first(jarvis: Jarvis) -> None:
    runs = jarvis("runs", "list", "--json").json
    assert [(run["task"], run["state"]) for run in runs] == [("b", "pending"), ("b", "failed"), ("a", "succeeded")]
    assert all(set(run) == KEYS for run in runs)
    assert runs[1]["reason"] == "exit code 3"
    dues = [datetime.fromisoformat(run["due_at"]) for run in runs]
    assert dues == sorted(dues, reverse=True)
    lines = jarvis("runs", "list").out.splitlines()
    assert len(lines) == 4
    assert "exit code 3" in lines[2]


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize(
    ("flags", "ids"),
    [
        (["--task", "b"], [3, 2]),
        (["--state", "failed"], [2]),
        (["--task", "a", "--state", "failed"], []),
        (["--limit", "1"], [3]),
        (["--limit", "0"], [3, 2, 1]),
        (["--since", "1h"], [3, 2, 1]),
        (["--since", "2000-01-01T00:00:00Z"], [3, 2, 1]),
        (["--since", "2999-01-01T00:00:00+01:00"], []),
    ],
)
def test_the_ledger_can_be_narrowed(flags: list[str], ids: list[int], jarvis: Jarvis) -> None:
    assert [run["id"] for run in jarvis("runs", "list", *flags, "--json").json] == ids


@pytest.mark.parametrize(
    ("flags", "hint"),
    [
        (["--state", "succeded"], "Did you mean succeeded?"),
        (["--limit", "-1"], "use a whole number from 0"),
        (["--limit", "all"], "use a whole number from 0"),
        (["--limit", "\u0661"], "use a whole number from 0"),
        (["--limit", "9" * 30], "use a whole number from 0"),
        (["--since", "yesterdayish"], "--since"),
        (["--since", "2026-01-01"], "Did you mean 2026-01-01T00:00:00+00:00?"),
        (["--since", "2026-13-01T00:00:00Z"], "is no instant"),
        (["--since", "0001-01-01T00:00:00+14:00"], "is no instant"),
        (["--since", "9000000w"], "--since"),
        (["--since", "500000w"], "--since"),
    ],
)
def test_what_cannot_narrow_it_is_a_usage_error(flags: list[str], hint: str, jarvis: Jarvis) -> None:
    said = jarvis("runs", "list", *flags)
    assert said.code == 2
    assert hint in said.err


@pytest.mark.usefixtures("ledger")
def test_runs_of_a_task_that_never_was_are_not_an_empty_list(jarvis: Jarvis) -> None:
    said = jarvis("runs", "list", "--task", "aa", "--json")
    assert (said.code, said.out) == (1, "")
    assert "no task is named 'aa'" in said.err


def test_runs_of_a_task_that_has_none_are_an_empty_list(jarvis: Jarvis) -> None:
    jarvis("task", "add", "x", "--every", "1h", "--handler", "noop")
    assert jarvis("runs", "list", "--task", "x", "--json").json == []
    assert jarvis("runs", "list").out == "no runs\n"


def test_a_range_of_missed_ones_is_one_row_with_its_count(jarvis: Jarvis) -> None:
    jarvis("task", "add", "x", "--every", "1m", "--catch-up", "skip", "--handler", "noop")
    later = SystemClock().now() + timedelta(hours=2)
    jarvis("tick", "--now", later.isoformat())
    missed = [run for run in jarvis("runs", "list", "--json").json if run["state"] == "missed"]
    assert [run["count"] > 100 for run in missed] == [True]
    assert f"({missed[0]['count']} times)" in jarvis("runs", "list").out


# -- one run ----------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("ledger")
def test_everything_about_a_run_is_shown(jarvis: Jarvis) -> None:
    shown = jarvis("runs", "show", "2", "--json").json
    assert set(shown) > KEYS
    assert (shown["data"], shown["output_bytes"]) == ({"exit_code": 3}, 0)
    assert "exit_code = 3" in jarvis("runs", "show", "2").out


@pytest.mark.process
@pytest.mark.usefixtures("ledger")
def test_the_output_of_a_run_is_written_byte_for_byte() -> None:
    done = subprocess.run([sys.executable, "-m", "jarvis", "runs", "logs", "1"], capture_output=True, check=True)
    assert done.stdout == b"\xff\x1b[2Jhi"


def test_a_part_that_was_not_kept_is_told(jarvis: Jarvis, store: MemoryStore) -> None:
    jarvis("task", "add", "x", "--every", "1h", "--", "echo", "hi")
    jarvis("task", "run", "x")
    jarvis("tick")
    store.database.change("UPDATE outputs SET total = 1000000")
    said = jarvis("runs", "logs", "1")
    assert said.out == "hi\n"
    assert "wrote 1000000 bytes, of which 3 were kept" in said.err


@pytest.mark.parametrize("verb", ["show", "cancel"])
@pytest.mark.parametrize(("number", "code"), [("7", 1), ("0", 2), ("-1", 2), ("x", 2), ("1.5", 2), ("9" * 19, 1)])
def test_a_run_that_is_not_there_is_told(verb: str, number: str, code: int, jarvis: Jarvis) -> None:
    said = jarvis("runs", verb, number)
    assert (said.code, said.out) == (2 if number == "9" * 19 else code, "")
    assert said.err.startswith("jarvis: error: ")


@pytest.mark.usefixtures("ledger")
def test_a_run_that_has_not_started_can_be_cancelled_once(jarvis: Jarvis) -> None:
    assert jarvis("runs", "cancel", "3", "--reason", "wrong one").out == "run 3 is cancelled\n"
    assert jarvis("runs", "show", "3", "--json").json["reason"] == "cancelled by the user: wrong one"
    said = jarvis("runs", "cancel", "3")
    assert said.code == 1
    assert "has ended already: it is cancelled" in said.err


# -- tick -------------------------------------------------------------------------------------------------
def test_a_tick_carries_out_what_is_due_and_says_so(jarvis: Jarvis) -> None:
    assert jarvis("tick").out == "nothing was due\n"
    assert jarvis("tick", "--json").json == []
    jarvis("task", "add", "x", "--every", "1h", "--", "false")
    later = (SystemClock().now() + timedelta(hours=1)).isoformat()
    said = jarvis("tick", "--now", later, "--json")
    assert said.code == 0  # the tick did what it is for; how the run went is in its row
    (run,) = said.json
    assert set(run) == {"id", "task", "due_at", "state", "reason", "next_run_at"}
    assert (run["task"], run["state"]) == ("x", "failed")


@pytest.mark.parametrize("now", ["2026-01-01T00:00:00", "now-ish", "", "2026-01-01T00:00:00+99:00"])
def test_a_tick_needs_an_instant_with_an_offset(now: str, jarvis: Jarvis) -> None:
    said = jarvis("tick", "--now", now)
    assert said.code == 2
    assert "offset" in said.err


@pytest.mark.process
@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_tick_that_is_broken_off_ends_what_it_started(jarvis: Jarvis, home: Path, eventually: Eventually) -> None:
    jarvis("task", "add", "x", "--every", "1h", "--", "sleep", "60")
    jarvis("task", "run", "x")
    ticking = subprocess.Popen([sys.executable, "-m", "jarvis", "tick"], stderr=subprocess.PIPE)
    eventually(lambda: jarvis("runs", "show", "1", "--json").json["state"] == "running")
    ticking.send_signal(signal.SIGINT)
    _, err = ticking.communicate(timeout=30)
    assert (ticking.returncode, err) == (130, b"")
    assert jarvis("runs", "show", "1", "--json").json["state"] == "cancelled"


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_tick_interrupted_between_claim_and_start_leaves_no_run_to_nobody(
    jarvis: Jarvis, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("x", "y"):
        jarvis("task", "add", name, "--every", "1h", "--", "sleep", "60")
        jarvis("task", "run", name)
    real = Workers.start

    def interrupted(self: Workers, claimed: list[Claimed], owner_mark: str) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        real(self, claimed, owner_mark)

    monkeypatch.setenv("JARVIS_MAX_WORKERS", "1")
    monkeypatch.setattr(Workers, "start", interrupted)
    assert jarvis("tick").code == 130
    assert sorted(run["state"] for run in jarvis("runs", "list", "--json").json) == ["cancelled", "pending"]


# -- status -----------------------------------------------------------------------------------------------
def test_the_status_of_an_empty_home(jarvis: Jarvis, home: Path) -> None:
    found = jarvis("status", "--json").json
    assert (found["home"], found["store"]) == (str(home), str(home / "data" / "memory.db"))
    assert (found["version"], found["timezone"]) == (__version__, "UTC")
    assert found["tasks"] == {"enabled": 0, "paused": 0}
    assert found["open_runs"] == {"pending": 0, "running": 0}
    assert (found["daemons"], found["next"], found["runs_24h"]) == ([], None, {})
    assert "no daemon is running: start one with `jarvis daemon`" in jarvis("status").out


@pytest.mark.usefixtures("ledger", "living")
def test_the_status_tells_what_goes_on(jarvis: Jarvis) -> None:
    jarvis("task", "pause", "b")
    found = jarvis("status", "--json").json
    assert found["tasks"] == {"enabled": 1, "paused": 1}
    assert found["next"]["task"] == "a"
    assert found["runs_24h"] == {"cancelled": 1, "failed": 1, "succeeded": 1}
    (daemon,) = found["daemons"]
    assert datetime.fromisoformat(daemon["since"]) <= datetime.fromisoformat(daemon["seen"])
    text = jarvis("status").out
    assert f"process {daemon['pid']}, since" in text
    assert "1 enabled, 1 paused" in text
    assert "due next   a at" in text


def test_runs_of_days_ago_are_not_the_last_day(jarvis: Jarvis, store: MemoryStore) -> None:
    jarvis("task", "add", "x", "--every", "1h", "--handler", "noop")
    jarvis("task", "run", "x")
    jarvis("tick")
    two_days = timedelta(days=2) // timedelta(microseconds=1)
    store.database.change("UPDATE runs SET recorded_at = recorded_at - ?", (two_days,))
    assert jarvis("status", "--json").json["runs_24h"] == {}


def test_instants_are_told_in_the_configured_zone(
    jarvis: Jarvis, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    jarvis("task", "add", "x", "--at", "2100-01-01T00:00:00Z", "--handler", "noop")
    monkeypatch.setenv("JARVIS_TIMEZONE", "Asia/Kolkata")
    assert jarvis("status", "--json").json["next"]["due_at"] == "2100-01-01T05:30:00+05:30"
    assert "2100-01-01 05:30:00+05:30" in jarvis("task", "list").out
    assert store.tasks.next_due_at() == datetime(2100, 1, 1, tzinfo=UTC)
