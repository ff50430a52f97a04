"""The import contracts name the whole plan, and each of them can fail."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PLANNED = {
    *(
        "cli",
        "bootstrap",
        "settings",
        "gateway",
        "bot",
        "worker",
        "simulator",
        "train",
        "lifecycle",
        "engine",
        "finish",
        "intake",
        "classifiers",
    ),
    *("storage", "delivery", "fleet", "prompt", "moderation", "billing", "dispatch", "model", "core"),
}
# Where each process starts. A module of the cli that draws is imported when a command draws.
STARTS_WITHOUT_TORCH = {"cli": "cli.main", "gateway": "gateway", "bot": "bot", "simulator": "simulator"}


@pytest.fixture
def layers(pyproject: dict[str, Any]) -> list[str]:
    contracts = pyproject["tool"]["importlinter"]["contracts"]
    return next(contract["layers"] for contract in contracts if contract["type"] == "layers")


def names(layers: list[str]) -> list[str]:
    """Each room as it is written, from the top floor down, brackets kept."""
    return [room for layer in layers for room in re.split(r"[|:\s]+", layer)]


def test_every_planned_room_has_its_floor(layers: list[str]) -> None:
    assert sorted(room.strip("()") for room in names(layers)) == sorted(PLANNED)


def test_a_room_that_is_built_has_no_brackets(layers: list[str], rooms: frozenset[str]) -> None:
    assert {room for room in names(layers) if not room.startswith("(")} == rooms


def test_nobody_may_ignore_a_contract(pyproject: dict[str, Any]) -> None:
    contracts = pyproject["tool"]["importlinter"]["contracts"]
    assert [contract["name"] for contract in contracts if "ignore_imports" in contract] == []


@pytest.mark.parametrize("room", STARTS_WITHOUT_TORCH)
def test_the_process_starts_without_torch(room: str, rooms: frozenset[str]) -> None:
    if room not in rooms:
        assert room in PLANNED
        return
    code = (
        f"import sys, darkroom.{STARTS_WITHOUT_TORCH[room]}\n"
        "sys.exit(', '.join({'torch', 'cv2', 'numpy'} & set(sys.modules)) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"starting {room} loads {done.stderr.strip()}"


HOUSE = {
    "core/nouns.py": "import json\n",
    "model/net.py": "import torch\nfrom darkroom.core import nouns\n",
    "prompt/parse.py": "from darkroom.core import nouns\n",
    "engine/step.py": "from darkroom.model import net\n",
    "engine/scheduler.py": "from darkroom.core import nouns\n",
}


@pytest.mark.parametrize(
    ("module", "text", "contract"),
    [
        ("prompt/parse.py", "from darkroom.model import net\n", "do not see each other"),
        ("core/nouns.py", "from darkroom.prompt import parse\n", "do not see each other"),
        ("core/nouns.py", "import numpy\n", "standard library alone"),
        ("prompt/parse.py", "import click\n", "in the rooms that decide"),
        (
            "engine/scheduler.py",
            "def late():\n    from darkroom.model import net\n",
            "in the rooms that decide",
        ),
        ("gateway/app.py", "from darkroom.engine import step\n", "nor in their stores"),
        ("model/net.py", "import cv2\n", "stays in train"),
        ("pantry/jam.py", "", "do not see each other"),
    ],
)
def test_each_contract_can_fail(
    tmp_path: Path, project: Path, rooms: frozenset[str], module: str, text: str, contract: str
) -> None:
    report = contracts_report(tmp_path, project, rooms, HOUSE | {module: text})
    assert f"{contract} BROKEN" in report


def test_a_good_house_keeps_every_contract(tmp_path: Path, project: Path, rooms: frozenset[str]) -> None:
    assert "5 kept, 0 broken" in contracts_report(tmp_path, project, rooms, HOUSE)


def test_the_libraries_of_the_extra_are_named_where_models_of_others_are_read(project: Path) -> None:
    """They are imported when a model is loaded, by name, which import-linter does not see."""
    source = project / "src" / "darkroom"
    named = {
        str(path.relative_to(source))
        for path in source.rglob("*.py")
        if re.search(
            r"""["'](diffusers|transformers|peft|huggingface_hub)["']|(import|from) (diffusers|transformers|peft)""",
            path.read_text(),
        )
    }
    assert {name for name in named if not name.startswith("model/families/")} == {
        "model/hub.py",
        "model/loading.py",
        "bootstrap/library.py",
    }


def contracts_report(folder: Path, project: Path, rooms: frozenset[str], modules: dict[str, str]) -> str:
    """What import-linter says, on one line, of a little house of empty `rooms` and `modules` under our contracts."""
    for name in [f"{room}/__init__.py" for room in rooms] + list(modules):
        path = folder / "darkroom" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        for parent in (path.parent, folder / "darkroom"):
            (parent / "__init__.py").touch()
        path.write_text(modules.get(name, ""))
    shutil.copy(project / "pyproject.toml", folder)
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))"
    )
    command = [sys.executable, "-c", code, str(folder), str(project)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return " ".join(done.stdout.split())
