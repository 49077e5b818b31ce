"""chat.db, the database of the program Messages: read only, from a row on, and never all of it at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from jarvis.errors import JarvisError
from jarvis.imessage.instants import from_apple, to_apple
from jarvis.imessage.typedstream import TypedstreamError, text_of

BATCH = 200  # rows at a time: with the longest texts 50 MB
_LONGEST = 128 * 1024  # characters or bytes of a text that are looked at; commands are shorter by far
_BUSY_MS = 1_000
_BETWEEN_TWO = 45  # chat.style; 43 is a group

# Columns that some versions of macOS do not have: what stands in for them.
_OPTIONAL = {"associated_message_type": "0", "item_type": "0", "service": "NULL", "attributedBody": "NULL"}

_AFTER = """
SELECT m.ROWID, m.guid, substr(CAST(m.text AS BLOB), 1, :longest),
       CASE WHEN COALESCE(m.text, '') = '' THEN substr({attributedBody}, 1, :longest) END,
       m.date, m.is_from_me, COALESCE({service}, h.service), h.id, {associated_message_type}, {item_type},
       c.guid, c.chat_identifier, c.style
FROM message m
LEFT JOIN handle h ON h.ROWID = m.handle_id
LEFT JOIN chat c ON c.ROWID = (SELECT MIN(chat_id) FROM chat_message_join WHERE message_id = m.ROWID)
WHERE m.ROWID > :after ORDER BY m.ROWID LIMIT :limit
"""
_LAST = "SELECT COALESCE(MAX(ROWID), 0) FROM message"
_LAST_BEFORE = "SELECT COALESCE(MAX(ROWID), 0) FROM message WHERE date < ?"


class ChatError(JarvisError):
    """chat.db cannot be read; `kind` stays the same for as long as the reason does."""

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind
        super().__init__(message)


class Incoming(NamedTuple):
    """One row of chat.db, as far as it matters here."""

    rowid: int
    guid: str
    text: str
    sent_at: datetime
    from_me: bool
    service: str
    handle: str  # the other side; "" of what is from me in a group
    chat: str  # its guid; "" as long as Messages has not said in which it is
    chat_identifier: str
    group: bool
    reaction: bool  # a heart and the like, or news of the chat itself: no message
    problem: str = ""  # why it has no text


class ChatDatabase:
    """The file, opened anew for each look: what is at its path counts, also after it was replaced."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def look(self) -> Iterator[Look]:
        """Open it for a while. ChatError if it cannot be read, then or later."""
        connection = None
        try:
            connection = apsw.Connection(str(self.path), flags=apsw.SQLITE_OPEN_READONLY)
            connection.set_busy_timeout(_BUSY_MS)
            yield Look(connection)
        except apsw.Error as error:
            raise _ours(self.path, error) from error
        finally:
            if connection is not None:
                connection.close(True)


class Look:
    """One reading of it."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        there = {str(row[1]) for row in connection.execute("PRAGMA table_info(message)")}
        columns = {name: f"m.{name}" if name in there else usual for name, usual in _OPTIONAL.items()}
        self._after = _AFTER.format(**columns)

    def last(self) -> int:
        """The highest ROWID; 0 without any message."""
        return int(self._connection.execute(_LAST).get)

    def last_before(self, moment: datetime) -> int:
        """The highest ROWID of what was sent before a moment."""
        return int(self._connection.execute(_LAST_BEFORE, (to_apple(moment),)).get)

    def after(self, rowid: int, limit: int = BATCH) -> list[Incoming]:
        """The next messages in the order in which they came."""
        bindings = {"after": rowid, "limit": limit, "longest": _LONGEST}
        return [_incoming(row) for row in self._connection.execute(self._after, bindings)]


def _incoming(row: tuple[Any, ...]) -> Incoming:
    rowid, guid, text, blob, date, from_me, service, handle, associated, item, chat, identifier, style = row
    text, problem = _text(text, blob)
    return Incoming(
        rowid=rowid,
        guid=str(guid),
        text=text,
        sent_at=from_apple(date if isinstance(date, int) else 0),
        from_me=bool(from_me),
        service=str(service or ""),
        handle=str(handle or ""),
        chat=str(chat or ""),
        chat_identifier=str(identifier or ""),
        group=style != _BETWEEN_TWO,
        reaction=bool(associated) or bool(item),
        problem=problem,
    )


def _text(text: object, blob: object) -> tuple[str, str]:
    """The text, and why there is none. One row that cannot be read must not stop those after it.

    `text` comes as bytes: SQL's own functions end a text at a NUL, and what is cut may be cut within a character.
    """
    if isinstance(text, bytes) and text:
        return text.decode("utf-8", "replace"), ""
    if not isinstance(blob, bytes) or not blob:
        return "", ""
    try:
        return text_of(blob), ""
    except TypedstreamError as error:
        return "", str(error)


def _ours(path: Path, error: apsw.Error) -> ChatError:
    kind = type(error).__name__.removesuffix("Error")
    hint = ""
    if isinstance(error, apsw.CantOpenError | apsw.AuthError | apsw.PermissionsError | apsw.IOError):
        hint = (
            ". On macOS the program that runs Jarvis needs Full Disk Access (System Settings, Privacy & Security); "
            "docs/imessage.md says which program that is"
        )
    return ChatError(kind, f"the messages in {path} cannot be read: {error}{hint}")
