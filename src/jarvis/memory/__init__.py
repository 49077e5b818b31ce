"""The store: everything Jarvis must not lose."""

from jarvis.memory.store import MemoryStore

__all__ = ["MemoryStore"]
