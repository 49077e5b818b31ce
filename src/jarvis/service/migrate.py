"""From the three agents before Jarvis to the one daemon, and back.

A journal says what was found before anything is changed, and how far it got. Each step looks before it acts, so that
one that was interrupted anywhere is done again from the start and ends the same.
"""

from __future__ import annotations

import plistlib
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple, Protocol
from xml.parsers.expat import ExpatError

import msgspec

from jarvis.errors import JarvisError
from jarvis.service.install import install, uninstall
from jarvis.service.launchd import Agent, Launchd
from jarvis.service.machine import Machine

#: Each with the task that does its work now: the first did what the daemon itself does.
OLD_AGENTS = {
    "com.chg.scheduler-engine": None,
    "com.chg.alert-evaluator": "alert_eval",
    "com.chg.inbox-monitor": "webhook_poll",
}

MIGRATING, MIGRATED, UNDOING, UNDONE = "migrating", "migrated", "undoing", "undone"


class OldAgent(msgspec.Struct, frozen=True):
    """One agent as it was found."""

    label: str
    loaded: bool
    link: str | None = None  # where its property list led, if it was a symbolic link


class Journal(msgspec.Struct, frozen=True):
    """What was found, and how far it got."""

    stage: str
    label: str  # of Jarvis's own agent
    agents: list[OldAgent]
    tasks: list[str]  # those that the store lacked
    had_service: bool  # whether Jarvis's own agent was there before


class Seeds(Protocol):
    """The tasks that do what the old agents did."""

    def missing(self) -> list[str]:
        """Those whose work no task of the store does."""

    def add(self, names: Sequence[str]) -> list[str]:
        """Add those of them that are still missing, and say what was done."""

    def take_back(self, names: Sequence[str]) -> list[str]:
        """Take them away again, paused where they were changed, and say what was done."""

    def every(self, name: str) -> timedelta:
        """How often it runs."""


class Places(NamedTuple):
    """Where the old agents are, and where their property lists and the journal are kept."""

    agents: Path
    kept: Path

    @property
    def journal(self) -> Path:
        """How far it got."""
        return self.kept / "journal.json"

    def file(self, label: str) -> Path:
        """Where launchd finds it."""
        return self.agents / f"{label}.plist"

    def copy(self, label: str) -> Path:
        """Where it is kept."""
        return self.kept / f"{label}.plist"


class Migration:
    """One machine's move."""

    def __init__(self, manager: Launchd, machine: Machine, places: Places, seeds: Seeds) -> None:
        self._manager = manager
        self._machine = machine
        self._places = places
        self._seeds = seeds

    def run(self) -> bool:
        """Move. Whether there was anything to do."""
        journal, found = read_journal(self._places.journal), self._found()
        if journal is None or journal.stage in (MIGRATED, UNDONE):
            if not found:
                return False
            journal = self._planned(found, journal)
        self._write(journal, MIGRATING)
        for agent in journal.agents:
            self._move(agent)
        for line in self._seeds.add(journal.tasks):
            self._machine.tell(line)
        install(self._manager, self._machine)
        self._write(journal, MIGRATED)
        return True

    def undo(self) -> bool:
        """Move back. Whether there was anything to do."""
        journal = read_journal(self._places.journal)
        if journal is None or journal.stage == UNDONE:
            return False
        if journal.label != self._manager.service.label:
            raise JarvisError(f"what was installed then is {journal.label}: undo it with --label {journal.label}")
        self._write(journal, UNDOING)
        if journal.had_service:
            self._machine.tell(f"{journal.label} was there before, and stays")
        else:
            uninstall(self._manager, self._machine)
        for line in self._seeds.take_back(journal.tasks):
            self._machine.tell(line)
        for agent in journal.agents:
            self._bring_back(agent)
        self._write(journal, UNDONE)
        return True

    def _found(self) -> list[OldAgent]:
        """The old agents that are there now: their file, or only in launchd's memory."""
        found = []
        for label in OLD_AGENTS:
            file, loaded = self._places.file(label), Agent(label, self._machine).state().loaded
            if loaded or file.is_symlink() or file.exists():
                found.append(OldAgent(label, loaded, str(file.readlink()) if file.is_symlink() else None))
        return found

    def _planned(self, found: list[OldAgent], before: Journal | None) -> Journal:
        """What is to be done; what an earlier move did is still to be undone with it."""
        plan = Journal(MIGRATING, self._manager.service.label, found, self._seeds.missing(), self._is_installed())
        return _joined(before, plan) if before is not None and before.stage == MIGRATED else plan

    def _is_installed(self) -> bool:
        return self._manager.file.exists() or self._manager.state().loaded

    def _move(self, agent: OldAgent) -> None:
        """Keep its file, end it, and take its file out of launchd's sight."""
        file, copy = self._places.file(agent.label), self._places.copy(agent.label)
        content = _read(file)
        if content is not None:
            self._machine.write(copy, content)
        launchd = Agent(agent.label, self._machine)
        if launchd.state().loaded:
            launchd.bootout()
            self._machine.tell(f"unloaded {agent.label}")
        if file.is_symlink() or content is not None:
            self._machine.remove(file)
            self._machine.tell(f"moved {file} to {copy}")
            self._remark(agent.label, content or b"")

    def _bring_back(self, agent: OldAgent) -> None:
        """Put its file where it was, and load it if it was loaded."""
        file, copy = self._places.file(agent.label), self._places.copy(agent.label)
        content = _read(copy)
        if not (file.is_symlink() or file.exists()):
            if agent.link is not None:
                self._machine.link(file, agent.link)
            elif content is not None:
                self._machine.write(file, content)
            else:
                self._machine.tell(f"{agent.label} had no {file}: it cannot be brought back")
                return
            self._machine.tell(f"brought back {file}")
        launchd = Agent(agent.label, self._machine)
        if agent.loaded and not launchd.state().loaded:
            launchd.bootstrap(file)
            self._machine.tell(f"loaded {agent.label}")

    def _remark(self, label: str, content: bytes) -> None:
        """Say if the agent ran at another interval than the task that follows it."""
        task, every = OLD_AGENTS[label], _interval(content)
        if task is not None and every is not None and every != self._seeds.every(task):
            seconds = int(every.total_seconds())
            self._machine.tell(
                f"{label} ran every {seconds} s: `jarvis task edit {task} --every {seconds}s` keeps to that"
            )

    def _write(self, journal: Journal, stage: str) -> None:
        self._machine.write(
            self._places.journal,
            msgspec.json.format(msgspec.json.encode(msgspec.structs.replace(journal, stage=stage))),
        )


def _joined(before: Journal, plan: Journal) -> Journal:
    """Two moves as one: an agent counts as loaded if it ever was."""
    agents = {each.label: each for each in before.agents}
    for each in plan.agents:
        earlier = agents.get(each.label, each)
        agents[each.label] = OldAgent(each.label, each.loaded or earlier.loaded, each.link)
    tasks = [*before.tasks, *(name for name in plan.tasks if name not in before.tasks)]
    return Journal(plan.stage, plan.label, list(agents.values()), tasks, before.had_service)


def read_journal(file: Path) -> Journal | None:
    """What an earlier move left; None if there was none."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Journal)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise JarvisError(f"{file} cannot be read: {error}. The old agents' files are kept beside it") from error


def unfinished(file: Path) -> str:
    """What is to be said of a move that has not ended; "" if there is none."""
    try:
        journal = read_journal(file)
    except JarvisError as error:
        return str(error)
    if journal is None or journal.stage not in (MIGRATING, UNDOING):
        return ""
    words = "migrate --undo" if journal.stage == UNDOING else "migrate"
    return f"the move from the old agents was interrupted: `jarvis service {words}` goes on with it"


def _read(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None


def _interval(content: bytes) -> timedelta | None:
    try:
        seconds = plistlib.loads(content).get("StartInterval")
    except (plistlib.InvalidFileException, ExpatError, ValueError, AttributeError):
        return None
    return timedelta(seconds=seconds) if isinstance(seconds, int) else None
