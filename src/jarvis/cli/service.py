"""`jarvis service install`, `uninstall`, `restart` and `stop`: kept alive by launchd or systemd."""

from __future__ import annotations

from pathlib import Path

from jarvis.cli.args import one_of
from jarvis.cli.command import Command
from jarvis.cli.output import note
from jarvis.errors import ConfigError, UsageError
from jarvis.service.description import MANAGERS, STOP_WITHIN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from jarvis.cli.session import Session
    from jarvis.service.machine import Machine
    from jarvis.service.manager import Manager


def add_flags(parser: ArgumentParser) -> None:
    """Add what every verb of the service takes."""
    parser.add_argument("--label", metavar="LABEL", help="which service, in place of JARVIS_SERVICE_LABEL")
    kinds = one_of("--for", MANAGERS)
    parser.add_argument("--for", dest="kind", metavar="MANAGER", type=kinds, help="launchd or systemd; this machine's")
    parser.add_argument("--folder", metavar="DIR", type=Path, help="where the manager's files are, if not as usual")


def chosen(args: Namespace, session: Session, machine: Machine) -> Manager:
    """The service that is meant, under its manager."""
    from jarvis import installing

    service = installing.service_of(session.config, label_of(args, session), getattr(args, "env", None) or ())
    folder = None if args.folder is None else args.folder.absolute()
    return installing.manager(installing.manager_name(args.kind), service, machine, folder)


def label_of(args: Namespace, session: Session) -> str:
    """The service's label: the flag's, else the setting's."""
    if args.label is None:
        return session.config.service_label
    from jarvis.config import load_config

    try:
        return load_config(flags={"home": args.home, "service_label": args.label}).service_label
    except ConfigError as error:
        raise UsageError(str(error).replace("--service-label", "--label")) from error


def machine_of(args: Namespace) -> Machine:
    """This machine, or with --dry-run what only looks at it."""
    from jarvis.service.machine import Machine, Rehearsal

    return Rehearsal(print) if args.dry_run else Machine(print)


def refuse_root() -> None:
    """Refuse under sudo: the service would be root's."""
    import os

    if os.getuid() == 0 and "SUDO_UID" in os.environ:
        raise UsageError("this would be root's service: run it as yourself, without sudo")


# -- install ----------------------------------------------------------------------------------------------
def _install_flags(parser: ArgumentParser) -> None:
    add_flags(parser)
    text = "give the service this variable of your environment; it stands in the file, which is for you alone"
    parser.add_argument("--env", metavar="NAME", action="append", help=text)
    parser.add_argument("--print", dest="shown", action="store_true", help="print the file and do nothing")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done and do nothing")


def _install(args: Namespace, session: Session) -> int:
    from jarvis import installing
    from jarvis.service.install import install

    if args.shown:
        return _print(args, session)
    refuse_root()
    machine = machine_of(args)
    manager = chosen(args, session, machine)
    for remark in installing.remarks(manager.service, manager.name):
        note(remark)
    if manager.name == "launchd":
        installing.refuse_log(manager.service)
    changed = install(manager, machine)
    if not args.dry_run:
        _tell_running(manager, changed)
    return 0


def _print(args: Namespace, session: Session) -> int:
    import sys

    from jarvis import installing
    from jarvis.service.machine import Rehearsal

    args.kind = args.kind or ("launchd" if sys.platform == "darwin" else "systemd")
    manager = chosen(args, session, Rehearsal(note))
    for remark in installing.remarks(manager.service, manager.name):
        note(remark)
    print(manager.text(), end="")
    return 0


def _tell_running(manager: Manager, changed: bool) -> None:
    state = manager.state()
    how = "is installed and runs" if changed else "was already installed, and runs"
    print(f"{manager.service.label} {how}: process {state.pid} under {manager.name}")
    survives, advice = manager.after_logout()
    if advice and not survives:
        note(advice)


# -- uninstall, restart, stop -----------------------------------------------------------------------------
def _uninstall_flags(parser: ArgumentParser) -> None:
    add_flags(parser)
    parser.add_argument("--dry-run", action="store_true", help="say what would be done and do nothing")


def _uninstall(args: Namespace, session: Session) -> int:
    from jarvis.service.install import uninstall

    refuse_root()
    machine = machine_of(args)
    manager = chosen(args, session, machine)
    if not uninstall(manager, machine):
        print(f"{manager.service.label} is not installed under {manager.name}")
    elif not args.dry_run:
        print(f"{manager.service.label} is uninstalled; the home {session.config.home} stays as it is")
    return 0


def _restart(args: Namespace, session: Session) -> int:
    from jarvis.service.install import restart

    manager = _installed(args, session)
    if manager.state().running:
        note(f"runs that have started may end first, for up to {STOP_WITHIN} s")
    restart(manager)
    print(f"{manager.service.label} was started: process {manager.state().pid}")
    return 0


def _stop(args: Namespace, session: Session) -> int:
    manager = _installed(args, session)
    if not manager.state().running:
        print(f"{manager.service.label} does not run")
        return 0
    note(f"runs that have started may end first, for up to {STOP_WITHIN} s")
    manager.stop()
    print(f"{manager.service.label} is stopped, until the next login or `jarvis service restart`")
    return 0


def _installed(args: Namespace, session: Session) -> Manager:
    from jarvis.errors import NotFound
    from jarvis.service.machine import Machine

    manager = chosen(args, session, Machine(print))
    if not (manager.file.exists() or manager.state().loaded):
        raise NotFound(f"{manager.service.label} is not installed: `jarvis service install` does that")
    return manager


INSTALL = Command(
    _install,
    flags=_install_flags,
    about=(
        "Have launchd (macOS) or systemd (Linux) keep the daemon running: now, after a crash and at every login. "
        "Settings that come from your environment are written into its file. Again: brings it up to date."
    ),
    examples="""
jarvis service install
jarvis service install --dry-run
jarvis service install --print --for launchd
jarvis --home ~/second service install --label me.second-jarvis
jarvis service install --env SMTP_PASSWORD""",
)
UNINSTALL = Command(
    _uninstall,
    flags=_uninstall_flags,
    about="End the service and take it away. The store, with its tasks and its ledger, and the log stay.",
    examples="jarvis service uninstall\njarvis service uninstall --dry-run",
)
RESTART = Command(
    _restart,
    flags=add_flags,
    about="End the service, once the runs that have started have ended, and start it; a stopped one is started.",
    examples="jarvis service restart",
)
STOP = Command(
    _stop,
    flags=add_flags,
    about="End the service and leave it stopped until the next login, or until it is restarted.",
    examples="jarvis service stop",
)
