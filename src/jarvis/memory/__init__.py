"""The store: everything Jarvis must not lose."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from jarvis.memory.store import MemoryStore

__all__ = ["MemoryStore"]


def __getattr__(name: str) -> object:
    """Load the store when it is first asked for: `jarvis status` reads its database without it."""
    if name != "MemoryStore":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from jarvis.memory.store import MemoryStore  # noqa: PLC0415

    return MemoryStore
