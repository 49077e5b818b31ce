"""Put the service in its place, and take it away: each step can be interrupted, and all of it done again.

The old service is ended before its file is replaced, so that what runs is always what the file says.
"""

from __future__ import annotations

from pathlib import Path

from jarvis.service.machine import Machine
from jarvis.service.manager import Manager


def install(manager: Manager, machine: Machine) -> bool:
    """See that the service is installed as this installation would have it, and runs. Whether anything was to do."""
    text, state = manager.text(), manager.state()
    is_current = installed_text(manager.file) == text
    if is_current and state.running and state.at_login:
        return False
    if not is_current:
        if state.loaded:
            manager.leave()
        machine.write(manager.file, text.encode())
        machine.tell(f"wrote {manager.file}")
    manager.start()
    return True


def uninstall(manager: Manager, machine: Machine) -> bool:
    """See that the service is gone. Whether anything was to do. The store, its tasks and the log stay."""
    state = manager.state()
    there = manager.file.is_symlink() or manager.file.exists()
    if not (there or state.loaded):
        return False
    manager.leave()
    machine.remove(manager.file)
    machine.tell(f"removed {manager.file}")
    manager.forget()
    return True


def restart(manager: Manager) -> None:
    """End the service, runs that have started first, and start it."""
    if manager.state().running:
        manager.stop()
    manager.start()


def installed_text(file: Path) -> str | None:
    """What the file says now; None if there is none that can be read."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
