"""The actions of the command line: what each asks of the service, what is saved, what it costs, how an image is named."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.cli.scripted import RECIPE, Asked, Script, Scripted, identity, image, job, png

from darkroom.cli.main import run
from darkroom.cli.replay import compare
from darkroom.core.errors import OutputError
from darkroom.finish.encode import ImageFormat, encode
from darkroom.finish.provenance import Provenance

FOX, MADE = 1, 2  # jobs
COST = {
    "dry_run": True, "action": "vary_subtle", "prompt": "a fox --v able-1 --seed 8", "width": 256, "height": 256,
    "images": 4, "cost_gpu_ms": 8400, "jobs": [], "notes": ["it is small: use upscale_creative"],
}  # fmt: skip


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Script]:
    """A service where a fox was drawn (job 1, images 11 to 14), and every action makes job 2 with one image (21)."""
    with Scripted() as script:
        monkeypatch.setenv("DARKROOM_URL", script.url)
        monkeypatch.setenv("DARKROOM_KEY", "dk_test")
        monkeypatch.chdir(tmp_path)
        foxes = [image(script, 10 + index, job=FOX, index=index) for index in (1, 2, 3, 4)]
        fox = job(FOX, foxes)
        made = job(
            MADE, [image(script, 21, job=MADE)], action="vary_subtle", recipe={**RECIPE, "indices": [2]}
        )

        def jobs(asked: Asked) -> Any:
            wanted = [made] if asked.query.get("batch") else [fox]
            return {"jobs": wanted, "next_cursor": None}

        def act(asked: Asked) -> Any:
            return COST if asked.body.get("dry_run") else (202, {**COST, "dry_run": False, "jobs": [made]})

        script.answers |= {
            "GET /api/v1/jobs": jobs,
            f"GET /api/v1/jobs/{fox['id']}": fox,
            "GET /api/v1/images": {"images": foxes, "next_cursor": None},
            "GET /api/v1/trash": {"images": [], "next_cursor": None},
            "POST /api/v1/blend": act,
            "POST /api/v1/jobs": lambda asked: (202, {"jobs": [made]}),
            "POST /api/v1/uploads": lambda asked: (
                201,
                {"id": identity(99), "reference": f"upload:{identity(99)}"},
            ),
        }
        for each in foxes:
            script.answers[f"GET /api/v1/images/{each['id']}"] = each
            script.answers[f"POST /api/v1/images/{each['id']}/actions"] = act
        yield script


def actions(script: Script) -> list[tuple[str, Any]]:
    """The id and the body of each action that was asked for."""
    return [(each.path.split("/")[4], each.body) for each in script.asked if each.path.endswith("/actions")]


SECOND = identity(12)


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        (["vary", SECOND], {"action": "vary_subtle"}),
        (["vary", SECOND, "--subtle"], {"action": "vary_subtle"}),
        (["vary", SECOND, "--strong", "--lane", "relax"], {"action": "vary_strong", "lane": "relax"}),
        (["upscale", SECOND], {"action": "upscale_subtle", "scale": 2}),
        (["upscale", SECOND, "--creative", "--scale", "4"], {"action": "upscale_creative", "scale": 4}),
        (["zoom", SECOND], {"action": "zoom_out", "zoom": 2.0}),
        (["zoom", SECOND, "1.5"], {"action": "zoom_out", "zoom": 1.5}),
        (["zoom", SECOND, "--square"], {"action": "make_square"}),
        (["pan", SECOND, "left"], {"action": "pan", "direction": "left"}),
        (["remix", SECOND, "a wolf --ar 3:2"], {"action": "remix", "prompt": "a wolf --ar 3:2"}),
        (["reroll", SECOND], {"action": "reroll"}),
        (["enhance", SECOND], {"action": "enhance"}),
        (["hd", SECOND], {"action": "hd"}),
    ],
)
def test_each_action_asks_for_itself(script: Script, arguments: Sequence[str], body: Any) -> None:
    assert run([*arguments, "--quiet"]) == 0
    [(on, asked)] = actions(script)
    assert on == SECOND
    assert asked == body
    [request] = script.sent(f"POST /api/v1/images/{SECOND}/actions")
    assert len(request.headers["Idempotency-Key"]) > 16


def test_what_comes_is_saved_and_told(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["vary", "last/2", "-o", "out", "--format", "png"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "out/a-fox_7_vary-subtle_1.png\n"
    assert Path("out/a-fox_7_vary-subtle_1.png").read_bytes() == script.answers["GET /files/21"]
    assert "1 job, 1 image\n" in printed.err
    name = f"{identity(MADE)[-8:]}/1"
    assert f"go on with `darkroom vary {name}`" in printed.err


def test_json_is_one_object(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["vary", "last/2", "--json"]) == 0
    [made] = json.loads(capsys.readouterr().out)["jobs"]
    assert [each["id"] for each in made["images"]] == [identity(21)]


def test_a_dry_run_tells_the_cost_and_draws_nothing(
    script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["vary", "2", "--dry-run"]) == 0
    printed = capsys.readouterr()
    assert "draws          4 images of 256x256" in printed.out
    assert (
        "costs at most  8.4 s" in printed.out
        and "it is small: use `darkroom upscale --creative`" in printed.out
    )
    assert "a fox --v able-1\n" in printed.out  # without a seed: that is drawn when it is meant
    assert "nothing was drawn" in printed.err
    assert actions(script) == [(SECOND, {"action": "vary_subtle", "dry_run": True})]
    assert not Path("out").exists()
    assert run(["vary", "2", "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == COST


def test_notes_are_told_and_kept_once(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    """Whether the service says them of the action alone, or of the job as well."""
    for kept in ([], COST["notes"], [*COST["notes"], "its end was not read"]):
        made_of(script, job=True)["notes"] = kept
        assert run(["vary", "last/2"]) == 0
        lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: ")]
        assert lines[0] == "note: it is small: use `darkroom upscale --creative`"
        assert len(lines) == max(1, len(kept))
        assert run(["vary", "last/2", "--json", "--quiet"]) == 0
        [told] = json.loads(capsys.readouterr().out)["jobs"]
        assert told["notes"] == [*COST["notes"], *kept[1:]]


def test_a_style_that_was_drawn_by_lot_is_told(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    made_of(script, job=True).update(source="a fox --sref random", prompt="a fox --v able-1 --sref 4711")
    assert run(["imagine", "a fox --sref random"]) == 0
    assert "`--sref 4711` gives it again" in capsys.readouterr().err


def test_a_job_that_fails_is_told(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    failed = job(MADE, [], state="failed", error={"code": "job_failed", "message": "nobody can paint that"})
    script.answers["POST /api/v1/blend"] = (202, {"jobs": [failed]})
    script.answers["GET /api/v1/jobs"] = {"jobs": [failed], "next_cursor": None}
    assert run(["blend", f"upload:{identity(5)}", f"upload:{identity(6)}"]) == 1
    printed = capsys.readouterr()
    assert "nobody can paint that" in printed.err and "go on" not in printed.err


# -- how an image is named ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "2",
        "last/2",
        SECOND,
        SECOND.upper(),
        SECOND[-8:],
        f"{identity(FOX)}/2",
        f"{identity(FOX)[-8:]}/2",
        "saved.png",
    ],
)
def test_every_name_of_an_image(script: Script, name: str) -> None:
    data = b"the bytes of the second"
    digest = hashlib.sha256(data).hexdigest()
    Path("saved.png").write_bytes(data)
    script.answers["GET /api/v1/images"]["images"][1]["files"]["png"]["url"] = (
        f"{script.url}/blobs/ab/{digest}?sig=1"
    )
    assert run(["reroll", name, "--quiet"]) == 0
    assert [on for on, _ in actions(script)] == [SECOND]


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("last", "no_picture", "/1, "),
        ("last/7", "no_picture", "has no image 7"),
        (identity(FOX), "no_picture", "has several images"),
        (identity(77), "not_found", "last/2"),
        ("ffffffff", "not_found", "last/2"),
        ("019", "invalid_id", "last/2"),
        ("019d", "ambiguous_id", "Give more"),
        ("a-fox_7_grid.png", "no_picture", f"Say which: {identity(FOX)[-8:]}/1, "),
        ("strange_grid.png", "no_picture", "the file of one of its images"),
        ("out/none.png", "not_found", "last/2"),
        ("other.png", "not_found", "darkroom upload"),
    ],
)
def test_names_that_name_no_image(
    script: Script, capsys: pytest.CaptureFixture[str], name: str, code: str, said: str
) -> None:
    Path("other.png").write_bytes(b"none of them")
    Path("a-fox_7_grid.png").write_bytes(grid_of("a fox --v able-1 --seed 7"))
    Path("strange_grid.png").write_bytes(grid_of("a wolf --v able-1 --seed 7"))
    assert run(["reroll", name, "--json", "--quiet"]) in (1, 2)
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == code
    assert said in error["message"] + error["hint"]
    assert actions(script) == []


def grid_of(canonical: str) -> bytes:
    """The file of a grid that a job of this prompt left."""
    provenance = Provenance(
        canonical=canonical, parameters={}, seed=7, image=None, model="able-1", weights="ab" * 32, engine={},
        software="test", created=datetime(2026, 5, 1, tzinfo=UTC),
    )  # fmt: skip
    return encode(Image.new("RGB", (8, 8)), ImageFormat.PNG, provenance)


def test_nobody_goes_on_from_a_replay(script: Script) -> None:
    fox = script.answers[f"GET /api/v1/jobs/{identity(FOX)}"]
    replayed = job(7, [image(script, 71, job=7)], recipe={**RECIPE, "replay_of": SECOND})
    made = script.answers["GET /api/v1/jobs"](asked_of_batch())
    script.answers["GET /api/v1/jobs"] = lambda asked: (
        made if asked.query.get("batch") else {"jobs": [replayed, fox], "next_cursor": None}
    )
    assert run(["reroll", "last/2", "--quiet"]) == 0
    assert [on for on, _ in actions(script)] == [SECOND]


def asked_of_batch() -> Asked:
    return Asked(method="", path="", query={"batch": "x"}, body=None, headers={})


def test_before_anything_was_drawn(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    script.answers["GET /api/v1/jobs"] = {"jobs": [], "next_cursor": None}
    assert run(["vary", "last/1"]) == 1
    assert "darkroom imagine" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["vary", "2", "--strong", "--subtle"],
        ["zoom", "2", "--square", "1.5"],
        ["zoom", "2", "2.5"],
        ["zoom", "2", "1"],
        ["pan", "2", "sideways"],
        ["upscale", "2", "--scale", "3"],
        ["remix", "2"],
        ["remix", "2", "  "],
        ["blend", "2"],
        ["region", "2"],
    ],
)
def test_what_makes_no_sense_is_refused_before_anybody_is_asked(
    script: Script, arguments: Sequence[str]
) -> None:
    assert run(arguments) == 2
    assert script.asked == []


# -- pictures that go with it -----------------------------------------------------------------------------------------


def test_a_region_uploads_its_mask(script: Script) -> None:
    Path("mask.png").write_bytes(png())
    assert run(["region", "2", "mask.png", "a", "blue bird", "--quiet"]) == 0
    [(_, body)] = actions(script)
    assert body == {"action": "vary_region", "prompt": "a blue bird", "mask": identity(99)}
    [upload] = script.sent("POST /api/v1/uploads")
    assert b'name="kind"\r\n\r\nmask' in upload.body and png() in upload.body
    assert b'filename="mask.png"' in upload.body


def test_a_mask_that_is_not_there(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["region", "2", "none.png"]) == 2
    assert "none.png cannot be read: No such file" in capsys.readouterr().err
    assert actions(script) == []


def test_a_mask_that_was_uploaded_is_named(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    mask = {"id": identity(98), "reference": f"upload:{identity(98)}"}
    script.answers["GET /api/v1/uploads"] = lambda asked: {
        "uploads": [mask] if asked.query["kind"] == "mask" else [],
        "next_cursor": None,
    }
    for name in (identity(98), f"upload:{identity(98)}", f"upload:{identity(98)[-8:]}"):
        assert run(["region", "2", name, "--quiet"]) == 0
    assert [body["mask"] for _, body in actions(script)] == [identity(98)] * 3
    assert script.sent("POST /api/v1/uploads") == []
    assert run(["region", "2", "upload:ffffffff"]) == 1
    assert "There is no mask whose id" in capsys.readouterr().err
    assert run(["region", "2", "none.png"]) == 2
    assert "darkroom uploads --masks" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("at", "said"), [(89, "(at character 1)"), (95, "(at character 7)"), (3, "100:1.\n")]
)
def test_a_fault_is_placed_in_what_was_typed(
    script: Script, capsys: pytest.CaptureFixture[str], at: int, said: str
) -> None:
    """Two references of 44 characters stand before it."""
    pictures = ["--with", "last/1", "--with", "last/2", "--style", "last/3"]
    message = f"--ar is wider than 100:1 (at character {at})."
    error = {"code": "invalid_parameter", "message": message, "hint": "", "field": "prompt"}
    script.answers["POST /api/v1/blend"] = script.answers["POST /api/v1/jobs"] = (422, {"error": error})
    assert run(["blend", "last/1", "last/2", "--parameters", "--ar 100:1"]) == 2
    assert said in capsys.readouterr().err
    assert run(["imagine", "a --ar 100:1", *pictures]) == 2
    assert said in capsys.readouterr().err


def test_a_blend_takes_images_files_and_uploads(script: Script) -> None:
    Path("mine.png").write_bytes(png())
    third = f"upload:{identity(5)}"
    assert run(["blend", "last/2", "mine.png", third, "--parameters", "--ar 3:2", "--quiet"]) == 0
    [asked] = script.sent("POST /api/v1/blend")
    assert asked.body == {"images": [SECOND, identity(99), identity(5)], "parameters": "--ar 3:2"}


def test_imagine_with_pictures(script: Script) -> None:
    Path("mine.png").write_bytes(png())
    arguments = ["--with", "mine.png", "--with", "last/2", "--style", "https://example.com/a.png", "--quiet"]
    assert run(["imagine", "a fox", *arguments]) == 0
    [asked] = script.sent("POST /api/v1/jobs")
    named = re.findall(r"upload:\S+", asked.body["prompt"])
    assert named == [f"upload:{identity(99)}", f"upload:{SECOND}"]
    assert asked.body["prompt"].endswith(" a fox --sref https://example.com/a.png")
    assert run(["imagine", "a fox", "--here", "--with", "mine.png"]) == 2


# -- replay -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("colour", "code", "said"),
    [
        ((240, 60, 60), 0, "same, pixel by pixel\n"),
        ((240, 65, 58), 1, "different: 64 of 64 pixels, by at most 5 levels\n"),
    ],
)
def test_replay_compares_pixel_by_pixel(
    script: Script, capsys: pytest.CaptureFixture[str], colour: tuple[int, int, int], code: int, said: str
) -> None:
    script.answers["GET /files/12"] = png((240, 60, 60))
    script.answers["GET /files/21"] = png(colour)
    for number, each in ((12, script.answers[f"GET /api/v1/images/{SECOND}"]), (21, None)):
        size = len(script.answers[f"GET /files/{number}"])
        (each or made_of(script))["files"]["png"]["size_bytes"] = size
    script.answers[f"GET /api/v1/jobs/{identity(MADE)}/replay"] = {"same": False, "notes": ["other weights"]}
    assert run(["replay", SECOND, "--quiet"]) == code
    assert capsys.readouterr().out == said
    assert actions(script) == [(SECOND, {"action": "replay"})]
    assert run(["replay", SECOND, "--quiet", "--json"]) == code
    told = json.loads(capsys.readouterr().out)
    assert told["same"] is (code == 0)
    assert told["notes"] == ([] if code == 0 else ["other weights"])
    assert (told["original_id"], told["replay_id"], told["pixels"]) == (SECOND, identity(21), 64)


def made_of(script: Script, *, job: bool = False) -> Any:
    """The image that actions make, or its job."""
    made = script.answers["GET /api/v1/jobs"](asked_of_batch())["jobs"][0]
    return made if job else made["images"][0]


def test_a_replay_without_pixels_to_compare(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    script.answers[f"GET /api/v1/images/{SECOND}"]["files"].clear()
    assert run(["replay", SECOND, "--quiet"]) == 1
    assert "nothing to compare" in capsys.readouterr().err


def test_pictures_of_two_sizes_cannot_be_compared() -> None:
    with pytest.raises(OutputError, match="8x8 pixels, its replay 9x8"):
        compare(Image.new("RGB", (8, 8)), Image.new("RGB", (9, 8)))
