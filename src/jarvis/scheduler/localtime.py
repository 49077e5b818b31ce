"""A zone's wall clock as spans of constant offset from UTC.

Instants are whole seconds since 1970-01-01T00:00 UTC. Walls are what a clock on the wall in the zone shows,
counted as if its zone were UTC: wall = instant + offset. Python gives a zone's offset at an instant, but not
when that offset changes; the changes are found here by sampling and bisection, and kept.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import lru_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import tzinfo

DAY = 86_400

Span = tuple[int, int, int, int, int]
"""(start, end, before, offset, after): the wall runs at `offset` for instants start <= i < end; the offset
was `before` until start and is `after` from end on. A span may be cut short where nothing changes (before ==
offset at its start, or after == offset at its end), but span_at(i) never cuts within MARGIN of i."""

MARGIN = 2 * DAY
"""No two offsets differ by more than this (datetime allows less than a day to either side of UTC)."""

# Sampling is exact while no zone changes its offset twice within a step. The closest pair of changes in the
# IANA database is 95 hours apart (Africa/Freetown, September 1939); a test compares every zone with its file.
_STEP = 2 * DAY
_CHUNK = 50 * DAY
_MOST_CHUNKS = 512  # seventy years
_FOREVER = 1 << 62
# Offsets are asked for only where the local time is sure to lie within datetime's years 1 to 9999.
_FIRST_ASKED = -719_161 * DAY
_LAST_ASKED = 2_932_895 * DAY


class LocalTime:
    """The wall clock of one zone. Holds no state but a bounded cache; safe to share between threads."""

    __slots__ = ("_chunks", "_epoch", "_recent", "zone")

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone
        self._epoch = datetime(1970, 1, 1, tzinfo=zone)
        self._chunks: dict[int, tuple[Span, ...]] = {}
        offset = self._offset(0)
        constant = isinstance(zone, timezone)
        always: Span = (-_FOREVER, _FOREVER, offset, offset, offset)
        self._recent = (-_FOREVER, _FOREVER if constant else -_FOREVER, always)

    def span_at(self, instant: int) -> Span:
        """Return the span that holds `instant`."""
        since, until, recent = self._recent
        if since <= instant < until:
            return recent
        number = instant // _CHUNK
        for span in self._chunks.get(number) or self._survey(number):
            if instant < span[1]:
                break
        # Only within its chunk: in the MARGIN around it a change may lie just beyond the cut.
        self._recent = (max(span[0], number * _CHUNK), min(span[1], (number + 1) * _CHUNK), span)
        return span

    def _survey(self, number: int) -> tuple[Span, ...]:
        """Find the spans of one chunk of time and keep them."""
        low, high = number * _CHUNK - MARGIN, (number + 1) * _CHUNK + MARGIN
        spans: list[Span] = []
        start, before, offset = low, self._offset(low), self._offset(low)
        for sample in range(low + _STEP, high + 1, _STEP):
            after = self._offset(sample)
            if after != offset:
                change = self._change_within(sample - _STEP, sample, after)
                spans.append((start, change, before, offset, after))
                start, before, offset = change, offset, after
        spans.append((start, high, before, offset, offset))
        return self._keep(number, tuple(spans))

    def _keep(self, number: int, spans: tuple[Span, ...]) -> tuple[Span, ...]:
        if len(self._chunks) >= _MOST_CHUNKS:
            self._chunks = {}  # replaced, not emptied: another thread may be reading the old one
        self._chunks[number] = spans
        return spans

    def _change_within(self, low: int, high: int, after: int) -> int:
        """Return the instant in (low, high] from which the offset is `after`."""
        while high - low > 1:
            middle = (low + high) // 2
            if self._offset(middle) == after:
                high = middle
            else:
                low = middle
        return high

    def _offset(self, instant: int) -> int:
        """Return the zone's offset from UTC in seconds at `instant`."""
        asked = self._epoch + timedelta(0, min(max(instant, _FIRST_ASKED), _LAST_ASKED))
        offset = self.zone.fromutc(asked) - asked
        return offset.days * DAY + offset.seconds


def local_time(zone: tzinfo) -> LocalTime:
    """Return the LocalTime of `zone`: the same one each time, so that its schedules share what was found."""
    try:
        return _shared(zone)
    except TypeError:  # some zones (dateutil's) cannot be hashed
        return LocalTime(zone)


@lru_cache(maxsize=64)
def _shared(zone: tzinfo) -> LocalTime:
    return LocalTime(zone)
