"""Real daemons killed with SIGKILL at random moments: nothing lost, nothing settled twice, the file whole.

`make crash CRASH_ROUNDS=300 SEED=7` runs more rounds, or the same ones again.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.crash.account import account
from tests.crash.daemons import Daemons, let_pass, say, seeded

pytestmark = [pytest.mark.process, pytest.mark.slow]

ROUNDS = int(os.environ.get("CRASH_ROUNDS") or 40)
EVERY, OFTEN = timedelta(milliseconds=500), timedelta(milliseconds=200)
BACK = ("--catch-up", "all", "--overlap", "queue")
THOUSAND = 1000


def kill_in_turn(daemons: Daemons, chance: random.Random, rounds: int) -> None:
    """Kill one of two daemons, at times both, again and again; at times before it has come to anything."""
    pair = [daemons.start(), daemons.start()]
    for _ in range(rounds):
        let_pass(daemons.until, chance.uniform(0.05, 1.1))
        victims = [0, 1] if chance.random() < 0.1 else [chance.randrange(2)]
        for at in victims:
            daemons.kill(pair[at])
        for at in victims:
            pair[at] = daemons.start(entered=False)


def test_two_daemons_killed_at_random_lose_nothing_and_settle_nothing_twice(
    daemons: Daemons, record_property: Callable[[str, object], None]
) -> None:
    chance = seeded()
    tasks = {"quick": "", "quick too": "", "slow": "sleep 0.3"}
    for name, then in tasks.items():
        daemons.add(name, "--every", "500ms", *BACK, command=daemons.mark(then))
    kill_in_turn(daemons, chance, ROUNDS)
    daemons.all_entered()
    daemons.quiet(*tasks)
    assert daemons.stop() == [0, 0]

    rows = [row for row in daemons.rows() if row.task in tasks]
    found = account(rows, EVERY, daemons.effects(), daemons.settles(), daemons.integrity())
    say(line := f"{ROUNDS} rounds, {found}")
    record_property("summary", line)
    assert found.kept, line
    assert line == (
        f"{ROUNDS} rounds, {found.occurrences} occurrences, lost 0, unsettled 0, settled twice 0, "
        f"repeated effects {found.repeated_effects} (all of runs that were cut off), integrity ok"
    )
    assert found.occurrences > ROUNDS
    assert len(daemons.settles()) > ROUNDS, "the logs bear no witness"


def test_of_a_thousand_occurrences_shared_by_two_daemons_each_is_settled_once(daemons: Daemons) -> None:
    """One of the two is killed, or held up and let go, at random."""
    chance = seeded()
    tasks = [f"t{number}" for number in range(20)]
    pair = [daemons.start(), daemons.start()]  # before there is a task: only the newest 100 occurrences come back
    for name in tasks:
        daemons.add(name, "--every", "200ms", *BACK)
    while len(daemons.rows()) < THOUSAND:
        let_pass(daemons.until, chance.uniform(0.3, 1.2))
        at = chance.randrange(2)
        if chance.random() < 0.5:
            daemons.kill(pair[at])
            pair[at] = daemons.start()
        else:
            pair[at].send_signal(signal.SIGSTOP)
            let_pass(daemons.until, chance.uniform(0.3, 1.2))
            pair[at].send_signal(signal.SIGCONT)
    daemons.quiet(*tasks)
    assert daemons.stop() == [0, 0]

    rows = [row for row in daemons.rows() if row.task in tasks]
    found = account(rows, OFTEN, settles=daemons.settles(), integrity=daemons.integrity())
    say(str(found))
    assert found.kept, str(found)
    assert found.occurrences >= THOUSAND - 10  # the daemon's own first tasks were counted above
    paused = [row for row in rows if row.reason.startswith("cancelled: the task was paused")]  # what waited at the end
    assert {row.state for row in rows if row not in paused} == {"succeeded"}
    assert len(daemons.settles()) > THOUSAND / 2, "the logs bear no witness"


def test_a_run_cut_off_by_kill_is_run_again_once_and_its_orphan_is_gone(daemons: Daemons, tmp_path: Path) -> None:
    pids, go_on = tmp_path / "pids", tmp_path / "go"
    script = f'echo $$ >> "{pids}"; [ -e "{go_on}" ] || exec sleep 600'
    daemons.add("cut", "--at", "now", command=["sh", "-c", script])
    first = daemons.start()
    daemons.until(lambda: pids.exists() and pids.read_text().endswith("\n"))
    orphan = int(pids.read_text())
    daemons.kill(first)
    go_on.touch()
    daemons.start()
    daemons.until(lambda: daemons.states("cut") == ["succeeded"])
    (run,) = daemons.rows("cut")
    assert run.attempt == 2
    assert "attempt 1 was cut off" in run.reason
    assert len(pids.read_text().split()) == 2
    assert not is_running(orphan)
    assert daemons.stop() == [0]


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")
