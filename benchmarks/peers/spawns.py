"""/bin/true started N times with four at once, and nothing else: `python -m benchmarks.peers.spawns WHO N`.

WHO is `posix_spawn` (four threads, each starts one and waits for it) or `asyncio` (create_subprocess_exec). Prints how
many a second.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

AT_ONCE = 4
TRUE = "/bin/true"


def main(who: str, count: int) -> None:
    """All of them, as fast as it goes."""
    started = time.perf_counter()
    if who == "asyncio":
        asyncio.run(by_asyncio(count))
    else:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            assert not any(threads.map(by_posix_spawn, range(count)))
    print(json.dumps({"per_second": count / (time.perf_counter() - started)}))


def by_posix_spawn(_number: int) -> int:
    """One, to its end: its exit code."""
    _, status = os.waitpid(os.posix_spawn(TRUE, [TRUE], os.environ), 0)
    return os.waitstatus_to_exitcode(status)


async def by_asyncio(count: int) -> None:
    """Four that take turns."""
    numbers = iter(range(count))

    async def worker() -> None:
        for _ in numbers:
            process = await asyncio.create_subprocess_exec(TRUE)
            assert not await process.wait()

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
