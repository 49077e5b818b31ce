"""Which messages are commands, and whose. Pure: what a message comes to is decided from it and the rules alone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from jarvis.addresses import normalised
from jarvis.imessage.chatdb import Incoming
from jarvis.imessage.ports import Recipient

LONGEST = 20_000  # characters of a command: also what a channel sends at most
SETTLES_IN = timedelta(seconds=10)  # Messages writes down a little later in which chat a message is
_SERVICE = "iMessage"  # the sender of a text message (SMS) can be forged by anybody
_BLANK = "\ufffc \t\r\n"  # the first stands for an attachment


class Rules(NamedTuple):
    """Whose messages count."""

    senders: frozenset[str]
    chats: frozenset[str]
    own: frozenset[str]
    prefix: str
    max_age: timedelta
    rate: int  # commands of one sender a minute

    def allows(self, recipient: Recipient) -> bool:
        """Whether something may be sent there. The guid of a chat, `iMessage;+;chat123`, ends with its identifier."""
        if recipient.chat:
            return recipient.chat.rpartition(";")[2] in self.chats
        return normalised(recipient.to) in self.senders | self.own


class Judged(NamedTuple):
    """What is kept of a message: a command, or why it is none."""

    message: Incoming
    sender: str
    recipient: Recipient
    command: str  # what follows the prefix
    refused: str = ""  # why it is not carried out; "" if it is
    late: bool = False  # it is refused for that, and its sender is told so


def unsettled(message: Incoming, now: datetime) -> bool:
    """Whether Messages has not said yet in which chat it is: it and all after it can wait a moment."""
    return not message.chat and timedelta(0) <= now - message.sent_at < SETTLES_IN


def judge(message: Incoming, rules: Rules, now: datetime) -> Judged | None:
    """What a message is; None for one that never was meant for Jarvis, of which nothing is kept."""
    command = _after_prefix(message.text, rules.prefix)
    if command is None or message.reaction:
        return None
    sender = normalised(message.chat_identifier if message.from_me else message.handle) or ""
    own_chat = not message.group and normalised(message.chat_identifier) in rules.own
    if message.from_me != own_chat:  # of what one writes to oneself there are two rows: sent, and received
        return None
    shown = sender or message.handle[:80]
    judged = Judged(message, shown, _recipient(message, shown), command[: LONGEST + 1])
    refused = _refused(message, sender, rules, own_chat=own_chat)
    if refused:
        return judged._replace(refused=refused)
    if now - message.sent_at > rules.max_age:
        return judged._replace(refused="it came too late", late=True)
    return judged


def _refused(message: Incoming, sender: str, rules: Rules, *, own_chat: bool) -> str:
    if not own_chat and sender not in rules.senders:
        return "a stranger: not in IMESSAGE_ALLOWED_SENDERS"
    if message.service != _SERVICE:
        return (
            f"it came by {message.service[:40] or 'an unknown service'}, whose senders can be forged, not by iMessage"
        )
    if not message.chat:
        return "it is in no chat"
    if message.group and message.chat_identifier not in rules.chats:
        return f"a group chat that is not in IMESSAGE_ALLOWED_CHATS: {message.chat_identifier[:80]}"
    return ""


def _recipient(message: Incoming, sender: str) -> Recipient:
    return Recipient(sender, message.chat if message.group else "")


def _after_prefix(text: str, prefix: str) -> str | None:
    """What follows the prefix, in whatever case it is written; None without it."""
    text = text.lstrip(_BLANK)
    head = text[: len(prefix)]
    return text[len(prefix) :].strip() if head.casefold() == prefix.casefold() else None
