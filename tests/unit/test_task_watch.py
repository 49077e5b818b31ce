"""jarvis.toml under a daemon: when it is applied, when it is left alone, and what is said of it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from jarvis.errors import ConfigError, FileError, StoreBusy
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.difference import Changes, Removal
from jarvis.tasks.watch import QUIET, SHOWN, TaskWatch
from jarvis.testing import FakeClock

LOOK = 5.0  # seconds


class Bench:
    """A watch over a file, with an `apply` that a test holds in its hands."""

    def __init__(self, folder: Path, log: pytest.LogCaptureFixture) -> None:
        self.path = folder / "jarvis.toml"
        self.clock = FakeClock(SystemClock().now())
        self.applied: list[str] = []
        self.outcome: Exception | Callable[[], object] | None = None
        self.held = 0
        self.watch = TaskWatch(self.path, self._apply, lambda: self.held, self.clock)
        self._log = log

    def _apply(self) -> Changes:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        self.applied.append(self.path.read_text())
        if self.outcome is not None:
            self.outcome()
        return Changes(remove=(Removal("gone", 1),))

    def write(self, text: str, age: float = 60) -> None:
        self.path.write_text(text)
        self.touch(age)

    def touch(self, age: float) -> None:
        at = self.clock.now().timestamp() - age
        os.utime(self.path, (at, at))

    def look(self, after: float = LOOK) -> list[str]:
        """What was logged by one more look, and from which level on."""
        self._log.clear()
        self.clock.advance(after)
        self.watch.look()
        return [f"{record.levelname} {record.getMessage().replace(str(self.path), 'FILE')}" for record in self.records]

    @property
    def records(self) -> list[logging.LogRecord]:
        return self._log.records


@pytest.fixture
def bench(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Bench:
    caplog.set_level(logging.INFO, "jarvis.tasks")
    return Bench(tmp_path, caplog)


def test_a_home_without_a_file_says_nothing(bench: Bench) -> None:
    bench.watch.start()
    assert bench.look() == bench.look() == []
    assert not bench.records


def test_a_file_is_applied_at_the_start_and_again_only_once_it_changes(bench: Bench) -> None:
    bench.write("one")
    bench.watch.start()
    assert bench.look() == []
    bench.write("two!")
    said = bench.look()
    assert said == ["INFO applied FILE: 0 added, 0 changed, 1 removed, 0 unchanged", "INFO removed gone"]
    assert bench.look() == []
    assert bench.applied == ["one", "two!"]


def test_a_file_that_is_new_is_applied(bench: Bench) -> None:
    bench.watch.start()
    bench.write("one")
    bench.look()
    assert bench.applied == ["one"]


def test_a_bad_file_at_the_start_is_a_configuration_error_with_every_problem(bench: Bench) -> None:
    bench.write("one")
    bench.outcome = FileError(["a", "b"])
    with pytest.raises(ConfigError) as refused:
        bench.watch.start()
    assert (refused.value.problems, refused.value.exit_code) == (["a", "b"], 78)


def test_a_file_that_is_being_written_is_left_until_it_is_quiet(bench: Bench) -> None:
    bench.watch.start()
    bench.write("ha", age=-LOOK)
    bench.look()
    bench.write("half", age=-LOOK)
    bench.look()
    assert bench.applied == []
    bench.look(QUIET)
    assert bench.applied == ["half"]


def test_a_file_from_the_future_is_applied_once_it_was_seen_to_stay(bench: Bench) -> None:
    bench.watch.start()
    bench.write("future", age=-86400)
    bench.look()
    assert bench.applied == []
    bench.look()
    assert bench.applied == ["future"]


def test_a_bad_edit_is_said_once_and_a_repair_is_applied_and_said(bench: Bench) -> None:
    bench.write("good")
    bench.watch.start()
    bench.write("bad")
    bench.outcome = FileError([f"FILE, line {number}: wrong" for number in range(SHOWN + 2)])
    said = bench.look()
    assert said[0] == "ERROR FILE, line 0: wrong"
    assert len(said) == SHOWN + 1
    assert "2 more problems" in said[-1]
    assert bench.look() == []
    bench.outcome = None
    assert bench.look() == []  # it is not read again before it changes
    bench.write("good again")
    assert bench.look()[0].startswith("INFO applied")


def test_a_store_that_is_busy_is_tried_again_at_the_next_look(bench: Bench) -> None:
    bench.watch.start()
    bench.write("one")
    bench.outcome = StoreBusy("locked", "busy")
    assert bench.look()[0] == "ERROR busy"
    assert bench.look() == []
    bench.outcome = None
    bench.look()
    assert bench.applied == ["one"]


def test_what_nobody_thought_of_is_said_once_and_does_not_end_the_daemon(bench: Bench) -> None:
    bench.watch.start()
    bench.write("one")
    bench.outcome = ZeroDivisionError("oh")
    assert bench.look()[0] == "ERROR FILE: ZeroDivisionError: oh"
    assert bench.look() == []


def test_a_file_that_changes_while_it_is_read_is_read_again(bench: Bench) -> None:
    bench.watch.start()
    bench.write("one")
    bench.outcome = lambda: bench.write("two!", age=30)
    bench.look()
    bench.outcome = None
    bench.look()
    assert bench.applied == ["one", "two!"]
    bench.write("torn", age=20)

    bench.outcome = FileError("torn")
    real, marks = bench.watch._apply, []

    def torn() -> Changes:
        marks.append(1)
        bench.write("whole", age=10)
        return real()

    bench.watch._apply = torn
    assert bench.look() == []
    bench.outcome, bench.watch._apply = None, real
    bench.look()
    assert bench.applied[-1] == "whole"


def test_a_deleted_file_is_one_warning_and_its_return_is_applied(bench: Bench) -> None:
    bench.write("one")
    bench.watch.start()
    bench.held = 3
    bench.path.unlink()
    assert bench.look() == []  # an editor may be about to put it back
    assert bench.look() == [
        "WARNING FILE is gone or empty; its tasks stay (3): put it back, or take them away with `jarvis task remove`"
    ]
    assert bench.look() == bench.look() == []
    bench.write("two")
    bench.look()
    assert bench.applied == ["one", "two"]


def test_a_file_that_became_empty_takes_no_task_away(bench: Bench) -> None:
    """As a disk that was full, or an editor that truncates before it writes, leaves it."""
    bench.write("one")
    bench.watch.start()
    bench.held = 3
    bench.write("")
    bench.look()
    bench.look()
    assert bench.applied == ["one"]
    bench.write("two")
    bench.look()
    assert bench.applied == ["one", "two"]


def test_a_file_that_went_while_no_daemon_ran_is_said_at_the_start(bench: Bench) -> None:
    bench.held = 1
    bench.watch.start()
    assert [record.levelname for record in bench.records] == ["WARNING"]
    assert bench.look() == []


def test_asked_to_it_applies_what_did_not_change_and_says_again_what_is_wrong(bench: Bench) -> None:
    bench.write("one")
    bench.watch.start()
    bench.watch.ask()
    bench.look()
    assert bench.applied == ["one", "one"]
    assert bench.look() == []
    bench.outcome = FileError("wrong")
    for _ in range(2):
        bench.watch.ask()
        assert bench.look()[0] == "ERROR wrong"
