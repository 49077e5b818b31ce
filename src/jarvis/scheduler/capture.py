"""Output of any length kept in bounded memory: its head, its tail, and how much there was."""

from __future__ import annotations


class Capture:
    """Takes bytes as they come and keeps at most `cap` of them: the first half and the last half.

    Bytes are never decoded, so whatever was printed is kept as it was. Of more than `cap` bytes the middle is
    left out, and a line in its place says how many. That line comes on top of `cap`.
    """

    def __init__(self, cap: int) -> None:
        """`cap` is in bytes; 0 keeps nothing and only counts."""
        if cap < 0:
            raise ValueError(f"output cannot be capped at {cap} bytes: use 0 or more")
        self.total = 0
        self._head_room = cap // 2
        self._tail_room = cap - self._head_room
        self._head = bytearray()
        self._tail = bytearray()

    def add(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self.total += len(chunk)
        taken = self._head_room - len(self._head)
        self._head += chunk[:taken]
        self._tail += chunk[taken:]
        del self._tail[: max(0, len(self._tail) - self._tail_room)]

    def skip(self, count: int) -> None:
        """Count bytes that came and cannot be had any more. What came before them is the head, or is left out."""
        if count > 0:
            self.total += count
            self._tail.clear()
            self._head_room = len(self._head)

    @property
    def left_out(self) -> int:
        """How many bytes were not kept."""
        return self.total - len(self._head) - len(self._tail)

    def kept(self) -> bytes:
        """Everything, or the head and the tail with a line between them."""
        gap = said_left_out(self.left_out) if self.left_out else b""
        return bytes(self._head) + gap + bytes(self._tail)


def said_left_out(count: int) -> bytes:
    """The line that stands for `count` bytes that were not kept."""
    return b"\n[... %d bytes left out ...]\n" % count


def pieces(body: bytes, total: int) -> list[tuple[int, bytes]]:
    """A `kept` output of `total` bytes as what it is made of: (where in the output it begins, bytes)."""
    for zeros in range(len(str(total))):
        line = len(said_left_out(10**zeros))
        missing = total - len(body) + line
        half = (len(body) - line) // 2
        if body[half : half + line] == said_left_out(missing):
            tail = body[half + line :]
            return [(0, body[:half]), (total - len(tail), tail)]
    return [(0, body)]
