"""Plots of what `python -m benchmarks` measured last: `python -m benchmarks.plots`, into docs/benchmarks/*.svg.

Reads build/benchmarks.jsonl. A figure that was not measured, or only with --quick, is left out, and its plot stays.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import ROOT, number

SCALING = {"scale": "stored tasks", "ledger": "rows in the ledger"}
BARS = {
    "noop": "No-op runs",
    "lateness": "Lateness",
    "catchup": "Catching up",
    "commands": "Commands",
    "idle": "At rest",
    "day": "A day",
    "syncs": "Syncs of a day",
    "start": "A start",
    "inbox": "A full inbox",
    "cli": "The command line",
    "cron": "Cron",
}
FAR = 20  # times the least: then an axis is logarithmic
Line = Mapping[str, Any]


def main(argv: Sequence[str] | None = None) -> int:
    """Draw what there is."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plots", description=__doc__)
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "benchmarks.jsonl", metavar="FILE")
    parser.add_argument("--into", type=Path, default=ROOT / "docs" / "benchmarks", metavar="FOLDER")
    parser.add_argument("--quick-too", action="store_true", help="also what was measured with --quick")
    args = parser.parse_args(argv)
    plots = _matplotlib()
    found = [json.loads(text) for text in args.json.read_text().splitlines()]
    found = [line for line in found if args.quick_too or not line["quick"]]
    args.into.mkdir(parents=True, exist_ok=True)
    for name, size in SCALING.items():
        if chosen := [line for line in found if line["figure"] == name]:
            _scaling(plots, chosen, size, args.into / f"{name}.svg")
    for name, title in BARS.items():
        if chosen := [line for line in found if line["figure"].startswith(name)]:
            _bars(plots, chosen, title, args.into / f"{name}.svg")
    return 0


def _matplotlib() -> Any:
    """The library, set up to write the same file for the same figures."""
    try:
        import matplotlib as mpl  # noqa: PLC0415 - of the extra `bench`, for this file alone
    except ImportError:
        raise SystemExit("plots need matplotlib: pip install 'jarvis-daemon[bench]'") from None
    mpl.use("svg")
    mpl.rcParams.update(
        {"svg.hashsalt": "jarvis", "svg.fonttype": "none", "font.size": 9, "axes.spines.top": False, "axes.grid": True}
    )
    mpl.rcParams.update({"axes.spines.right": False, "grid.alpha": 0.3, "axes.axisbelow": True})
    from matplotlib import pyplot  # noqa: PLC0415

    return pyplot


def _scaling(plots: Any, found: Sequence[Line], size: str, path: Path) -> None:
    """One panel for each unit; each target a line over the sizes."""
    units = list(dict.fromkeys(line["unit"] for line in found))
    drawing, panels = plots.subplots(1, len(units), figsize=(2 + 4 * len(units), 3.6), squeeze=False)
    for panel, unit in zip(panels[0], units, strict=True):
        for line in (line for line in found if line["unit"] == unit):
            points = sorted((_size(name), value) for name, value in _all(line).items())
            panel.plot(*zip(*points, strict=True), marker="o", label=line["target"])
        values = [value for line in found if line["unit"] == unit for value in _all(line).values()]
        far_apart = max(values) > FAR * min(values)
        panel.set(xscale="log", xlabel=size, ylabel=unit, yscale="log" if far_apart else "linear")
        if not far_apart:
            panel.set_ylim(0, max(values) * 1.4)
        panel.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1) if far_apart else None)
    _save(plots, drawing, found, path)


def _bars(plots: Any, found: Sequence[Line], title: str, path: Path) -> None:
    """One panel for each thing measured, each contender a bar; logarithmic, as they are far apart."""
    measured = {(line["figure"], line["unit"], *_all(line).items()): line for line in reversed(found)}
    shown = list(measured.values())[::-1]  # targets against several peers tell of one and the same measurement
    drawing, panels = plots.subplots(len(shown), 1, figsize=(7.5, 1.0 + 1.9 * len(shown)), squeeze=False)
    for panel, line in zip(panels[:, 0], shown, strict=True):
        values = {name: value for name, value in _all(line).items() if value > 0}
        names = sorted(values, key=lambda name: values[name])
        colours = ["tab:orange" if name == line["ours"] else "tab:blue" for name in names]
        bars = panel.barh(names, [values[name] for name in names], height=0.6, color=colours)
        panel.bar_label(bars, [number(values[name]) for name in names], padding=2, fontsize=8)
        limits = (min(values.values()) / 3, max(values.values()) * 3)
        panel.set(xscale="log", xlim=limits, xlabel=line["unit"], title=f"{title}: {line['target']}")
    _save(plots, drawing, found, path)


def _all(line: Line) -> dict[str, float]:
    """What each contender reached, ours among them."""
    everyone = {**line["peers"], line["ours"]: line["value"]}
    return {name: value for name, value in everyone.items() if value is not None}


def _size(name: str) -> int:
    """`10,000 rows` is 10000."""
    return int(re.sub(r"\D", "", name))


def _save(plots: Any, drawing: Any, found: Sequence[Line], path: Path) -> None:
    """With where and when it was measured below."""
    drawing.text(0.01, 0.005, f"{found[0]['machine']}, {found[0]['date']}", fontsize=7, color="gray")
    drawing.tight_layout(rect=(0, 0.03, 1, 1))
    drawing.savefig(path, metadata={"Date": None})
    plots.close(drawing)
    print(f"wrote {path.name}")


if __name__ == "__main__":
    raise SystemExit(main())
