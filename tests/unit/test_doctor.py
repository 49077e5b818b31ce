"""Each check of `jarvis doctor`, on a home that was made for it."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import pytest

from jarvis import app
from jarvis.config import Config, load_config, look_at_config
from jarvis.doctor import channels, daemons, folders, service, settings, work
from jarvis.doctor import store as stores
from jarvis.doctor.case import Case, Check, NotLookedAt
from jarvis.doctor.examination import CHECKS, examine
from jarvis.doctor.finding import Finding, named, ok, short, span
from jarvis.errors import FileError, SendFailed, StoreBusy, StoreDamaged
from jarvis.memory import MemoryStore
from jarvis.memory.archives import back_up
from jarvis.memory.checkup import Checkup
from jarvis.memory.instants import to_micros
from jarvis.memory.reader import Reader
from jarvis.scheduler.model import Deliver, TaskSpec
from jarvis.scheduler.schedule import Interval
from jarvis.service.description import Service
from jarvis.service.machine import NoManager
from jarvis.service.manager import State

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STORE = Path("data") / "memory.db"


class FakeManager:
    """A service manager that knows one service."""

    name = "systemd"

    def __init__(self, folder: Path, state: State, *, current: bool = True, lingers: bool = True) -> None:
        self.service = Service("com.chg.jarvis-daemon", ("python",), folder, folder, {}, None)
        self.file = folder / "jarvis-daemon.service"
        self._state, self._current, self._lingers = state, current, lingers

    def state(self) -> State:
        return self._state

    def is_current(self, text: str) -> bool:
        return self._current

    def after_logout(self) -> tuple[bool | None, str]:
        return self._lingers, "`loginctl enable-linger` keeps it running"


class Home(NamedTuple):
    """A home, and what is asked of it."""

    folder: Path
    store: MemoryStore
    reader: Reader

    def case(self, **changes: Any) -> Case:
        return case(load_config(), **{"opened": lambda: Checkup(self.reader)} | changes)

    def add(self, name: str = "t", **more: Any) -> None:
        spec = TaskSpec(name=name, schedule=Interval(HOUR), handler="noop", **more)
        self.store.add_task(spec, NOW - DAY, first=NOW + HOUR)

    def fill(self) -> None:
        with self.store.transaction():
            for number in range(300):
                self.add(f"t{number}")

    def set(self, sql: str, *values: object) -> None:
        self.store.database.change(sql, values)


def nobody() -> Any:
    raise NoManager("this machine has neither. Log in properly")


def case(config: Config, **changes: Any) -> Case:
    given: dict[str, Any] = {
        "config": config,
        "problems": (),
        "now": NOW,
        "zone": UTC,
        "opened": lambda: None,
        "manager": nobody,
        "is_loaded": lambda label: False,
        "channel": lambda name: None,
        "send": None,
        "read_tasks": lambda: 0,
    }
    return Case(**given | changes)


@pytest.fixture
def empty(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which nothing was done yet."""
    monkeypatch.setenv("HOME", str(home.parent))
    monkeypatch.setenv("JARVIS_TIMEZONE", "UTC")
    home.chmod(0o700)
    return home


@pytest.fixture
def at(empty: Path) -> Iterator[Home]:
    """A home with a store."""
    store = app.store(load_config())
    reader = Reader(str(empty / STORE))
    yield Home(empty, store, reader)
    reader.close()
    store.close()


def of(check: Check, about: Case) -> list[Finding]:
    return [each._replace(name="") for each in examine(about, {"it": check})]


def one(check: Check, about: Case) -> tuple[str, str]:
    """Severity and text of the only finding; whoever warns says what to do."""
    (found,) = of(check, about)
    assert found.todo or found.severity in ("ok", "note")
    return found.severity, f"{found.found} -> {found.todo}"


def severities(check: Check, about: Case) -> list[str]:
    return [each.severity for each in of(check, about)]


# -- all of them ------------------------------------------------------------------------------------------
def test_a_check_that_breaks_is_a_finding_and_stops_no_other(empty: Path) -> None:
    def broken(about: Case) -> Iterator[Finding]:
        yield ok("so far")
        raise ValueError("hunter2")

    def refused(about: Case) -> Iterator[Finding]:
        raise PermissionError(13, "Permission denied", "/some/file")

    found = list(examine(case(load_config()), {"a": broken, "b": refused, "c": lambda _case: [ok("well")]}))
    assert [(each.name, each.severity) for each in found] == [
        ("a", "ok"), ("a", "error"), ("b", "warning"), ("c", "ok")
    ]  # fmt: skip
    assert "ValueError" in found[1].found
    assert "hunter2" not in str(found)
    assert found[2].found == "/some/file: Permission denied"


def test_a_check_that_hangs_is_left_behind(empty: Path) -> None:
    over = threading.Event()

    def hangs(about: Case) -> Iterator[Finding]:
        over.wait(60)
        yield ok("at last")

    found = list(examine(case(load_config()), {"a": hangs, "b": lambda _case: [ok("well")]}, patience=2.0))
    over.set()
    assert [(each.name, each.severity) for each in found] == [("a", "warning"), ("b", "ok")]


def test_what_keeps_several_checks_from_looking_is_told_once(empty: Path) -> None:
    def busy(about: Case) -> Iterator[Finding]:
        raise StoreBusy("locked", "the store is busy")

    def missing(about: Case) -> Iterator[Finding]:
        raise NotLookedAt

    found = list(examine(case(load_config()), {"a": busy, "b": busy, "c": missing}))
    assert [(each.name, each.found) for each in found] == [("a", "the store is busy")]


def test_a_home_in_which_nothing_was_done_wants_a_daemon_alone(empty: Path) -> None:
    found = list(examine(case(load_config())))
    assert [each.name for each in found if each.severity not in ("ok", "note")] == ["daemon"]


def test_a_daemon_on_a_fresh_store_is_all_that_is_needed(at: Home) -> None:
    instance = at.store.instances.register(NOW)
    found = list(examine(at.case()))
    at.store.instances.sign_off(instance.id, NOW)
    assert [each for each in found if each.severity not in ("ok", "note")] == []
    assert {each.name for each in found} == set(CHECKS) - {"imessage"}


def test_nothing_is_written_by_looking(at: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    at.add()
    at.store.database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    before = {path: path.read_bytes() for path in at.folder.rglob("*") if path.is_file() and path.suffix != ".db-shm"}
    list(examine(at.case()))
    after = {path: path.read_bytes() for path in at.folder.rglob("*") if path.is_file() and path.suffix != ".db-shm"}
    assert after == before
    with pytest.raises(apsw.ReadOnlyError):
        at.reader._connection.execute("DELETE FROM tasks")


# -- settings, clock, zone --------------------------------------------------------------------------------
def test_each_thing_that_is_wrong_with_the_configuration_is_told(empty: Path) -> None:
    (empty / "jarvis.toml").write_text("jarvis_max_workers = 0\nnonsense = 1\n")
    config, problems = look_at_config()
    assert config is not None
    assert config.max_workers == 8
    found = of(settings.configuration, case(config, problems=problems))
    assert [each.severity for each in found] == ["error", "error"]
    assert "max_workers" in found[0].found


def test_bad_settings_leave_a_configuration_to_look_on_with(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JARVIS_TIMEZONE", "Mars/Base")
    monkeypatch.setenv("JARVIS_DATABASE_URL", "postgresql://ada:hunter2@db/x")
    config, problems = look_at_config()
    assert config is not None
    assert (config.timezone, config.database_path) == ("UTC", empty / STORE)
    assert len(problems) == 2
    assert "hunter2" not in str(problems)
    monkeypatch.setenv("JARVIS_HOME", "~other/x")
    assert look_at_config()[0] is None


def test_bad_tasks_of_the_file_are_told(empty: Path) -> None:
    def bad() -> int:
        raise FileError(["jarvis.toml, line 2: no", "jarvis.toml, line 3: nor this"])

    assert one(settings.configuration, case(load_config()))[0] == "ok"
    (empty / "jarvis.toml").touch()
    assert severities(settings.configuration, case(load_config(), read_tasks=bad)) == ["error", "error"]
    assert "2 tasks, 0 channels" in one(settings.configuration, case(load_config(), read_tasks=lambda: 2))[1]


def test_a_clock_that_is_behind_the_store_is_told(at: Home) -> None:
    at.store.instances.sign_off(at.store.instances.register(NOW + 2 * HOUR).id, NOW + 2 * HOUR)
    severity, said = one(settings.clock, at.case())
    assert (severity, "2h behind" in said, "2026-11-27 14:00:00+00:00 is recorded" in said) == ("error", True, True)
    assert one(settings.clock, at.case(now=NOW + 2 * HOUR - timedelta(seconds=59)))[0] == "ok"


def test_a_zone_that_is_none_and_a_machine_that_names_none_are_told(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_config()
    assert one(settings.zone, case(config)) == ("ok", "UTC, from environment variable JARVIS_TIMEZONE -> ")
    assert one(settings.zone, case(config._replace(timezone="Mars/Base")))[0] == "error"
    monkeypatch.setattr(settings, "system_zone", lambda environ: ("default", "UTC"))
    unset = config._replace(sources=dict(config.sources) | {"JARVIS_TIMEZONE": "default"})
    assert one(settings.zone, case(unset))[0] == "note"
    monkeypatch.setattr(settings, "find_spec", lambda name: None)
    assert severities(settings.zone, case(config)) == ["ok", "note"]
    monkeypatch.setattr(settings, "_has_data", lambda: False)
    assert "pip install tzdata" in one(settings.zone, case(config._replace(timezone="Mars/Base")))[1]


# -- folders ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("path", "mode", "severity"),
    [
        ("", 0o755, "note"),
        ("data", 0o750, "warning"),
        ("data/memory.db", 0o644, "warning"),
        ("data/memory.db-wal", 0o640, "warning"),
        ("data/jarvis-daemon.log", 0o644, "warning"),
        ("jarvis.toml", 0o644, "ok"),
        ("jarvis.toml", 0o646, "warning"),
        ("handlers", 0o777, "warning"),
    ],
)
def test_modes_that_let_others_in_are_told(at: Home, path: str, mode: int, severity: str) -> None:
    at.add()
    (at.folder / "handlers").mkdir()
    (at.folder / "jarvis.toml").touch()
    (at.folder / "data" / "jarvis-daemon.log").touch(0o600)
    (at.folder / path).chmod(mode)
    found, said = one(folders.home, at.case())
    assert found == severity
    assert severity == "ok" or f"{mode:04o}" in said


def test_a_group_of_ones_own_is_nobody_else(at: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    (at.folder / "jarvis.toml").touch()
    (at.folder / "jarvis.toml").chmod(0o664)
    user = pwd.struct_passwd(("ada", "x", 1, 1, "", "", ""))
    monkeypatch.setattr(pwd, "getpwuid", lambda number: user)
    for name, members, severity in (("ada", ["ada"], "ok"), ("ada", ["bob"], "warning"), ("staff", [], "warning")):
        group = grp.struct_group((name, "x", 1, members))
        monkeypatch.setattr(grp, "getgrgid", lambda number, group=group: group)
        assert one(folders.home, at.case())[0] == severity


def test_folders_that_are_none_or_not_ours_to_write_are_told(at: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = at.folder / "file"
    inbox.touch()
    monkeypatch.setenv("WEBHOOK_INBOX_DIR", str(inbox))
    assert "WEBHOOK_INBOX_DIR" in one(folders.home, at.case())[1]
    monkeypatch.delenv("WEBHOOK_INBOX_DIR")
    monkeypatch.setattr(os, "access", lambda path, mode: "webhook-inbox" not in str(path))
    severity, said = one(folders.home, at.case())
    assert (severity, "webhook-inbox cannot be read and written by you" in said) == ("error", True)


class Room(NamedTuple):
    f_flag: int = 0
    f_files: int = 10
    f_favail: int = 5


@pytest.mark.parametrize(
    ("free", "room", "severity"),
    [
        (1 << 40, Room(), "ok"),
        (100 << 20, Room(), "warning"),
        (1 << 40, Room(f_flag=os.ST_RDONLY), "error"),
        (1 << 40, Room(f_favail=0), "error"),
        (1 << 40, Room(f_files=0, f_favail=0), "ok"),  # a file system that counts none
    ],
)
def test_a_disk_without_room_is_told(
    at: Home, monkeypatch: pytest.MonkeyPatch, free: int, room: Room, severity: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(free * 2, free, free))
    monkeypatch.setattr(os, "statvfs", lambda path: room)
    assert one(folders.disk, at.case())[0] == severity


def test_a_log_that_grows_or_cannot_be_made_is_told(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = empty / "here.log"
    monkeypatch.setenv("DAEMON_LOG_FILE", str(log))
    assert one(folders.log, case(load_config()))[0] == "ok"
    with log.open("wb") as file:
        file.truncate(folders.LARGEST_LOG + 1)
    assert one(folders.log, case(load_config()))[0] == "warning"
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert one(folders.log, case(load_config()))[0] == "error"
    log.unlink()
    assert one(folders.log, case(load_config()))[0] == "error"
    monkeypatch.setenv("DAEMON_LOG_FILE", "-")
    assert one(folders.log, case(load_config()))[0] == "note"


# -- the store --------------------------------------------------------------------------------------------
def damage(path: Path) -> None:
    path.write_bytes(b"garbage" * 1000)


def test_a_damaged_store_is_told_with_the_way_back(at: Home) -> None:
    made = back_up(str(at.folder / STORE), at.folder / "backups", NOW)
    bad = at.folder / "data" / "bad.db"
    damage(bad)
    reader = Reader(str(bad))
    about = case(load_config()._replace(database_url=f"sqlite:///{bad}"), opened=lambda: Checkup(reader))
    severity, said = one(stores.whole, about)
    assert (severity, made.archive.path.name in said, "file is not a database" in said) == ("error", True, True)
    made.archive.path.unlink()
    assert "there is no whole backup" in one(stores.whole, about)[1]
    found = {each.name: each for each in examine(about)}
    reader.close()
    assert found["tasks"].found == "not looked at: the store is damaged"
    assert {"home", "disk", "service", "inbox", "backups"} <= set(found)


def test_a_store_that_cannot_be_opened_is_an_error_told_once(at: Home) -> None:
    def refused() -> Checkup:
        raise StoreBusy("I/O error", "the store cannot be read")

    found = [each for each in examine(at.case(opened=refused)) if "cannot be read" in each.found]
    assert [(each.name, each.severity) for each in found] == [("store", "error")]


def test_a_page_that_is_not_what_was_written_is_found(at: Home) -> None:
    at.fill()
    at.store.database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    copy = at.folder / "data" / "copy.db"
    content = bytearray((at.folder / STORE).read_bytes())
    for page in range(4096 * 4, len(content) - 4096, 4096):
        content[page : page + 64] = b"\xff" * 64
    copy.write_bytes(content)
    reader = Reader(str(copy))
    with pytest.raises(StoreDamaged):
        reader.check(10)
    reader.close()


def test_a_look_at_a_large_store_is_bounded(at: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    at.fill()
    assert one(stores.whole, at.case())[1].endswith(": whole -> ")
    monkeypatch.setattr(stores, "CHECK_WITHIN", -1.0)
    severity, said = one(stores.whole, at.case())
    assert (severity, "what SQLite looked at" in said) == ("ok", True)


def test_a_store_that_is_gone_is_more_than_one_that_never_was(empty: Path) -> None:
    config = load_config()
    assert one(stores.whole, case(config))[0] == "note"
    (empty / "data").mkdir()
    store = MemoryStore(str(empty / STORE))
    back_up(store.path, empty / "backups", NOW)
    store.close()
    (empty / STORE).unlink()
    severity, said = one(stores.whole, case(config))
    assert (severity, "`jarvis restore` puts jarvis-20261127T120000Z.db.gz" in said) == ("error", True)
    Path(f"{empty / STORE}-wal").write_text("changes")
    severity, said = one(stores.whole, case(config))
    assert (severity, "Put the file back" in said) == ("error", True)
    assert one(stores.whole, case(config._replace(database_url="sqlite://")))[0] == "note"
    assert of(daemons.daemons, case(config._replace(database_url="sqlite://"))) == []


@pytest.mark.parametrize(("number", "severity"), [(1, "ok"), (0, "note"), (99, "error")])
def test_another_schema_is_told_and_left_alone(at: Home, number: int, severity: str) -> None:
    at.store.database.rows(f"PRAGMA user_version = {number}")
    assert one(stores.schema, at.case())[0] == severity
    if number != 1:
        assert "another schema" in one(work.tasks, at.case())[1]
    assert at.reader.value("PRAGMA user_version") == number


@pytest.mark.parametrize(("version", "severity"), [("3.51.2", "error"), ("3.51.3", "ok"), ("3.60.0", "ok")])
def test_a_sqlite_that_can_lose_commits_is_told(
    at: Home, monkeypatch: pytest.MonkeyPatch, version: str, severity: str
) -> None:
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: version)
    assert one(stores.sqlite, at.case())[0] == severity


def test_backups_that_are_old_missing_or_damaged_are_told(at: Home) -> None:
    assert one(stores.backups, at.case())[0] == "note"
    at.store.instances.sign_off(at.store.instances.register(NOW - 5 * DAY).id, NOW - 5 * DAY)
    severity, said = one(stores.backups, at.case())
    assert (severity, "in use for 5d" in said) == ("warning", True)
    old = back_up(at.store.path, at.folder / "backups", NOW - 3 * DAY).archive
    assert "3d old" in one(stores.backups, at.case())[1]
    new = back_up(at.store.path, at.folder / "backups", NOW - HOUR).archive
    assert one(stores.backups, at.case())[0] == "ok"
    new.path.write_bytes(new.path.read_bytes()[:-9])
    found = of(stores.backups, at.case())
    assert [each.severity for each in found] == ["warning", "warning"]
    assert (str(new.path) in found[0].found, "3d old" in found[1].found) == (True, True)
    new.path.unlink()
    at.store.facts.put("work", "backup_last_success", (NOW - HOUR).isoformat(), NOW)
    assert one(stores.backups, at.case()) == ("ok", "the newest is of 2026-11-27 11:00:00+00:00: elsewhere -> ")
    at.store.facts.put("work", "backup_last_success", "nonsense", NOW)
    assert old.path.exists()
    assert one(stores.backups, at.case())[0] == "warning"


# -- daemons and their service ----------------------------------------------------------------------------
def test_one_daemon_is_well_and_none_or_two_are_not(at: Home) -> None:
    instances = at.store.instances
    assert one(daemons.daemons, at.case())[0] == "warning"
    first, second = instances.register(NOW), instances.register(NOW)
    found = of(daemons.daemons, at.case())
    assert [each.severity for each in found] == ["ok", "ok", "warning"]
    assert found[2].found.startswith("2 processes of this machine work on the store")
    at.set("UPDATE instances SET host = 'elsewhere' WHERE id = ?", second.id)
    assert severities(daemons.daemons, at.case()) == ["ok", "ok"]
    at.set("UPDATE instances SET host = ? WHERE id = ?", second.host, second.id)
    instances.abandon(second.id)
    assert severities(daemons.daemons, at.case()) == ["ok", "note"]
    instances.sign_off(first.id, NOW)


def test_a_daemon_that_is_silent_or_of_another_version_is_told(at: Home) -> None:
    instance = at.store.instances.register(NOW)
    severity, said = one(daemons.daemons, at.case(now=NOW + 10 * timedelta(minutes=1)))
    assert (severity, "has not said so for 10m" in said) == ("warning", True)
    at.set("UPDATE instances SET version = '0.0.1'")
    severity, said = one(daemons.daemons, at.case())
    assert (severity, "runs jarvis 0.0.1" in said) == ("warning", True)
    at.store.instances.sign_off(instance.id, NOW)


@pytest.mark.parametrize(
    ("state", "more", "severity", "says"),
    [
        (State(True, True, os.getpid(), at_login=True), {}, ["ok"], "runs under systemd"),
        (State(True, True, 1, at_login=True), {}, ["warning"], "not entered the store"),
        (State(last_exit="exit code 0", at_login=True), {}, ["warning"], "was stopped"),
        (State(last_exit="exit code 78", at_login=True), {}, ["warning"], "does not run: exit code 78"),
        (State(True, True, os.getpid(), at_login=True), {"current": False}, ["warning"], "not what this version"),
        (State(True, True, os.getpid()), {}, ["warning"], "does not start by itself"),
        (State(True, True, os.getpid(), at_login=True), {"lingers": False}, ["ok", "note"], "runs under"),
    ],
)
def test_how_the_service_stands_is_told(
    at: Home, state: State, more: dict[str, Any], severity: list[str], says: str
) -> None:
    instance = at.store.instances.register(NOW)
    manager = FakeManager(at.folder, state, **more)
    manager.file.write_text("[Unit]")
    found = of(service.service, at.case(manager=lambda: manager))
    at.store.instances.sign_off(instance.id, NOW)
    assert [each.severity for each in found] == severity
    assert says in found[0].found


def test_no_service_and_no_manager_are_no_fault(at: Home) -> None:
    assert one(service.service, at.case(manager=lambda: FakeManager(at.folder, State())))[0] == "note"
    severity, said = one(service.service, at.case())
    assert (severity, said.startswith("this machine has neither -> Log in properly. Or keep")) == ("note", True)
    loaded = FakeManager(at.folder, State(True, True, 1, at_login=True))
    assert severities(service.service, at.case(manager=lambda: loaded)) == ["warning", "warning"]


def test_what_is_left_of_the_old_agents_is_told(at: Home) -> None:
    assert one(service.old_agents, at.case())[0] == "ok"
    severity, said = one(service.old_agents, at.case(is_loaded=lambda label: label == "com.chg.inbox-monitor"))
    assert (severity, "once more: com.chg.inbox-monitor ->" in said) == ("warning", True)
    agents = at.folder.parent / "Library" / "LaunchAgents"
    agents.mkdir(parents=True)
    (agents / "com.chg.scheduler-engine.plist").touch()
    severity, said = one(service.old_agents, at.case())
    assert (severity, "com.chg.scheduler-engine" in said) == ("warning", True)
    journal = at.folder / "data" / "migration" / "journal.json"
    journal.parent.mkdir()
    journal.write_text('{"stage":"undoing","label":"x","agents":[],"tasks":[],"had_service":false}')
    found = of(service.old_agents, at.case())
    assert "`jarvis service migrate --undo` goes on with it" in found[0].found
    assert len(found) == 2


# -- the work ---------------------------------------------------------------------------------------------
def test_tasks_that_fail_wait_or_cannot_be_read_are_told(at: Home) -> None:
    at.add()
    assert one(work.tasks, at.case())[0] == "ok"
    at.set("UPDATE tasks SET failures = 3")
    assert "t fails: the last 3 runs" in one(work.tasks, at.case())[1]
    at.set("UPDATE tasks SET enabled = 0, pause_reason = 'paused after 3 runs in a row that failed'")
    severity, said = one(work.tasks, at.case())
    assert (severity, "`jarvis task resume t`" in said) == ("warning", True)
    at.set("UPDATE tasks SET failures = 0")  # paused by the user
    assert one(work.tasks, at.case())[0] == "ok"
    at.set("UPDATE tasks SET enabled = 1")
    assert one(work.tasks, at.case(now=NOW + HOUR + timedelta(minutes=4)))[0] == "ok"
    assert "no daemon runs: t; the longest since" in one(work.tasks, at.case(now=NOW + 2 * HOUR))[1]
    instance = at.store.instances.register(NOW)
    assert "by the daemon that lives: t" in one(work.tasks, at.case(now=NOW + 2 * HOUR))[1]
    at.store.instances.sign_off(instance.id, NOW)
    at.set("UPDATE tasks SET policy = '{'")
    assert "cannot be read" in one(work.tasks, at.case())[1]


def test_files_that_wait_too_long_failed_or_are_none_are_told(at: Home) -> None:
    inbox = at.folder / "data" / "webhook-inbox"
    file = inbox / "a.json"
    file.write_text("{}")
    os.utime(file, (NOW.timestamp(), NOW.timestamp()))
    assert one(work.inbox, at.case()) == ("ok", "1 file waiting, none refused -> ")
    severity, said = one(work.inbox, at.case(now=NOW + HOUR))
    assert (severity, "the oldest for 1h" in said) == ("warning", True)
    file.unlink()
    (inbox / "link.json").symlink_to(inbox)
    assert one(work.inbox, at.case())[0] == "note"
    (inbox / "link.json").unlink()
    (inbox / "failed").mkdir(exist_ok=True)
    (inbox / "failed" / "b.json").write_text("{")
    assert "1 file refused" in one(work.inbox, at.case())[1]
    shutil.rmtree(inbox)
    assert one(work.inbox, at.case())[0] == "note"


def deliver(at: Home, state: str, created: datetime, channel: str = "me") -> None:
    at.set(
        "INSERT INTO deliveries (key, run_id, task_id, channel, kind, subject, body, state, reason, created_at,"
        " available_at, expires_at, finished_at) VALUES (hex(randomblob(8)), 1, 1, ?, 'result', '', '', ?, 'no route',"
        " ?, ?, ?, ?)",
        channel, state, *[to_micros(created)] * 4,
    )  # fmt: skip


def test_deliveries_that_are_stuck_or_did_not_arrive_are_told(at: Home) -> None:
    at.add()
    at.store.start_now("t", NOW)
    assert one(work.deliveries, at.case())[0] == "ok"
    deliver(at, "pending", NOW)
    assert one(work.deliveries, at.case())[0] == "ok"
    assert "me: 1 pending" in one(work.deliveries, at.case(now=NOW + 3 * DAY))[1]
    at.set("DELETE FROM deliveries")
    deliver(at, "failed", NOW)
    assert "me: 1 failed" in one(work.deliveries, at.case())[1]
    assert one(work.deliveries, at.case(now=NOW + 2 * DAY))[0] == "ok"


def test_what_fires_is_told(at: Home) -> None:
    assert one(work.incidents, at.case())[0] == "ok"
    sql = (
        "INSERT INTO incidents (rule, kind, alert_type, state, text, started_at, last_told_at)"
        " VALUES (?, 'alert', 'x', ?, '', 1, 1)"
    )
    at.set(sql, "disk", "acknowledged")
    assert one(work.incidents, at.case())[0] == "note"
    at.set(sql, "late", "firing")
    assert severities(work.incidents, at.case()) == ["warning", "note"]


# -- channels ---------------------------------------------------------------------------------------------
TOML = """
[channels.me]
type = "file"
path = "$JARVIS_HOME/me.jsonl"
[channels.mail]
type = "smtp"
host = "mail.example.org"
from = "me@example.org"
to = "me@example.org"
user = "me"
password = "${env:MAIL_PASSWORD}"
"""


def put_together(name: str) -> object:
    return app.channel(name, load_config())


def test_a_channel_whose_secret_is_not_there_is_told_and_never_the_secret(
    at: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert one(channels.channels, at.case())[0] == "note"
    (at.folder / "jarvis.toml").write_text(TOML)
    found = of(channels.channels, at.case(channel=put_together))
    assert [each.severity for each in found] == ["error", "ok"]
    assert "${env:MAIL_PASSWORD} is not set" in found[0].found
    monkeypatch.setenv("MAIL_PASSWORD", "hunter2-hunter2")
    found = of(channels.channels, at.case(channel=put_together))
    assert [each.severity for each in found] == ["ok", "ok"]
    assert "hunter2" not in str(found)


def test_how_a_channel_did_last_is_told(at: Home) -> None:
    (at.folder / "jarvis.toml").write_text(TOML)
    at.add(deliver=(Deliver("me"), Deliver("gone")))
    at.store.start_now("t", NOW)
    found = of(channels.channels, at.case())
    assert [each.severity for each in found] == ["ok", "ok", "error"]
    assert found[2].found == "t: delivered to gone, and there is no such channel"
    deliver(at, "failed", NOW)
    assert "(failed, 2026-11-27 12:00:00+00:00): no route" in of(channels.channels, at.case())[1].found
    deliver(at, "sent", NOW + HOUR)
    assert severities(channels.channels, at.case())[1] == "ok"


def test_a_test_is_sent_by_every_channel_when_asked_for(at: Home) -> None:
    (at.folder / "jarvis.toml").write_text(TOML)
    sent: list[str] = []

    def send(name: str) -> None:
        sent.append(name)
        if name == "mail":
            raise SendFailed("nobody answers")

    found = of(channels.channels, at.case(send=send))
    assert sent == ["mail", "me"]
    assert [(each.severity, each.found.rpartition(" ")[0]) for each in found] == [
        ("error", "mail (smtp, me@example.org by mail.example.org) did not send a test: nobody"),
        ("ok", f"me (file, {at.folder / 'me.jsonl'}) has sent a"),
    ]


def test_messages_that_cannot_be_read_are_told_where_they_are_wanted(at: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert of(channels.messages, at.case()) == []
    monkeypatch.setenv("IMESSAGE_ALLOWED_SENDERS", "+15551234567")
    severity, said = one(channels.messages, at.case())
    assert (severity, "Full Disk Access" in said) == ("error", True)
    chats = at.folder / "chat.db"
    database = apsw.Connection(str(chats))
    database.execute("CREATE TABLE message (guid TEXT, text TEXT, date INTEGER)")
    database.close()
    monkeypatch.setenv("IMESSAGE_CHAT_DB", str(chats))
    assert one(channels.messages, at.case())[0] == "ok"


# -- how findings speak -----------------------------------------------------------------------------------
def test_amounts_are_told_in_few_words() -> None:
    assert [span(each) for each in (timedelta(seconds=61.5), 2 * HOUR + timedelta(seconds=5), 3 * DAY + HOUR)] == [
        "1m1s", "2h", "3d"
    ]  # fmt: skip
    assert (named("abc"), named("abcdefg")) == ("a, b, c", "a, b, c, d, e and 2 more")
    assert (short("a\n b"), len(short("x" * 1000))) == ("a b", 160)
