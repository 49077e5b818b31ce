"""Real daemons killed while they send: what may have arrived says so, and nothing is sent twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.daemons import Daemons

pytestmark = pytest.mark.process

KEPT = "SELECT channel, state, attempt, key, reason FROM deliveries d JOIN tasks t ON t.id = d.task_id"
Sent = tuple[str, str, int, str, str]


def channels(home: Path, **commands: str) -> None:
    """A file, and commands."""
    tables = ['[channels.file]\ntype = "file"\npath = "sent.jsonl"\n']
    for name, script in commands.items():
        tables.append(f'[channels.{name}]\ntype = "command"\ncommand = ["sh", "-c", {json.dumps(script)}]\n')
    (home / "jarvis.toml").write_text("\n".join(tables))


def run_once(daemons: Daemons, name: str, *deliver: str) -> None:
    daemons.add(name, "--every", "1d", *(word for each in deliver for word in ("--deliver", each)))
    daemons.cli("task", "run", name)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def deliveries(daemons: Daemons, task: str | None = None) -> list[Sent]:
    found: list[Sent] = daemons.query(f"{KEPT} WHERE ?1 IS NULL OR t.name = ?1 ORDER BY d.id", task)
    return found


def states(daemons: Daemons) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for channel, state, *_ in deliveries(daemons):
        found.setdefault(channel, []).append(state)
    return found


def test_a_daemon_killed_while_a_slow_command_sends_leaves_unknown_and_the_file_has_its_line_once(
    daemons: Daemons, home: Path
) -> None:
    begun, go_on = home / "begun", home / "go"
    channels(home, slow=f"echo $JARVIS_KEY >> {begun}; while [ ! -e {go_on} ]; do sleep 0.05; done")
    run_once(daemons, "t", "slow", "file")
    first = daemons.start()
    daemons.until(lambda: states(daemons) == {"slow": ["sending"], "file": ["sent"]} and lines(begun))
    daemons.kill(first)
    daemons.start()
    daemons.until(lambda: states(daemons)["slow"] == ["unknown"])
    go_on.touch()
    run_once(daemons, "u", "file")
    daemons.until(lambda: states(daemons)["file"] == ["sent", "sent"])
    assert daemons.stop() == [0]
    assert len(lines(begun)) == 1
    assert [json.loads(line)["task"] for line in lines(home / "sent.jsonl")] == ["t", "u"]
    (reason,) = (each[4] for each in deliveries(daemons) if each[0] == "slow")
    assert f"(process {first.pid}) ended while it was being sent" in reason


def test_a_hung_channel_delays_neither_the_other_channel_nor_the_stop(daemons: Daemons, home: Path) -> None:
    begun = home / "begun"
    channels(home, hung=f"echo x >> {begun}; exec sleep 600")
    daemon = daemons.start()
    run_once(daemons, "t", "hung", "file")
    daemons.until(lambda: lines(begun))
    for name in ("u", "v"):
        run_once(daemons, name, "hung", "file")
    daemons.until(lambda: states(daemons)["file"] == ["sent"] * 3)
    assert states(daemons)["hung"] == ["sending", "pending", "pending"]
    assert daemons.stop() == [0]
    assert daemon.returncode == 0
    assert states(daemons)["hung"] == ["unknown", "pending", "pending"]
    assert len(lines(begun)) == 1


def test_daemons_killed_at_every_stage_tell_each_run_once_or_say_that_they_do_not_know(
    daemons: Daemons, home: Path
) -> None:
    channels(home)
    stages: list[Callable[[list[Sent]], object]] = [
        lambda _found: True,
        lambda found: found,
        lambda found: any(attempt for _, _, attempt, *_ in found),
        lambda found: any(state == "sent" for _, state, *_ in found),
    ]
    for round_, reached in enumerate(stages * 2):
        run_once(daemons, f"t{round_}", "file")
        daemon = daemons.start()
        daemons.until(lambda r=round_, reached=reached: reached(deliveries(daemons, f"t{r}")), every=0.001)
        daemons.kill(daemon)
    daemons.start()
    count = len(stages) * 2
    daemons.until(lambda: len(found := states(daemons).get("file", [])) == count and {*found} <= {"sent", "unknown"})
    assert daemons.stop() == [0]
    keys = [json.loads(line)["key"] for line in lines(home / "sent.jsonl")]
    assert len(keys) == len(set(keys)), "something was sent twice"
    assert len({key for _, _, _, key, _ in deliveries(daemons)}) == count
    assert {key for _, state, _, key, _ in deliveries(daemons) if state == "sent"} <= set(keys)
