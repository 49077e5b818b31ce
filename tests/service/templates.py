"""The two files of scripts/: what `jarvis service install` writes, with placeholders in the place of paths.

`python -m tests.service.templates` writes them anew.
"""

from __future__ import annotations

from pathlib import Path

from jarvis.service import plist, unit
from jarvis.service.description import LABEL, Service
from tests.house.tree import ROOT

USER_HOME, BIN = Path("__HOME__"), "__BIN__"


def service(jarvis_home: Path) -> Service:
    """This installation, unknown."""
    return Service(
        label=LABEL,
        program=(f"{BIN}/python", "-P", "-m", "jarvis", "daemon"),
        user_home=USER_HOME,
        jarvis_home=jarvis_home,
        environment={"JARVIS_HOME": str(jarvis_home)},
        log=None,
    )


def files() -> dict[Path, str]:
    """Each file and what it has to say."""
    mac = service(USER_HOME / "Library" / "Application Support" / "jarvis")
    linux = service(USER_HOME / ".local" / "share" / "jarvis")
    scripts = ROOT / "scripts"
    return {scripts / f"{LABEL}.plist": plist.render(mac), scripts / linux.unit: unit.render(linux)}


if __name__ == "__main__":
    for file, text in files().items():
        file.write_text(text, encoding="utf-8")
