"""`python -m jarvis.delivery.apprise_send`: one message by Apprise, asked for on standard input.

Apprise says of a message only that it went out or did not. Whether another attempt may send it twice it does not say,
so every conversation over HTTP is listened to here: what was answered, or at which point it broke off.
"""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

import apprise
import requests
from requests.adapters import HTTPAdapter

from jarvis.delivery.child import answer, question

_AGAIN = frozenset({408, 425, 429})
_NOT_YET = (
    "NewConnectionError",
    "NameResolutionError",
    "ConnectTimeoutError",
    "SSLError",
    "ProxyError",
    "LocationParseError",
)
_TOLD = 16 * 1024  # characters of the end of what it complained of


class Exchange(NamedTuple):
    """One request of HTTP: the status that was answered, or whether it broke off before it was out or after."""

    status: int = 0
    broke: str = ""
    retry_after: str = ""


class Complaints(logging.Handler):
    """What Apprise says of its troubles."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.texts.append(record.getMessage())

    def told(self) -> str:
        """The end of it, on one line."""
        return " ".join(" ".join(self.texts).split())[-_TOLD:] or "it did not say why"


def listen() -> list[Exchange]:
    """Every exchange from now on, as it ends."""
    exchanges: list[Exchange] = []
    send = HTTPAdapter.send

    def heard(adapter: HTTPAdapter, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        try:
            response = send(adapter, request, *args, **kwargs)
        except requests.RequestException as error:
            exchanges.append(Exchange(broke=broke_off(error)))
            raise
        exchanges.append(Exchange(response.status_code, retry_after=response.headers.get("Retry-After", "")))
        return response

    HTTPAdapter.send = heard  # type: ignore[method-assign, assignment]  # this process does nothing else
    return exchanges


def broke_off(error: BaseException) -> str:
    """`before` where the request did not go out, `after` where it may have."""
    if isinstance(error, requests.ReadTimeout):
        return "after"
    reason = getattr(error.args[0], "reason", None) if error.args else None
    names = {each.__name__ for found in (error, reason) if found is not None for each in type(found).__mro__}
    return "before" if names & {*_NOT_YET, "ConnectTimeout", "InvalidURL", "InvalidSchema"} else "after"


def verdict(status: str, exchanges: list[Exchange], many: bool) -> str:
    """What to say of it: sent, failed, refused or unknown."""
    if status == "SUCCESS":
        return "sent"
    some_arrived = many and any(200 <= each.status < 300 for each in exchanges)
    if status in ("TIMEOUT", "PARTIAL") or some_arrived or any(each.broke == "after" for each in exchanges):
        return "unknown"
    last = exchanges[-1].status if exchanges else 0
    return "refused" if 400 <= last < 500 and last not in _AGAIN else "failed"


def send(request: dict[str, Any]) -> dict[str, Any]:
    """Send it, and say what came of it."""
    complaints, exchanges = Complaints(), listen()
    logging.getLogger("apprise").addHandler(complaints)
    # Nothing is kept on the disk, and nothing in a text is a command to Apprise.
    asset = apprise.AppriseAsset(
        app_id="Jarvis", app_desc="Jarvis", storage_mode="memory", secure_logging=True, allow_templates=False
    )
    service = apprise.Apprise(asset=asset)
    if not service.add(request["url"]):
        return {"how": "refused", "why": f"it cannot use this url: {complaints.told()}"}
    answer({"begun": True})
    body, subject = request["body"].strip() or request["subject"], request["subject"]
    result = service.notify(body=body, title=subject, body_format="text", interpret_escapes=False)
    how = verdict(result.status.name, exchanges, many=len(service) > 1 or len(service[0]) > 1)
    told = {"how": how, "why": "" if how == "sent" else complaints.told()}
    waits = [each.retry_after for each in exchanges if each.retry_after.isdecimal()]
    return told | ({"retry_after": float(waits[-1][:9])} if waits else {})


if __name__ == "__main__":
    answer(send(question()))
