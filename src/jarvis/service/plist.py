"""The service as launchd reads it: a property list (launchd.plist(5))."""

from __future__ import annotations

import plistlib
from typing import Any
from xml.parsers.expat import ExpatError

from jarvis.service.description import REFUSE_SLOWLY, THROTTLE, Service

_HEAD = """\
<!--
  For launchd: keeps the Jarvis daemon running while you are logged in.
  `jarvis service install` writes this file, with the paths of the installation that it belongs to.
  What you change here, the next install takes back: docs/service.md says what can be set, and where.
-->
"""

#: Why a key is there, in the file itself: whoever opens it has a question.
_WHY = {
    "RunAtLoad": "Started at login.",
    "KeepAlive": "And again when it fails or is killed, but not when it was told to stop (exit code 0).",
    "ThrottleInterval": f"""\
Seconds between two starts. launchd cannot tell a wrong setting (exit code 78) from a crash: for that the daemon
       says at once what is wrong, and ends {REFUSE_SLOWLY} later, so that it is no busy loop.""",
    "ExitTimeOut": "Seconds from SIGTERM to SIGKILL. Runs that have started may finish.",
    "ProcessType": "Without these two, macOS slows the process down and bundles its timers: runs would come late.",
    "StandardOutPath": """\
launchd opens this before it starts the program, and where it may not (~/Documents, ~/Desktop, other disks) it
       gives up with 78 and not a word. It is the daemon's own log, which rotates.""",
    "Umask": "Octal 077, which launchd wants in decimal: what the daemon writes is for its owner alone.",
}


def render(service: Service) -> str:
    """The file's text. The same service always gives the same text."""
    text = plistlib.dumps(keys(service), sort_keys=False).decode()
    for key, why in _WHY.items():
        text = text.replace(f"\n\t<key>{key}</key>", f"\n\n\t<!-- {why} -->\n\t<key>{key}</key>")
    head, start, rest = text.partition("<plist ")
    return head + _HEAD + start + rest


def keys(service: Service) -> dict[str, Any]:
    """What launchd is told."""
    log = str(service.mac_log)
    return {
        "Label": service.label,
        "ProgramArguments": [*service.program, "--refuse-slowly", REFUSE_SLOWLY],
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": THROTTLE,
        "ExitTimeOut": service.stop_within,
        "ProcessType": "Interactive",
        "LegacyTimers": True,
        "StandardOutPath": log,
        "StandardErrorPath": log,
        "WorkingDirectory": str(service.user_home),
        "EnvironmentVariables": _environment(service, log),
        "Umask": 0o077,
    }


def _environment(service: Service, log: str) -> dict[str, str]:
    """launchd gives /usr/bin:/bin:/usr/sbin:/sbin alone as PATH: Homebrew's commands would not be found."""
    folders = (
        *(f"{service.user_home}/.local/bin", "/opt/homebrew/bin", "/opt/homebrew/sbin", "/usr/local/bin"),
        *("/usr/bin", "/bin", "/usr/sbin", "/sbin", service.search_path),
    )
    return {
        "PATH": ":".join(folders),
        "PYTHONUNBUFFERED": "1",
        **service.environment,
        "DAEMON_LOG_FILE": log,  # the file that launchd opens: each line is in it once, and it is rotated
    }


def without_environment(text: str) -> dict[str, Any] | None:
    """What a file tells launchd but for the environment; None if it is no property list."""
    try:
        found = plistlib.loads(text.encode())
    except (plistlib.InvalidFileException, ExpatError, ValueError):
        return None
    return {key: value for key, value in found.items() if key != "EnvironmentVariables"}
