"""The log: its lines, its file, and that nothing that happens to it reaches the program."""

from __future__ import annotations

import fcntl
import io
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from errno import EACCES
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jarvis.errors import ConfigError
from jarvis.log import LogFile, redact, reopen, setup_logging, stop_logging

DENVER = ZoneInfo("America/Denver")
MOMENT = datetime(2026, 11, 22, 23, 10, 4, 123_900, DENVER)
log = logging.getLogger("jarvis.scheduler.engine")


class Settings(NamedTuple):
    """Stands in for Config."""

    log_file: Path | None = None
    log_format: str = "text"
    log_level: str = "INFO"
    zone: ZoneInfo = DENVER


@pytest.fixture(autouse=True)
def _loggers_are_left_as_they_were() -> Iterator[None]:
    yield
    stop_logging()
    jarvis = logging.getLogger("jarvis")
    ours = [handler for handler in jarvis.handlers if type(handler).__module__ == "jarvis.log"]
    assert (ours, jarvis.propagate, jarvis.level) == ([], True, logging.NOTSET)


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def said(path: Path) -> list[str]:
    """Messages without what stands before them."""
    return [line.partition("  ")[2] for line in lines(path)]


def written(act: Callable[[], object], form: str = "text", level: str = "INFO") -> str:
    """What goes to stderr while `act` runs."""
    stream = io.StringIO()
    setup_logging(Settings(log_format=form, log_level=level), stream)
    act()
    return stream.getvalue()


def record(message: str, **fields: Any) -> logging.LogRecord:
    made = {"name": "jarvis.scheduler.engine", "levelname": "INFO", "levelno": logging.INFO, "msg": message}
    return logging.makeLogRecord({**made, "created": MOMENT.timestamp(), **fields})


# -- text ---------------------------------------------------------------------------------------------------


def test_a_line_of_text_has_time_with_offset_level_name_message_and_fields() -> None:
    line = written(lambda: log.handle(record("ran it", task="hello", run=7, why="a b", empty="", q='"=\\')))
    assert line == (
        "2026-11-22T23:10:04.123-07:00 INFO engine  ran it task=hello run=7 "
        r'why="a b" empty="" q="\"=\\"' + "\n"
    )


def test_a_moment_among_the_fields_is_written_as_everywhere() -> None:
    assert "due=2026-11-22T23:10:04.123900-07:00" in written(lambda: log.info("x", extra={"due": MOMENT}))


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_no_text_from_outside_can_forge_a_line(end: str) -> None:
    forged = f"x{end}2026-11-22T23:10:04.123-07:00 INFO engine  all is well"
    for act in (
        lambda: log.info("task %s", forged),
        lambda: log.info("task", extra={"task": forged}),
        lambda: log.info("task", extra={forged: 1}),
    ):
        text = written(act)
        assert len(text.splitlines()) == 1, text
        assert text.endswith("\n")


def test_escape_sequences_for_terminals_and_reversed_text_are_shown_as_such() -> None:
    text = written(lambda: log.info("a\x1b[2Kb\u202ec\t\x00"))
    assert r"a\x1b[2Kb\u202ec\t\x00" in text


def test_letters_of_any_script_stay_as_they_are() -> None:
    assert "für 我 👩\u200d🚀" in written(lambda: log.info("für 我 👩\u200d🚀"))


def test_a_traceback_follows_indented_whatever_the_exception_says() -> None:
    def act() -> None:
        try:
            raise ValueError("one\n2026-11-22T23:10:04 INFO engine  forged\rtwo")
        except ValueError:
            log.exception("it failed", extra={"task": "x"}, stack_info=True)

    head, *below = written(act).split("\n")[:-1]
    assert head.endswith("ERROR engine  it failed task=x")
    assert all(line.startswith("    ") for line in below)
    assert below[0] == "    Traceback (most recent call last):"
    assert any("Stack (most recent call last)" in line for line in below)


# -- JSON ---------------------------------------------------------------------------------------------------


def test_a_line_of_json_has_the_same_and_the_fields_as_they_are() -> None:
    text = written(lambda: log.handle(record("a\nb", task="x", n=[1, {"k": None}], at=MOMENT)), "json")
    assert text.count("\n") == 1
    assert json.loads(text) == {
        "ts": "2026-11-22T23:10:04.123-07:00",
        "level": "INFO",
        "logger": "jarvis.scheduler.engine",
        "message": "a\nb",
        "task": "x",
        "n": [1, {"k": None}],
        "at": "2026-11-22T23:10:04.123900-07:00",
    }


def test_an_exception_is_one_field_of_the_object() -> None:
    def act() -> None:
        try:
            raise ValueError("no\nno")
        except ValueError:
            log.exception("it failed")

    found = json.loads(written(act, "json"))
    assert found["exception"].startswith("Traceback")
    assert found["exception"].endswith("ValueError: no\nno")


def test_a_field_never_replaces_one_of_the_logs_own() -> None:
    found = json.loads(written(lambda: log.info("x", extra={"level": 3, "ts": 4}), "json"))
    assert (found["level"], found["level_"], found["ts_"]) == ("INFO", 3, 4)


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


def endless() -> dict[str, object]:
    loop: dict[str, object] = {}
    loop["loop"] = loop
    return loop


ODD = [Hostile(), endless(), "\udc80", {"\udc80": (1,)}, {1: object()}]
ODD += [10**5000, 2**70, float("nan"), b"\xff", {1}]


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("value", ODD, ids=lambda value: type(value).__name__)
def test_any_value_can_be_logged(form: str, value: object) -> None:
    for act in (
        lambda: log.info("%s", value),
        lambda: log.info("x", extra={"v": value}),
        lambda: log.info(value),
    ):
        text = written(act, form)
        assert text.count("\n") == 1
        assert "lost" not in text
        assert form == "text" or json.loads(text)


@given(message=st.text(), key=st.text(min_size=1).map("k".__add__), value=st.text())
def test_any_text_is_one_record(message: str, key: str, value: str) -> None:
    for form in ("text", "json"):
        text = written(lambda: log.info("%s", message, extra={key: value}), form)
        assert text.count("\n") == 1
        assert form == "text" or json.loads(text)["level"] == "INFO"


def test_arguments_that_do_not_fit_are_shown_and_not_raised() -> None:
    assert "count %d (arguments that do not fit: ('x',))" in written(lambda: log.info("count %d", "x"))


def test_a_huge_message_is_cut() -> None:
    assert len(written(lambda: log.info("x" * 10_000_000, extra={"v": "y" * 10_000_000}))) < 100_000


def test_the_level_is_that_of_the_configuration() -> None:
    assert "low" in written(lambda: log.debug("low"), level="DEBUG")
    assert written(lambda: log.info("low"), level="WARNING") == ""


def test_what_asyncio_complains_about_is_in_the_log() -> None:
    text = written(lambda: logging.getLogger("asyncio").error("Task exception was never retrieved"))
    assert "ERROR asyncio  Task exception was never retrieved" in text


def test_handlers_of_the_root_logger_do_not_write_it_again(caplog: pytest.LogCaptureFixture) -> None:
    assert "once" in written(lambda: log.info("once"))
    assert not caplog.records


# -- passwords ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("at postgresql://ada:hunter2@h:5432/db now", "at postgresql://ada:***@h:5432/db now"),
        ("redis://:hunter2@h", "redis://:***@h"),
        ("https://ada:hun@ter2@h/p", "https://ada:***@h/p"),
        ("https://ada:hun/ter2@h/p", "https://ada:***@h/p"),
        ("https://ada:12345hunter2@h/p", "https://ada:***@h/p"),
        ("http://h:8080/p?to=ada@h", "http://h:8080/p?to=ada@h"),
        ("http://h:8080 and ada@h", "http://h:8080 and ada@h"),
        ("ssh://git@h/p", "ssh://git@h/p"),
        ("12:30 mail ada@h", "12:30 mail ada@h"),
    ],
)
def test_passwords_in_urls_are_replaced(text: str, clean: str) -> None:
    assert redact(text) == clean


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_password_is_found_wherever_it_hides(form: str) -> None:
    url = 'x://ada:hun"ter2@h'

    def act() -> None:
        try:
            raise ValueError(url)
        except ValueError:
            log.exception("at %s", url, extra={"a": url, "b": {url: [url]}, "d": (url,)})

    assert "ter2" not in written(act, form)


PASSWORDS = st.text(st.characters(exclude_categories=["Z", "C"]), min_size=6)


@given(before=st.text(max_size=20), password=PASSWORDS)
@example(before="", password="123456")
@example(before="x", password="80/pw-pw")
def test_no_password_without_blanks_gets_through(before: str, password: str) -> None:
    if password.partition("/")[0].isdigit() or any(mark in password for mark in "?#"):
        password = f"p{password}"  # digits and a slash are a port
    assert f":{password}@" not in redact(f"{before} x://ada:{password}@host")


@pytest.mark.parametrize("text", ["x://a:", "://", "x://a", "x:", "a", "x://a:80/", "@", "://@", "x://a:b@"])
@pytest.mark.parametrize("end", ["", "@", "://@", "://:@"])
def test_redacting_takes_time_in_proportion_to_the_text(text: str, end: str) -> None:
    redact(text * 1_000_000 + end)  # if it took the square of that, it would end at the limit of the whole suite


# -- the file -----------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "jarvis.log"


def start(path: Path, stream: Any = None) -> None:
    setup_logging(Settings(log_file=path), io.StringIO() if stream is None else stream)


def test_lines_go_to_the_file_and_to_stderr(file: Path) -> None:
    stream = io.StringIO()
    start(file, stream)
    log.info("hello")
    assert file.read_text() == stream.getvalue()
    assert said(file) == ["hello"]


def test_the_file_is_the_owners_alone_from_its_creation(file: Path) -> None:
    before = os.umask(0)
    try:
        start(file)
    finally:
        os.umask(before)
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_child_process_does_not_inherit_the_file(file: Path) -> None:
    handler = LogFile(file)
    listing = subprocess.run(["ls", "-l", "/proc/self/fd"], stdout=subprocess.PIPE, check=True, close_fds=False)
    handler.close()
    assert str(file).encode() not in listing.stdout


def test_setting_up_again_replaces_what_was(file: Path, tmp_path: Path) -> None:
    start(file)
    start(tmp_path / "other.log")
    log.info("hello")
    assert (said(file), said(tmp_path / "other.log")) == ([], ["hello"])


def test_a_set_up_that_fails_leaves_the_earlier_one(file: Path, tmp_path: Path) -> None:
    start(file)
    with pytest.raises(ConfigError):
        start(tmp_path)
    log.info("hello")
    assert said(file) == ["hello"]


@pytest.mark.parametrize("make", ["folder", "below a file", "below nothing", "pipe"])
def test_a_path_that_cannot_be_opened_is_named_with_the_reason(tmp_path: Path, make: str) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    path, reason = {
        "folder": (tmp_path, "Is a directory"),
        "below a file": (tmp_path / "file" / "x.log", "Not a directory"),
        "below nothing": (Path("/proc/nothing/x.log"), "No such file or directory"),
        "pipe": (tmp_path / "pipe", "No such device or address"),
    }[make]
    with pytest.raises(ConfigError) as caught:
        start(path)
    assert str(caught.value) == f"DAEMON_LOG_FILE: the log {str(path)!r} cannot be opened: {reason}"


def test_stderr_alone_is_enough_and_so_is_nothing_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    setup_logging(Settings())
    log.info("to nobody")


def test_a_file_that_was_moved_is_opened_anew_at_the_next_line(file: Path) -> None:
    start(file)
    log.info("one")
    file.rename(file.with_suffix(".old"))
    log.info("two")
    assert (said(file.with_suffix(".old")), said(file)) == (["one"], ["two"])


def test_a_file_that_was_deleted_is_made_anew_at_the_next_line(file: Path) -> None:
    start(file)
    file.unlink()
    log.info("two")
    assert said(file) == ["two"]
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_that_was_emptied_goes_on_at_its_start(file: Path) -> None:
    start(file)
    log.info("one")
    os.truncate(file, 0)
    log.info("two")
    assert said(file) == ["two"]


def test_a_moved_file_serves_on_while_no_new_one_can_be_made(file: Path) -> None:
    start(file)
    away = file.parent.rename(file.parent.with_name("away"))
    log.info("one")
    assert said(away / file.name) == ["one"]


def test_lines_for_a_deleted_file_are_counted_until_it_can_be_made(file: Path) -> None:
    start(file)
    file.unlink()
    file.parent.rmdir()
    log.info("one")
    log.info("two")
    file.parent.mkdir()
    log.info("three")
    assert said(file) == ["2 log records were lost before this line: No such file or directory", "three"]


def test_reopening_takes_the_new_file_at_once(file: Path) -> None:
    start(file)
    file.rename(file.with_suffix(".old"))
    reopen()
    assert file.exists()


def test_reopening_that_fails_is_said_and_changes_nothing(file: Path) -> None:
    stream = io.StringIO()
    start(file, stream)
    away = file.rename(file.with_suffix(".old"))
    file.mkdir()
    reopen()
    log.info("on")
    assert "the log file cannot be reopened: " in stream.getvalue()
    assert said(away)[1:] == ["on"]


# -- rotation -----------------------------------------------------------------------------------------------


def fill(handler: LogFile, *messages: str) -> None:
    for message in messages:
        handler.handle(record(message))


@pytest.fixture
def small(file: Path) -> Iterator[LogFile]:
    """A file that holds two records of this test."""
    handler = LogFile(file, max_bytes=12, backups=3)
    yield handler
    handler.close()


def test_a_full_file_is_moved_aside_and_only_so_many_are_kept(small: LogFile, file: Path) -> None:
    fill(small, *[f"{number:05}" for number in range(11)])
    kept = [path.read_text().split() for path in (file, *[Path(f"{file}.{n}") for n in (1, 2, 3)])]
    assert kept == [["00010"], ["00008", "00009"], ["00006", "00007"], ["00004", "00005"]]
    assert len(list(file.parent.iterdir())) == 4
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in file.parent.iterdir())


def test_a_record_larger_than_the_file_may_be_is_written_all_the_same(small: LogFile, file: Path) -> None:
    fill(small, "x" * 50, "y" * 50)
    assert (file.read_text(), Path(f"{file}.1").read_text()) == ("y" * 50 + "\n", "x" * 50 + "\n")


def test_behind_a_link_the_file_is_rotated_and_the_link_stays(file: Path, tmp_path: Path) -> None:
    real = tmp_path / "disk" / "real.log"
    real.parent.mkdir()
    file.parent.mkdir()
    file.symlink_to(real)
    handler = LogFile(file, max_bytes=6)
    fill(handler, "00001", "00002")
    handler.close()
    assert file.is_symlink()
    assert (real.read_text(), Path(f"{real}.1").read_text()) == ("00002\n", "00001\n")


def test_two_daemons_on_one_file_rotate_it_once_and_lose_nothing(small: LogFile, file: Path) -> None:
    other = LogFile(file, max_bytes=12, backups=3)
    for number in range(8):
        fill((small, other)[number % 2], f"{number:05}")
    other.close()
    kept = [path.read_text().split() for path in (Path(f"{file}.{n}") for n in (3, 2, 1))]
    assert [*kept, file.read_text().split()] == [[f"{n:05}", f"{n + 1:05}"] for n in (0, 2, 4, 6)]


def test_while_another_daemon_rotates_nothing_waits_and_nothing_is_lost(small: LogFile, file: Path) -> None:
    with file.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        fill(small, "00001", "00002", "00003")
    assert file.read_text().split() == ["00001", "00002", "00003"]


def test_a_rotation_that_fails_does_not_lose_records_nor_push_old_files_out(
    small: LogFile, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path, target: str) -> Path:
        tried.append(target)
        raise PermissionError(EACCES, "Permission denied")

    tried: list[str] = []
    fill(small, *[f"{number:05}" for number in range(4)])
    with monkeypatch.context() as broken:
        broken.setattr(Path, "replace", refused)
        fill(small, "00004", "00005")
    assert len(tried) == 1, "tried again for every record, old files would be pushed out"
    assert file.read_text().split() == ["00002", "00003", "00004", "00005"]
    fill(small, "00006")
    assert file.read_text().split() == ["00006"]
    assert Path(f"{file}.2").read_text().split() == ["00000", "00001"]


def test_records_from_many_threads_all_arrive_whole_through_rotations(file: Path) -> None:
    handler = LogFile(file, max_bytes=500, backups=50)
    work = [[f"{who}-{number:03}" for number in range(100)] for who in range(4)]
    threads = [threading.Thread(target=fill, args=(handler, *messages)) for messages in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    handler.close()
    found = [line for path in file.parent.iterdir() for line in lines(path)]
    assert sorted(found) == [message for messages in work for message in messages]


# -- failures -----------------------------------------------------------------------------------------------


def test_a_full_disk_is_survived_and_what_was_lost_is_said_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start(file)
    log.info("one")
    with monkeypatch.context() as full:
        full.setattr(os, "write", no_space)
        log.info("two")
        log.info("three")
    log.info("four")
    log.info("five")
    notice = "2 log records were lost before this line: No space left on device"
    assert said(file) == ["one", notice, "four", "five"]
    assert " WARNING log  " in lines(file)[1]


def no_space(fd: int, data: bytes) -> int:
    raise OSError(28, "No space left on device")


def test_a_line_that_was_cut_off_by_a_full_disk_does_not_swallow_the_next(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(file)
    write, calls = os.write, iter([10, 0])

    def almost_full(fd: int, data: bytes) -> int:
        return write(fd, data[:room]) if (room := next(calls)) else no_space(fd, data)

    with monkeypatch.context() as full:
        full.setattr(os, "write", almost_full)
        log.info("cut")
    log.info("next")
    assert said(file)[1:] == ["1 log records were lost before this line: No space left on device", "next"]


def test_a_write_that_takes_part_of_a_line_is_finished(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start(file)
    write = os.write
    with monkeypatch.context() as slow:
        slow.setattr(os, "write", lambda fd, data: write(fd, data[:3]))
        log.info("hello")
        log.info("world")
    assert said(file) == ["hello", "world"]


def test_a_device_that_is_always_full_raises_nothing() -> None:
    start(Path("/dev/full"))
    log.info("hello")
    assert Path("/dev/full").is_char_device()


def test_a_stream_that_was_closed_does_not_stop_the_file(file: Path, tmp_path: Path) -> None:
    with (tmp_path / "err").open("w") as stream:
        start(file, stream)
    with (tmp_path / "victim").open("w"):  # likely to get the number of the stream that was closed
        log.info("hello")
    assert said(file) == ["hello"]
    assert (tmp_path / "victim").read_text() == ""


def test_logging_after_the_end_raises_nothing(file: Path) -> None:
    handler = LogFile(file)
    handler.close()
    handler.close()
    handler.handle(record("late"))
    assert said(file) == []


# -- real processes -----------------------------------------------------------------------------------------

PROGRAM = """
import logging, os, sys
from pathlib import Path
from zoneinfo import ZoneInfo
import jarvis.log
class Settings:
    log_file = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    log_format, log_level, zone = "text", "INFO", ZoneInfo("UTC")
log = logging.getLogger("jarvis.test")
"""


def run(program: str, *arguments: object, stderr: Any = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROGRAM + program, *map(str, arguments)]
    return subprocess.run(command, stderr=stderr, stdout=subprocess.PIPE, text=True, check=False)


@pytest.mark.process
def test_a_real_stderr_gets_the_lines_too(file: Path) -> None:
    done = run("jarvis.log.setup_logging(Settings); log.info('hello')", file)
    assert (done.returncode, done.stderr) == (0, file.read_text())
    assert said(file) == ["hello"]


@pytest.mark.process
@pytest.mark.parametrize("link", [False, True])
def test_stderr_redirected_to_the_same_file_gets_each_line_once(tmp_path: Path, link: bool) -> None:
    file = tmp_path / "jarvis.log"
    other = tmp_path / "link.log" if link else file
    if link:
        other.symlink_to(file)
    with file.open("a") as stderr:
        run("jarvis.log.setup_logging(Settings); log.info('hello')", other, stderr=stderr)
    assert said(file) == ["hello"]


@pytest.mark.process
def test_stderr_redirected_to_the_same_file_follows_its_rotation(tmp_path: Path) -> None:
    file = tmp_path / "jarvis.log"
    program = """
jarvis.log.MAX_BYTES = 100
jarvis.log.LogFile.__init__.__defaults__ = (100, 5)
jarvis.log.setup_logging(Settings)
log.info("x" * 100)
log.info("after")
print("a word of some library", file=sys.stderr, flush=True)
os.system("echo a word of a child >&2")
log.info("end")
"""
    with file.open("a") as stderr:
        run(program, file, stderr=stderr)
    everything = "".join(path.read_text() for path in sorted(tmp_path.iterdir(), reverse=True))
    assert everything.count("after") == everything.count("end") == everything.count("xxx" * 33) == 1
    assert "a word of some library\na word of a child\n" in everything
    assert "word" not in Path(f"{file}.{len(list(tmp_path.iterdir())) - 1}").read_text()


@pytest.mark.process
@pytest.mark.parametrize("stderr", ["/dev/full", "closed", "broken pipe"])
def test_a_stderr_that_takes_nothing_does_not_change_the_exit_code(file: Path, stderr: str) -> None:
    act = "jarvis.log.setup_logging(Settings); log.info('hello')"
    if stderr == "/dev/full":
        with Path(stderr).open("w") as full:
            done = run(act, file, stderr=full)
    elif stderr == "closed":
        command = [sys.executable, "-c", PROGRAM + act, str(file)]
        done = subprocess.run(["sh", "-c", 'exec "$@" 2>&-', "sh", *command], text=True, check=False)
    else:
        read, write = os.pipe()
        os.close(read)
        done = run(act, file, stderr=write)
        os.close(write)
    assert done.returncode == 0
    assert said(file) == ["hello"]


@pytest.mark.process
def test_several_processes_write_whole_lines_into_one_file(file: Path) -> None:
    program = "jarvis.log.setup_logging(Settings)\nfor n in range(200): log.info('%s %s', os.getpid(), n * 'x')"
    command = [sys.executable, "-c", PROGRAM + program, str(file)]
    processes = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(3)]
    for process in processes:
        assert process.wait(timeout=60) == 0
    expected = [f"{process.pid} {'x' * n}".rstrip() for process in processes for n in range(200)]
    assert sorted(line.rstrip() for line in said(file)) == sorted(expected)


def test_the_zone_of_the_offset_is_that_of_the_configuration() -> None:
    stream = io.StringIO()
    setup_logging(Settings(zone=ZoneInfo("Asia/Kathmandu")), stream)
    log.handle(record("x", created=datetime(2026, 1, 1, tzinfo=UTC).timestamp()))
    assert stream.getvalue().startswith("2026-01-01T05:45:00.000+05:45 ")
