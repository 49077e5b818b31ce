"""SQL is kept as SQL: `sql/NAME.sql` holds short statements, each under a line `-- name: verb`."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent / "sql"
_MARK = "-- name: "


def load(name: str) -> dict[str, str]:
    """The statements of one file by their names."""
    text = (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")
    parts = text.split(_MARK)[1:]
    return {verb.strip(): body.strip() for verb, _, body in (part.partition("\n") for part in parts)}
