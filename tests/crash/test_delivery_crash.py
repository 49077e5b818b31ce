"""Real daemons killed while they send: what may have arrived says so, and nothing is sent twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jarvis.memory import MemoryStore
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.model import Deliver, Delivery, DeliveryState, TaskSpec
from jarvis.scheduler.schedule import Once
from tests.crash.test_kill import Daemons, Eventually

pytestmark = pytest.mark.process


@pytest.fixture
def daemons(home: Path, eventually: Eventually) -> Iterator[Daemons]:
    made = Daemons(home, eventually)
    yield made
    made.close()


def channels(home: Path, **commands: str) -> None:
    tables = [f'[channels.{name}]\ntype = "command"\ncommand = ["sh", "-c", {json.dumps(script)}]\n'
              for name, script in commands.items()]  # fmt: skip
    tables.append('[channels.file]\ntype = "file"\npath = "sent.jsonl"\n')
    (home / "jarvis.toml").write_text("\n".join(tables))


def add(store: MemoryStore, name: str, *deliver: str) -> None:
    now = SystemClock().now()
    store.add_task(TaskSpec(name=name, schedule=Once(now), handler="noop", deliver=tuple(map(Deliver, deliver))), now)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def states(store: MemoryStore) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in store.deliveries.newest(limit=None):
        found.setdefault(each.channel, []).append(each.state.value)
    return found


def test_a_daemon_killed_while_a_slow_command_sends_leaves_unknown_and_the_file_has_its_line_once(
    daemons: Daemons, home: Path
) -> None:
    begun = home / "begun"
    channels(home, slow=f"echo $JARVIS_KEY >> {begun}; exec sleep 2")
    add(daemons.store, "t", "slow", "file")
    first = daemons.start()
    daemons.until(lambda: states(daemons.store) == {"slow": ["sending"], "file": ["sent"]} and lines(begun))
    daemons.kill(first)
    daemons.start()
    daemons.until(lambda: states(daemons.store)["slow"] == ["unknown"])
    add(daemons.store, "u", "file")
    daemons.until(lambda: states(daemons.store)["file"] == ["sent", "sent"])
    assert daemons.stop() == [0]
    assert len(lines(begun)) == 1
    assert [json.loads(line)["task"] for line in lines(home / "sent.jsonl")] == ["t", "u"]
    unknown = daemons.store.deliveries.newest(channel="slow")[0]
    assert f"(process {first.pid}) ended while it was being sent" in unknown.reason


def test_a_hung_channel_delays_neither_the_other_channel_nor_the_stop(daemons: Daemons, home: Path) -> None:
    begun = home / "begun"
    channels(home, hung=f"echo x >> {begun}; exec sleep 600")
    add(daemons.store, "t", "hung", "file")
    daemon = daemons.start()
    daemons.until(lambda: lines(begun))
    for name in ("u", "v"):
        add(daemons.store, name, "hung", "file")
    daemons.until(lambda: states(daemons.store)["file"] == ["sent"] * 3)
    assert states(daemons.store)["hung"] == ["pending", "pending", "sending"]
    assert daemons.stop() == [0]
    assert daemon.returncode == 0
    assert states(daemons.store)["hung"] == ["pending", "pending", "unknown"]
    assert len(lines(begun)) == 1


def test_daemons_killed_at_every_stage_tell_each_run_once_or_say_that_they_do_not_know(
    daemons: Daemons, home: Path
) -> None:
    channels(home)
    kill_when: list[Callable[[list[Delivery]], object]] = [
        lambda found: True,
        lambda found: found,
        lambda found: any(each.attempt for each in found),
        lambda found: any(each.state is DeliveryState.SENT for each in found),
    ]
    for round_, reached in enumerate(kill_when * 2):
        add(daemons.store, f"t{round_}", "file")
        daemon = daemons.start()
        daemons.until(
            lambda r=round_, reached=reached: reached(daemons.store.deliveries.newest(task=f"t{r}")), every=0.001
        )
        daemons.kill(daemon)
    daemons.start()
    open_states = {DeliveryState.PENDING, DeliveryState.SENDING}
    count = len(kill_when) * 2
    daemons.until(
        lambda: (
            len(found := daemons.store.deliveries.newest(limit=None)) == count
            and not any(each.state in open_states for each in found)
        )
    )
    assert daemons.stop() == [0]
    keys = [json.loads(line)["key"] for line in lines(home / "sent.jsonl")]
    assert len(keys) == len(set(keys)), "something was sent twice"
    found = daemons.store.deliveries.newest(limit=None)
    assert len({each.run_id for each in found}) == count
    assert {each.key for each in found if each.state is DeliveryState.SENT} <= set(keys)
    assert {each.state for each in found} <= {DeliveryState.SENT, DeliveryState.UNKNOWN}
