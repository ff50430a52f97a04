"""Lists, folders, marks, trash, downloads, words, uploads and family trees: what the commands ask for, and what they print."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.scripted import Asked, Cut, Script, Scripted, identity, image, job, png

from darkroom.cli.main import run
from darkroom.cli.words import BAR_COLUMNS, bar

FOX = 1
UNMARKED = {"liked": False, "favourite": False, "hidden": False, "rating": None}
PARIS = {"id": identity(50), "name": "Paris", "images": 2, "created_at": "2026-05-01T12:00:00Z"}
SAVED = {
    "id": identity(60),
    "name": "best",
    "query": "q=red+fox&liked=true",
    "created_at": "2026-05-01T12:00:00Z",
}


def one(number: int) -> str:
    return identity(10 + number)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Script]:
    """A service where a fox was drawn: job 1, images 11 to 14."""
    with Scripted() as script:
        monkeypatch.setenv("DARKROOM_URL", script.url)
        monkeypatch.setenv("DARKROOM_KEY", "dk_test")
        monkeypatch.chdir(tmp_path)
        foxes = [image(script, 10 + index, job=FOX, index=index) for index in (1, 2, 3, 4)]
        script.answers |= {
            "GET /api/v1/jobs": {"jobs": [job(FOX, foxes)], "next_cursor": None},
            f"GET /api/v1/jobs/{identity(FOX)}": job(FOX, foxes),
            "GET /api/v1/images": {"images": foxes, "next_cursor": None},
            "GET /api/v1/explore": {"images": foxes[:1], "next_cursor": None},
            "GET /api/v1/trash": {"images": foxes[1:2], "next_cursor": None},
            "GET /api/v1/folders": {"folders": [PARIS]},
            "POST /api/v1/folders": (201, PARIS),
            f"POST /api/v1/folders/{PARIS['id']}/images": {**PARIS, "images": 4},
            f"PATCH /api/v1/folders/{PARIS['id']}": PARIS,
            f"DELETE /api/v1/folders/{PARIS['id']}": (204, b""),
            "GET /api/v1/searches": {"searches": [SAVED]},
            "POST /api/v1/searches": (201, SAVED),
            f"DELETE /api/v1/searches/{SAVED['id']}": (204, b""),
            "POST /api/v1/downloads": b"PK" + bytes(100_000),
            **{f"POST /api/v1/images/{verb}": {} for verb in ("trash", "restore", "delete")},
        }
        for each in foxes:
            script.answers[f"GET /api/v1/images/{each['id']}"] = each
            script.answers[f"PATCH /api/v1/images/{each['id']}"] = lambda asked, each=each: {
                "image": {**each, **{name: v for name, v in asked.body.items() if name == "visibility"}},
                "marks": {**UNMARKED, **asked.body},
                "likes": 3,
            }
            script.answers[f"POST /api/v1/images/{each['id']}/pick"] = {"image": each}
        yield script


def out(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert run(arguments) == code, capsys.readouterr()
    return capsys.readouterr().out


# -- lists ------------------------------------------------------------------------------------------------------------


def test_images_are_listed_by_names_that_commands_take(
    script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    script.answers["GET /api/v1/images"]["images"].reverse()  # ids of one moment have no order
    head, *rows = out(capsys, "images").splitlines()
    assert head.split() == ["IMAGE", "ID", "ACTION", "SIZE", "MODEL", "CREATED", "PROMPT"]
    assert [row.split()[0] for row in rows] == [f"{identity(FOX)[-8:]}/{index}" for index in (1, 2, 3, 4)]
    assert [row.split()[1] for row in rows] == [one(index)[-8:] for index in (1, 2, 3, 4)]


def test_images_are_narrowed(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    filters = ["--search", "red fox", "--liked", "--folder", "paris", "--rating", "4", "--model", "able-1"]
    out(capsys, "images", *filters, "--visibility", "public", "--limit", "5", "--json")
    [asked] = script.sent("GET /api/v1/images")
    assert asked.query == {
        "q": "red fox", "liked": "true", "folder": PARIS["id"], "rating_min": "4", "model": "able-1",
        "visibility": "public", "limit": "5",
    }  # fmt: skip


def test_filters_are_kept_by_name(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert "best  q=red+fox&liked=true" in out(capsys, "searches").replace("    ", "  ")
    out(capsys, "searches", "add", "good ones", "--search", "red fox", "--rating", "4", "--liked")
    assert script.sent("POST /api/v1/searches")[0].body == {
        "name": "good ones",
        "query": "q=red+fox&rating_min=4&liked=true",
    }
    out(capsys, "images", "--saved", "BEST", "--model", "able-1")
    assert script.sent("GET /api/v1/images")[0].query == {
        "q": "red fox", "liked": "true", "model": "able-1", "limit": "20"
    }  # fmt: skip
    out(capsys, "searches", "delete", "best")
    assert script.sent(f"DELETE /api/v1/searches/{SAVED['id']}")
    assert run(["images", "--saved", "none"]) == 1
    assert "There are: best." in capsys.readouterr().err
    assert run(["searches", "add", "empty"]) == 2


def test_one_image_is_shown(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    shown = script.answers[f"GET /api/v1/images/{one(2)}"]
    shown |= {"action": "zoom_out", "parents": [one(1)], "marks": {**UNMARKED, "liked": True, "rating": 1}}
    printed = out(capsys, "images", "last/2")
    for said in (one(2), "zoom out", "liked, 1 star", one(1), shown["files"]["png"]["url"]):
        assert said in printed


def test_explore_prints_whole_ids(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    printed = out(capsys, "explore", "--order", "random", "--seed", "5", "--search", "fox")
    assert printed.splitlines()[1].startswith(one(1))
    [asked] = script.sent("GET /api/v1/explore")
    assert asked.query == {"order": "random", "seed": "5", "q": "fox", "limit": "20"}


# -- marks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "change", "said"),
    [
        (["like", "last/2"], {"liked": True}, "liked, stealth, 3 likes"),
        (["like", "last/2", "--off"], {"liked": False}, "stealth, 3 likes"),
        (["favourite", "last/2"], {"favourite": True}, "favourite, stealth, 3 likes"),
        (["hide", "last/2"], {"hidden": True}, "hidden, stealth, 3 likes"),
        (["rate", "last/2", "4"], {"rating": 4}, "4 stars, stealth, 3 likes"),
        (["rate", "last/2", "0"], {"rating": 0}, "stealth, 3 likes"),
        (["visibility", "public", "last/2"], {"visibility": "public"}, "public, 3 likes"),
    ],
)
def test_marks(
    script: Script,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    change: dict[str, Any],
    said: str,
) -> None:
    assert out(capsys, *arguments) == f"{one(2)}  {said}\n"
    assert [each.body for each in script.sent(f"PATCH /api/v1/images/{one(2)}")] == [change]


def test_an_image_that_is_named_twice_is_marked_once(
    script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    out(capsys, "like", "last/2", one(2), "last/3")
    assert len(script.sent(f"PATCH /api/v1/images/{one(2)}")) == 1
    assert len(script.sent(f"PATCH /api/v1/images/{one(3)}")) == 1
    assert run(["rate", "last/2", "6"]) == 2


def test_a_pick(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert out(capsys, "pick", "last/2") == f"{one(2)} is your pick\n"
    assert script.sent(f"POST /api/v1/images/{one(2)}/pick")


# -- trash ------------------------------------------------------------------------------------------------------------


def test_to_the_trash_and_back(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert out(capsys, "trash", "last/2", "last/3") == "2 images are in the trash\n"
    assert script.sent("POST /api/v1/images/trash")[0].body == {"ids": [one(2), one(3)]}
    assert one(2)[-8:] in out(capsys, "trash")
    for name in (one(2)[-8:], f"{identity(FOX)[-8:]}/2", one(2), "last/2"):
        assert out(capsys, "restore", name) == "1 image is back\n"
    assert [each.body for each in script.sent("POST /api/v1/images/restore")] == [{"ids": [one(2)]}] * 4
    assert run(["restore", f"{identity(FOX)[-8:]}/3"]) == 1
    assert "is not in the trash" in capsys.readouterr().err


def test_deleting_for_good_has_to_be_meant(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["delete", "last/3"]) == 2
    assert "--yes" in capsys.readouterr().err
    assert script.sent("POST /api/v1/images/delete") == []
    assert out(capsys, "delete", "--yes", "last/3", one(2)[-8:]) == "2 images are deleted for good\n"
    assert script.sent("POST /api/v1/images/delete")[0].body == {"ids": [one(3), one(2)]}


# -- folders and downloads ----------------------------------------------------------------------------------------------


def test_folders(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Paris" in out(capsys, "folders")
    assert "darkroom folders put 'Paris'" in out(capsys, "folders", "add", "Paris")
    assert out(capsys, "folders", "put", "paris", "last/1", "last/2") == "Paris has 4 images\n"
    out(capsys, "folders", "take", PARIS["id"][-8:], "last/1")
    out(capsys, "folders", "rename", "Paris", "London")
    out(capsys, "folders", "delete", "Paris")
    path = f"/api/v1/folders/{PARIS['id']}"
    assert [each.body for each in script.sent(f"POST {path}/images")] == [
        {"add": [one(1), one(2)]},
        {"remove": [one(1)]},
    ]
    assert script.sent(f"PATCH {path}")[0].body == {"name": "London"}
    assert len(script.sent(f"DELETE {path}")) == 1
    assert run(["folders", "put", "Rome", "last/1"]) == 1
    assert "There are: Paris." in capsys.readouterr().err


def test_a_download_is_one_file(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert out(capsys, "download", "last/1", one(2), "-o", "all.zip") == "all.zip\n"
    assert script.sent("POST /api/v1/downloads")[0].body == {"ids": [one(1), one(2)]}
    assert Path("all.zip").read_bytes() == script.answers["POST /api/v1/downloads"]
    assert run(["download", "last/1", "-o", "all.zip"]) == 1
    assert "File exists" in capsys.readouterr().err
    out(capsys, "download", "--folder", "Paris", "-o", "paris.zip")
    assert script.sent("POST /api/v1/downloads")[-1].body == {"folder": PARIS["id"]}


def test_a_download_that_is_refused_leaves_no_file(
    script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    refusal = {"error": {"code": "too_many", "message": "That is too much.", "hint": "", "field": None}}
    script.answers["POST /api/v1/downloads"] = (422, refusal)
    assert run(["download", "last/1", "-o", "all.zip"]) == 2
    assert "That is too much." in capsys.readouterr().err
    assert list(Path().iterdir()) == []
    assert run(["download", "-o", "all.zip"]) == 2
    assert run(["download", "last/1", "--folder", "Paris", "-o", "all.zip"]) == 2


def test_a_download_that_breaks_off_leaves_no_file(
    script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    script.answers["POST /api/v1/downloads"] = Cut(b"PK" + bytes(100_000))
    assert run(["download", "last/1", "-o", "all.zip"]) == 1
    assert "did not answer" in capsys.readouterr().err
    assert list(Path().iterdir()) == []


# -- words and uploads ----------------------------------------------------------------------------------------------------


def uploaded(asked: Asked) -> Any:
    return 201, {
        "id": identity(99), "reference": f"upload:{identity(99)}", "width": 8, "height": 6, "kind": "picture",
        "size_bytes": 90, "source": "", "url": "", "created_at": "2026-05-01T12:00:00Z",
    }  # fmt: skip


def test_an_upload_is_named_as_prompts_name_it(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    script.answers["POST /api/v1/uploads"] = script.answers["POST /api/v1/uploads/fetch"] = uploaded
    Path("a.png").write_bytes(png())
    assert out(capsys, "upload", "a.png") == f"upload:{identity(99)}\n"
    assert out(capsys, "upload", "https://example.com/a.png") == f"upload:{identity(99)}\n"
    assert script.sent("POST /api/v1/uploads/fetch")[0].body == {"url": "https://example.com/a.png"}
    out(capsys, "upload", "a.png", "--mask")
    assert [b"\r\n\r\nmask" in each.body for each in script.sent("POST /api/v1/uploads")] == [False, True]
    assert run(["upload", "none.png"]) == 1
    assert "There is no file 'none.png'" in capsys.readouterr().err


def test_uploads_are_listed_and_deleted(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    script.answers["GET /api/v1/uploads"] = {"uploads": [uploaded(None)[1]], "next_cursor": None}  # type: ignore[arg-type]
    script.answers[f"DELETE /api/v1/uploads/{identity(99)}"] = (204, b"")
    assert "8x6" in out(capsys, "uploads") and "8x6" in out(capsys, "uploads", "--masks")
    assert [each.query["kind"] for each in script.sent("GET /api/v1/uploads")] == ["picture", "mask"]
    for name in (identity(99)[-8:], f"upload:{identity(99)}"):
        assert out(capsys, "uploads", "delete", name) == f"{identity(99)} is deleted\n"


def test_a_mask_is_deleted_by_the_end_of_its_id(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    script.answers["GET /api/v1/uploads"] = lambda asked: {
        "uploads": [uploaded(asked)[1]] if asked.query["kind"] == "mask" else [],
        "next_cursor": None,
    }
    script.answers[f"DELETE /api/v1/uploads/{identity(99)}"] = (204, b"")
    assert out(capsys, "uploads", "delete", identity(99)[-8:]) == f"{identity(99)} is deleted\n"


def test_describe_prints_a_prompt_a_line(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    prompts = {"prompts": ["a fox", "a red \u202e fox", "snow", "an animal"]}
    script.answers["POST /api/v1/uploads"] = uploaded
    for path in (f"images/{one(2)}", f"uploads/{identity(99)}"):
        script.answers[f"POST /api/v1/{path}/describe"] = prompts
    Path("a.png").write_bytes(png())
    for name in ("last/2", "a.png", f"upload:{identity(99)}"):
        assert out(capsys, "describe", name).splitlines() == [
            "a fox",
            "a red \\u202e fox",
            "snow",
            "an animal",
        ]
    assert json.loads(out(capsys, "describe", "2", "--json")) == prompts


def test_shorten_draws_the_weight_of_each_word(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    words = [("very", 0.0), ("red", 0.5), ("fox", 1.0)]
    script.answers["POST /api/v1/shorten"] = {
        "words": [{"word": word, "start": 0, "end": 1, "weight": weight} for word, weight in words],
        "prompts": ["red fox"],
        "notes": ["it is short already"],
    }
    very, red, fox, shorter = out(capsys, "shorten", "very", "red fox").splitlines()
    assert script.sent("POST /api/v1/shorten")[0].body == {"prompt": "very red fox"}
    assert [line.count("█") for line in (very, red, fox)] == [0, BAR_COLUMNS // 2, BAR_COLUMNS]
    assert red.startswith("red ") and red.endswith(" 0.50") and shorter == "red fox"
    for nothing in ("", "  "):
        assert run(["shorten", nothing, "--json"]) == 2
        assert json.loads(capsys.readouterr().out)["error"]["code"] == "empty_prompt"
    assert bar(1 / BAR_COLUMNS / 2) == "▌" and bar(7.0) == bar(1.0)


# -- family trees ---------------------------------------------------------------------------------------------------------


def node(number: int, **more: Any) -> Any:
    return {
        "id": identity(number), "kind": "image", "job_id": identity(1), "index": 1, "action": "vary_subtle",
        "prompt": f"prompt {number}", "visible": True, "deleted": False, "thumbnail_url": None,
        "created_at": "2026-05-01T12:00:00Z", **more,
    }  # fmt: skip


def edge(child: int, parent: int, role: str = "init") -> Any:
    return {
        "child": identity(child),
        "parent": identity(parent),
        "kind": "image",
        "role": role,
        "weight": 1.0,
    }


def test_a_family_tree(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    up = {
        "nodes": [
            node(9),
            node(8, action="imagine"),
            node(7, kind="upload"),
            node(6, visible=False),
            node(5, deleted=True, visible=False, job_id=None, index=None, action=None, prompt=None),
        ],
        "edges": [
            edge(12, 9),
            edge(12, 8, "blend"),
            edge(9, 8),
            edge(8, 7, "prompt"),
            edge(8, 6),
            edge(8, 5),
            edge(8, 4),
        ],
        "next_cursor": None,
    }
    down = {"nodes": [], "edges": [edge(12, 9)], "next_cursor": None}
    script.answers[f"GET /api/v1/images/{one(2)}/lineage"] = lambda asked: (
        up if asked.query["direction"] == "ancestors" else down
    )
    name = [identity(number)[-8:] for number in range(13)]
    assert out(capsys, "lineage", "last/2").splitlines() == [
        "made from",
        f"{name[12]}  imagine 2  a fox --v able-1 --seed 7",
        f"├─ init  {name[9]}  vary subtle 1  prompt 9",
        f"│  └─ init  {name[8]}  imagine 1  prompt 8",
        f"│     ├─ prompt  {name[7]}  upload",
        f"│     ├─ init  {name[6]}  an image that you may not see",
        f"│     └─ init  {name[5]}  an image that was deleted",
        f"└─ blend  {name[8]}  imagine 1  prompt 8 (see above)",
        "became",
        f"{name[12]}  imagine 2  a fox --v able-1 --seed 7",
        "└─ nothing yet",
    ]
    assert out(capsys, "lineage", "last/2", "--descendants").startswith("became\n")
    told = json.loads(out(capsys, "lineage", "last/2", "--ancestors", "--json"))
    assert set(told) == {"image", "ancestors"} and told["ancestors"]["nodes"] == up["nodes"]


def test_a_family_tree_comes_page_by_page(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    def page(asked: Asked) -> Any:
        first = int(asked.query.get("cursor", 100))
        numbers = range(first, first + int(asked.query["limit"]))
        edges = [edge(number, number - 1) for number in numbers] if first > 100 else [edge(100, 12)]
        return {
            "nodes": [node(number) for number in numbers],
            "edges": edges,
            "next_cursor": str(numbers.stop),
        }

    script.answers[f"GET /api/v1/images/{one(2)}/lineage"] = page
    printed = out(capsys, "lineage", "2", "--descendants", "--limit", "1200").splitlines()
    limits = [each.query["limit"] for each in script.asked if each.path.endswith("/lineage")]
    assert limits == ["500", "500", "200"]
    assert printed[-1] == "  and more: --limit 2400 shows them"
