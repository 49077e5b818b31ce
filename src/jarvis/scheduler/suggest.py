"""What error messages tell of a value that is refused: the nearest valid spelling, and itself cut short."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST_WORD = 64  # comparing costs the product of the lengths; nobody mistypes more than this


def shortened(text: str, most: int = 60) -> str:
    """The text, or as much of its beginning as there is room for beside three dots."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """Return " Did you mean X?" for the option most like `word` (in any case), or "" if none is like it.

    It begins with a blank, to be appended to a sentence.
    """
    # Imported here: only error messages need it, and it costs more than the rest of the cron engine.
    from difflib import get_close_matches  # noqa: PLC0415

    if len(word) > _LONGEST_WORD:
        return ""
    by_folded = {option.casefold(): option for option in options}
    close = get_close_matches(word.casefold(), by_folded, n=1)
    return f" Did you mean {by_folded[close[0]]}?" if close else ""
