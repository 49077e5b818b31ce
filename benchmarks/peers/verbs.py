"""Processor time of a verb, with 1,000 tasks stored: `python -m benchmarks.peers.verbs REPETITIONS [ARGUMENT ...]`.

The arguments are those of `jarvis`; without any, `python -c pass` is measured. Prints the median of what the child
process used, in milliseconds. The first start is not counted: it may compile.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median

from benchmarks import daemons, stores

STORED = 1_000


def main(repetitions: int, verb: list[str]) -> None:
    """Run it again and again."""
    command = [str(Path(sys.executable).with_name("jarvis")), *verb] if verb else [sys.executable, "-c", "pass"]
    with daemons.home() as folder:
        stores.copy(stores.with_tasks(STORED), daemons.store_path(folder))
        env = daemons.environment(folder)
        used = [daemons.cpu_of(command, env) for _ in range(repetitions + 1)]
    print(json.dumps({"cpu_ms": median(used[1:]) * 1000}))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
