"""What is told in another way: the delivery that comes in the place of one that did not arrive.

Written by the transaction that settles the first one, so that there is no moment in which neither is on its way.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from jarvis.memory.instants import to_micros
from jarvis.memory.sqlite import Database
from jarvis.memory.statements import load

_SQL = load("fallbacks")


def fall_back(database: Database, delivery_id: int, channel: str, now: datetime, lifetime: timedelta) -> None:
    """Have `channel` told in the place of a delivery, and say so in that one.

    A channel that was to be told of the same thing anyway is not told twice: then only that is said.
    """
    key, first, reason = database.rows(_SQL["first"], (delivery_id,))[0]
    fallback_key = f"{key.removesuffix(f':{first}')}:{channel}"
    row = {
        "id": delivery_id,
        "key": fallback_key,
        "channel": channel,
        "note": f"\n(It comes by {channel}, because {first} could not be told for sure: {reason})\n",
        "now": to_micros(now),
        "expires_at": to_micros(now + lifetime),
    }
    if database.change(_SQL["insert"], row) == 1:
        fallback = database.last_id()
        database.change(_SQL["copy_form"], {"id": delivery_id, "new_id": fallback})
        said = f"; {channel} is told instead, by delivery {fallback}"
    else:
        said = f"; {channel} has it as delivery {database.value(_SQL['of_key'], (fallback_key,))}"
    if said not in reason:
        database.change(_SQL["say"], {"id": delivery_id, "said": said})
