"""The service as systemd reads it: a unit of the user's own manager (systemd.service(5))."""

from __future__ import annotations

from jarvis.errors import UsageError
from jarvis.service.description import Service

# What is missing, and why, stands at the end of the file itself.
_TEMPLATE = """\
# For systemd: keeps the Jarvis daemon running as a service of your own user.
# `jarvis service install` writes this file, with the paths of the installation that it belongs to;
# `jarvis service install --print` shows it. What you change here, the next install takes back; a drop-in of your
# own (`systemctl --user edit {unit}`) stays.

[Unit]
Description=Jarvis, the personal scheduler
# Never give up restarting: RestartSec is the brake.
StartLimitIntervalSec=0

[Service]
# The daemon says when it has entered its store and works. Until then it may have to wait for a disk or to look a
# large store over, as long as that takes.
Type=notify
TimeoutStartSec=infinity
ExecStart={program}
ExecReload=/bin/kill -HUP $MAINPID
{environment}

Restart=always
RestartSec=2
# 78 is "the configuration is wrong": starting again would not mend it.
RestartPreventExitStatus=78
# A daemon that gives no sign of life for so long hangs: it is ended, and started again.
WatchdogSec=5min

# SIGTERM goes to the daemon alone, which stops claiming and lets claimed runs finish; their commands must not
# be hit by it. One run may take its whole timeout of 300 s. What is left after that gets SIGKILL, all of it.
KillMode=mixed
TimeoutStopSec={stop_within}

# Each command gets a cgroup of its own below the service's, which nothing it starts can leave: at its deadline
# all of it is found, however well it hid. A user's systemd does not mark the cgroup as given away: we say so.
Delegate=yes
Environment=JARVIS_UNIT={unit}

# A scheduled command that eats all memory is killed by the kernel; that must not take the daemon down with it.
OOMPolicy=continue

# What the daemon and its commands write is for their owner alone.
UMask=0077

# Left out on purpose, because they hold for every scheduled command as well:
# - NoNewPrivileges, and all that switches it on in a user's unit (SystemCallFilter, RestrictAddressFamilies,
#   MemoryDenyWriteExecute ...): sudo, ping and mail would fail.
# - ProtectSystem, ProtectHome, PrivateTmp: commands are there to read and write the user's files.
# If your tasks need none of that, a drop-in switches them on: docs/service.md has one.

[Install]
WantedBy=default.target
"""

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def render(service: Service) -> str:
    """The file's text. The same service always gives the same text. UsageError for a program systemd cannot start."""
    if set(service.program[0]) & set("\\\"'"):
        raise UsageError(
            f"systemd starts no program with a quote or a backslash in its path: {service.program[0]}. "
            "Install Jarvis elsewhere"
        )
    path = f"{service.user_home}/.local/bin:{_PATH}:{service.search_path}"
    environment = {"PATH": path, "PYTHONUNBUFFERED": "1", **service.environment}
    return _TEMPLATE.format(
        unit=service.unit,
        program=" ".join([_quoted(service.program[0]), *(_argument(each) for each in service.program[1:])]),
        environment="\n".join(f"Environment={_quoted(f'{name}={value}')}" for name, value in environment.items()),
        stop_within=service.stop_within,
    )


def without_environment(text: str) -> list[str]:
    """What a file tells systemd but for the environment: its lines, without comments and blank ones."""
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith(("#", "Environment="))]


def _argument(text: str) -> str:
    """An argument as it is: `$` would be a variable."""
    return _quoted(text.replace("$", "$$"))


def _quoted(text: str) -> str:
    """A word as it is: `%` would begin a specifier, and blanks and quotes end it (systemd.syntax(7))."""
    text = text.replace("%", "%%")
    if text and not set(text) & set(" \t'\"\\;"):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
