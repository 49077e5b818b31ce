"""The files that come with Jarvis beside its code: the pages of docs/, and what service managers start, of scripts/.

Each has one place, in the checkout; `docs` and `scripts` of this package are links to there, and a wheel has copies.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def scripts() -> dict[str, Path]:
    """Name -> absolute path of each script, property list and unit."""
    return {path.name: path for path in sorted((_PACKAGE / "scripts").resolve().glob("*")) if path.is_file()}


def pages() -> dict[str, Path]:
    """Name, without `.md`, -> absolute path of each page of documentation."""
    return {path.stem: path for path in sorted((_PACKAGE / "docs").resolve().glob("*.md"))}
