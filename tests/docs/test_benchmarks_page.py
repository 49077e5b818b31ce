"""The page of the benchmarks is what was measured, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import page


def test_the_page_is_what_was_measured() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.BLOCK.search(text)
    assert text == page.regenerated(text), "run: python -m benchmarks.page --take"


def test_every_figure_was_measured_in_full_and_says_when_and_on_what() -> None:
    for line in page.read(page.TAKEN):
        assert line["quick"] is False
        assert line["value"] is not None, line["target"]
        assert all(line[key] for key in ("machine", "date", "versions")), line["target"]


def test_a_miss_is_shown_as_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    line = page.read(page.TAKEN)[0]
    taken = tmp_path / "measured.jsonl"
    taken.write_text(json.dumps({**line, "met": False}))
    monkeypatch.setattr(page, "TAKEN", taken)
    assert "| **no** |" in page.regenerated("<!-- measured -->\n<!-- end -->")


def test_a_quick_run_is_not_taken() -> None:
    with pytest.raises(SystemExit, match="without --quick"):
        page.take([{"quick": True, "figure": "noop"}])
