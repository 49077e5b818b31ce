"""What a verb works with: configuration, store, zone and the present, each made when first asked for."""

from __future__ import annotations

from functools import cached_property

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from jarvis.config import Config
    from jarvis.memory import MemoryStore
    from jarvis.memory.sqlite import Database


class Session:
    """One command line at work. `home` is its --home flag."""

    def __init__(self, home: str | None) -> None:
        self._home = home

    @cached_property
    def config(self) -> Config:
        """The configuration; ConfigError has everything that is wrong with it."""
        from jarvis.config import load_config

        return load_config(flags={"home": self._home})

    @cached_property
    def store(self) -> MemoryStore:
        """The configured store, open until the end; what is changed in it bears the name of who gave the command."""
        from jarvis import app
        from jarvis.cli.author import author

        return app.store(self.config).by(author())

    @cached_property
    def database(self) -> Database:
        """The configured store's database alone: enough for a glance, and much faster to open."""
        from jarvis.cli.glance import opened

        return opened(self.config)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The zone that times are shown in."""
        return self.config.zone

    @cached_property
    def now(self) -> datetime:
        """When this command line was given; one instant for all it does."""
        from jarvis.scheduler.clock import SystemClock

        return SystemClock().now()

    def close(self) -> None:
        """Close what was opened."""
        for name in {"store", "database"}.intersection(self.__dict__):
            getattr(self, name).close()
