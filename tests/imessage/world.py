"""A chat.db with the schema of macOS, filled by hand, and an osascript that records what it is given."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw

from jarvis.scheduler.clock import SystemClock

APPLE = datetime(2001, 1, 1, tzinfo=UTC)
ADA, BOB, STRANGER = "+15551234567", "bob@example.com", "+15559876543"

# As macOS makes them (the columns of macOS 14 that hold anything here, with their types and defaults).
SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE message (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, text TEXT,
    replace INTEGER DEFAULT 0, service_center TEXT, handle_id INTEGER DEFAULT 0, subject TEXT, country TEXT,
    attributedBody BLOB, version INTEGER DEFAULT 0, type INTEGER DEFAULT 0, service TEXT, account TEXT,
    account_guid TEXT, error INTEGER DEFAULT 0, date INTEGER, date_read INTEGER, date_delivered INTEGER,
    is_delivered INTEGER DEFAULT 0, is_finished INTEGER DEFAULT 0, is_emote INTEGER DEFAULT 0,
    is_from_me INTEGER DEFAULT 0, is_empty INTEGER DEFAULT 0, is_delayed INTEGER DEFAULT 0,
    is_auto_reply INTEGER DEFAULT 0, is_prepared INTEGER DEFAULT 0, is_read INTEGER DEFAULT 0,
    is_system_message INTEGER DEFAULT 0, is_sent INTEGER DEFAULT 0, has_dd_results INTEGER DEFAULT 0,
    cache_has_attachments INTEGER DEFAULT 0, cache_roomnames TEXT, item_type INTEGER DEFAULT 0,
    other_handle INTEGER DEFAULT 0, group_title TEXT, group_action_type INTEGER DEFAULT 0,
    share_status INTEGER DEFAULT 0,
    is_audio_message INTEGER DEFAULT 0, associated_message_guid TEXT, associated_message_type INTEGER DEFAULT 0,
    balloon_bundle_id TEXT, payload_data BLOB, expressive_send_style_id TEXT, message_summary_info BLOB,
    thread_originator_guid TEXT, date_retracted INTEGER DEFAULT 0, date_edited INTEGER DEFAULT 0);
CREATE TABLE handle (ROWID INTEGER PRIMARY KEY AUTOINCREMENT UNIQUE, id TEXT NOT NULL, country TEXT,
    service TEXT NOT NULL, uncanonicalized_id TEXT, person_centric_id TEXT, UNIQUE (id, service));
CREATE TABLE chat (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, style INTEGER, state INTEGER,
    account_id TEXT, properties BLOB, chat_identifier TEXT, service_name TEXT, room_name TEXT, account_login TEXT,
    is_archived INTEGER DEFAULT 0, last_addressed_handle TEXT, display_name TEXT, group_id TEXT);
CREATE TABLE chat_message_join (chat_id INTEGER REFERENCES chat (ROWID) ON DELETE CASCADE,
    message_id INTEGER REFERENCES message (ROWID) ON DELETE CASCADE, message_date INTEGER DEFAULT 0,
    PRIMARY KEY (chat_id, message_id));
CREATE INDEX message_idx_date ON message (date);
CREATE INDEX chat_message_join_idx_message_id_only ON chat_message_join (message_id);
"""


def attributed(text: str, *, mutable: bool = False) -> bytes:
    """`attributedBody` as macOS archives a text without any decoration."""
    data = text.encode()
    if len(data) < 0x80:
        length = bytes([len(data)])
    elif len(data) < 0x8000:
        length = b"\x81" + len(data).to_bytes(2, "little")
    else:
        length = b"\x82" + len(data).to_bytes(4, "little")
    whole = b"\x12NSAttributedString\x00"
    string, parent = b"\x08NSString\x01", b"\x94"
    if mutable:
        whole = b"\x19NSMutableAttributedString\x00\x84\x84" + whole
        string, parent = b"\x0fNSMutableString\x01\x84\x84\x08NSString\x01", b"\x95"
    head = b"\x04\x0bstreamtyped\x81\xe8\x03\x84\x01@\x84\x84\x84" + whole + b"\x84\x84\x08NSObject\x00\x85"
    body = b"\x92\x84\x84\x84" + string + parent + b"\x84\x01+" + length + data + b"\x86"
    runs = b"\x84\x02iI\x01" + length + b"\x92\x84\x84\x84\x0cNSDictionary\x00\x94\x84\x01i\x01\x92\x84\x96\x96\x1d"
    part = b"__kIMMessagePartAttributeName\x86\x92\x84\x84\x84\x08NSNumber\x00\x84\x84\x07NSValue\x00\x94\x84\x01*"
    return head + body + runs + part + b"\x84\x99\x99\x00\x86\x86\x86"


class Phone:
    """What writes into chat.db, as the program Messages does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = apsw.Connection(str(path))
        self._connection.set_busy_timeout(10_000)
        self._connection.execute(SCHEMA).fetchall()

    def write(
        self,
        text: str | None,
        *,
        sender: str = ADA,
        at: datetime | None = None,
        group: str = "",
        from_me: bool = False,
        service: str = "iMessage",
        blob: bytes | None = None,
        guid: str = "",
        joined: bool = True,
        **columns: Any,
    ) -> str:
        """One message; its guid. In a chat between two `sender` is the other side, whoever wrote it."""
        with self._connection:
            handle = self._handle(sender, service)
            number = self._connection.execute("SELECT COALESCE(MAX(ROWID), 0) + 1 FROM message").get
            row = {
                "guid": guid or f"GUID-{number:08}",
                "text": text,
                "attributedBody": blob,
                "handle_id": handle,
                "service": service,
                "date": apple(at or SystemClock().now()),
                "is_from_me": int(from_me),
                **columns,
            }
            sql = f"INSERT INTO message ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"  # noqa: S608 - our own
            self._connection.execute(sql, [*row.values()])
            rowid = self._connection.last_insert_rowid()
            if joined:
                self.join(rowid, sender, group, service)
        return str(row["guid"])

    def join(self, rowid: int, sender: str = ADA, group: str = "", service: str = "iMessage") -> None:
        """Say in which chat a message is."""
        identifier, style = (group, 43) if group else (sender, 45)
        guid = f"{service};{'+' if group else '-'};{identifier}"
        self._connection.execute(
            "INSERT OR IGNORE INTO chat (guid, style, chat_identifier, service_name) VALUES (?, ?, ?, ?)",
            (guid, style, identifier, service),
        )
        self._connection.execute(
            "INSERT INTO chat_message_join (chat_id, message_id) SELECT ROWID, ? FROM chat WHERE guid = ?",
            (rowid, guid),
        )

    def history(self, count: int, before: datetime, text: str = "jarvis: status") -> None:
        """So many messages of long ago."""
        with self._connection:
            for number in range(count):
                self.write(text, at=before - timedelta(minutes=count - number), guid=f"OLD-{number:06}")

    def _handle(self, sender: str, service: str) -> int:
        self._connection.execute("INSERT OR IGNORE INTO handle (id, service) VALUES (?, ?)", (sender, service))
        return int(
            self._connection.execute("SELECT ROWID FROM handle WHERE id = ? AND service = ?", (sender, service)).get
        )

    def close(self) -> None:
        self._connection.close()


def apple(moment: datetime) -> int:
    """Nanoseconds since 2001."""
    return (moment - APPLE) // timedelta(microseconds=1) * 1000


class Osascript:
    """A program of that name, first on PATH, that appends its arguments to a file and ends as it is told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "bin"
        self._record = folder / "osascript.jsonl"
        self.folder.mkdir()
        program = self.folder / "osascript"
        program.write_text(
            f"#!{sys.executable} -IS\n"
            "import json, os, sys\n"
            f"fd = os.open({str(self._record)!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)\n"
            "os.write(fd, json.dumps(sys.argv[1:]).encode() + b'\\n')\n"
            f"name = {str(folder / 'answer')!r}\n"
            "said = open(name).read() if os.path.exists(name) else '0'\n"
            "code, _, text = said.partition(' ')\n"
            "sys.stderr.write(text)\n"
            "sys.exit(int(code))\n"
        )
        program.chmod(0o755)
        self._answer = folder / "answer"

    def answer(self, code: int, text: str = "") -> None:
        self._answer.write_text(f"{code} {text}")

    @property
    def calls(self) -> list[list[str]]:
        """The arguments of each call so far."""
        if not self._record.exists():
            return []
        return [json.loads(line) for line in self._record.read_text().splitlines()]

    @property
    def said(self) -> list[tuple[str, str]]:
        """To whom and what, of each call so far."""
        return [(call[-2], call[-1]) for call in self.calls]


def texts(said: Sequence[tuple[str, str]]) -> list[str]:
    return [text for _, text in said]
