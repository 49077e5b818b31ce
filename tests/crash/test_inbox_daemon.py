"""A real daemon and its inbox: a dropped file is acted on at once, with the library and without, and as a run."""

from __future__ import annotations

import shutil
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.crash.daemons import Daemons

pytestmark = [pytest.mark.process, pytest.mark.slow]

GOOD = '{"source": "s", "event_type": "t", "payload": "%s"}'
LOOK = 5.0  # seconds; without a watch nothing is seen before the next look
WITHOUT_LOOKS = """
from jarvis.cli import main
from jarvis.scheduler import daemon
daemon.LOOK_EVERY = 3600.0
raise SystemExit(main(["daemon"]))
"""
NO_WATCHDOG = 'raise ImportError("not installed, as far as this test goes", name="watchdog")\n'


def ask(home: Path, question: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(f"file:{home}/data/memory.db?mode=ro", uri=True, timeout=10)) as reader:
        return reader.execute(question).fetchall()


def drop(inbox: Path, name: str) -> float:
    """Drop a file as a careful author does; when that was."""
    (inbox / f"{name}.tmp").write_text(GOOD % name)
    (inbox / f"{name}.tmp").rename(inbox / f"{name}.json")
    return time.monotonic()


def taken_in(home: Path, name: str) -> Callable[[], bool]:
    return lambda: bool(ask(home, f"SELECT 1 FROM webhook_events WHERE file_name = '{name}.json'"))  # noqa: S608


def started(home: Path) -> list[tuple[object, ...]]:
    return ask(home, "SELECT state, reason FROM runs WHERE origin = 'event' ORDER BY id")


def at_rest(daemons: Daemons) -> Path:
    """The inbox, once what a first start does is over."""
    home = daemons.home
    daemons.until(lambda: ask(home, "SELECT COUNT(*) FROM runs WHERE state = 'succeeded'") == [(2,)], within=30)
    return home / "data" / "webhook-inbox"


def test_a_dropped_file_is_acted_on_at_once_by_a_run_beside_the_schedule(daemons: Daemons) -> None:
    daemons.start([sys.executable, "-c", WITHOUT_LOOKS])
    inbox, home = at_rest(daemons), daemons.home
    due = ask(home, "SELECT next_run_at FROM tasks WHERE name = 'webhook_poll'")
    waits = []
    for name in ("a", "b", "c"):
        at = drop(inbox, name)
        daemons.until(taken_in(home, name))
        waits.append(time.monotonic() - at)
    assert min(waits) < LOOK
    daemons.until(lambda: len(started(home)) == 3 and {state for state, _ in started(home)} == {"succeeded"})
    assert started(home)[0] == ("succeeded", "1 event (as files came into the inbox)")
    assert ask(home, "SELECT next_run_at FROM tasks WHERE name = 'webhook_poll'") == due
    assert "origin" in daemons.cli("runs", "list", "--json", "--task", "webhook_poll")
    assert daemons.stop() == [0]


def test_a_folder_that_is_made_again_under_the_daemon_is_watched_again(daemons: Daemons) -> None:
    daemons.start()
    inbox, home = at_rest(daemons), daemons.home
    drop(inbox, "a")
    daemons.until(taken_in(home, "a"))
    shutil.rmtree(inbox)
    inbox.mkdir()
    drop(inbox, "b")
    daemons.until(taken_in(home, "b"), within=4 * LOOK)  # by a look
    drop(inbox, "c")
    daemons.until(taken_in(home, "c"), within=LOOK - 1)
    assert daemons.stop() == [0]


def test_without_the_library_a_look_finds_the_file_and_it_is_said_once(daemons: Daemons, tmp_path: Path) -> None:
    (tmp_path / "without" / "watchdog").mkdir(parents=True)
    (tmp_path / "without" / "watchdog" / "__init__.py").write_text(NO_WATCHDOG)
    daemons.start(env={"PYTHONPATH": str(tmp_path / "without")})
    inbox, home = at_rest(daemons), daemons.home
    for name in ("a", "b"):
        drop(inbox, name)
        daemons.until(taken_in(home, name), within=4 * LOOK)
    assert daemons.stop() == [0]
    log = (home / "daemon-0.log").read_text()
    assert log.count("with pip install 'jarvis-daemon[watch]' it is watched") == 1


def test_a_paused_task_is_not_started_by_files(daemons: Daemons) -> None:
    daemons.start()
    inbox, home = at_rest(daemons), daemons.home
    daemons.cli("task", "pause", "webhook_poll")
    drop(inbox, "a")
    daemons.add("beat", "--every", "1s")
    daemons.until(lambda: len(ask(home, "SELECT 1 FROM runs r JOIN tasks t ON t.id = task_id WHERE name = 'beat'")) > 2)
    assert (started(home), (inbox / "a.json").exists()) == ([], True)
    daemons.cli("task", "resume", "webhook_poll")
    daemons.cli("task", "run", "webhook_poll")
    daemons.until(taken_in(home, "a"))
    assert daemons.stop() == [0]
