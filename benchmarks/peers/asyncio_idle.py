"""What it costs to wake every five seconds for nothing: `python -m benchmarks.peers.asyncio_idle SECONDS`."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time

from benchmarks import daemons

EVERY = 5.0  # seconds, as often as Jarvis looks around


async def main(seconds: float) -> None:
    """Wait, and wait again."""
    await asyncio.sleep(EVERY)
    pid, began = os.getpid(), time.perf_counter()
    used, woken = daemons.cpu_seconds(pid), daemons.wakeups(pid)
    while time.perf_counter() < began + seconds:
        await asyncio.sleep(EVERY)
    used, woken = daemons.cpu_seconds(pid) - used, daemons.wakeups(pid) - woken
    minutes = (time.perf_counter() - began) / 60
    held = daemons.memory(pid)
    print(json.dumps({"cpu_ms_a_minute": used / minutes * 1000, "wakeups_a_minute": woken / minutes, **held}))


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
