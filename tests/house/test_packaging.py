"""What is committed names no registry and no machine; dependencies are pinned; the wheel carries it all."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import jarvis
from tests.house.tree import ROOT, project_files, relative, text_of

# Spelled in pieces, so that this file does not name what it forbids.
REGISTRIES = re.compile(
    "|".join(
        re.escape(".".join(host))
        for host in (
            ("py" + "pi", "org"),
            ("python" + "hosted", "org"),
            ("registry", "npm" + "js", "org"),
            ("registry", "yarn" + "pkg", "com"),
            ("proxy", "go" + "lang", "org"),
            ("deb", "deb" + "ian", "org"),
            ("ana" + "conda", "org"),
        )
    ),
    re.IGNORECASE,
)
MACHINE_PATHS = re.compile(
    r"(?<![\w.\-:/~$}<>*])/(?:work|root|(?:home|Users)/(?!(?:you|me|ada)\b)[a-z][\w.-]*)(?![\w.-])"
)


def addresses(name: str, text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        for found in (REGISTRIES.search(line), MACHINE_PATHS.search(line)):
            if found:
                yield f"{name}:{number}: {found.group()}"


def pins() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): Version(version) for name, version in pinned}


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]  # type: ignore[no-any-return]


def requirements() -> list[Requirement]:
    stated = project()
    optional = [line for extra in stated["optional-dependencies"].values() for line in extra]
    return [Requirement(line) for line in [*stated["dependencies"], *optional]]


def test_no_committed_file_names_a_registry_or_a_folder_of_one_machine() -> None:
    found = [line for path in project_files() if (text := text_of(path)) for line in addresses(relative(path), text)]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://" + "py" + "pi.org/simple",
        "cd /" + "work/main",
        'HOME = "/' + 'root"',
        "see /" + "home/someone/notes",
        "/" + "Users/alice/Library",
    ],
)
def test_an_address_is_found(line: str) -> None:
    assert list(addresses("made-up", line))


@pytest.mark.parametrize(
    "line", ["src/" + "work/x", "/" + "home/you/jarvis", "~/work", "/workers", "$HOME/root", "/" + "usr/bin"]
)
def test_paths_of_everyone_pass(line: str) -> None:
    assert not list(addresses("made-up", line))


def test_the_constraints_are_exact_pins_and_nothing_else() -> None:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        assert line.startswith("#") or re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line), line


@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_every_dependency_is_pinned_at_a_version_it_allows(requirement: Requirement) -> None:
    pinned = pins().get(canonicalize_name(requirement.name))
    assert pinned is not None, f"{requirement.name} is not in constraints.txt: run `make pins`"
    assert requirement.specifier.contains(pinned), f"{requirement} does not allow {pinned}"


def test_the_run_time_dependencies_are_the_four_that_were_chosen() -> None:
    names = {Requirement(line).name for line in project()["dependencies"]}
    assert names == {"apsw", "msgspec", "simpleeval", "tzdata"}, "a new one needs a decision record (docs/adr)"


def test_the_version_has_one_source() -> None:
    assert project()["dynamic"] == ["version"]
    Version(jarvis.__version__)


def test_every_data_file_of_the_package_is_named_for_the_wheel() -> None:
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    package = ROOT / "src" / "jarvis"
    carried = {path for glob in patterns["package-data"]["jarvis"] for path in package.glob(glob)}
    data = {path for path in project_files() if path.is_relative_to(package) and path.suffix != ".py"}
    assert {relative(path) for path in data - carried} == set()
    assert package / "py.typed" in carried


def test_the_licence_file_is_there() -> None:
    assert Path(ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License")
