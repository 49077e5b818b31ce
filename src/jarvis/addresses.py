"""Whom a message comes from or goes to: a telephone number or a mail address, in the one spelling that compares."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")  # E.164
_BETWEEN = re.compile(r"[\s().\-\u00a0\u2010-\u2013]")  # what people put between digits
_MAIL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+")
_LONGEST = 254


def normalised(text: str) -> str | None:
    """The address as `+15551234567` or `you@example.com`; None for what is neither, such as a number without +."""
    text = text.strip()
    if len(text) > _LONGEST:
        return None
    lower = re.sub(r"^(?:tel|mailto|e|p):", "", text.lower())
    if _MAIL.fullmatch(lower):
        return lower
    digits = _BETWEEN.sub("", lower)
    if digits.startswith("00"):
        digits = f"+{digits[2:]}"
    return digits if _NUMBER.fullmatch(digits) else None
