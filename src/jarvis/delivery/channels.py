"""From a channel's name to the channel, as the configuration has it at that moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from jarvis.channelspec import ChannelSpec, CommandSpec
from jarvis.delivery.command import CommandChannel
from jarvis.delivery.file import FileChannel
from jarvis.errors import ConfigError, SendFailed, SendRefused
from jarvis.scheduler.ports import Channel


def channel(
    name: str, load: Callable[[], Mapping[str, ChannelSpec]], environ: Callable[[], Mapping[str, str]]
) -> Channel:
    """The channel of that name, of those `load` reads now: an edited file counts at once.

    `environ` gives what a command inherits.

    Raises SendRefused if there is none, SendFailed while the configuration cannot be read.
    """
    try:
        specs = load()
    except ConfigError as error:
        raise SendFailed(f"the configuration cannot be read: {error.problems[0]}") from error
    if name not in specs:
        known = ", ".join(sorted(specs)) or "none"
        raise SendRefused(f"jarvis.toml has no channel named {name!r} any more (it has {known})")
    spec = specs[name]
    return CommandChannel(spec, environ) if isinstance(spec, CommandSpec) else FileChannel(spec)
