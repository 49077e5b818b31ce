"""The iMessage daemon put together: its own store, the means that answer, and what decides whom it hears."""

from __future__ import annotations

from datetime import timedelta
from secrets import randbelow

from jarvis.config import Config, prepare_home
from jarvis.delivery.imessage import IMessageChannel
from jarvis.handlers.environment import inherited
from jarvis.imessage.chatdb import ChatDatabase
from jarvis.imessage.commands import Commands
from jarvis.imessage.daemon import IMessageDaemon
from jarvis.imessage.gate import Rules
from jarvis.imessage.ports import House, Recipient
from jarvis.imessage.state import StateStore
from jarvis.memory.sqlite import Database
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.ports import Channel
from jarvis.settings.channels import IMessageSpec

_CODES = 10**6


def imessage_state(config: Config) -> StateStore:
    """The store of the iMessage daemon, which is its own."""
    prepare_home(config)
    return StateStore(Database(str(config.data_dir / "imessage-worker.db")))


def imessage_channel(recipient: Recipient) -> Channel:
    """What reaches somebody by iMessage: the channel that results go by as well."""
    return IMessageChannel(IMessageSpec(to=recipient.to, chat=recipient.chat), inherited)


def imessage_daemon(config: Config, house: House, state: StateStore) -> IMessageDaemon:
    """The daemon over its store, carrying out commands through `house`."""
    rules = Rules(
        senders=frozenset(config.imessage_senders),
        chats=frozenset(config.imessage_chats),
        own=frozenset(config.imessage_self),
        prefix=config.imessage_prefix,
        max_age=timedelta(seconds=config.imessage_max_age),
        rate=config.imessage_rate,
    )
    commands = Commands(house, state, config.zone, rules.prefix, _code)
    chats = ChatDatabase(config.imessage_chat_db)
    return IMessageDaemon(chats, state, commands, imessage_channel, rules, SystemClock())


def _code() -> str:
    return f"{randbelow(_CODES):06}"
