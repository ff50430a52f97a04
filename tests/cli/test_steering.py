"""The commands that steer, keep and look back, against the real service (in memory, with an artist for a worker)."""

from __future__ import annotations

import json
import zipfile
from typing import Any

import pytest
from PIL import Image
from tests.cli.service import SIDE, Service

from darkroom.cli.main import run


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert run(arguments) == code, capsys.readouterr()
    return capsys.readouterr().out


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    return json.loads(told(capsys, *arguments, "--json", code=code))


@pytest.fixture
def grid(service: Service, capsys: pytest.CaptureFixture[str]) -> Any:
    """A grid that was drawn, as `imagine --json` tells it."""
    return as_json(capsys, "imagine", "a fox --seed 7", "--quiet", "--format", "png")["jobs"][0]


def nth(job: Any, number: int) -> str:
    """An image by its job: two jobs of one moment have no order, and here the clock stands."""
    return f"{job['id']}/{number}"


def ids(grid: Any) -> list[str]:
    return [image["id"] for image in grid["images"]]


def test_a_dry_run_costs_nothing_and_draws_nothing(grid: Any, capsys: pytest.CaptureFixture[str]) -> None:
    found = as_json(capsys, "vary", "last/2", "--dry-run")
    assert (found["action"], found["images"], found["jobs"]) == ("vary_subtle", 4, [])
    assert found["cost_gpu_ms"] > 0
    assert len(as_json(capsys, "jobs")["jobs"]) == 1


def test_a_variation_knows_where_it_comes_from(grid: Any, capsys: pytest.CaptureFixture[str]) -> None:
    [varied] = as_json(capsys, "vary", "last/2", "--quiet", "--format", "png")["jobs"]
    assert len(varied["images"]) == 4
    assert varied["images"][0]["png"].endswith("vary-subtle_1.png")
    shown = as_json(capsys, "images", nth(varied, 3))
    assert (shown["action"], shown["parents"]) == ("vary_subtle", [ids(grid)[1]])
    made_from, _, edge, *_ = told(capsys, "lineage", nth(varied, 3)).splitlines()
    assert made_from == "made from"
    assert edge.startswith(f"└─ init  {ids(grid)[1][-8:]}  imagine 2  a fox")
    became = told(capsys, "lineage", ids(grid)[1], "--descendants").splitlines()
    assert len([line for line in became if "vary subtle" in line]) == 4


def test_a_file_that_was_saved_names_its_image(grid: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path = grid["images"][2]["png"]
    assert as_json(capsys, "images", path)["id"] == ids(grid)[2]


def test_an_upscale_makes_one_image(grid: Any, capsys: pytest.CaptureFixture[str]) -> None:
    [made] = as_json(capsys, "upscale", "last/1", "--quiet")["jobs"]
    assert len(made["images"]) == 1 and made["grid"] is None
    assert as_json(capsys, "images", made["id"])["action"] == "upscale_subtle"


def test_a_mask_that_does_not_fit_is_refused_in_words(grid: Any, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("L", (SIDE + 1, SIDE), 255).save("large.png")
    error = as_json(capsys, "region", "last/1", "large.png", code=2)["error"]
    assert error["code"].startswith("mask") and f"{SIDE}" in error["message"] + error["hint"]
    mask = Image.new("L", (SIDE, SIDE), 0)
    mask.paste(255, (4, 4, 9, 9))
    mask.save("mask.png")
    [made] = as_json(capsys, "region", "last/1", "mask.png", "a bird", "--quiet")["jobs"]
    assert made["canonical"].startswith("a bird")


def test_replay_says_same(grid: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        told(capsys, "replay", "last/1", "--quiet") == "same, pixel by pixel\n"
    )  # the artist's first picture
    assert told(capsys, "replay", ids(grid)[1], "--quiet", code=1).startswith("different: 256 of 256 pixels")


def test_marks_folders_and_one_zip(grid: Any, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = ids(grid)[:2]
    assert "liked" in told(capsys, "like", first)
    assert "5 stars" in told(capsys, "rate", second, "5")
    assert [image["id"] for image in as_json(capsys, "images", "--liked")["images"]] == [first]
    assert [image["id"] for image in as_json(capsys, "images", "--rating", "4")["images"]] == [second]
    told(capsys, "searches", "add", "best", "--rating", "4")
    assert [image["id"] for image in as_json(capsys, "images", "--saved", "best")["images"]] == [second]
    told(capsys, "folders", "add", "Paris")
    assert told(capsys, "folders", "put", "paris", "last/1", "last/2") == "Paris has 2 images\n"
    told(capsys, "download", "--folder", "Paris", "-o", "paris.zip")
    with zipfile.ZipFile("paris.zip") as archive:
        assert "manifest.json" in archive.namelist() and len(archive.namelist()) >= 3
    assert "your pick" in told(capsys, "pick", "last/2")


def test_the_trash(grid: Any, capsys: pytest.CaptureFixture[str]) -> None:
    _, second, third, _ = ids(grid)
    assert told(capsys, "trash", second, third) == "2 images are in the trash\n"
    assert {image["id"] for image in as_json(capsys, "trash")["images"]} == {second, third}
    assert told(capsys, "restore", second[-12:]) == "1 image is back\n"
    assert told(capsys, "delete", "--yes", third[-12:]) == "1 image is deleted for good\n"
    assert as_json(capsys, "images", third, code=1)["error"]["code"] == "image_deleted"


def test_what_is_in_the_trash_is_refused_by_every_name(grid: Any, capsys: pytest.CaptureFixture[str]) -> None:
    third = ids(grid)[2]
    name = f"{grid['id'][-8:]}/3"
    told(capsys, "trash", third)
    file = grid["images"][2]["png"]
    for said in (third, third[-12:], nth(grid, 3), "last/3", "3", file):
        takes_files = [["describe"], ["imagine", "a wolf", "--with"]] if said != file else []
        for command in (["vary"], ["like"], *takes_files):
            error = as_json(capsys, *command, said, code=2)["error"]
            assert error["code"] == "image_trashed", (said, error)
            assert error["hint"] == f"`darkroom restore {name}` brings it back."
    for command in (["images"], ["lineage"], ["trash"]):
        assert third[-8:] in told(capsys, *command, "last/3", "--json")
    told(capsys, "restore", "last/3")
    assert as_json(capsys, "images", "last/3")["id"] == third


def test_what_was_deleted_keeps_its_place(grid: Any, capsys: pytest.CaptureFixture[str]) -> None:
    third = ids(grid)[2]
    [made] = as_json(capsys, "upscale", third, "--quiet")["jobs"]
    told(capsys, "delete", "--yes", third)
    error = as_json(capsys, "vary", nth(grid, 3), code=1)["error"]
    assert error["code"] == "image_deleted" and "Image 3 of the job" in error["message"]
    assert as_json(capsys, "vary", third, code=1)["error"]["code"] == "image_deleted"
    gone = f"{third[-8:]}  an image that was deleted"
    _, root, child = told(capsys, "lineage", third, "--descendants").splitlines()
    assert root == gone and made["images"][0]["id"][-8:] in child
    assert told(capsys, "lineage", made["id"], "--ancestors").splitlines()[2] == f"└─ init  {gone}"


def test_masks_are_listed_used_and_deleted(grid: Any, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("L", (SIDE, SIDE), 255).save("mask.png")
    name = told(capsys, "upload", "mask.png", "--mask").strip()
    assert [each["reference"] for each in as_json(capsys, "uploads", "--masks")["uploads"]] == [name]
    assert as_json(capsys, "uploads")["uploads"] == []
    short = name.removeprefix("upload:")[-12:]
    [made] = as_json(capsys, "region", "last/1", f"upload:{short}", "a bird", "--quiet")["jobs"]
    assert made["canonical"].startswith("a bird")
    told(capsys, "uploads", "delete", short)
    assert as_json(capsys, "uploads", "--masks") == {"uploads": []}


def test_what_an_action_notes_reaches_the_person(grid: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A style that is gone is left away, and the answer to the action says so."""
    Image.new("RGB", (32, 24), (200, 40, 40)).save("red.png")
    name = told(capsys, "upload", "red.png").strip()
    [drawn] = as_json(capsys, "imagine", f"a wolf --sref {name}", "--quiet")["jobs"]
    told(capsys, "uploads", "delete", name)
    assert run(["vary", nth(drawn, 1)]) == 0
    notes = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: ")]
    assert len(notes) == 1 and "left away" in notes[0]
    [varied] = as_json(capsys, "vary", nth(drawn, 1), "--quiet")["jobs"]
    assert len(varied["notes"]) == 1 and "left away" in varied["notes"][0]


def test_a_blend_says_where_its_parameters_are_wrong(grid: Any, capsys: pytest.CaptureFixture[str]) -> None:
    error = as_json(capsys, "blend", *ids(grid)[:2], "--parameters", "--ar 100:1", "--quiet", code=2)["error"]
    assert (error["code"], error["position"]) == ("invalid_parameter", 1)
    assert "(at character 1)" in error["message"]


def test_the_grid_that_was_saved_is_no_image(grid: Any, capsys: pytest.CaptureFixture[str]) -> None:
    error = as_json(capsys, "vary", grid["grid"]["png"], code=2)["error"]
    assert error["hint"] == "Say which: " + ", ".join(f"{grid['id'][-8:]}/{n}" for n in (1, 2, 3, 4)) + "."


def test_what_is_public_is_explored(grid: Any, capsys: pytest.CaptureFixture[str]) -> None:
    first, _, third, fourth = ids(grid)
    told(capsys, "visibility", "stealth", "last/2", "last/3")
    told(capsys, "visibility", "public", "last/1", "last/4")
    replay = as_json(capsys, "replay", first, "--quiet")["replay_id"]
    told(capsys, "visibility", "public", replay)
    for order in ("new", "top", "random"):
        found = as_json(capsys, "explore", "--order", order)["images"]
        assert {image["id"] for image in found} == {first, fourth}
    assert as_json(capsys, "images", "last/3")["id"] == third


def test_uploads_and_words(grid: Any, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (32, 24), (200, 40, 40)).save("red.png")
    name = told(capsys, "upload", "red.png").strip()
    assert [each["reference"] for each in as_json(capsys, "uploads")["uploads"]] == [name]
    assert len(told(capsys, "describe", name).splitlines()) == 4
    assert len(told(capsys, "describe", "last/1").splitlines()) == 4
    assert "fox" in told(capsys, "shorten", "a red fox in the snow")
    told(capsys, "uploads", "delete", name)
    assert as_json(capsys, "uploads") == {"uploads": []}
    assert as_json(capsys, "describe", name, code=1)["error"]["code"] == "not_found"


def test_pictures_in_front_of_a_prompt_and_blends(grid: Any, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (32, 24), (200, 40, 40)).save("red.png")
    pictures = ["--with", "red.png", "--with", "last/1", "--style", "last/2"]
    [drawn] = as_json(capsys, "imagine", "a wolf", *pictures, "--quiet")["jobs"]
    job = as_json(capsys, "jobs", drawn["id"])
    assert [each["role"] for each in job["recipe"]["inputs"]] == ["prompt", "prompt", "style"]
    [blended] = as_json(capsys, "blend", ids(grid)[0], "red.png", "--quiet")["jobs"]
    assert len(blended["images"]) == 4
