"""The table of docs/benchmarks.md from what was measured: `python -m benchmarks.page --take` after `make bench`.

`--take` copies what build/benchmarks.jsonl has of a full run to docs/benchmarks/measured.jsonl, figure by figure, and
writes the page anew; without it the page is compared with what is there (exit 1 if it differs). So no figure is typed.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import ROOT, number

TAKEN = ROOT / "docs" / "benchmarks" / "measured.jsonl"
PAGE = ROOT / "docs" / "benchmarks.md"
BLOCK = re.compile(r"(<!-- measured) -->\n.*?(?=<!-- end -->)", re.DOTALL)
Line = Mapping[str, Any]


def main(argv: Sequence[str] | None = None) -> int:
    """Write or compare."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("--take", action="store_true", help="take over what was measured last, and write the page")
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "benchmarks.jsonl", metavar="FILE")
    args = parser.parse_args(argv)
    if args.take:
        take(read(args.json))
    old = PAGE.read_text(encoding="utf-8")
    new = regenerated(old)
    if args.take:
        PAGE.write_text(new, encoding="utf-8")
    elif new != old:
        print(f"{PAGE.name} is not what was measured: python -m benchmarks.page --take", file=sys.stderr)
    return int(new != old and not args.take)


def take(found: Sequence[Line]) -> None:
    """Put the figures of a full run in the place of the same ones measured before."""
    new = [line for line in found if not line["quick"]]
    if not new:
        raise SystemExit("nothing to take: only a run without --quick counts")
    figures = {line["figure"] for line in new}
    kept = [line for line in (read(TAKEN) if TAKEN.exists() else []) if line["figure"] not in figures]
    lines = sorted([*kept, *new], key=lambda line: line["figure"])  # within a figure as they were measured
    TAKEN.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def read(path: Path) -> list[Line]:
    """The lines of a file of figures."""
    return [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]


def regenerated(text: str) -> str:
    """The page with its table written anew."""
    return BLOCK.sub(lambda found: f"{found[1]} -->\n{table(read(TAKEN))}", text)


def table(lines: Sequence[Line]) -> str:
    """Every target with what was reached, the misses as plain as the rest."""
    head = ["figure", "unit", "Jarvis", "wanted", "ratio", "met", "beside it", "measured"]
    rows = [head, ["---"] * len(head), *map(row, lines)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows) + f"\n{where(lines)}\n"


def row(line: Line) -> list[str]:
    """One target as cells."""
    others = [f"{name} {number(value)}" for name, value in line["peers"].items() if value is not None]
    met = {True: "yes", False: "**no**", None: "-"}[line["met"]]
    title = f"{line['figure']}: {line['target']}"
    value, ratio = number(line["value"]), number(line["ratio"])
    return [title, line["unit"], value, line["wanted"], ratio, met, ", ".join(others) or "-", line["date"]]


def where(lines: Sequence[Line]) -> str:
    """On what, and with which versions."""
    versions: dict[str, str] = {}
    for line in lines:
        versions |= line["versions"]
    machines = " and ".join(sorted({line["machine"] for line in lines}))
    absent = {name: why for line in lines for name, why in line["absent"].items()}
    said = f"{machines}; {', '.join(f'{name} {version}' for name, version in sorted(versions.items()))}."
    return said + "".join(f"\nNot here: {name}: {why}." for name, why in sorted(absent.items()))


if __name__ == "__main__":
    raise SystemExit(main())
