"""How a daemon starts: the store looked over, the tasks of jarvis.toml and the seeds in it, and then the loop."""

from __future__ import annotations

from contextlib import contextmanager

from jarvis import app
from jarvis.config import load_config, prepare_home
from jarvis.errors import StoreBusy, StoreDamaged, StoreError, StoreMoved, StoreUnusable
from jarvis.scheduler.clock import SystemClock
from jarvis.seeds import seed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jarvis.config import Config
    from jarvis.memory import MemoryStore
    from jarvis.tasks.watch import TaskWatch

# Seconds after which a thread that works gives way to one that waits. A tick is dozens of short calls into SQLite, and
# at Python's own 5 ms it waited after each of them while the inbox was full: 200 ms late at p99, and 35 with this.
GIVE_WAY = 0.0005

# A store up to this size, the ledger of a year, is looked over before anything is done with it: a tenth of a second. A
# larger one is beside the work. After a daemon ended without signing off, as with the power, any is, for a while.
CHECK_AT_ONCE = 24 << 20  # bytes
CHECK_AFTER_CRASH = 60.0  # seconds


def run_daemon(config: Config | None = None) -> int:
    """What `jarvis daemon` and the service manager start; returns when it was told to stop."""
    from jarvis.log import reopen, setup_logging

    config = config or load_config()
    prepare_home(config)
    setup_logging(config)
    try:
        return _served(config, reopen)
    except StoreDamaged as error:
        raise StoreUnusable(f"{error}. {_way_back(config)}") from error


def _served(config: Config, reopen: Callable[[], None]) -> int:
    """From the opening of the store to its closing."""
    stops: list[str] = []
    ready = _opened(config, stops)
    if ready is None:
        return 0
    memory, watch, made = ready
    _announce(config, memory, made)

    def reload() -> None:
        reopen()
        watch.ask()

    try:
        _run(memory, config, reload, watch, stops)
    except StoreMoved as error:
        raise StoreUnusable(_kept(memory, error)) from error
    except StoreUnusable:
        memory.database.let_go()
        raise
    memory.close()
    return 0


def _opened(config: Config, stops: list[str]) -> tuple[MemoryStore, TaskWatch, list[str]] | None:
    """The store, with the tasks of jarvis.toml and the seeds (whose names are told), as soon as it can be used.

    None if a stop was asked for before that; one that comes after it is added to `stops`.
    """
    import logging
    from time import sleep

    from jarvis.scheduler.outage import Outage

    log, clock, outage = logging.getLogger("jarvis.startup"), SystemClock(), Outage()
    with _stoppable(stops):
        while True:
            try:
                return _looked_over(config, clock)
            except StoreBusy as error:
                if said := outage.failed(error, clock.monotonic(), clock.now()):
                    log.error("%s", said)
            sleep(max(0.0, outage.retry_at - clock.monotonic()))
    log.info("stopped by %s before the store could be used", stops)
    return None


def _looked_over(config: Config, clock: SystemClock) -> tuple[MemoryStore, TaskWatch, list[str]]:
    memory = app.store(config)
    try:
        clean = all(memory.instances.alive(owner, clock.now()) for owner in memory.instances.open())
        small = memory.database.size <= CHECK_AT_ONCE
        if (clean and not small) or not memory.database.check(CHECK_AFTER_CRASH):
            _check_beside(memory)
        watch = app.task_watch(config, memory, clock)
        watch.start()
        return memory, watch, seed(memory, clock)
    except BaseException:
        memory.database.let_go()
        raise


def _check_beside(memory: MemoryStore) -> None:
    """The store is large: all of it is looked over while the daemon works, which refuses as soon as it is damaged."""
    import logging

    log = logging.getLogger("jarvis.startup")

    def tell(wrong: Exception | None) -> None:
        if wrong is None:
            log.info("the store was looked over: it is whole")
        else:
            level = logging.CRITICAL if isinstance(wrong, StoreUnusable) else logging.WARNING
            log.log(level, "the store was looked over: %s", wrong)

    log.info("the store is large: it is looked over while the daemon works")
    memory.database.check_beside(tell)


@contextmanager
def _stoppable(came: list[str]) -> Iterator[None]:
    """SIGTERM and SIGINT end what is inside; after it they are only noted, until the daemon takes them itself."""
    import signal
    import threading

    class Stopped(Exception):
        pass

    def later(number: int, _frame: object) -> None:
        came.append(signal.Signals(number).name)

    def stop(number: int, frame: object) -> None:
        later(number, frame)
        raise Stopped

    if threading.current_thread() is not threading.main_thread():  # whoever embeds us decides
        yield
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
        before = dict.fromkeys(before, later)
    except Stopped:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _way_back(config: Config) -> str:
    """The newest whole backup, by name: for that the backups are read through, until one is whole."""
    from jarvis.memory.archives import newest_whole

    found = newest_whole(config.backup_dir)
    if found is None:
        return f"There is no whole backup in {config.backup_dir}: name where it is with `jarvis restore --from`"
    taken_at = found.taken_at.astimezone(config.zone).isoformat(" ")
    return f"The newest is {found.path}, of {taken_at}"


def _kept(memory: MemoryStore, error: StoreMoved) -> str:
    """Put beside the store what it held when its file went away, and say where."""
    try:
        copy = memory.database.keep_copy(SystemClock().now().strftime("%Y%m%dT%H%M%S.%fZ"))
    except (StoreError, OSError) as why:
        return f"{error}; nothing more was written to it. What it held could not be copied: {why}"
    return (
        f"{error}; nothing more was written to it. What it held until then is in {copy}. The next start takes what is "
        f"at {memory.path} then (nothing: an empty store). To go on with what it held: mv {copy} {memory.path}"
    )


def _announce(config: Config, memory: MemoryStore, made: list[str]) -> None:
    import logging

    log = logging.getLogger("jarvis.startup")
    log.info("store %s, log %s, zone %s", memory.path, config.log_file or "stderr", config.timezone)
    if made:
        log.info("first start: added the tasks %s", ", ".join(made))
    if app.handler_folder(config).is_dir():
        _announce_handlers(config)


def _announce_handlers(config: Config) -> None:
    """Tell of handler files that cannot be used, beside the start: it must not wait for code that is not ours."""
    import threading

    from jarvis.handlers.foreign import log_problems

    pool = app.worker_pool(config)
    threading.Thread(target=log_problems, args=(pool,), name="jarvis-handler-files", daemon=True).start()


def _run(
    memory: MemoryStore, config: Config, reload: Callable[[], None], watch: TaskWatch, stops: Sequence[str]
) -> None:
    import asyncio
    import os
    import sys

    from jarvis.scheduler.daemon import JarvisDaemon
    from jarvis.service.notify import keeper

    inbox, lookout = app.inbox_watch(config, memory, SystemClock()), app.lookout(config, memory)
    sys.setswitchinterval(GIVE_WAY)

    def look() -> None:
        watch.look()
        inbox.look()

    def anything() -> bool:
        return watch.anything() or inbox.anything()

    async def serve() -> None:
        made, told = app.engine(memory, config), keeper(os.environ)
        daemon = JarvisDaemon(
            config.tick_interval, engine=made, reload=reload, on_look=look, outside=anything, keeper=told,
            lookout=lookout,
        )  # fmt: skip
        if stops:
            daemon.shutdown()
        await daemon.run()

    try:
        asyncio.run(serve())
    finally:
        inbox.close()
        lookout.close()
