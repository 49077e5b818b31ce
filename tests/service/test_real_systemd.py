"""The unit under a real systemd, where this machine lets one be started apart: as root, in a container or the like.

Elsewhere there is nothing to run here: test_supervised.py gives the daemon the same signals everywhere.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import ROOT

NAMESPACES = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
STORY = [sys.executable, "-m", "tests.service.story"]
PROBE = 'mount --make-rprivate / && mount -t cgroup2 cgroup2 /mnt && mkdir "/mnt/$0" && rmdir "/mnt/$0"'
SYSTEMD = [Path("/lib/systemd/systemd"), Path("/usr/lib/systemd/systemd")]


def has_the_means() -> bool:
    """Never where the machine itself was started by a systemd: that one's cgroups are not ours to touch.

    Asked while tests are collected, so it has to come out the same in every process.
    """
    if sys.platform != "linux" or os.getuid() != 0 or Path("/run/systemd/system").exists():
        return False
    return bool(shutil.which("unshare")) and any(file.exists() for file in SYSTEMD)


if has_the_means():

    @pytest.mark.process
    @pytest.mark.slow
    def test_the_unit_lives_dies_and_lives_again_under_systemd(home: Path, tmp_path: Path) -> None:
        probe = [*NAMESPACES, "sh", "-c", PROBE, f"jarvis-probe-{os.getpid()}"]
        if subprocess.run(probe, capture_output=True, check=False).returncode:
            pytest.skip("no namespaces of its own, or no cgroups in them: test_supervised.py gives the same signals")
        user = tmp_path / "user"
        user.mkdir()
        done = subprocess.run(
            [*NAMESPACES, str(ROOT / "tests/service/namespace.sh"), str(user), *STORY],
            cwd=ROOT,
            env=os.environ | {"JARVIS_HOME": str(home)},
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        told = json.loads(done.stdout)
        assert told["install"][0] == 0, told["install"]
        installed = told["installed"]
        assert (installed["Type"], installed["ActiveState"], installed["WatchdogUSec"]) == ("notify", "active", "5min")
        assert told["status"]["on_store"] is True
        assert told["status"]["at_login"] is True
        assert "was already installed" in told["again"][1]
        assert f"{installed['ControlGroup']}/jarvis-run-" in told["command"][1]  # what was delegated is made use of
        assert (told["killed"]["NRestarts"], told["killed"]["ActiveState"]) == ("1", "active")
        assert (told["stopped"]["ActiveState"], told["stopped"]["ExecMainStatus"]) == ("inactive", "0")
        assert (told["refused"]["SubState"], told["refused"]["ExecMainStatus"]) == ("failed", "78")
        assert told["refused"]["NRestarts"] == "0"
        assert (told["restart"][0], told["restarted"]["ActiveState"]) == (0, "active")
        assert (told["uninstall"][0], told["uninstalled"]["ActiveState"], told["files"]) == (0, "inactive", [])
