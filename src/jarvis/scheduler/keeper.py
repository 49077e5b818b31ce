"""Who keeps the daemon alive, and is told how it is."""

from __future__ import annotations


class Keeper:
    """One that wants to know nothing: a terminal, or launchd, which looks at the process alone."""

    def ready(self) -> None:
        """The daemon has entered its store and does its work. Called on its event loop."""

    def stopping(self) -> None:
        """The daemon starts nothing more; what has started may end. Called on its event loop."""
