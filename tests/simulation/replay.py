"""Live through seeds by hand: `python -m tests.simulation.replay SEED` tells the story of one,
`python -m tests.simulation.replay FIRST COUNT` goes through many and names those that break a promise."""

from __future__ import annotations

import sys

from tests.simulation.seed_deliveries import Broken
from tests.simulation.seed_world import live_through


def main(first: int, count: int | None = None) -> int:
    """0 if every promise was kept."""
    broken = 0
    for seed in range(first, first + (count or 1)):
        try:
            story = live_through(seed).story
        except Broken as error:
            broken += 1
            story = error.story
            sys.stdout.write(f"seed {seed}: {error}\n")
        if count is None:
            sys.stdout.write("\n".join([*story, ""]))
    sys.stdout.write(f"{count or 1} seeds, {broken} broke a promise\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:3])))
