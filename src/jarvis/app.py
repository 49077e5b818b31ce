"""The composition root: the only place that names concrete classes and puts them together.

The command line stands on it too, so each function imports what it alone needs: `task add` must not pay for asyncio.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from jarvis.config import load_config, prepare_home
from jarvis.errors import UsageError
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.suggest import did_you_mean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path
    from typing import Any

    from jarvis.config import Config
    from jarvis.handlers.inbox_watch import InboxWatch
    from jarvis.handlers.pool import WorkerPool
    from jarvis.hooks.receiver import Sender
    from jarvis.hooks.server import HookServer
    from jarvis.memory import MemoryStore
    from jarvis.scheduler.attention import Settings
    from jarvis.scheduler.care import Care
    from jarvis.scheduler.difference import Changes
    from jarvis.scheduler.engine import SchedulerEngine
    from jarvis.scheduler.lookout import Lookout
    from jarvis.scheduler.model import Result
    from jarvis.scheduler.ports import Channel, Clock, Context, Handler
    from jarvis.tasks.spec import Reading
    from jarvis.tasks.watch import TaskWatch

HANDLERS = ("alert_eval", "command", "noop", "remind", "webhook_poll")

BRIEF = frozenset({"noop"})  # of the house's handlers: over at once, whatever they are given


def store(config: Config) -> MemoryStore:
    """The store the configuration names, opened and brought to this version's schema."""
    from jarvis.memory import MemoryStore

    prepare_home(config)
    memory = MemoryStore(str(config.database_path or ":memory:"))
    memory.deliveries.care = channel_cares(config)
    return memory


def house_handlers(config: Config) -> dict[str, Handler]:
    """The house's own handlers, by name."""
    from functools import partial

    from jarvis.handlers.alert_eval import alert_eval
    from jarvis.handlers.cgroup import Cgroups, delegated
    from jarvis.handlers.command import command
    from jarvis.handlers.environment import inherited
    from jarvis.handlers.noop import noop
    from jarvis.handlers.webhook_poll import webhook_poll

    return {
        "alert_eval": alert_eval(config.zone),
        "command": command(cgroups=Cgroups(delegated()), environ=inherited()),
        "noop": noop,
        "remind": partial(_remind, config),
        "webhook_poll": webhook_poll(config.inbox_dir),
    }


def _remind(config: Config, context: Context) -> Result | dict[str, Any] | str | None:
    """`remind`, loaded when it is first due: few daemons are asked to remind of anything."""
    from jarvis.imessage.reminder import remind
    from jarvis.imessaging import imessage_state

    return remind(lambda: imessage_state(config))(context)


def worker_pool(config: Config) -> WorkerPool:
    """The processes in which every other handler runs. None is started before it is needed."""
    from jarvis.handlers.pool import WorkerPool
    from jarvis.handlers.worker_process import Setup

    env = {"JARVIS_HOME": str(config.home), "JARVIS_DATABASE_URL": config.database_url}
    return WorkerPool(Setup(folder=handler_folder(config), cwd=config.home, env=env, house=HANDLERS))


def handlers(config: Config, pool: WorkerPool) -> Mapping[str, Handler]:
    """Every handler by name: the house's own, and what runs in the processes of `pool`."""
    from jarvis.handlers.foreign import Handlers

    return Handlers(house_handlers(config), pool)


def handler_folder(config: Config) -> Path:
    """Where the user's handler files are, if there are any."""
    return config.home / "handlers"


def foreign_handlers(config: Config) -> tuple[dict[str, str], dict[str, str]]:
    """What other handlers there are (name, where it stands), and what is wrong (source, problem).

    Their code is loaded for that, in a process that is ended again.
    """
    from jarvis.handlers.pool import NotStarted

    prepare_home(config)
    pool = worker_pool(config)
    try:
        known = pool.known()
    except NotStarted as error:
        return {}, {str(handler_folder(config)): str(error)}
    finally:
        pool.close()
    return known.names, known.problems


def handler_check(config: Config) -> Callable[[str, Mapping[str, Any]], None]:
    """`check_handler` that knows the user's handlers too. They are asked for once, when first needed."""
    from functools import cache, partial

    return partial(check_handler, foreign=cache(partial(foreign_handlers, config)))


def check_handler(
    name: str,
    params: Mapping[str, Any],
    foreign: Callable[[], tuple[dict[str, str], dict[str, str]]] = lambda: ({}, {}),
) -> None:
    """Refuse, before it is stored, a handler there is not or parameters it cannot use."""
    if name not in HANDLERS:
        names, problems = foreign()
        if name not in names:
            known = sorted({*HANDLERS, *names})
            broken = "".join(f"\n{source}: {problem}" for source, problem in problems.items())
            raise UsageError(
                f"no handler is named {name!r}: there are {', '.join(known)}.{did_you_mean(name, known)}{broken}"
            )
    if name == "command":
        from jarvis.handlers.command_params import check_params

        check_params(params)
    if name == "remind":
        from jarvis.imessage.reminder import check_params as check_reminder

        check_reminder(params)


def unhurried_check(config: Config) -> Callable[[str, Mapping[str, Any]], None]:
    """`handler_check` for the daemon, which does not wait for the user's code to be loaded.

    Where there may be such handlers any name passes; that one does not exist is told by the run that needs it.
    """
    from importlib.metadata import entry_points

    if not handler_folder(config).is_dir() and not entry_points(group="jarvis.handlers"):
        return check_handler
    return lambda name, params: check_handler(name, params) if name in HANDLERS else None


def file_reading(
    config: Config, path: Path, now: datetime, check: Callable[[str, Mapping[str, Any]], None] | None = None
) -> Reading:
    """What the tables of a file are read against; `check` in place of looking for the user's handlers."""
    from functools import partial

    from jarvis.tasks.spec import Reading

    return Reading(
        now=now,
        tz=config.timezone,
        check_handler=check or handler_check(config),
        check_channel=partial(check_channel, config=config),
        check_template=check_template,
        origin="file",
        folder=path.absolute().parent,
        exact=True,
    )


def task_watch(config: Config, memory: MemoryStore, clock: Clock) -> TaskWatch:
    """What keeps the store's tasks to the tables of jarvis.toml while a daemon runs."""
    from jarvis.tasks.file import source_of
    from jarvis.tasks.watch import TaskWatch

    source = source_of(config.file)
    return TaskWatch(
        config.file, lambda: _apply_home(config, memory, clock), lambda: memory.tasks.count_of(source), clock
    )


def inbox_watch(config: Config, memory: MemoryStore, clock: Clock) -> InboxWatch:
    """What has the inbox taken in as soon as a file is dropped, while a daemon runs."""
    from jarvis.handlers.inbox_watch import InboxWatch

    return InboxWatch(config.inbox_dir, lambda: memory.start_poll(clock.now(), "(as files came into the inbox)"))


def lookout(config: Config, memory: MemoryStore) -> Lookout:
    """What tells the daemon that something changed; on machines that cannot, or will not, one that sees nothing."""
    import sys
    from pathlib import Path

    from jarvis.scheduler.lookout import Lookout

    if sys.platform == "linux" and memory.path != ":memory:":
        from jarvis.lookout import KernelLookout
        from jarvis.systemzone import ETC, ZONE_FILES

        with suppress(OSError):
            return KernelLookout(
                there=[Path(memory.path), Path(f"{memory.path}-wal")],
                files=[config.file, *(ETC / name for name in ZONE_FILES)],
                folders=[config.inbox_dir],
            )
    return Lookout()


def hook_server(config: Config, host: str, port: int) -> HookServer:
    """What receives events over HTTP for the sources of jarvis.toml. ConfigError if a secret cannot be had."""
    from jarvis.handlers.inbox import parse
    from jarvis.handlers.inbox_files import make_folders
    from jarvis.hooks.drop import sweep
    from jarvis.hooks.receiver import Receiver
    from jarvis.hooks.server import HookServer

    clock, senders = SystemClock(), hook_senders(config)
    make_folders(config.inbox_dir)
    sweep(config.inbox_dir, clock.now().timestamp())
    return HookServer(Receiver(config.inbox_dir, senders, clock, parse), host, port)


def hook_senders(config: Config) -> dict[str, Sender]:
    """The sources of jarvis.toml with their secrets looked up. ConfigError with all that cannot be had."""
    from jarvis.errors import ConfigError
    from jarvis.hooks.receiver import Sender
    from jarvis.hooks.replays import Rate
    from jarvis.hooks.signatures import BadSecret, key_of
    from jarvis.settings.secretref import SecretError, Secrets

    senders, problems = {}, []
    for name, source in config.inbox_sources.items():
        secrets = Secrets(folder=config.home)
        try:
            keys = tuple(key_of(source.signature, secrets.resolve(each)) for each in source.secrets)
            senders[name] = Sender(source, keys, Rate(source.per_minute))
        except (SecretError, BadSecret) as error:
            problems.append(f"jarvis.toml key inbox.sources.{name}.secret: {error}")
    if problems:
        raise ConfigError(problems)
    return senders


def _apply_home(config: Config, memory: MemoryStore, clock: Clock) -> Changes:
    """Read jarvis.toml and apply its tasks. ConfigError for its settings, FileError for its tables."""
    from jarvis.tasks.applying import apply, read_specs
    from jarvis.tasks.file import read_file

    read = _read_again(config)
    file, now = read_file(config.file, settings_too=True), clock.now()
    reading = file_reading(read, config.file, now, unhurried_check(read))
    changes = apply(memory, file, read_specs(file, reading), now)
    with memory.transaction():  # whatever the tasks are: what [attention] held may be told now
        memory.database.announce()
    return changes


def evaluate(text: str, values: Mapping[str, Any]) -> Any:
    """What an expression comes to; loaded with the first one."""
    from jarvis.expressions import evaluation

    return evaluation.evaluate(text, values)


def _read_again(config: Config) -> Config:
    """The configuration as it is now; flags that were given stay."""
    said = config.sources.get("JARVIS_TIMEZONE", "").startswith("flag")
    return load_config(flags={"home": config.home, "timezone": config.timezone if said else None})


def channel(name: str, config: Config) -> Channel:
    """A channel as jarvis.toml states it now."""
    from jarvis.delivery import channels
    from jarvis.handlers.environment import inherited

    return channels.channel(name, lambda: _read_again(config).channels, inherited, SystemClock().now, config.home)


def channel_cares(config: Config) -> Callable[[str], Care]:
    """What is done with what each channel cannot deliver. Nothing is read before something is to be delivered."""
    found: list[Callable[[str], Care]] = []

    def care(name: str) -> Care:
        if not found:
            from jarvis.delivery.channels import Cares

            found.append(Cares(config.file, lambda: _read_again(config).channels))
        return found[0](name)

    return care


def check_template(text: str) -> None:
    """Refuse, before it is stored, a text that could not be filled in."""
    from jarvis.delivery import templates
    from jarvis.handlers.environment import inherited
    from jarvis.scheduler.carrier import Deadline

    templates.check_template(text, inherited, Deadline(SystemClock()).remaining)


def check_channel(name: str, config: Config) -> None:
    """Refuse, before it is stored, a channel there is not."""
    if name not in config.channels:
        known = ", ".join(sorted(config.channels)) or "none"
        raise UsageError(
            f"no channel is named {name!r}: {config.file} has {known}.{did_you_mean(name, config.channels)} "
            "A channel is a table [channels.NAME] there: docs/deliveries.md"
        )
    if config.channels[name].type == "apprise":
        from jarvis.delivery import apprise

        if not apprise.installed():
            raise UsageError(f"{name}: {apprise.MISSING}")


def attention(config: Config) -> Settings:
    """When channels may be told of something, as `config` has it."""
    from jarvis.scheduler.attention import Attention, Settings

    return config.attention or Settings(Attention(tz=config.timezone))


def engine(memory_store: MemoryStore | None = None, config: Config | None = None) -> SchedulerEngine:
    """An engine over `memory_store` (default: the configured one) with this installation's handlers."""
    from jarvis.delivery.templates import Composer
    from jarvis.handlers.environment import inherited
    from jarvis.handlers.processes import end_marked
    from jarvis.scheduler.carrier import Carrier
    from jarvis.scheduler.engine import LEAD, SchedulerEngine
    from jarvis.scheduler.executor import RunExecutor
    from jarvis.scheduler.senders import Senders
    from jarvis.scheduler.sieve import FilterSieve
    from jarvis.scheduler.workers import Workers
    from jarvis.settings.attention_watch import AttentionWatch
    from jarvis.systemzone import zone_watch

    config = config or load_config()
    memory = memory_store if memory_store is not None else store(config)
    zone = zone_watch(config.timezone, config.sources.get("JARVIS_TIMEZONE", ""))
    clock, timeout = SystemClock(zone), timedelta(seconds=config.handler_timeout)
    pool = worker_pool(config)
    executor = RunExecutor(
        handlers(config, pool), clock=clock, timeout=timeout, memory=memory, live=memory.outputs.begin
    )
    workers = Workers(executor, config.max_workers, brief=BRIEF, end_marked=end_marked, on_close=pool.close)
    memory.deliveries.care = channel_cares(config)
    senders = Senders(Carrier(lambda name: channel(name, config), clock, Composer(inherited), memory.deliveries.begin))
    watch = AttentionWatch(config.file, attention(config), lambda: attention(_read_again(config)), zone)
    return SchedulerEngine(
        memory,
        workers,
        clock,
        sender=senders,
        sieve=FilterSieve(evaluate),
        attention=watch,
        wake_settle=timedelta(seconds=config.wake_settle),
        lead=LEAD,
        retention=config.retention,
    )
