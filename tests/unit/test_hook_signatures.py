"""Signatures of hooks: against the library of the standard, GitHub's own example, Stripe's scheme; and forgeries."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from jarvis.hooks.signatures import BadSecret, BadSignature, key_of, verify

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
BODY = '{"type": "order.paid", "data": {"n": 1, "é": "🦊"}}'


def passes(signature: str, headers: dict[str, str], body: str = BODY, *, keys: list[bytes], now: float = AT) -> object:
    lower = {name.lower(): value for name, value in headers.items()}
    return verify(signature, keys, lower, body.encode(), now=now, tolerance=300)


# -- Standard Webhooks
def standard(body: str = BODY, identity: str = "msg_1", at: datetime = NOW, secret: str = SECRET) -> dict[str, str]:
    return {
        "webhook-id": identity,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(identity, at, body),
    }


VISIBLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)


@given(body=st.text(), identity=VISIBLE, key=st.binary(min_size=1))
def test_what_the_library_of_the_standard_signs_passes(body: str, identity: str, key: bytes) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()
    headers = standard(body, identity, secret=secret)
    assert passes("standard-webhooks", headers, body, keys=[key_of("standard-webhooks", secret)]) == identity


def test_the_same_passes_here_and_in_the_library() -> None:
    """The library looks at the real clock, so the request is of now."""
    from jarvis.scheduler.clock import SystemClock

    now = SystemClock().now()
    key = key_of("standard-webhooks", SECRET)
    good = standard(at=now)
    changed = [
        good,
        {**good, "webhook-id": "msg_2"},
        {**good, "webhook-timestamp": str(int(now.timestamp()) + 1)},
        {**good, "webhook-signature": "v1,AAAA " + good["webhook-signature"]},
        {**good, "webhook-signature": "v2," + good["webhook-signature"][3:]},
        {**good, "webhook-signature": good["webhook-signature"][3:]},
        {**good, "webhook-signature": ""},
        standard(at=datetime.fromtimestamp(now.timestamp() - 400, UTC)),
        standard(at=datetime.fromtimestamp(now.timestamp() + 400, UTC)),
    ]
    for headers in changed:
        try:
            Webhook(SECRET).verify(BODY, headers)
            theirs = True
        except (WebhookVerificationError, ValueError):  # the latter where it meets a header without a version
            theirs = False
        try:
            passes("standard-webhooks", headers, keys=[key], now=now.timestamp())
            ours = True
        except BadSignature:
            ours = False
        assert ours is theirs, headers


def test_the_headers_that_svix_sends_are_the_same() -> None:
    headers = {name.replace("webhook", "svix"): value for name, value in standard().items()}
    assert passes("standard-webhooks", headers, keys=[key_of("standard-webhooks", SECRET)]) == "msg_1"


def test_while_one_secret_replaces_another_both_pass() -> None:
    keys = [key_of("standard-webhooks", each) for each in ("whsec_bmV3", SECRET)]
    assert passes("standard-webhooks", standard(), keys=keys) == "msg_1"
    with pytest.raises(BadSignature, match="does not match"):
        passes("standard-webhooks", standard(), keys=keys[:1])


@pytest.mark.parametrize("secret", ["whsec_", "whsec_!!!", "", "whsec_abc", "ü"])
def test_a_secret_that_is_none_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(BadSecret, match=r"^it is") as caught:
        key_of("standard-webhooks", secret)
    assert not secret or secret not in str(caught.value).replace("whsec_ and", "")


# -- GitHub
def test_the_example_of_githubs_documentation_passes() -> None:
    headers = {"X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}
    keys = [key_of("github", "It's a Secret to Everybody")]
    assert passes("github", headers, "Hello, World!", keys=keys) is None
    for bad in (
        {},
        {"X-Hub-Signature-256": headers["X-Hub-Signature-256"].replace("sha256", "sha1")},
        {"X-Hub-Signature-256": headers["X-Hub-Signature-256"][:-1] + "8"},
        {"X-Hub-Signature-256": "sha256="},
        {"X-Hub-Signature-256": "sha256=é"},
    ):
        with pytest.raises(BadSignature):
            passes("github", bad, "Hello, World!", keys=keys)
    with pytest.raises(BadSignature, match="does not match"):
        passes("github", headers, "Hello, World", keys=keys)


# -- Stripe
def stripe(body: str = BODY, at: int = AT, secret: str = "whsec_x") -> str:  # noqa: S107 - made up
    signed = hmac.new(secret.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
    return f"t={at},v1={signed},v0=6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39"


@pytest.mark.parametrize("off", [-300, 0, 300])
def test_what_is_signed_as_stripe_does_passes_while_it_is_fresh(off: int) -> None:
    assert passes("stripe", {"Stripe-Signature": stripe(at=AT + off)}, keys=[b"whsec_x"]) is None


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (stripe(at=AT - 301), "off by more than 300 s"),
        (stripe(at=AT + 301), "off by more than 300 s"),
        (stripe(secret="other"), "does not match"),
        (stripe(body="{}"), "does not match"),
        (stripe().replace("v1=", "v0="), "does not match"),
        (stripe().replace(f"t={AT}", f"t={AT + 1}"), "does not match"),
        (stripe() + f",t={AT}", "has no time"),
        (f"t={AT}", "does not match"),
        ("t=abc,v1=00", "no whole number"),
        ("t=" + "9" * 5000 + ",v1=00", "no whole number"),
        ("t=\u0661,v1=00", "no whole number"),
        ("", "missing"),
    ],
)
def test_what_is_not_is_refused_with_a_reason(header: str, reason: str) -> None:
    with pytest.raises(BadSignature, match=reason):
        passes("stripe", {"Stripe-Signature": header}, keys=[b"whsec_x"])


@given(position=st.integers(0, len(BODY) - 1), kind=st.sampled_from(["standard-webhooks", "stripe", "github"]))
def test_no_body_that_differs_in_one_character_passes(position: int, kind: str) -> None:
    other = BODY[:position] + chr(ord(BODY[position]) ^ 1) + BODY[position + 1 :]
    key = key_of(kind, SECRET)
    headers = {
        "standard-webhooks": standard(),
        "stripe": {"Stripe-Signature": stripe(secret=SECRET)},
        "github": {"X-Hub-Signature-256": "sha256=" + hmac.new(key, BODY.encode(), hashlib.sha256).hexdigest()},
    }[kind]
    passes(kind, headers, keys=[key])
    with pytest.raises(BadSignature, match="does not match"):
        passes(kind, headers, other, keys=[key])


def test_nothing_is_asked_of_a_source_without_a_signature() -> None:
    assert passes("none", {}, json.dumps({}), keys=[]) is None
