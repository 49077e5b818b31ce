"""Change the pure files of the scheduler in small ways and see whether a test notices: `make mutants`.

One file after another is mutated by mutmut in a copy of the tree (build/mutation), filtered by mypy --strict, and
tried against the tests that mutants.toml names for it. Exit 1 if a mutant lives that is not excused there, or if an
excuse fits none.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
WORK = ROOT / "build" / "mutation"  # a folder of its own for each file: what was tried stays to be looked at
SCHEDULER = Path("src/jarvis/scheduler")

#: mutmut's exit codes: no test failed; no test reaches the function. None: it was not tried.
LIVES = {0, 33}
NOT_TRIED = {None, 2, 5, 34, 35}

SETTINGS = """
[tool.mutmut]
source_paths = ["src"]
also_copy = ["docs"]
only_mutate = ["{file}"]
pytest_add_cli_args = ["-p", "no:xdist", "-p", "no:cacheprovider", "--basetemp={basetemp}", "-k", "{tests_wanted}"]
pytest_add_cli_args_test_selection = {tests}
type_check_command = [
    "mypy", "--strict", "--output", "json", "--disable-error-code", "unused-ignore", "{file}",
]
track_dependencies = false
use_git_change_detection = false
use_setproctitle = false
process_isolation = "forkserver"
timeout_multiplier = 1.5
"""


class Settings(TypedDict):
    """mutants.toml."""

    left_out: list[str]
    files: dict[str, list[str]]
    excused: list[dict[str, str]]


@dataclass(frozen=True)
class Outcome:
    """What became of the mutants of one file."""

    file: str
    mutants: int
    survived: tuple[str, ...]
    excused: int
    idle_excuses: tuple[str, ...]

    @property
    def killed(self) -> int:
        return self.mutants - len(self.survived) - self.excused

    @property
    def good(self) -> bool:
        return not self.survived and not self.idle_excuses


def measure(file: str, settings: Settings) -> Outcome:
    lay_out(file, settings)
    run_mutmut(file)
    codes = json.loads((WORK / file / "mutants" / SCHEDULER / f"{file}.py.meta").read_text())["exit_code_by_key"]
    untried = [name for name, code in codes.items() if code in NOT_TRIED]
    if untried:
        raise SystemExit(f"{file}: mutmut did not try {', '.join(untried)}")
    alive = [name.rpartition(".")[2] for name, code in codes.items() if code in LIVES]
    named = Counter(describe(file, alive))
    excuses = excuses_for(file, settings["excused"])
    survived, idle = named - excuses, excuses - named
    return Outcome(file, len(codes), tuple(survived.elements()), (named & excuses).total(), tuple(idle.elements()))


def lay_out(file: str, settings: Settings) -> None:
    """A fresh copy of the tree, so that nothing of an earlier run, or of this folder, is in the way."""
    folder = WORK / file
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for part in ("src", "tests", "docs"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    stated = SETTINGS.format(
        file=(SCHEDULER / f"{file}.py").as_posix(),
        basetemp=(folder / "tmp").as_posix(),
        tests=json.dumps([f"tests/{test}" for test in settings["files"][file]]),
        tests_wanted="not (" + " or ".join(settings["left_out"]) + ")",
    )
    house = (ROOT / "pyproject.toml").read_text()
    house = house.replace('"ignore-without-code", ', "").replace(
        'follow_imports = "skip"', ""
    )  # for mutmut's own lines
    (folder / "pyproject.toml").write_text(house + stated)


def run_mutmut(file: str) -> None:
    tools = Path(sys.executable).parent  # mutmut asks for mypy by its name
    env = dict(os.environ, HYPOTHESIS_PROFILE="mutation", PYTHONHASHSEED="0")
    env["PATH"] = os.pathsep.join([str(tools), env.get("PATH", os.defpath)])
    command = [sys.executable, str(HERE / "operators.py"), "run", "--max-children", "1"]
    done = subprocess.run(command, cwd=WORK / file, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{file}: mutmut failed:\n{(done.stdout + done.stderr)[-4000:]}")


def describe(file: str, names: Sequence[str]) -> Iterator[str]:
    """Each mutant as `file.function: - what stood there + what it was changed to`, which outlives renumbering."""
    source = (WORK / file / "mutants" / SCHEDULER / f"{file}.py").read_text()
    lines = source.splitlines()
    bodies = {node.name: body(lines, node) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)}
    for name in names:
        function = name.partition("__mutmut_")[0]
        before, after = bodies[f"{function}__mutmut_orig"], bodies[name]
        changed = [line for line in difflib.ndiff(before, after) if line[:2] in ("- ", "+ ")]
        readable = function.removeprefix("x_").removeprefix("xǁ").replace("ǁ", ".")
        yield f"{file}.{readable}: " + " ".join(f"{line[0]} {line[2:].strip()}" for line in changed)


def body(lines: Sequence[str], node: ast.FunctionDef) -> list[str]:
    text = lines[node.lineno - 1 : node.end_lineno]
    return [line.replace(node.name, "").replace("# type: ignore # mutmut generated", "").rstrip() for line in text]


def excuses_for(file: str, stated: Sequence[dict[str, str]]) -> Counter[str]:
    return Counter(each["mutant"] for each in stated if each["mutant"].partition(".")[0] == file)


def chosen(asked: Sequence[str], settings: Settings) -> list[str]:
    names = [Path(each).stem for each in asked] or list(settings["files"])
    known = settings["files"]
    strange = [name for name in names if name not in known]
    if strange:
        raise SystemExit(f"no such file in mutants.toml: {', '.join(strange)}; it has {', '.join(known)}")
    return names


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "files", nargs="*", help="such as plan or src/jarvis/scheduler/plan.py; all of [files] by default"
    )
    settings: Settings = {"excused": []} | tomllib.loads((HERE / "mutants.toml").read_text())  # type: ignore[assignment]
    good = True
    print(f"{'file':<16} mutants  killed survived excused  score", flush=True)
    for file in chosen(parser.parse_args().files, settings):
        outcome = measure(file, settings)
        report(outcome)
        good = good and outcome.good
    return 0 if good else 1


def report(outcome: Outcome) -> None:
    print(
        f"{outcome.file:<16} {outcome.mutants:7} {outcome.killed:7} {len(outcome.survived):8} {outcome.excused:7}"
        f" {outcome.killed / max(outcome.mutants, 1):6.1%}",
        flush=True,
    )
    for mutant in outcome.survived:
        print(f"  lives: {mutant}", flush=True)
    for mutant in outcome.idle_excuses:
        print(f"  excused for nothing: {mutant}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
