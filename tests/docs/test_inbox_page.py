"""The table of docs/inbox.md is what becomes of each file."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from jarvis.handlers.inbox_view import find
from jarvis.handlers.webhook_poll import Limits, webhook_poll
from jarvis.memory import MemoryStore
from jarvis.scheduler.model import Result, RunState
from tests.contexts import a_context
from tests.house.tree import ROOT

PAGE = ROOT / "docs" / "inbox.md"
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
GOOD = b'{"source": "s", "event_type": "t", "id": 7, "payload": %s}'
ROW = re.compile(r"^\| (?P<what>[^|]+?) \| (?P<becomes>[a-z -]+?) \| ?(?:`+(?P<reason>[^|]*?) ?`+ )?\|$", re.MULTILINE)


def rows() -> dict[str, tuple[str, str]]:
    text = PAGE.read_text(encoding="utf-8")
    table = text[text.index("| a file that |") : text.index("- **stored**")].split("|---|---|---|\n")[1]
    found = {match["what"]: (match["becomes"], match["reason"] or "") for match in ROW.finditer(table)}
    assert len(found) == table.count("\n| ") + 1, "a row of the table is not understood"
    return found


class Inbox:
    """An inbox that is polled as often as asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = MemoryStore()
        self.meanwhile: Callable[[], object] = lambda: None

    def drop(self, content: bytes, name: str | bytes = "x.json") -> Path:
        path = self.folder / os.fsdecode(name)
        path.write_bytes(content)
        return path

    def poll(self) -> Result:
        context = msgspec.structs.replace(a_context(), params={}, now=NOW, memory=self.store)
        return webhook_poll(self.folder, wait=self._wait)(context)

    def _wait(self, _seconds: float) -> None:
        self.meanwhile()


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    made = Inbox(tmp_path / "inbox")
    made.folder.mkdir()
    yield made
    made.store.close()


def holding(content: bytes) -> Callable[[Inbox], object]:
    return lambda inbox: inbox.drop(content)


def still_open(inbox: Inbox) -> None:
    os.close(os.open(inbox.drop(GOOD % b"1"), os.O_WRONLY | os.O_APPEND))


def second(content: bytes) -> Callable[[Inbox], None]:
    def made(inbox: Inbox) -> None:
        inbox.drop(GOOD % b"1", "first.json")
        inbox.poll()
        inbox.drop(content)

    return made


def back(inbox: Inbox) -> None:
    inbox.drop(GOOD % b"1")
    inbox.poll()
    (inbox.folder / "processed" / "x.json").rename(inbox.folder / "x.json")


def odd_names(inbox: Inbox) -> None:
    for number, name in enumerate([b"a\nb", "🦊".encode(), b"-x", b"\xff", b"z" * 250]):
        inbox.drop((GOOD % b"1").replace(b"7", str(number).encode()), name + b".json")


def same_name(inbox: Inbox) -> None:
    for number, content in enumerate((GOOD % b"1", b"no", GOOD.replace(b"7", b"8") % b"2")):
        inbox.drop(content)
        assert number == 2 or inbox.poll().state is RunState.SUCCEEDED


def being_written(inbox: Inbox) -> None:
    path = inbox.drop(b'{"so')
    inbox.meanwhile = lambda: path.write_bytes(path.read_bytes() + b"u")


CASES: dict[str, Callable[[Inbox], object]] = {
    "holds an event": holding(GOOD % b"1"),
    "holds an event, and its author still has it open": still_open,
    "has the content of an earlier one, under any name": second(GOOD % b"1"),
    "has the `id` of an earlier one of its source": second(GOOD % b"2"),
    "was taken in, and comes back as it was": back,
    "is cut off": holding((GOOD % b"1")[:30]),
    "is empty": holding(b""),
    "begins with a byte order mark": holding(b"\xef\xbb\xbf" + GOOD % b"1"),
    "is UTF-16": holding((GOOD % b"1").decode().encode("utf-16")),
    "holds NUL bytes": holding(GOOD % b"1" + b"\0"),
    "is no UTF-8": holding(GOOD % b'"\xe9"'),
    "nests 100,000 brackets": holding(GOOD % (b"[" * 100_000 + b"]" * 100_000)),
    "holds NaN or Infinity": holding(GOOD % b"NaN"),
    "has one name twice in an object": holding(b'{"source": "s", "source": "s", "event_type": "t", "payload": 1}'),
    "is bigger than 1 MiB": holding(GOOD % (b'"' + b"x" * 5_000_000 + b'"')),
    "lacks `source`, `event_type` or `payload`": holding(b'{"source": "s", "event_type": "t"}'),
    "cannot be read (permissions)": holding(GOOD % b"1"),
    "is called with a newline, an emoji, a dash first, bytes that are no UTF-8, or 255 bytes": odd_names,
    "has the name of one in `processed/` or `failed/`": same_name,
    "is being written": being_written,
    "is a folder": lambda inbox: (inbox.folder / "x.json").mkdir(),
    "is a link, wherever it leads": lambda inbox: (inbox.folder / "x.json").symlink_to("/etc/hosts"),
    "is a FIFO, a socket or a device": lambda inbox: os.mkfifo(inbox.folder / "x.json"),
    "begins with a dot, or does not end in `.json`": lambda inbox: [
        inbox.drop(GOOD % b"1", name) for name in (".x.json", "x.json.tmp", "x")
    ],
}


def test_the_table_has_every_case_and_no_other() -> None:
    assert list(rows()) == list(CASES)


@pytest.mark.parametrize("what", CASES)
def test_what_the_table_says_is_what_becomes_of_it(what: str, inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    becomes, reason = rows()[what]
    CASES[what](inbox)
    if "permissions" in what:
        refuse_to_open(monkeypatch)
    before = len(inbox.store.events.list())
    result = inbox.poll()
    monkeypatch.undo()
    inbox.meanwhile = lambda: None
    assert result.state is RunState.SUCCEEDED
    assert (len(inbox.store.events.list()) > before) == (becomes == "stored")
    told = [*result.data["duplicates"], *result.data["refused"], *result.data["left"], *result.data["passed_over"]]
    assert [each["reason"] for each in told if reason not in each["reason"]] == []
    assert bool(told) == bool(reason)
    if becomes in {"stored", "taken in before", "duplicate"}:
        assert {path.name for path in inbox.folder.iterdir()} == {"processed", "failed"}
    if becomes in {"failed", "duplicate"}:
        item = find(inbox.folder, "x.json", Limits().size)
        assert (item.state, reason in item.reason) == (becomes, True)
    if becomes in {"left", "passed over"}:
        assert (inbox.folder / "x.json").is_symlink() or (inbox.folder / "x.json").exists()


def refuse_to_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system does to everybody but root."""
    real = os.open

    def refusing(path: object, *args: int) -> int:
        if str(path).endswith("/inbox/x.json"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(path, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refusing)
