"""Configuration: one table of settings drives parsing, error text and documentation.

Alone reads the environment and TOML. A new setting is a row of SETTINGS and a field of Config; a test
then asks for its row in docs/configuration.md.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from errno import EACCES, EFBIG, EISDIR, ENOTDIR
from pathlib import Path
from stat import S_ISREG
from types import MappingProxyType
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from jarvis.errors import ConfigError
from jarvis.scheduler.suggest import did_you_mean
from jarvis.scheduler.zone import load_zone
from jarvis.settings.values import (
    LARGEST_FILE,
    Environ,
    Parser,
    Place,
    Refused,
    parse_toml,
    read_addresses,
    read_chats,
    read_choice,
    read_database_url,
    read_days,
    read_label,
    read_log_file,
    read_number,
    read_path,
    read_prefix,
    read_zone_name,
)
from jarvis.systemzone import system_zone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from jarvis.scheduler.attention import Settings
    from jarvis.settings.channels import ChannelSpec
    from jarvis.settings.sources import Source


class Config(NamedTuple):
    """Every setting, checked, paths absolute."""

    home: Path
    database_url: str
    tick_interval: float
    log_file: Path | None
    log_format: str
    log_level: str
    timezone: str
    max_workers: int
    handler_timeout: float
    wake_settle: float
    retention: timedelta | None
    inbox_dir: Path
    service_label: str
    backup_dir: Path
    imessage_senders: tuple[str, ...]
    imessage_chats: tuple[str, ...]
    imessage_self: tuple[str, ...]
    imessage_prefix: str
    imessage_poll: float
    imessage_chat_db: Path
    imessage_max_age: float
    imessage_rate: int
    imessage_log_file: Path | None
    task_tables: Mapping[str, dict[str, Any]] = MappingProxyType({})
    channels: Mapping[str, ChannelSpec] = MappingProxyType({})
    inbox_sources: Mapping[str, Source] = MappingProxyType({})
    attention: Settings | None = None  # None: jarvis.toml has no such table
    sources: Mapping[str, str] = MappingProxyType({})  # where each setting came from, in words, by its environment name

    @property
    def data_dir(self) -> Path:
        """The folder Jarvis owns."""
        return self.home / "data"

    @property
    def file(self) -> Path:
        """The TOML file, whether or not it exists."""
        return self.home / "jarvis.toml"

    @property
    def database_path(self) -> Path | None:
        """The store's file; None when it lives in memory."""
        path = self.database_url.removeprefix("sqlite://")
        return Path(path[1:]) if path else None

    @property
    def zone(self) -> ZoneInfo:
        """The zone of every schedule that names none, and of the times shown."""
        return load_zone(self.timezone)


class Setting(NamedTuple):
    """One row of the table of settings."""

    env: str
    field: str
    parse: Parser
    default: str
    allowed: str
    doc: str
    detect: Callable[[Environ], tuple[str, str]] | None = None  # (source, text) of a default that varies
    empty_is_unset: bool = False  # an empty environment variable counts as none; otherwise it is refused
    in_file: bool = True
    secret: bool = False


# -- defaults that depend on the machine --------------------------------------------------------------------
def default_home(environ: Environ, platform: str = sys.platform) -> tuple[str, str]:
    """Find the platform's folder for a program's data: (source, path)."""
    data = environ.get("XDG_DATA_HOME", "")
    if platform == "darwin":
        return "default", "~/Library/Application Support/jarvis"
    return "default", f"{data}/jarvis" if data.startswith("/") else "~/.local/share/jarvis"


# -- the table ----------------------------------------------------------------------------------------------
SECONDS = "a number of seconds above 0 and up to a year, fractions allowed"
ADDRESSES = "telephone numbers such as +15551234567 and mail addresses, between commas, or nobody"
YEAR = 366 * 86400  # more could overflow when added to a date
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

# fmt: off
SETTINGS = (
    Setting("JARVIS_HOME", "home", read_path, "platform data folder", "a folder's path",
            "Holds `data/` and `jarvis.toml`.", default_home, empty_is_unset=True, in_file=False),
    Setting("JARVIS_DATABASE_URL", "database_url", read_database_url, "sqlite:///$JARVIS_HOME/data/memory.db",
            "sqlite:///ABSOLUTE/PATH without options, or sqlite:// for a store in memory",
            "The store.", empty_is_unset=True, secret=True),
    Setting("DAEMON_TICK_INTERVAL_SECONDS", "tick_interval", read_number(float, 0, YEAR), "60", SECONDS,
            "Longest time between two full looks at the store."),
    Setting("DAEMON_LOG_FILE", "log_file", read_log_file, "$JARVIS_HOME/data/jarvis-daemon.log",
            "a file's path, or - for stderr alone",
            "The daemon's log: rotated by size, reopened if moved.", empty_is_unset=True),
    Setting("DAEMON_LOG_FORMAT", "log_format", read_choice("text", "json"), "text", "text or json",
            "One line of text, or one JSON object, per record."),
    Setting("DAEMON_LOG_LEVEL", "log_level", read_choice(*LEVELS), "INFO", ", ".join(LEVELS),
            "The least severe level that is logged."),
    Setting("JARVIS_TIMEZONE", "timezone", read_zone_name, "system",
            "an IANA time zone name, such as America/Denver",
            "Zone of schedules that name none, and of times shown.", system_zone, empty_is_unset=True),
    Setting("JARVIS_MAX_WORKERS", "max_workers", read_number(int, 0, 1024), "8", "a whole number from 1 to 1024",
            "Runs at once."),
    Setting("SCHEDULER_HANDLER_TIMEOUT_SECONDS", "handler_timeout", read_number(float, 0, YEAR), "300", SECONDS,
            "Deadline of a run whose task sets none."),
    Setting("SCHEDULER_WAKE_SETTLE_SECONDS", "wake_settle", read_number(float, 0, YEAR), "10", SECONDS,
            "After the machine woke, until anything starts: networks and disks come back first."),
    Setting("SCHEDULER_RETENTION_DAYS", "retention", read_days, "400",
            "a number of days above 0 and up to 36500, fractions allowed, or forever",
            "How long the ledger, and the history of the assistant's memory, are kept. Each task's newest row stays, "
            "and what has not ended."),
    Setting("WEBHOOK_INBOX_DIR", "inbox_dir", read_path, "$JARVIS_HOME/data/webhook-inbox", "a folder's path",
            "Where events arrive as files.", empty_is_unset=True),
    Setting("JARVIS_SERVICE_LABEL", "service_label", read_label, "com.chg.jarvis-daemon",
            "letters, digits, dots, hyphens and underscores, 100 at most, with a letter or digit at both ends",
            "What launchd knows the service by; systemd without the leading com.chg."),
    Setting("JARVIS_BACKUP_DIR", "backup_dir", read_path, "$JARVIS_HOME/backups", "a folder's path",
            "Where `jarvis backup` puts backups, and `jarvis restore` looks for them.", empty_is_unset=True),
    Setting("IMESSAGE_ALLOWED_SENDERS", "imessage_senders", read_addresses, "nobody", ADDRESSES,
            "Whose messages are commands. `jarvis imessage` does not start without it.", empty_is_unset=True),
    Setting("IMESSAGE_ALLOWED_CHATS", "imessage_chats", read_chats, "nobody",
            "chat identifiers such as chat123456789, between commas, or nobody",
            "Group chats in which the allowed senders may give commands.", empty_is_unset=True),
    Setting("IMESSAGE_NOTES_TO_SELF", "imessage_self", read_addresses, "nobody", ADDRESSES,
            "Your own addresses: what you write to yourself there is a command.", empty_is_unset=True),
    Setting("IMESSAGE_COMMAND_PREFIX", "imessage_prefix", read_prefix, "jarvis:",
            "1 to 40 printable characters", "What a message begins with that is a command; case does not matter."),
    Setting("IMESSAGE_POLL_SECONDS", "imessage_poll", read_number(float, 0, YEAR), "5", SECONDS,
            "Time between two looks at the messages."),
    Setting("IMESSAGE_CHAT_DB", "imessage_chat_db", read_path, "~/Library/Messages/chat.db", "a file's path",
            "The database of the program Messages. It is only read.", empty_is_unset=True),
    Setting("IMESSAGE_MAX_AGE_SECONDS", "imessage_max_age", read_number(float, 0, YEAR), "3600", SECONDS,
            "A command that was sent longer ago is not carried out, and an answer that could not be sent is dropped."),
    Setting("IMESSAGE_RATE_PER_MINUTE", "imessage_rate", read_number(int, 0, 1000), "10",
            "a whole number from 1 to 1000", "Commands of one sender that are carried out in a minute."),
    Setting("IMESSAGE_LOG_FILE", "imessage_log_file", read_log_file, "$JARVIS_HOME/data/imessage-daemon.log",
            "a file's path, or - for stderr alone", "The log of `jarvis imessage`.", empty_is_unset=True),
)
# fmt: on

TABLES = ("tasks", "channels", "attention", "inbox")


# -- loading ------------------------------------------------------------------------------------------------
def load_config(environ: Environ | None = None, flags: Mapping[str, object] | None = None) -> Config:
    """Take each setting from flag, environment, jarvis.toml or default; one ConfigError has every bad value.

    `flags` is keyed by field; None means not given. Only the value that decides is judged.
    """
    config, problems = look_at_config(environ, flags)
    if config is None or problems:
        raise ConfigError(problems)
    return config


def look_at_config(
    environ: Environ | None = None, flags: Mapping[str, object] | None = None
) -> tuple[Config | None, list[str]]:
    """The same for whoever looks on in spite of what is wrong: for each bad value its default stands.

    None if it is not even known where the home is.
    """
    loader = _Loader(os.environ if environ is None else environ, flags or {})
    values = loader.load()
    return (Config(**values) if values["home"] else None), loader.problems


class _Loader:
    """One reading of all sources; gathers problems instead of stopping at the first."""

    def __init__(self, environ: Environ, flags: Mapping[str, object]) -> None:
        """Refuse flags that no setting has: that is a mistake in the program, not the user's."""
        if unknown := set(flags) - {setting.field for setting in SETTINGS}:
            raise TypeError(f"no setting has the field {', '.join(sorted(unknown))}")
        self.environ = environ
        self.flags = flags
        self.toml: dict[str, Any] = {}
        self.problems: list[str] = []
        self.sources: dict[str, str] = {}
        self.home: Path | None = None

    def load(self) -> dict[str, Any]:
        """Settle the home, then the file in it, then the rest."""
        home, *others = SETTINGS
        values = {home.field: self._value(home)}
        self.home = Path("/")  # stands in for a bad one, so that the rest is judged as well
        if isinstance(values["home"], Path):
            self.home = values["home"]
            self.toml = self._read_toml(self.home / "jarvis.toml")
        values |= {setting.field: self._value(setting) for setting in others}
        values |= {"task_tables": self._tables("tasks"), "channels": self._channels()}
        values |= {"inbox_sources": self._inbox_sources()}
        values["attention"] = self._attention(values["timezone"])
        self._refuse_unknown_keys()
        return values | {"sources": self.sources}

    def _value(self, setting: Setting) -> object:
        """Parse the first value that is given; after noting a problem, the default."""
        source, raw, folder = self._first(setting)
        self.sources[setting.env] = source
        try:
            return setting.parse(raw, Place(self.environ, self.home, folder))
        except (ValueError, OSError, RuntimeError) as error:  # these two: no current folder, no user's home
            # Other ValueErrors are Python's and repeat the value, which may hold a password.
            own = isinstance(error, Refused | OSError | RuntimeError)
            hint = f" ({error})" if own and str(error) else ""
            shown = _shown(raw, setting.secret)
            self.problems.append(f"{source}: got {shown}{hint}; allowed: {setting.allowed}")
            return None if setting is SETTINGS[0] else self._usual(setting)

    def _usual(self, setting: Setting) -> object:
        """What stands for a bad value: the default, and UTC where that is the machine's own zone."""
        with suppress(ValueError, OSError, RuntimeError):
            return setting.parse(setting.default, Place(self.environ, self.home, self.home))
        return "UTC" if setting.detect else None

    def _first(self, setting: Setting) -> tuple[str, object, Path | None]:
        """Find what decides: the source's name, the value, and the folder that relative paths start from."""
        if (flag := self.flags.get(setting.field)) is not None:
            return f"flag --{setting.field.replace('_', '-')}", flag, None
        raw = self.environ.get(setting.env)
        if raw is not None and not (setting.empty_is_unset and not raw.strip()):
            return f"environment variable {setting.env}", raw, None
        if setting.in_file and setting.env.lower() in self.toml:
            return f"jarvis.toml key {setting.env.lower()}", self.toml[setting.env.lower()], self.home
        source, text = setting.detect(self.environ) if setting.detect else ("default", setting.default)
        return source, text, self.home

    def _read_toml(self, path: Path) -> dict[str, Any]:
        """Read the file if there is one; whatever is wrong with it becomes a problem."""
        try:
            status = path.stat()
            if not S_ISREG(status.st_mode):
                raise OSError(EISDIR, "it is not a file")
            if status.st_size > LARGEST_FILE:
                raise OSError(EFBIG, f"{status.st_size} bytes are too many: the most is {LARGEST_FILE}")
            return parse_toml(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return {}  # a home that is no folder is prepare_home's to report
        except OSError as error:
            self.problems.append(f"{path}: cannot be read: {error.strerror}")
        except (Refused, RecursionError) as error:  # the latter: nested too deeply
            self.problems.append(f"{path}, {error}")
        return {}

    def _tables(self, name: str) -> dict[str, Any]:
        """Take the tables below `name` as they are, once they are tables."""
        tables = self.toml.get(name, {})
        if isinstance(tables, dict):
            bad = [f"{name}.{key}" for key, table in tables.items() if not isinstance(table, dict)]
        else:
            bad = [name]
        self.problems += [f"jarvis.toml key {key}: allowed: a table [{name}.NAME]" for key in bad]
        return {} if bad else tables

    def _channels(self) -> Mapping[str, ChannelSpec]:
        """What the tables [channels.NAME] state."""
        if not (tables := self._tables("channels")):
            return {}
        from jarvis.settings.channels import read_channels  # noqa: PLC0415 (many homes have none)

        place = Place(self.environ, self.home, self.home)
        channels, problems = read_channels(tables, lambda raw: read_path(raw, place))
        self.problems += problems
        return channels

    def _inbox_sources(self) -> Mapping[str, Source]:
        """What the tables [inbox.sources.NAME] state."""
        if not (tables := self._tables("inbox")):
            return {}
        from jarvis.settings.sources import read_sources  # noqa: PLC0415 (many homes have none)

        self.problems += [f"jarvis.toml key inbox.{key}: allowed: sources" for key in tables if key != "sources"]
        sources, problems = read_sources(tables.get("sources", {}))
        self.problems += problems
        return sources

    def _attention(self, timezone: object) -> Settings | None:
        """What the table [attention] states, in the zone of what names none; a bad one is told elsewhere."""
        if "attention" not in self.toml:
            return None
        from jarvis.settings.attention import read_attention  # noqa: PLC0415 (many homes have none)

        table, channels = self.toml["attention"], self.toml.get("channels", {})
        if not isinstance(table, dict):
            self.problems.append("jarvis.toml key attention: allowed: a table [attention]")
            return None
        zone, known = timezone if isinstance(timezone, str) else "UTC", channels if isinstance(channels, dict) else ()
        settings, problems = read_attention(table, zone, known)
        self.problems += problems
        return settings

    def _refuse_unknown_keys(self) -> None:
        """Name every key that nothing would read, with the one that was probably meant."""
        valid = [setting.env.lower() for setting in SETTINGS if setting.in_file] + [*TABLES]
        for key in self.toml:
            if key == "jarvis_home":
                self.problems.append("jarvis.toml key jarvis_home: set it outside, as the file lies in it")
            elif key not in valid:
                nearest = did_you_mean(key, valid)
                self.problems.append(f"jarvis.toml key {_shown(key)}: not a setting.{nearest}")


def _shown(raw: object, secret: bool = False) -> str:
    """Show a value short and without what may be a password: of a URL its scheme, unless it names a file."""
    text = str(raw)
    scheme, found, _ = text.partition("://")
    if text.startswith("sqlite:///"):
        shown = repr(text.partition("?")[0])
    elif found and scheme.isalnum():
        shown = repr(f"{scheme}://***")
    elif (found or secret) and text.strip():
        return "a value not shown here, as it may hold a password"
    else:
        shown = repr(raw)
    return shown if len(shown) <= 120 else f"{shown[:100]}... ({len(shown)} characters)"


# -- folders ------------------------------------------------------------------------------------------------
def prepare_home(config: Config) -> None:
    """Create home, data and inbox folders (0700) and see that they can be written; ConfigError if not."""
    home, data, inbox = config.home, config.data_dir, config.inbox_dir
    names = {inbox: "WEBHOOK_INBOX_DIR", home: "JARVIS_HOME", data: "JARVIS_HOME"}
    failed: dict[Path, str] = {}
    for path, name in sorted(names.items()):
        if failed.keys().isdisjoint(path.parents):  # what lies below a bad folder is bad for the same reason
            try:
                _prepare_folder(path, ours=path == config.data_dir)
            except OSError as error:
                failed[path] = f"{name}: the folder {str(path)!r} cannot be used: {error.strerror}"
    if failed:
        raise ConfigError(list(failed.values()))


def _prepare_folder(path: Path, ours: bool) -> None:
    """Create a folder or take the one that is there; OSError if it cannot be used."""
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(ENOTDIR, "it is not a folder")
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if ours and not path.is_symlink() and path.stat().st_mode & 0o077:
        path.chmod(0o700)  # only what Jarvis made: the user's own folders keep the user's modes
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        raise OSError(EACCES, "it cannot be written (permissions, or a read-only disk)")
