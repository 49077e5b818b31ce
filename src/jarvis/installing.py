"""From the configuration to the service: which program, which home, which variables, which manager."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from jarvis.config import SETTINGS, Config
from jarvis.errors import JarvisError, UsageError
from jarvis.service.description import MANAGERS, Service
from jarvis.service.machine import Machine, NoManager
from jarvis.service.manager import Manager

_PROGRAMS = {"launchd": "launchctl", "systemd": "systemctl"}

#: Folders below the user's own that macOS opens to a program only after the user has said so (TCC).
_PROTECTED = ("Documents", "Desktop", "Downloads", "Library/Mobile Documents", "Library/CloudStorage")


def manager_name(wanted: str | None) -> str:
    """The manager that is meant: the one named, else the one that this machine has. NoManager without one."""
    if wanted is not None:
        return wanted
    for name in MANAGERS:
        if shutil.which(_PROGRAMS[name]):
            return name
    raise NoManager("this machine has neither launchctl nor systemctl (or they are not on PATH)")


def manager(name: str, service: Service, machine: Machine, folder: Path | None = None) -> Manager:
    """That manager, for this service; its files in `folder` if it is not the usual one."""
    if name == "launchd":
        from jarvis.service.launchd import Launchd  # noqa: PLC0415 (one of the two is needed)

        return Launchd(service, machine, folder)
    from jarvis.service.systemd import Systemd  # noqa: PLC0415 (one of the two is needed)

    return Systemd(service, machine, folder)


def service_of(
    config: Config, label: str, extra: Sequence[str] = (), environ: Mapping[str, str] | None = None
) -> Service:
    """The service of this installation: it finds the same home and the same settings as this command line.

    `extra` names further variables of the environment that it is to have.
    """
    environ = os.environ if environ is None else environ
    service = Service(
        label=label,
        # -P: what lies in the folder it starts in (a jarvis.py, a checkout) must not take the place of modules.
        program=(sys.executable, "-P", "-m", "jarvis", "daemon"),
        user_home=Path(environ.get("HOME") or Path.home()),
        jarvis_home=config.home,
        environment={"JARVIS_HOME": str(config.home), **_settings(config, environ), **_extra(extra, environ)},
        log=None if config.sources["DAEMON_LOG_FILE"] == "default" else config.log_file,
    )
    _refuse_odd([*service.program, str(service.user_home), *service.environment.values()])
    return service


def remarks(service: Service, name: str) -> list[str]:
    """What the user should know before this is kept alive: places that macOS keeps from agents."""
    if name != "launchd":
        return []
    places = {"the home": service.jarvis_home, "the program": Path(service.program[0])}
    found = [f"{what} {path}" for what, path in places.items() if is_protected(path, service.user_home)]
    return [
        f"{each} is in a folder that macOS keeps from agents: move it, or give {service.program[0]} Full Disk Access"
        for each in found
    ]


def refuse_log(service: Service) -> None:
    """Refuse a log that launchd could not open: it would end with 78 and not a word."""
    if is_protected(service.mac_log, service.user_home):
        raise JarvisError(
            f"the log {service.mac_log} is in a folder that macOS keeps from agents, and launchd would start nothing: "
            "set DAEMON_LOG_FILE to one in ~/Library/Logs/jarvis, or leave it out"
        )


def is_protected(path: Path, user_home: Path) -> bool:
    """Whether macOS asks the user before a program may read there: it never asks on behalf of an agent's log."""
    return path.is_relative_to("/Volumes") or any(path.is_relative_to(user_home / each) for each in _PROTECTED)


def _settings(config: Config, environ: Mapping[str, str]) -> dict[str, str]:
    """The settings that were taken from the environment, which the service would otherwise not have."""
    given = [each for each in SETTINGS if config.sources[each.env] == f"environment variable {each.env}"]
    if any(each.secret for each in given) and not config.database_url.startswith("sqlite:"):
        raise UsageError(
            "JARVIS_DATABASE_URL may hold a password, which does not belong into a service's file: "
            f"put it into {config.file} as jarvis_database_url, and unset the variable"
        )
    return {each.env: _absolute(environ[each.env], getattr(config, each.field)) for each in given}


def _absolute(text: str, value: object) -> str:
    return str(value) if isinstance(value, Path) else text


def _extra(names: Sequence[str], environ: Mapping[str, str]) -> dict[str, str]:
    if missing := [name for name in names if name not in environ]:
        raise UsageError(f"--env {missing[0]}: your environment has no such variable")
    return {name: environ[name] for name in names}


def _refuse_odd(texts: Sequence[str]) -> None:
    """Service files are text, one line for each thing."""
    for text in texts:
        if not text.isprintable():
            raise UsageError(f"{text!r} has characters that a service's file cannot hold")
