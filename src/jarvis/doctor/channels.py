"""Where results go, and where commands come from: each channel put together, and on request used."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from jarvis.doctor.case import Case, NotLookedAt
from jarvis.doctor.finding import Finding, error, named, note, ok, short, warning
from jarvis.errors import JarvisError, StoreDamaged
from jarvis.imessage.chatdb import ChatDatabase, ChatError
from jarvis.memory.channels import Record, record_of
from jarvis.settings.channels import ChannelSpec


def channels(case: Case) -> Iterator[Finding]:
    """Every channel of jarvis.toml, and those that tasks name and it has not."""
    for name, spec in sorted(case.config.channels.items()):
        yield _of(name, spec, case)
    if not case.config.channels:
        yield note("there are none: results stay in the ledger", "docs/deliveries.md says how to be told of them")
    yield from _unknown(case)


def _of(name: str, spec: ChannelSpec, case: Case) -> Finding:
    said = f"{name} ({spec.type}{f', {spec.target}' if spec.target else ''})"
    try:
        case.channel(name)
    except JarvisError as wrong:  # a library or a secret that is not there; never what a secret holds
        return error(f"{said} cannot send: {short(str(wrong))}", "mend that; `jarvis delivery test` tries it")
    if case.send is not None:
        return _sent(name, said, case.send)
    record = _record(name, case)
    if record is None:
        return ok(said)
    if record.fault and (record.sent_at is None or record.fault.at > record.sent_at):
        return warning(
            f"{said} did not deliver when it last tried ({record.fault.state}, {case.moment(record.fault.at)}): "
            f"{short(record.fault.reason)}",
            f"`jarvis delivery test {name}` tries it now; `jarvis delivery retry` sends again",
        )
    return ok(f"{said}, last sent {case.moment(record.sent_at) if record.sent_at else 'never'}")


def _sent(name: str, said: str, send: Callable[[str], None]) -> Finding:
    try:
        send(name)
    except JarvisError as wrong:
        return error(f"{said} did not send a test: {short(str(wrong))}", "mend that, and ask the doctor again")
    return ok(f"{said} has sent a test")


def _record(name: str, case: Case) -> Record | None:
    try:
        return record_of(case.store().reader, name)
    except (NotLookedAt, StoreDamaged):
        return None


def _unknown(case: Case) -> Iterator[Finding]:
    for name, tasks in case.store().addressed().items():
        if name not in case.config.channels:
            yield error(
                f"{named(tasks)}: delivered to {name}, and there is no such channel",
                f"add [channels.{name}] to {case.config.file}, or `jarvis task edit` who delivers there",
            )


def messages(case: Case) -> Iterator[Finding]:
    """Whether commands by iMessage can be read, where they are set up: on a Mac that takes Full Disk Access."""
    if not case.config.imessage_senders:
        return
    try:
        with ChatDatabase(case.config.imessage_chat_db).look() as look:
            look.last()
    except ChatError as wrong:
        said, _, todo = str(wrong).partition(". On macOS ")
        yield error(said, f"on macOS {todo}" if todo else "see whether it is the database of Messages")
        return
    yield ok(f"{case.config.imessage_chat_db} can be read")
