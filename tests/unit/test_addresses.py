"""Telephone numbers and mail addresses in the one spelling that compares."""

from __future__ import annotations

import pytest

from jarvis.addresses import normalised


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("+15551234567", "+15551234567"),
        (" +1 (555) 123-4567 ", "+15551234567"),
        ("+1.555.123.4567", "+15551234567"),
        ("+49\u00a0170\u20111234567", "+491701234567"),
        ("0049 170 1234567", "+491701234567"),
        ("tel:+15551234567", "+15551234567"),
        ("Ada@Example.COM", "ada@example.com"),
        ("mailto:ada@example.com", "ada@example.com"),
        ("e:ada@example.com", "ada@example.com"),
    ],
)
def test_an_address_has_one_spelling(text: str, said: str) -> None:
    assert normalised(text) == said


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5551234567",
        "555-1234",
        "+0555123456",
        "+1555",
        "+1234567890123456",
        "+1555123456a",
        "+\u0661\u0665\u0665\u0665\u0661\u0662\u0663\u0664",  # other digits look alike and are not
        "ada",
        "ada@",
        "ada@localhost",
        "a da@example.com",
        "\u0430da@example.com",  # a Cyrillic a
        "ada@example.com, bob@example.com",
        "urn:biz:1234",
        "a" * 300 + "@example.com",
    ],
)
def test_anything_else_is_none(text: str) -> None:
    assert normalised(text) is None
