"""From the three old agents to the service and back: interrupted at every step and run again, it ends the same."""

from __future__ import annotations

import plistlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jarvis.memory import MemoryStore
from jarvis.scheduler.schedule import Interval
from jarvis.seeds import SEEDS, MovingSeeds
from jarvis.service.description import Service
from jarvis.service.launchd import Launchd
from jarvis.service.migrate import OLD_AGENTS, Migration, Places, read_journal
from jarvis.testing import FakeClock
from tests.service.fakes import Fake
from tests.service.machine import FakeMachine, Interrupted

OURS = "com.chg.jarvis-daemon"
NEIGHBOURS = ("com.chg.imessage-daemon", "com.chg.jarvis-backup")


class Mac:
    """A Mac with the old agents on it, two of them loaded, and their neighbours."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.agents = folder / "Library" / "LaunchAgents"
        self.agents.mkdir(parents=True)
        self.places = Places(self.agents, folder / "jarvis" / "data" / "migration")
        self.fake = Fake(folder)
        self.clock = FakeClock()
        self.store = MemoryStore()
        for label in (*OLD_AGENTS, *NEIGHBOURS):
            keys = {"Label": label, "ProgramArguments": ["/usr/bin/true"], "StartInterval": 300, "RunAtLoad": True}
            self.places.file(label).write_bytes(plistlib.dumps(keys, fmt=plistlib.FMT_BINARY))
            if label != "com.chg.alert-evaluator":
                self.fake.launchctl(["bootstrap", "gui/501", str(self.places.file(label))])
        self.fake.state["calls"].clear()

    def migration(self, at: int = -1) -> tuple[Migration, FakeMachine]:
        machine = FakeMachine(self.fake, at)
        service = Service(OURS, ("/bin/python", "daemon"), self.folder, self.folder / "jarvis", {}, None)
        seeds = MovingSeeds(lambda: self.store, self.clock)
        return Migration(Launchd(service, machine, self.agents), machine, self.places, seeds), machine

    def seen(self) -> dict[str, Any]:
        """All that a move may change."""
        for label in list(self.fake.state["leaving"]):
            while label in self.fake.state["leaving"]:
                self.fake.launchctl(["print", f"gui/501/{label}"])
        return {
            "files": {file.name: file.read_bytes() for file in sorted(self.agents.iterdir())},
            "loaded": sorted(self.fake.state["loaded"]),
            "tasks": [(name, self.store.tasks.get(name).schedule) for name in self.store.tasks.names()],
        }


@pytest.fixture
def mac(tmp_path: Path) -> Any:
    made: list[Mac] = []

    def build(name: str = "mac") -> Mac:
        made.append(Mac(tmp_path / name))
        return made[-1]

    yield build
    for each in made:
        each.store.close()


Build = Callable[..., Mac]


def test_a_move_unloads_the_old_agents_keeps_their_files_and_leaves_the_neighbours(mac: Build) -> None:
    it = mac()
    before = it.seen()
    move, machine = it.migration()
    assert move.run()
    after = it.seen()
    assert set(after["files"]) == {f"{label}.plist" for label in (OURS, *NEIGHBOURS)}
    assert after["loaded"] == sorted([OURS, *NEIGHBOURS])
    for label in NEIGHBOURS:
        assert after["files"][f"{label}.plist"] == before["files"][f"{label}.plist"]
    for label in OLD_AGENTS:
        assert it.places.copy(label).read_bytes() == before["files"][f"{label}.plist"]
    assert {name: schedule.every for name, schedule in after["tasks"] if isinstance(schedule, Interval)} == SEEDS
    assert "unloaded com.chg.inbox-monitor" in machine.said
    assert [line for line in machine.said if "alert-evaluator ran every 300 s" in line]


def test_an_undone_move_leaves_everything_as_it_was(mac: Build) -> None:
    it = mac()
    before = it.seen()
    it.migration()[0].run()
    assert it.migration()[0].undo()
    assert it.seen() == before
    assert not it.migration()[0].undo()


def test_a_second_move_finds_nothing_to_do_and_one_after_an_undo_does_it_again(mac: Build) -> None:
    it = mac()
    it.migration()[0].run()
    after = it.seen()
    assert not it.migration()[0].run()
    assert it.seen() == after
    it.migration()[0].undo()
    assert it.migration()[0].run()
    assert it.seen() == after


def moved(it: Mac) -> dict[str, Any]:
    it.migration()[0].run()
    return it.seen()


def steps(it: Mac, act: Callable[[Migration], bool]) -> int:
    move, machine = it.migration()
    act(move)
    return machine.effects


def test_interrupted_at_every_step_and_run_again_it_ends_the_same(mac: Build) -> None:
    whole = mac("whole")
    count = steps(whole, Migration.run)
    wanted = whole.seen()
    assert count > 20
    for at in range(1, count + 1):
        it = mac(f"step-{at}")
        before = it.seen()
        with pytest.raises(Interrupted):
            it.migration(at)[0].run()
        it.migration()[0].run()
        assert comparable(it) == {**wanted, "files": comparable(whole)["files"]}, f"step {at}"
        it.migration()[0].undo()
        assert it.seen() == before, f"step {at}, undone"


def comparable(it: Mac) -> dict[str, Any]:
    """Without the folder's name, which is in the new agent's file."""
    seen = it.seen()
    files = {name: content.replace(bytes(it.folder), b"HOME") for name, content in seen["files"].items()}
    return {**seen, "files": files}


def test_an_undo_that_was_interrupted_at_every_step_ends_the_same(mac: Build) -> None:
    first = mac("first")
    first.migration()[0].run()
    count = steps(first, Migration.undo)
    for at in range(1, count + 1):
        it = mac(f"step-{at}")
        before = it.seen()
        it.migration()[0].run()
        after = it.seen()
        with pytest.raises(Interrupted):
            it.migration(at)[0].undo()
        it.migration()[0].undo()
        assert it.seen() == before, f"step {at}"
        it.migration()[0].run()
        assert it.seen() == after, f"step {at}, moved again"


def test_a_move_that_was_interrupted_can_be_undone_and_an_undo_turned_round(mac: Build) -> None:
    whole = mac("whole")
    count = steps(whole, Migration.run)
    for at in range(1, count + 1):
        it = mac(f"step-{at}")
        before = it.seen()
        with pytest.raises(Interrupted):
            it.migration(at)[0].run()
        it.migration()[0].undo()
        assert it.seen() == before, f"step {at}"
    turned = mac("turned")
    turned.migration()[0].run()
    after = turned.seen()
    with pytest.raises(Interrupted):
        turned.migration(count // 3)[0].undo()
    turned.migration()[0].run()
    assert turned.seen() == after


def test_a_service_that_was_there_before_stays_when_the_move_is_undone(mac: Build) -> None:
    it = mac()
    move, machine = it.migration()
    from jarvis.service.install import install

    install(move._manager, machine)
    before = it.seen()
    it.migration()[0].run()
    it.migration()[0].undo()
    assert it.seen() == before


def test_a_task_that_does_the_work_already_is_not_doubled_and_one_that_was_changed_is_kept(mac: Build) -> None:
    from jarvis.scheduler.model import TaskSpec

    it = mac()
    spec = TaskSpec(name="my-alerts", schedule=Interval(SEEDS["alert_eval"]), handler="alert_eval")
    it.store.add_task(spec, it.clock.now())
    it.migration()[0].run()
    assert it.store.tasks.names() == ["my-alerts", "webhook_poll"]
    assert not it.store.first_start()  # or the daemon's first start would add what was left out
    polled = it.store.tasks.get("webhook_poll")
    changed = TaskSpec(
        name="webhook_poll", schedule=Interval(SEEDS["alert_eval"]), handler="webhook_poll", origin="seed"
    )
    it.store.change_task(polled.name, changed, it.clock.now())
    move, _ = it.migration()
    move.undo()
    assert it.store.tasks.names() == ["my-alerts", "webhook_poll"]
    assert not it.store.tasks.get("webhook_poll").enabled
    assert it.store.tasks.get("my-alerts").enabled
    it.migration()[0].run()
    assert not it.store.tasks.get("webhook_poll").enabled


def test_an_agent_that_is_loaded_without_a_file_is_unloaded_and_told_of(mac: Build) -> None:
    it = mac()
    it.places.file("com.chg.inbox-monitor").unlink()
    it.migration()[0].run()
    assert "com.chg.inbox-monitor" not in it.seen()["loaded"]
    move, machine = it.migration()
    move.undo()
    assert [line for line in machine.said if "com.chg.inbox-monitor had no" in line]


def test_a_file_that_is_a_link_comes_back_as_the_link_it_was(mac: Build) -> None:
    it = mac()
    file, kept = it.places.file("com.chg.inbox-monitor"), it.folder / "dotfiles.plist"
    file.rename(kept)
    file.symlink_to("../../dotfiles.plist")
    it.migration()[0].run()
    assert not file.is_symlink()
    assert kept.exists()
    it.migration()[0].undo()
    assert str(file.readlink()) == "../../dotfiles.plist"
    assert "com.chg.inbox-monitor" in it.seen()["loaded"]


def test_an_agent_that_came_back_is_moved_again_and_all_of_it_undone(mac: Build) -> None:
    it = mac()
    before = it.seen()
    it.migration()[0].run()
    again = it.places.file("com.chg.inbox-monitor")
    again.write_bytes(it.places.copy("com.chg.inbox-monitor").read_bytes())
    assert it.migration()[0].run()
    assert not again.exists()
    journal = read_journal(it.places.journal)
    assert journal is not None
    assert [agent.label for agent in journal.agents] == list(OLD_AGENTS)
    it.migration()[0].undo()
    assert it.seen() == before


def test_a_damaged_journal_is_told_and_nothing_is_done(mac: Build) -> None:
    from jarvis.errors import JarvisError

    it = mac()
    it.migration()[0].run()
    it.places.journal.write_text("{")
    for act in (Migration.run, Migration.undo):
        with pytest.raises(JarvisError, match=r"journal\.json cannot be read"):
            act(it.migration()[0])
