"""Who looks out for the daemon while it rests."""

from __future__ import annotations


class Lookout:
    """One that sees nothing: the daemon looks for itself every few seconds."""

    fd = -1  # can be read when there is something to see; -1: never

    def sees_all(self) -> bool:
        """Whether `fd` tells of all that a look could find, at once. What could not be watched before is tried anew."""
        return False

    def drain(self) -> None:
        """Forget what was told so far, and go on watching what is there now."""

    def close(self) -> None:
        """Watch no more."""
