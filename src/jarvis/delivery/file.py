"""The channel `file`: each message is appended to a file, as a line of JSON or as text."""

from __future__ import annotations

import os
from stat import S_ISREG

import msgspec

from jarvis.errors import SendFailed, SendUnknown
from jarvis.scheduler.ports import Message
from jarvis.settings.channels import TIMEOUT, FileSpec


class FileChannel:
    """One write at the end of the file, which is made 0600 if it is not there, and synced."""

    def __init__(self, spec: FileSpec) -> None:
        self._path = spec.path
        self._form = _json if spec.format == "json" else _text

    @property
    def timeout(self) -> float:
        """Seconds: a disk that takes longer than that hangs."""
        return TIMEOUT

    def send(self, message: Message, /) -> None:
        """Append it."""
        try:
            descriptor = self._open()
        except OSError as error:
            raise SendFailed(f"{self._path} cannot be written: {error.strerror}") from error
        try:
            self._append(descriptor, self._form(message))
        finally:
            os.close(descriptor)

    def _open(self) -> int:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Without O_NONBLOCK a named pipe in the file's place would hang here until somebody reads it.
        return os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)

    def _append(self, descriptor: int, data: bytes) -> None:
        written = 0
        try:
            if not S_ISREG(os.fstat(descriptor).st_mode):
                raise SendFailed(f"{self._path} cannot be written: it is not a file")
            data = _start(descriptor) + data
            written = os.write(descriptor, data)
            os.fsync(descriptor)
        except OSError as error:
            if written:
                raise SendUnknown(f"{self._path} was written, but may not be on the disk: {error.strerror}") from error
            raise SendFailed(f"{self._path} cannot be written: {error.strerror}") from error
        if written < len(data):
            raise SendUnknown(f"{self._path} took {written} of {len(data)} bytes: is the disk full?")


def _start(descriptor: int) -> bytes:
    """A line break, if the file ends within a line: an append that was cut off must not spoil the next."""
    size = os.fstat(descriptor).st_size
    return b"\n" if size and os.pread(descriptor, 1, size - 1) != b"\n" else b""


def _json(message: Message) -> bytes:
    record = {
        "key": message.key,
        "created_at": message.created_at,
        "kind": message.kind,
        "task": message.task,
        "run": message.run_id,
        "state": message.state,
        "due_at": message.due_at,
        "subject": message.subject,
        "body": message.body,
    }
    return msgspec.json.encode(record) + b"\n"


def _text(message: Message) -> bytes:
    body = "".join(f"  {line}\n" for line in message.body.splitlines() if line)
    return f"{message.created_at.isoformat(' ', 'seconds')} {message.subject}\n{body}".encode(errors="replace")
