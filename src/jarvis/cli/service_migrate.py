"""`jarvis service migrate`: from the three launchd agents before Jarvis to its one service, and back."""

from __future__ import annotations

from jarvis.cli.command import Command
from jarvis.cli.output import note
from jarvis.cli.service import add_flags, chosen, machine_of, refuse_root
from jarvis.errors import JarvisError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from jarvis.cli.session import Session
    from jarvis.memory import MemoryStore
    from jarvis.service.machine import Machine
    from jarvis.service.migrate import Migration


def _flags(parser: ArgumentParser) -> None:
    add_flags(parser)
    parser.add_argument("--undo", action="store_true", help="bring the old agents back, and take the service away")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done and do nothing")


def _run(args: Namespace, session: Session) -> int:
    refuse_root()
    move = _migration(args, session, machine_of(args))
    if args.undo:
        changed = move.undo()
        told = "the old agents are back" if changed else "there is nothing to undo"
    else:
        changed = move.run()
        told = _told(changed)
    if not (args.dry_run and changed):
        print(told)
    if changed and not args.undo and not args.dry_run:
        note("the facts, decisions and rules of the old store are not moved by this")
    return 0


def _migration(args: Namespace, session: Session, machine: Machine) -> Migration:
    from jarvis.installing import refuse_log
    from jarvis.scheduler.clock import SystemClock
    from jarvis.seeds import MovingSeeds, RehearsedSeeds
    from jarvis.service.launchd import Launchd
    from jarvis.service.migrate import Migration, Places

    manager = chosen(args, session, machine)
    if not isinstance(manager, Launchd):
        raise JarvisError(
            "this is for a Mac on which the launchd agents com.chg.scheduler-engine, com.chg.alert-evaluator and "
            "com.chg.inbox-monitor run: it moves their work to Jarvis. Here `jarvis service install` is all it takes"
        )
    refuse_log(manager.service)
    seeds = (RehearsedSeeds if args.dry_run else MovingSeeds)(lambda: _store(args, session), SystemClock())
    return Migration(manager, machine, Places(manager.file.parent, session.config.data_dir / "migration"), seeds)


def _store(args: Namespace, session: Session) -> MemoryStore:
    """The store; for a rehearsal where there is none yet, an empty one that nobody sees."""
    path = session.config.database_path
    if args.dry_run and path is not None and not path.exists():
        from jarvis.memory import MemoryStore

        return MemoryStore()
    return session.store


def _told(changed: bool) -> str:
    if changed:
        return "moved: one service does the work of the old agents. `jarvis service migrate --undo` brings them back"
    return "none of the old agents is here: nothing to move. `jarvis service install` installs the service"


MIGRATE = Command(
    _run,
    flags=_flags,
    about=(
        "On a Mac: unload com.chg.scheduler-engine, com.chg.alert-evaluator and com.chg.inbox-monitor, keep copies of "
        "their property lists, see that the store has the tasks that do their work, and install the service. "
        "com.chg.imessage-daemon and com.chg.jarvis-backup stay as they are. Interrupted, it can be run again."
    ),
    examples="jarvis service migrate --dry-run\njarvis service migrate\njarvis service migrate --undo",
)
