"""The files that the house tests look at."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src" / "jarvis"
MADE = {".venv", ".git", ".hypothesis", "build", "dist", "htmlcov"}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def python_sources() -> list[Path]:
    return sorted(SRC.rglob("*.py"))


def project_files() -> list[Path]:
    """What git holds or would take up; outside a git checkout, every file that is not obviously made."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listing = subprocess.run(command, capture_output=True, text=True, check=False)
    if listing.returncode != 0:
        return [p for p in ROOT.rglob("*") if p.is_file() and not made(p)]
    return [ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


def made(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    return any(part.endswith((".egg-info", "cache", "cache__")) or part in MADE for part in parts)


def text_of(path: Path) -> str | None:
    """The file's text, or None for a binary file."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None
