"""What is done with deliveries of a channel that do not arrive. Pure, and light: every command line reads it."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple


class Care(NamedTuple):
    """What the author of a channel wants done.

    retries              attempts after the first that failed; None: as long as it has not expired
    expires              how long it is worth something
    fallback             the channel that is told in its place, once it has failed or expired; "": none
    fallback_on_unknown  whether it is also told what may have arrived
    """

    retries: int | None = None
    expires: timedelta = timedelta(days=1)
    fallback: str = ""
    fallback_on_unknown: bool = False


USUAL_CARE = Care()
