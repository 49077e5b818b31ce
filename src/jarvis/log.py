"""The log: to a file and stderr, as text or JSON, one record a line.

Nothing that goes wrong here is raised into the program; what was lost is counted and said once writing works
again; no text from outside can forge a line. Not promised: a reader of stderr that stops without closing it
(a full pipe) blocks whoever logs.
"""

import fcntl
import logging
import os
import re
import sys
from contextlib import suppress
from datetime import datetime, tzinfo
from io import UnsupportedOperation
from pathlib import Path
from stat import S_ISREG
from typing import Any, Protocol, TextIO

import msgspec

from jarvis.errors import ConfigError

MAX_BYTES = 10 * 1024 * 1024
BACKUPS = 5
MAX_TEXT = 32 * 1024  # longest message, value or traceback; more drowns the log and slows redaction

_LOGGERS = ("jarvis", "asyncio")  # asyncio says there what tasks nobody waited for have raised


class LogSettings(Protocol):
    """The part of the configuration that the log needs."""

    @property
    def log_file(self) -> Path | None: ...
    @property
    def log_format(self) -> str: ...
    @property
    def log_level(self) -> str: ...
    @property
    def zone(self) -> tzinfo: ...


def setup_logging(config: LogSettings, stream: TextIO | None = None) -> None:
    """Log to config.log_file and `stream` (stderr if not given), in place of what an earlier call set up.

    ConfigError if the file cannot be opened; the earlier set-up then stays.
    """
    sinks = _open_sinks(config.log_file, sys.stderr if stream is None else stream)
    formatter = (_JsonLines if config.log_format == "json" else _TextLines)(config.zone)
    stop_logging()
    for name in _LOGGERS:
        logging.getLogger(name).propagate = False  # the root logger's handlers would write it once more
        for sink in sinks:
            sink.setFormatter(formatter)
            logging.getLogger(name).addHandler(sink)
    logging.getLogger("jarvis").setLevel(config.log_level)


def stop_logging() -> None:
    """Close what setup_logging opened and leave the loggers as they were before."""
    for sink in _sinks():
        for name in _LOGGERS:
            logging.getLogger(name).removeHandler(sink)
        sink.close()
    for name in _LOGGERS:
        logging.getLogger(name).propagate = True
    logging.getLogger("jarvis").setLevel(logging.NOTSET)


def reopen() -> None:
    """Open the log file anew (SIGHUP); if that fails, say so and go on with the one that is open."""
    for sink in _sinks():
        if isinstance(sink, LogFile):
            try:
                sink.reopen()
            except OSError as error:
                logging.getLogger("jarvis.log").warning("the log file cannot be reopened: %s", error)


def _sinks() -> "list[_Sink]":
    """List the handlers that are ours; a test or an embedder may have added others."""
    return [handler for handler in logging.getLogger("jarvis").handlers if isinstance(handler, _Sink)]


def _open_sinks(path: Path | None, stream: TextIO | None) -> "list[_Sink]":
    """Open the file, and the stream unless it is the very same file (launchd redirects stderr) or closed."""
    file = [] if path is None else [LogFile(path)]
    if stream is None or stream.closed or (file and file[0].is_same(_fileno(stream))):
        return [*file]
    return [*file, _LogStream(stream)]


# -- where lines go -----------------------------------------------------------------------------------------
class _Sink(logging.Handler):
    """Writes lines and survives not being able to."""

    def __init__(self) -> None:
        super().__init__()
        self._lost, self._reason, self._torn = 0, "", False

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, after a word about those lost before it; count it if even this fails."""
        try:
            records = [self._notice(record), record] if self._lost else [record]
            self._write("".join(f"{self.format(each)}\n" for each in records))
            self._lost = 0
        except Exception as error:  # noqa: BLE001 (a broken log must not break what is being logged)
            self._lost += 1
            self._reason = getattr(error, "strerror", None) or type(error).__name__

    def format(self, record: logging.LogRecord) -> str:
        """Format once for all of our sinks, as they share their formatter."""
        if "_line" not in vars(record):
            vars(record)["_line"] = super().format(record)
        return str(vars(record)["_line"])

    def _notice(self, record: logging.LogRecord) -> logging.LogRecord:
        """Make the record that tells how many are missing."""
        text = f"{self._lost} log records were lost before this line: {self._reason}"
        about = {"name": "jarvis.log", "levelname": "WARNING", "created": record.created}
        return logging.makeLogRecord({**about, "msg": text})

    def _write(self, text: str) -> None:
        raise NotImplementedError

    def _put(self, fd: int, text: str) -> None:
        """Write past any buffer (which would try again at exit and change its code), in one call if possible."""
        data = text.encode("utf-8", "backslashreplace")
        if self._torn:
            data = b"\n" + data
        while data:
            data = data[os.write(fd, data) :]
            self._torn = bool(data)


class _LogStream(_Sink):
    """Lines to stderr, or to whatever stands in for it."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._fd = _fileno(stream)

    def _write(self, text: str) -> None:
        if self._stream.closed:  # its number may by now be another file's
            raise ValueError
        if self._fd is not None:
            self._put(self._fd, text)
        else:
            self._stream.write(text)
            self._stream.flush()


class LogFile(_Sink):
    """Lines to a file that is rotated by size, by whichever daemon sees it first, and reopened if moved."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES, backups: int = BACKUPS) -> None:
        """Open the file, making its folder if need be; ConfigError if that fails."""
        super().__init__()
        self._path, self._max_bytes, self._backups = path, max_bytes, backups
        self._fd, self._id = -1, _identity(-1)
        try:
            with suppress(FileExistsError):  # a file in the folder's place: open says it better
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._open()
        except OSError as error:
            text = f"DAEMON_LOG_FILE: the log {str(path)!r} cannot be opened: {error.strerror}"
            raise ConfigError(text) from error

    def is_same(self, fd: int | None) -> bool:
        """Tell whether a descriptor leads to this very file."""
        return fd is not None and _identity(fd) == self._id

    def reopen(self) -> None:
        """Open the path anew; OSError leaves the open file in use."""
        self.acquire()
        try:
            self._open()
        finally:
            self.release()

    def close(self) -> None:
        """Close the file; what is logged later is lost."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
        super().close()

    def _write(self, text: str) -> None:
        if self._fd < 0:
            raise ValueError("closed")
        self._keep_up(len(text))
        self._put(self._fd, text)

    def _open(self) -> None:
        """Open the path and take it into use; stdout and stderr come along if they led to the old file."""
        # O_NONBLOCK: a named pipe that nobody reads is an error at once, not a hang.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
        old, old_id = self._fd, self._id
        self._fd = os.open(self._path, flags, 0o600)
        self._id, self._limit = _identity(self._fd), self._max_bytes
        if old >= 0:
            for fd in (1, 2):
                if _identity(fd) == old_id != self._id:
                    os.dup2(self._fd, fd)
            os.close(old)

    def _keep_up(self, more: int) -> None:
        """Before each write, one stat: go after a file that was moved or deleted, rotate one that is full."""
        size = self._size_in_place()
        if size is None:
            self._follow()
        elif size > 0 and size + more > self._limit:
            self._rotate(size)

    def _size_in_place(self) -> int | None:
        """Size of our file, None if the path no longer leads to it, 0 for what has no size (a terminal)."""
        try:
            there = os.stat(self._path)  # noqa: PTH116 (half the cost; this runs for every record)
        except OSError:
            return None
        if (there.st_dev, there.st_ino) != self._id:
            return None
        return there.st_size if S_ISREG(there.st_mode) else 0

    def _follow(self) -> None:
        """Open the path anew; while that fails the moved file still serves, a deleted one does not."""
        try:
            self._open()
        except OSError:
            if os.fstat(self._fd).st_nlink == 0:
                raise

    def _rotate(self, size: int) -> None:
        """Move the file to .1 and open a new one; if that fails go on with the old for another max_bytes."""
        self._limit = size + self._max_bytes
        with suppress(OSError):
            self._move_away()
            self._open()

    def _move_away(self) -> None:
        """Shift .1 to .2 and so on under a lock, unless another daemon has just done it."""
        fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            if self._size_in_place() is not None:
                _shift(os.path.realpath(self._path), self._backups)  # of a link, what it leads to
        finally:
            fcntl.flock(self._fd, fcntl.LOCK_UN)


def _shift(path: str, backups: int) -> None:
    """Rename path.4 to path.5 and so on, then path to path.1; the oldest is overwritten."""
    if path.startswith(("/dev/", "/proc/")):
        raise OSError
    for number in range(backups - 1, 0, -1):
        with suppress(FileNotFoundError):
            Path(f"{path}.{number}").replace(f"{path}.{number + 1}")
    Path(path).replace(f"{path}.1")


def _identity(fd: int) -> tuple[int, int] | None:
    """Tell which file a descriptor leads to; None if it is closed."""
    try:
        return (info := os.fstat(fd)).st_dev, info.st_ino
    except OSError:
        return None


def _fileno(stream: TextIO) -> int | None:
    """Find a stream's descriptor; streams in memory have none."""
    try:
        return stream.fileno()
    except (UnsupportedOperation, AttributeError):
        return None


# -- what lines look like -----------------------------------------------------------------------------------
class _Lines(logging.Formatter):
    """What both formats share."""

    def __init__(self, zone: tzinfo) -> None:
        super().__init__()
        self._zone = zone

    def _stamp(self, record: logging.LogRecord) -> str:
        """Give the record's moment with its offset."""
        return datetime.fromtimestamp(record.created, self._zone).isoformat(timespec="milliseconds")

    def _trace(self, record: logging.LogRecord) -> str:
        """Give the traceback and the stack, if the record has any."""
        raised = record.exc_info
        parts = [self.formatException(raised) if raised and raised[0] else "", record.stack_info or ""]
        return _safe("\n".join(part for part in parts if part))


class _TextLines(_Lines):
    """2026-11-22T23:10:04.123-07:00 INFO engine  message key=value; a traceback follows on indented lines."""

    def format(self, record: logging.LogRecord) -> str:
        """Write everything on one line but the traceback."""
        name = record.name.rpartition(".")[2]
        head = f"{self._stamp(record)} {record.levelname} {name}  {_one_line(_message(record))}"
        pairs = "".join(f" {_quoted(key)}={_quoted(value)}" for key, value in _extras(record))
        trace = self._trace(record)
        below = "".join(f"\n    {_one_line(line)}" for line in trace.split("\n")) if trace else ""
        return head + pairs + below


class _JsonLines(_Lines):
    """One object per record; what was given through extra= are fields of it."""

    def format(self, record: logging.LogRecord) -> str:
        """Name our own fields first; an extra of the same name gets an underscore."""
        fields: dict[str, object] = {"ts": self._stamp(record), "level": record.levelname}
        fields |= {"logger": record.name, "message": _message(record)}
        if trace := self._trace(record):
            fields["exception"] = trace
        fields |= {f"{key}_" if key in fields else key: value for key, value in _extras(record)}
        return _json(fields)


def _json(fields: dict[str, object]) -> str:
    """Encode as JSON, whatever the values are."""
    try:
        return msgspec.json.encode(_plain(fields)).decode()
    except (ValueError, TypeError, RecursionError, OverflowError):  # an endless structure, a huge number
        return msgspec.json.encode({key: _safe(value) for key, value in fields.items()}).decode()


def _plain(value: object) -> Any:
    """Keep what JSON knows; make safe text of the rest."""
    if isinstance(value, dict):
        return {_safe(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, int | float) else _safe(value)


_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", "_line"}


def _extras(record: logging.LogRecord) -> list[tuple[str, object]]:
    """List what the caller gave through extra=."""
    return [(key, value) for key, value in vars(record).items() if key not in _STANDARD]


def _message(record: logging.LogRecord) -> str:
    """Give the message; arguments that do not fit it are shown beside it rather than lost."""
    try:
        return _safe(record.getMessage())
    except Exception:  # noqa: BLE001 (a caller's __str__ may raise anything)
        return f"{_safe(record.msg)} (arguments that do not fit: {_safe(record.args)})"


def _safe(value: object) -> str:
    """Make text of anything: short enough, encodable, without passwords."""
    try:
        text = value.isoformat() if isinstance(value, datetime) else str(value)
    except Exception:  # noqa: BLE001 (a caller's __str__ may raise anything)
        text = f"<{type(value).__name__} that cannot be shown>"
    # Twice as much is redacted as is shown, so that the cut does not hide that something is a password.
    text = redact(text[: 2 * MAX_TEXT])
    text = text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}... (cut)"
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


_WORD = re.compile(r"\S+")
_PASSWORD = re.compile(r"(://[^:/?#@]*):(?!\d{1,5}[/?#]).+")  # digits and a slash are a port


def redact(text: str) -> str:
    """Replace passwords in URLs, scheme://user:password@; a doubtful case is replaced too. Takes linear time."""
    return _WORD.sub(_redact_word, text) if "://" in text and "@" in text else text


def _redact_word(match: re.Match[str]) -> str:
    """Up to the last @ of the word: passwords may hold one and, though they should not, a slash."""
    before, at, after = match[0].rpartition("@")
    return _PASSWORD.sub(r"\1:***", before) + at + after


# Controls end or rewrite lines (on a terminal too); the last ranges reorder what is read.
_UNSAFE = [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, 0x200E, 0x200F]
_UNSAFE += [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_ESCAPES = {code: chr(code).encode("unicode_escape").decode() for code in _UNSAFE}


def _one_line(text: str) -> str:
    """Escape everything that could look like the start of another record."""
    return text if text.isprintable() else text.translate(_ESCAPES)


def _quoted(value: object) -> str:
    """Make safe text; quote it if it has blanks, quotes or an equals sign in it, or is empty."""
    text = _safe(value)
    if text and text.isprintable() and not any(mark in text for mark in ' "=\\'):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_one_line(escaped)}"'
