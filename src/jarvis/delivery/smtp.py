"""The channel `smtp`: each message is an e-mail, handed to a server.

All of its recipients are told, or none. A 4xx of the server is tried again, a 5xx is final. Once the whole mail was
handed over, silence means that it may have arrived: the Message-ID, the same at every attempt, tells one from two.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.headerregistry import Address as Mailbox
from email.message import EmailMessage
from email.policy import SMTP
from typing import NoReturn
from urllib.parse import quote

from jarvis.delivery.cutoff import Cutoff
from jarvis.errors import SendFailed, SendRefused, SendUnknown
from jarvis.scheduler.ports import Message
from jarvis.settings.channel_values import Address
from jarvis.settings.channels import PORTS, SmtpSpec

_GOODBYE = 1.0  # seconds in which the server may answer QUIT
_OURSELVES = "[127.0.0.1]"  # what smtplib says of a machine without a full name; to look for one may take long
_POLICY = SMTP.clone(cte_type="7bit")  # every server takes that
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class SmtpChannel:
    """One conversation with the server for each message."""

    begins = True  # by itself: all that comes before the text cannot make it arrive

    def __init__(self, spec: SmtpSpec) -> None:
        self._spec = spec

    @property
    def timeout(self) -> float:
        """Seconds for the whole of it."""
        return self._spec.timeout

    def send(self, message: Message, /) -> None:
        """Hand it over, and believe the answer."""
        data = _on_the_wire(mail(message, self._spec))
        with self._session(message) as smtp:
            self._offer(smtp)
            self._hand_over(smtp, data, message.begin)
            with suppress(OSError, smtplib.SMTPException):
                if smtp.sock is not None:
                    smtp.sock.settimeout(_GOODBYE)
                smtp.quit()

    @contextmanager
    def _session(self, message: Message) -> Iterator[smtplib.SMTP]:
        """A server that has greeted us, over TLS, and knows who we are. What goes wrong until then is not sent."""
        if (seconds := message.remaining()) <= 0:
            raise SendFailed("there was no time left to send it")
        smtp = self._unconnected(seconds)
        try:
            with Cutoff(message.remaining, lambda: smtp.sock) as cutoff:
                try:
                    self._greet(smtp)
                    yield smtp
                except smtplib.SMTPResponseException as error:
                    _refuse(error.smtp_code, error.smtp_error)
                except smtplib.SMTPNotSupportedError as error:
                    raise SendRefused(f"{self._spec.host} cannot do that: {error}") from error
                except (OSError, smtplib.SMTPException) as error:
                    raise SendFailed(f"{self._spec.host}: {cutoff.why(error)}") from error
        finally:
            smtp.close()

    def _unconnected(self, seconds: float) -> smtplib.SMTP:
        if self._spec.tls == "tls":
            context = ssl.create_default_context()
            made: smtplib.SMTP = smtplib.SMTP_SSL(timeout=seconds, local_hostname=_OURSELVES, context=context)
        else:
            made = smtplib.SMTP(timeout=seconds, local_hostname=_OURSELVES)
        # Its constructor would set it, and connect at once, before the deadline is watched.
        made._host = self._spec.host  # type: ignore[attr-defined]
        return made

    def _greet(self, smtp: smtplib.SMTP) -> None:
        spec = self._spec
        code, text = smtp.connect(spec.host, spec.port or PORTS[spec.tls])
        if code != 220:
            raise smtplib.SMTPConnectError(code, text)
        if spec.tls == "starttls":
            smtp.ehlo_or_helo_if_needed()
            smtp.starttls(context=ssl.create_default_context())
        smtp.ehlo_or_helo_if_needed()
        if spec.user:
            smtp.login(spec.user, spec.password)

    def _offer(self, smtp: smtplib.SMTP) -> None:
        """From whom and to whom; the server has to agree to all of it."""
        code, text = smtp.mail(self._spec.sender.address)
        if code != 250:
            _refuse(code, text)
        answers = [(each.address, *smtp.rcpt(each.address)) for each in self._spec.to]
        bad = [(address, code, text) for address, code, text in answers if code not in (250, 251)]
        if bad:
            with suppress(OSError, smtplib.SMTPException):
                smtp.rset()
            address, code, text = max(bad, key=lambda each: each[1])
            _refuse(code, text, f"for {address}, so nobody was told: ")

    def _hand_over(self, smtp: smtplib.SMTP, data: bytes, begin: Callable[[], None]) -> None:
        code, text = smtp.docmd("DATA")
        if code != 354:
            _refuse(code, text)
        begin()
        smtp.send(data)  # if that fails the end of the mail did not go out, and the server drops it
        why = f"{self._spec.host} took the mail and did not say what it did with it, so it may have arrived"
        try:
            code, text = smtp.getreply()
        except (OSError, smtplib.SMTPException) as error:
            raise SendUnknown(why) from error
        if 400 <= code < 600:
            _refuse(code, text)
        if not 200 <= code < 300:
            raise SendUnknown(why)


def mail(message: Message, spec: SmtpSpec) -> EmailMessage:
    """The mail. Its Message-ID is made of the key, and of the instant the delivery was made: of all the stores
    that send by this address, another may have the same key."""
    made = EmailMessage(_POLICY)
    made["From"] = _mailbox(spec.sender)
    made["To"] = tuple(_mailbox(each) for each in spec.to)
    made["Subject"] = _clean(message.subject)
    made["Date"] = message.created_at
    domain = spec.sender.address.rpartition("@")[2]
    stamp = int(message.created_at.timestamp() * 1_000_000)
    made["Message-ID"] = f"<{quote(message.key, safe='+-')}.{stamp}@{domain}>"
    made["X-Jarvis-Key"] = quote(message.key, safe=":+-. ")
    made["Auto-Submitted"] = "auto-generated"  # nobody's "I am on holiday" answers it
    made.set_content(_clean(message.body, "\n"))
    return made


def _mailbox(each: Address) -> Mailbox:
    user, _, domain = each.address.rpartition("@")
    return Mailbox(each.name, user, domain)


def _clean(text: str, line_break: str = " ") -> str:
    """What a mail can hold: no control characters, no half of a character, and in a header no line break."""
    text = text.encode(errors="replace").decode()
    return _CONTROL.sub("", line_break.join(text.splitlines()) + (line_break if line_break == "\n" else ""))


def _on_the_wire(made: EmailMessage) -> bytes:
    """As DATA takes it: a line that begins with a dot has another, and a dot alone is the end."""
    data = made.as_bytes()
    data = data if data.endswith(b"\r\n") else data + b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", data) + b".\r\n"


def _refuse(code: int, text: bytes | str, what: str = "") -> NoReturn:
    """What an answer other than yes means: 5xx is the server's last word, everything else may change."""
    shown = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    said = f"the mail server answered {what}{code} {' '.join(shown.split())}".rstrip()
    raise (SendRefused if 500 <= code < 600 else SendFailed)(said)
