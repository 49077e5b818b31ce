"""Daemons held up with SIGSTOP: what they missed is told as that, and nobody takes a held one for dead."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from tests.crash.daemons import Daemons, let_pass
from tests.crash.promised import GRACE, POLICIES, Gap, assert_one_effect_each
from tests.crash.wall import Wall

pytestmark = [pytest.mark.process, pytest.mark.slow]

EVERY = timedelta(seconds=5)
HELD = timedelta(seconds=30)


def test_a_daemon_held_up_for_half_a_minute_says_so_and_keeps_each_policy(daemons: Daemons) -> None:
    for policy in POLICIES:
        flags = ("--every", "5s", "--grace", f"{GRACE.seconds}s", "--catch-up", policy)
        daemons.add(policy, *flags, command=daemons.mark())
    daemon = daemons.start()
    for policy in POLICIES:
        daemons.until(lambda policy=policy: daemons.states(policy) == ["succeeded"])
    daemon.send_signal(signal.SIGSTOP)
    gaps = [Gap.begins(daemons, policy, EVERY) for policy in POLICIES]
    # Let go in between two instants, so that the newest is no longer on time.
    let_pass(daemons.until, HELD.total_seconds() + EVERY.total_seconds() / 2)
    daemon.send_signal(signal.SIGCONT)
    for gap in gaps:
        daemons.until(lambda gap=gap: gap.is_over(daemons))
    daemons.quiet(*POLICIES)

    ((since, until, _),) = daemons.absences("held_up")
    assert until - since >= HELD.total_seconds() * 1e6
    for gap in gaps:
        gap.assert_promised(daemons, "while the daemon was held up")
    assert_one_effect_each(daemons)
    assert daemons.stop() == [0]


def stopped_outside_a_write(daemons: Daemons, daemon: subprocess.Popen[bytes]) -> bool:
    """Stop it; in the middle of a write it would keep everybody from the store, so then let it go on."""
    daemon.send_signal(signal.SIGSTOP)
    store = sqlite3.connect(daemons.home / "data" / "memory.db", timeout=0.2, isolation_level=None)
    try:
        store.execute("BEGIN IMMEDIATE")
        store.execute("ROLLBACK")
    except sqlite3.OperationalError:
        daemon.send_signal(signal.SIGCONT)
        return False
    finally:
        store.close()
    return True


def test_a_held_daemon_keeps_its_run_whatever_the_clock_says_and_a_killed_one_s_is_taken_over_at_once(
    daemons: Daemons, tmp_path: Path
) -> None:
    go_on, again = tmp_path / "go", tmp_path / "again"
    daemons.add("held", "--at", "now", command=daemons.mark(f'while [ ! -e "{go_on}" ]; do sleep 0.05; done'))
    held = daemons.start()
    daemons.until(lambda: daemons.states("held") == ["running"] and daemons.effects())
    daemons.until(lambda: stopped_outside_a_write(daemons, held))
    killed = daemons.start()
    daemons.add("cut", "--at", "now", command=["sh", "-c", f'[ -e "{again}" ] || exec sleep 600'])
    daemons.until(lambda: daemons.states("cut") == ["running"])

    wall = Wall(daemons)
    wall.start()  # the heir
    wall.step(timedelta(days=1) // timedelta(seconds=1))
    daemons.add("now", "--at", "now")  # it wakes the heir
    daemons.until(lambda: daemons.absences("stepped_forward"))  # by its clock any lease has run out
    assert (daemons.states("held"), daemons.states("cut")) == (["running"], ["running"])
    again.touch()
    daemons.kill(killed)
    daemons.until(lambda: daemons.states("cut") == ["succeeded"])  # it looks around every 5 s; the lease is far longer
    (cut,) = daemons.rows("cut")
    assert cut.attempt == 2
    assert "attempt 1 was cut off" in cut.reason

    assert daemons.states("held") == ["running"]
    go_on.touch()
    held.send_signal(signal.SIGCONT)
    daemons.until(lambda: daemons.states("held") == ["succeeded"])
    assert [run.attempt for run in daemons.rows("held")] == [1]
    assert len(daemons.effects()) == 1
    assert daemons.stop() == [0, 0]
