"""Whether a request was signed by who knows the secret: Standard Webhooks, GitHub, Stripe. Pure.

All are HMAC-SHA256, compared in constant time. Standard Webhooks and Stripe sign the moment of sending as well, so an
old request does not pass. GitHub signs the body alone: neither its time nor its delivery id is proven.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping, Sequence

_LONGEST_TIME = 15  # digits
_MOST_SIGNATURES = 20  # in one header

Headers = Mapping[str, str]  # names in lower case


class BadSignature(Exception):
    """It is not signed as it must be; the message may be shown to the sender, and helps no forger."""


class BadSecret(ValueError):
    """A secret that cannot be one; the message does not repeat it."""


def key_of(signature: str, secret: str) -> bytes:
    """The key that a secret stands for. BadSecret if it is none."""
    if signature != "standard-webhooks":
        return secret.encode()
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raise BadSecret("it is no Standard Webhooks secret: whsec_ and base64") from None
    if not key:
        raise BadSecret("it is empty")
    return key


def verify(
    signature: str, keys: Sequence[bytes], headers: Headers, body: bytes, *, now: float, tolerance: float
) -> str | None:
    """The id that is signed too, where one is. BadSignature if any of it is wrong.

    `now` is in seconds since 1970, `tolerance` how many of them the time of a signature may be off, either way.
    """
    match signature:
        case "standard-webhooks":
            return _standard(keys, headers, body, now, tolerance)
        case "github":
            _github(keys, headers, body)
        case "stripe":
            _stripe(keys, headers, body, now, tolerance)
    return None


def _standard(keys: Sequence[bytes], headers: Headers, body: bytes, now: float, tolerance: float) -> str:
    """The headers webhook-id, webhook-timestamp and webhook-signature; or svix-..., as older senders call them."""
    prefix = "webhook" if "webhook-signature" in headers else "svix"
    identity, sent, signed = (headers.get(f"{prefix}-{name}", "") for name in ("id", "timestamp", "signature"))
    if not (identity and sent and signed):
        raise BadSignature("webhook-id, webhook-timestamp or webhook-signature is missing")
    _check_time(sent, now, tolerance)
    given = [each.removeprefix("v1,") for each in signed.split()[:_MOST_SIGNATURES] if each.startswith("v1,")]
    content = f"{identity}.{sent}.".encode() + body
    _check_any((base64.b64encode(_mac(key, content)) for key in keys), given)
    return identity


def _github(keys: Sequence[bytes], headers: Headers, body: bytes) -> None:
    algorithm, _, given = headers.get("x-hub-signature-256", "").partition("=")
    if algorithm != "sha256":
        raise BadSignature("X-Hub-Signature-256 is missing")
    _check_any((_mac(key, body).hex().encode() for key in keys), [given])


def _stripe(keys: Sequence[bytes], headers: Headers, body: bytes, now: float, tolerance: float) -> None:
    parts = [part.strip().partition("=") for part in headers.get("stripe-signature", "").split(",")[:_MOST_SIGNATURES]]
    times = [value for name, _, value in parts if name == "t"]
    if len(times) != 1:
        raise BadSignature("Stripe-Signature is missing, or has no time")
    _check_time(times[0], now, tolerance)
    content = times[0].encode() + b"." + body
    _check_any((_mac(key, content).hex().encode() for key in keys), [value for name, _, value in parts if name == "v1"])


def _check_time(text: str, now: float, tolerance: float) -> None:
    if not (text.isascii() and text.isdecimal() and len(text) <= _LONGEST_TIME):
        raise BadSignature("the time of the signature is no whole number of seconds")
    if abs(now - int(text)) > tolerance:
        raise BadSignature(f"the signature is not of these minutes: its time is off by more than {tolerance:g} s")


def _check_any(wanted: Iterable[bytes], given: Sequence[str]) -> None:
    matches = [hmac.compare_digest(right, each.encode()) for right in wanted for each in given]
    if not any(matches):
        raise BadSignature("the signature does not match")


def _mac(key: bytes, content: bytes) -> bytes:
    return hmac.digest(key, content, "sha256")
