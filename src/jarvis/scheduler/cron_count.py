"""How many instants of a cron expression lie between two moments, without visiting them. Pure.

Over each span of constant offset the matching wall times are counted by arithmetic: times of the day by the
bits of the masks, days by the layout of their months. The rules at the changes between spans are those of
CronExpression, by its own methods (`_window`, `_run_after_gap`), so that the two cannot drift apart.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from jarvis.scheduler.cron_pattern import WallPattern, month_length
from jarvis.scheduler.instant import EPOCH
from jarvis.scheduler.localtime import DAY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from jarvis.scheduler.cron import CronExpression
    from jarvis.scheduler.localtime import Span

_EPOCH_DAY = date(1970, 1, 1).toordinal()
_SECOND = timedelta(seconds=1)
# The days a WallPattern knows: all but one at either end of the calendar.
_FIRST_ORDINAL, _LAST_ORDINAL = date.min.toordinal() + 1, date.max.toordinal() - 1


def count_instants(expression: CronExpression, first: datetime, last: datetime) -> int:
    """How many instants of `expression` lie in first..last, both ends included.

    Costs a few microseconds for each change of offset and each month that is looked at, whatever the number
    of instants.
    """
    instant = -((EPOCH - first) // _SECOND)  # the first whole second from `first` on
    until = (last - EPOCH) // _SECOND
    total = 0
    while instant <= until:
        span = expression._local.span_at(instant)
        end = min(span[1], until + 1)
        total += _in_span(expression, span, instant, end)
        instant = end
    return total


def _in_span(expression: CronExpression, span: Span, first: int, end: int) -> int:
    """How many instants of the span lie in first <= i < end."""
    offset = span[3]
    low, high = expression._window(span)
    low, high = max(low, first + offset), min(high, end + offset)
    found = _walls(expression._pattern, low, high)
    late = expression._run_after_gap(span)
    if late is None or not first <= late < end:
        return found
    wall = late + offset  # what was skipped runs here; it is one instant with what is due here anyway
    return found + (_walls(expression._pattern, max(wall, low), min(wall + 1, high)) == 0)


def _walls(pattern: WallPattern, low: int, high: int) -> int:
    """How many wall times of the pattern lie in low <= wall < high."""
    if high <= low:
        return 0
    (day, second), (last_day, last_second) = divmod(low, DAY), divmod(high, DAY)
    day, last_day = day + _EPOCH_DAY, last_day + _EPOCH_DAY
    total = _days(pattern, day, last_day) * _times_before(pattern, DAY)
    if second and _days(pattern, day, day + 1):
        total -= _times_before(pattern, second)
    if last_second and _days(pattern, last_day, last_day + 1):
        total += _times_before(pattern, last_second)
    return total


def _times_before(pattern: WallPattern, second: int) -> int:
    """How many of the pattern's times of the day come before that second of the day."""
    minute, past = divmod(second, 60)
    whole = (pattern._minutes & (1 << minute) - 1).bit_count() * pattern._seconds.bit_count()
    part = (pattern._seconds & (1 << past) - 1).bit_count() if pattern._minutes >> minute & 1 else 0
    return whole + part


def _days(pattern: WallPattern, first: int, end: int) -> int:
    """How many of the pattern's days lie in first <= ordinal < end."""
    first, end = max(first, _FIRST_ORDINAL), min(end, _LAST_ORDINAL + 1)
    if pattern._every_day:
        return max(end - first, 0)
    total = 0
    while first < end:
        start = date.fromordinal(first)
        begins, length = first - start.day + 1, month_length(start.year, start.month)
        if pattern._months >> start.month & 1:
            layout = pattern._layout(length, (begins + 6) % 7)
            bits = layout >> start.day & (1 << min(begins + length, end) - first) - 1
            total += bits.bit_count()
        first = begins + length
    return total
