"""The import rules in pyproject.toml can fail: each is broken once, in a copy, and must be seen.

That the project itself keeps them is what `make check` runs import-linter for.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import ROOT

#: Modules that a pure file must not even load by way of its package's __init__.py.
IMPURE = ("asyncio", "apsw", "sqlite3", "subprocess", "socket", "logging")


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    return subprocess.run(
        [sys.executable, "-c", program, "--no-cache", "--no-logo"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder / "src"), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "line", "complaint"),
    [
        ("scheduler/plan.py", "import asyncio", "jarvis.scheduler.plan is not allowed to import asyncio"),
        (
            "scheduler/model.py",
            "from pathlib import Path",
            "jarvis.scheduler.model is not allowed to import pathlib",
        ),
        (
            "scheduler/schedule.py",
            "import jarvis.scheduler.clock",
            "not allowed to import jarvis.scheduler.clock",
        ),
        (
            "scheduler/ports.py",
            "import jarvis.memory",
            "jarvis.scheduler is not allowed to import jarvis.memory",
        ),
        ("config.py", "import jarvis.memory", "jarvis.config is not allowed to import jarvis.memory"),
        ("tasks/spec.py", "import jarvis.memory", "jarvis.tasks is not allowed to import jarvis.memory"),
        ("tasks/brand_new.py", "", "jarvis.tasks.brand_new"),
        (
            "settings/values.py",
            "import jarvis.settings.channels",
            "jarvis.settings.values is not allowed to import jarvis.settings.channels",
        ),
        ("errors.py", "import jarvis.config", "jarvis.errors is not allowed to import jarvis.config"),
        ("brand_new.py", "", "jarvis.brand_new"),
        ("scheduler/brand_new.py", "", "jarvis.scheduler.brand_new"),
    ],
)
def test_a_broken_rule_is_seen(file: str, line: str, complaint: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "src" / "jarvis" / file).open("a", encoding="utf-8") as source:
        source.write(f"\n{line}\n")
    outcome = lint_imports(tmp_path)
    assert outcome.returncode == 1, outcome.stdout + outcome.stderr
    assert complaint in outcome.stdout


def test_loading_a_pure_file_loads_nothing_that_touches_the_world() -> None:
    program = f"import sys, jarvis.scheduler.plan; print([m for m in {IMPURE} if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
