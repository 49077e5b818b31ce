"""Every figure beside its peers: `make bench`, or `python -m benchmarks [--quick] [FIGURE ...]`.

Prints a table, and one JSON line for each target into build/benchmarks.jsonl. Exit 1 if a value of ours could
not be measured and it is not said why; a target that is missed is said, and is no error: figures are not tests.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
from collections.abc import Sequence
from pathlib import Path

import benchmarks.figures
from benchmarks.harness import ROOT, Figure, lines, run, table


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("figures", nargs="*", help="which ones; all by default")
    parser.add_argument("--quick", action="store_true", help="one small round each: to see that they work")
    parser.add_argument("--list", action="store_true", help="what there is")
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "benchmarks.jsonl", metavar="FILE")
    args = parser.parse_args(argv)
    known = figures()
    if args.list:
        print("\n".join(known))
        return 0
    if strange := [name for name in args.figures if name not in known]:
        parser.error(f"no figure is named {', '.join(strange)}: there are {', '.join(known)}")
    rows = []
    args.json.parent.mkdir(parents=True, exist_ok=True)
    with args.json.open("w") as file:
        for figure in [known[name] for name in args.figures] or known.values():
            for line in lines(figure, run(figure, quick=args.quick), quick=args.quick):
                rows.append(line)
                print(json.dumps(line), file=file, flush=True)
    print(file=sys.stderr)
    print(table(rows))
    for name, why in {name: why for row in rows for name, why in row["absent"].items()}.items():
        print(f"not here: {name}: {why}")
    return 1 if any(row["value"] is None and row["ours"] not in row["absent"] for row in rows) else 0


def figures() -> dict[str, Figure]:
    """All of them, by name: every file in benchmarks/figures lists its own as FIGURES."""
    found: dict[str, Figure] = {}
    for module in pkgutil.iter_modules(benchmarks.figures.__path__):
        for figure in importlib.import_module(f"benchmarks.figures.{module.name}").FIGURES:
            found[figure.name] = figure
    return found


if __name__ == "__main__":
    raise SystemExit(main())
