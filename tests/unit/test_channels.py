"""The channels themselves: what reaches the file or the command, and what is said when it does not."""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import pytest

from jarvis.delivery.channels import channel
from jarvis.delivery.command import CommandChannel
from jarvis.delivery.file import FileChannel
from jarvis.errors import ConfigError, SendFailed, SendRefused, SendUnknown
from jarvis.settings.channels import ChannelSpec, CommandSpec, FileSpec
from tests.conftest import Eventually
from tests.contexts import MADE_AT, a_message, lives, seconds_once


def environ() -> Mapping[str, str]:
    return {"PATH": os.environ["PATH"], "INHERITED": "yes"}


def now() -> datetime:
    return MADE_AT


def command(*arguments: str) -> CommandChannel:
    return CommandChannel(CommandSpec(arguments), environ)


def python(program: str, *arguments: str) -> CommandChannel:
    return command(sys.executable, "-c", program, *arguments)


# -- file -------------------------------------------------------------------------------------------------
def test_each_message_is_a_line_of_json_in_a_file_for_the_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "me.jsonl"
    before = os.umask(0)
    try:
        FileChannel(FileSpec(path)).send(a_message())
        FileChannel(FileSpec(path)).send(a_message(body="one\ntwo"))
    finally:
        os.umask(before)
    first, second = (json.loads(line) for line in path.read_text().splitlines())
    assert first == {
        "key": "1:2026-03-02T09:00:00+00:00:result:me",
        "created_at": "2026-03-02T09:00:00Z",
        "kind": "result",
        "task": "backup",
        "run": 7,
        "state": "succeeded",
        "due_at": "2026-03-02T09:00:00Z",
        "subject": "backup succeeded",
        "body": "all is well\n",
    }
    assert second["body"] == "one\ntwo"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_as_text_a_message_is_its_subject_and_its_body_indented(tmp_path: Path) -> None:
    path = tmp_path / "me.txt"
    FileChannel(FileSpec(path, "text")).send(a_message(body="one\n\ntwo\n"))
    assert path.read_text() == "2026-03-02 09:00:00+00:00 backup succeeded\n  one\n  two\n"


def test_a_line_that_was_cut_off_does_not_spoil_the_next(tmp_path: Path) -> None:
    path = tmp_path / "me.jsonl"
    path.write_text('{"key": "1:20')
    FileChannel(FileSpec(path)).send(a_message())
    torn, whole = path.read_text().splitlines()
    assert torn == '{"key": "1:20'
    assert json.loads(whole)["run"] == 7


def test_what_cannot_be_written_has_failed_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(SendFailed, match="Is a directory"):
        FileChannel(FileSpec(tmp_path)).send(a_message())
    (tmp_path / "file").touch()
    with pytest.raises(SendFailed, match="cannot be written"):
        FileChannel(FileSpec(tmp_path / "file" / "below")).send(a_message())


def test_a_named_pipe_in_its_place_hangs_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SendFailed, match="not a file"):
        FileChannel(FileSpec(tmp_path / "pipe")).send(a_message())


def test_a_full_disk_has_failed_before_the_first_byte_and_is_unknown_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    path, write = tmp_path / "me.jsonl", os.write
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(SendFailed, match="No space left"):
        FileChannel(FileSpec(path)).send(a_message())
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:5]))
    with pytest.raises(SendUnknown, match="took 5 of"):
        FileChannel(FileSpec(path)).send(a_message())
    monkeypatch.setattr(os, "write", write)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SendUnknown, match="may not be on the disk"):
        FileChannel(FileSpec(path)).send(a_message())


# -- command ----------------------------------------------------------------------------------------------
def test_a_command_reads_the_body_and_is_told_the_rest_by_its_environment(tmp_path: Path) -> None:
    program = "import json, os, sys; json.dump([sys.stdin.read(), dict(os.environ)], open(sys.argv[1], 'w'))"
    python(program, str(tmp_path / "got")).send(a_message())
    body, told = json.loads((tmp_path / "got").read_text())
    assert body == "all is well\n"
    assert told["INHERITED"] == "yes"
    assert {name: value for name, value in told.items() if name.startswith("JARVIS_")} == {
        "JARVIS_SUBJECT": "backup succeeded",
        "JARVIS_KEY": "1:2026-03-02T09:00:00+00:00:result:me",
        "JARVIS_CHANNEL": "me",
        "JARVIS_KIND": "result",
        "JARVIS_TASK": "backup",
        "JARVIS_RUN_ID": "7",
        "JARVIS_STATE": "succeeded",
        "JARVIS_DUE_AT": "2026-03-02T09:00:00+00:00",
        "JARVIS_ATTEMPT": "2",
    }


def test_an_exit_code_other_than_zero_has_failed_with_the_end_of_what_it_wrote() -> None:
    with pytest.raises(SendFailed, match=r"'sh': exit code 75: .*mail server is down$"):
        command("sh", "-c", "seq 1000; echo 'mail server'; echo 'is down' >&2; exit 75").send(a_message())
    with pytest.raises(SendFailed, match="killed by signal 9"):
        command("sh", "-c", "kill -9 $$").send(a_message())


def test_a_command_there_is_not_has_failed() -> None:
    with pytest.raises(SendFailed, match="'/no/such' could not be started: No such file"):
        command("/no/such").send(a_message())


def test_at_its_deadline_the_whole_group_is_ended_and_nobody_knows_whether_it_sent(
    tmp_path: Path, eventually: Eventually
) -> None:
    pids = tmp_path / "pids"
    script = (
        f"trap '' TERM; sh -c 'trap \"\" TERM; echo $$; while :; do sleep 600; done' > {pids} & sleep 600; sleep 600"
    )
    over = seconds_once(lambda: pids.exists() and pids.read_text().endswith("\n"))
    with pytest.raises(SendUnknown, match="may have sent before"):
        command("sh", "-c", script).send(a_message(remaining=over))
    eventually(lambda: not lives(int(pids.read_text())))


def test_what_a_command_leaves_behind_when_it_ends_well_goes_on(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    os.mkfifo(mark)
    started = time.monotonic()
    command("sh", "-c", f"(cat {mark} > {tmp_path}/queued) & exit 0").send(a_message())
    mark.write_text("in the queue")  # would hang, had the reader been ended
    assert time.monotonic() - started < 60


# -- by name ----------------------------------------------------------------------------------------------
def test_a_channel_is_looked_up_each_time_so_that_an_edited_file_counts() -> None:
    specs: dict[str, ChannelSpec] = {"me": ChannelSpec("file", FileSpec(Path("/me")))}
    assert isinstance(channel("me", lambda: specs, environ, now), FileChannel)
    specs["me"] = ChannelSpec("command", CommandSpec(("mail",), 5.0))
    assert channel("me", lambda: specs, environ, now).timeout == 5.0
    del specs["me"]
    with pytest.raises(SendRefused, match=r"no channel named 'me' any more \(it has none\)"):
        channel("me", lambda: specs, environ, now)


def test_while_the_configuration_is_broken_a_send_has_failed_and_is_tried_again() -> None:
    def broken() -> Mapping[str, ChannelSpec]:
        raise ConfigError(["line 3, column 1: no", "another"])

    with pytest.raises(SendFailed, match="cannot be read: line 3, column 1: no"):
        channel("me", broken, environ, now)
