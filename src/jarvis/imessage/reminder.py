"""`remind me ...`: when and what, taken apart; and the handler `remind`, which says it when it is due."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from jarvis.addresses import normalised
from jarvis.errors import UsageError
from jarvis.imessage.ports import Recipient
from jarvis.imessage.state import StateStore
from jarvis.scheduler.phrase import PhraseError, parse_at
from jarvis.scheduler.ports import Context

LIFETIME = timedelta(days=7)  # a reminder that could not be sent is of use for longer than an answer
_LONGEST_PHRASE = 12  # words
_HOW = "Say when and what, as in: remind me in 20 minutes to call Ada"
_PARAMS = ("to", "chat", "text", "key")


def read_reminder(said: str, now: datetime, zone: ZoneInfo) -> tuple[datetime, str]:
    """When and what. UsageError with what does work; nothing is guessed, and the caller says the exact moment."""
    said = re.sub(r"^me\b[\s,:]*", "", said.strip(), flags=re.IGNORECASE)
    if not said:
        raise UsageError(_HOW)
    refused: PhraseError | None = None
    for phrase, text in (*_when_first(said), *_when_last(said)):
        try:
            return parse_at(phrase, now, zone), text
        except PhraseError as error:
            refused = refused or error
    raise UsageError(f"{refused}\n{_HOW}" if refused else _HOW)


def _when_first(said: str) -> Iterator[tuple[str, str]]:
    """ "in 20 minutes to call Ada", "tomorrow at 9: call Ada"."""
    for match in re.finditer(r"\s+(?:to|that|about)\s+|\s*(?::(?!\d)|,|\n)\s*", said):
        phrase, text = said[: match.start()], said[match.end() :].strip()
        if text and len(phrase.split()) <= _LONGEST_PHRASE:
            yield phrase, text


def _when_last(said: str) -> Iterator[tuple[str, str]]:
    """ "to call Ada in 20 minutes": the longest end that is a moment."""
    said = re.sub(r"^(?:to|that|about)\s+", "", said, flags=re.IGNORECASE)
    starts = [match.end() for match in re.finditer(r"\s+", said)][-_LONGEST_PHRASE:]
    for start in starts:
        yield said[start:], said[:start].strip(" ,\n\t")


# -- when it is due ---------------------------------------------------------------------------------------
def check_params(params: Mapping[str, Any]) -> None:
    """Refuse, before it is stored, what the handler could not use."""
    if unknown := sorted(params.keys() - set(_PARAMS)):
        raise UsageError(f"remind has no parameter {unknown[0]!r}: use to (or chat) and text")
    for name in params:
        if name != "to" and not isinstance(params[name], str):
            raise UsageError(f"remind: the parameter {name} is a text")
    if not params.get("text", "").strip():
        raise UsageError("remind: say in the parameter text what is to be said")
    if not params.get("chat") and normalised(str(params.get("to", ""))) is None:
        raise UsageError("remind: the parameter to is a telephone number such as +15551234567 or a mail address")


def remind(state: Callable[[], StateStore]) -> Callable[[Context], str]:
    """The handler: puts the text into the outbox of the iMessage daemon, once for each occurrence."""

    def handler(context: Context) -> str:
        params = context.params
        check_params(params)
        recipient = Recipient(normalised(str(params.get("to", ""))) or "", params.get("chat", ""))
        with closing(state()) as store:
            key = f"reminder:{context.occurrence_id}"
            new = store.outbound.add(key, recipient, f"Reminder: {params['text']}", context.now, LIFETIME)
        return "given to the iMessage daemon" if new else "the iMessage daemon has it already"

    return handler
