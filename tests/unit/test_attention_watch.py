"""The table [attention] while a daemon runs."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from jarvis.errors import ConfigError
from jarvis.scheduler.attention import Attention, Settings
from jarvis.settings.attention_watch import AttentionWatch

OLD, NEW = Settings(Attention(cap=1)), Settings(Attention(cap=2))


class Files:
    """A file, what reading it gives, and how often it was read."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "jarvis.toml"
        self.path.write_text("old")
        self.zone = "UTC"
        self.reads: list[Settings | ConfigError] = [OLD]
        self.watch = AttentionWatch(self.path, OLD, self._read, lambda: self.zone)

    def _read(self) -> Settings:
        found = self.reads.pop(0)
        if isinstance(found, ConfigError):
            raise found
        return found


@pytest.fixture
def files(tmp_path: Path) -> Files:
    made = Files(tmp_path)
    made.watch()
    return made


def test_as_long_as_nothing_changes_nothing_is_read(files: Files) -> None:
    assert [files.watch(), files.watch()] == [OLD, OLD]


def test_what_changed_since_the_configuration_was_loaded_counts(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.reads = [NEW]
    assert [files.watch(), files.watch()] == [NEW, NEW]


def test_a_changed_file_and_one_that_is_gone_or_back_are_read_once(files: Files) -> None:
    files.path.write_text("other")
    files.reads = [NEW]
    assert [files.watch(), files.watch()] == [NEW, NEW]
    files.path.unlink()
    files.reads = [OLD]
    assert [files.watch(), files.watch()] == [OLD, OLD]
    files.path.write_text("other")
    files.reads = [NEW]
    assert files.watch() is NEW


def test_the_zone_of_a_traveller_counts(files: Files) -> None:
    files.zone = "Asia/Tokyo"
    files.reads = [NEW]
    assert [files.watch(), files.watch()] == [NEW, NEW]


def test_a_file_that_cannot_be_used_changes_nothing_and_is_said_once(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    files.path.write_text("a slip of the pen")
    files.reads = [ConfigError(["jarvis.toml key attention.quite: not a key"])]
    with caplog.at_level(logging.WARNING):
        assert [files.watch(), files.watch()] == [OLD, OLD]
    (record,) = caplog.records
    assert "stays as it was: jarvis.toml key attention.quite" in record.getMessage()
    files.path.write_text("mended")
    files.reads = [NEW]
    assert files.watch() is NEW
