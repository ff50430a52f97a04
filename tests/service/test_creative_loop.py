"""Every action through the API with a real worker and mini-1: sizes, parents, prices, and the pixels that must stay as they were.

At the end the server is started anew, and an image of every kind is drawn once more: the tests of this file stand in their order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tests.intake import hostile_files as hostile
from tests.service.artist import Artist, Json, likeness, pixels_of
from tests.service.conftest import Served, ended, serve, tenant

SIDE = 192  # of a draft


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with its worker, for all tests of the module."""
    served = serve(tmp_path_factory.mktemp("loop") / "data")
    yield served
    ended(served)


@pytest.fixture(scope="module")
def artist(running: Served) -> Iterator[Artist]:
    with running.client() as client:
        yield Artist(client=client)


@pytest.fixture(scope="module")
def apple(artist: Artist) -> Json:
    """One image of a draft: small, so that all of this is quick."""
    drawn = artist.images(artist.submit("a red apple on a blue background --draft --seed 7"))
    assert [each["width"] for each in drawn] == [SIDE] * 4 and all(not each["parents"] for each in drawn)
    return drawn[0]


@pytest.fixture(scope="module")
def pear(artist: Artist) -> Json:
    return artist.images(artist.submit("a green pear --draft --seed 8"))[0]


@pytest.fixture(scope="module")
def mask(artist: Artist) -> npt.NDArray[np.uint8]:
    """A white square in the middle."""
    found = np.zeros((SIDE, SIDE), np.uint8)
    found[48:144, 48:144] = 255
    return found


@pytest.fixture(scope="module")
def drawn(artist: Artist, apple: Json, mask: npt.NDArray[np.uint8]) -> dict[str, list[Json]]:
    """What each action makes of the apple. All are asked for at once, so that they share the worker's passes."""
    region = {"mask": artist.bring(mask, kind="mask")["id"], "prompt": "a yellow lemon on a blue background"}
    wishes: dict[str, tuple[str, dict[str, Any]]] = {
        "vary_subtle": ("vary_subtle", {}),
        "vary_strong": ("vary_strong", {}),
        "vary_region": ("vary_region", region),
        "zoom_out": ("zoom_out", {"zoom": 1.5}),
        "left": ("pan", {"direction": "left"}),
        "right": ("pan", {"direction": "right"}),
        "up": ("pan", {"direction": "up"}),
        "down": ("pan", {"direction": "down"}),
        "remix": ("remix", {"prompt": "a purple plum on a yellow background"}),
        "reroll": ("reroll", {}),
        "upscale_subtle": ("upscale_subtle", {}),
        "four_times": ("upscale_subtle", {"scale": 4}),
        "upscale_creative": ("upscale_creative", {}),
        "enhance": ("enhance", {}),
        "hd": ("hd", {}),
    }
    asked = {name: artist.ask(apple, action, **more) for name, (action, more) in wishes.items()}
    return {name: artist.taken(apple, answer) for name, answer in asked.items()}


def test_variations_are_near_and_nearer(apple: Json, drawn: dict[str, list[Json]]) -> None:
    subtle, strong = drawn["vary_subtle"], drawn["vary_strong"]
    assert len({pixels_of(each).tobytes() for each in (*subtle, *strong, apple)}) == 9, "each is another one"
    far = [np.mean([likeness(apple, each) for each in images]) for images in (subtle, strong)]
    assert far[0] < far[1]


def test_a_reroll_takes_the_words_again(apple: Json, drawn: dict[str, list[Json]]) -> None:
    first = drawn["reroll"][0]
    assert first["seed"] != apple["seed"] and first["prompt"].startswith("a red apple on a blue background")


def test_other_words_over_the_same_picture(drawn: dict[str, list[Json]]) -> None:
    first = drawn["remix"][0]
    assert first["prompt"].startswith("a purple plum") and "--draft" in first["prompt"]


def test_outside_a_region_every_pixel_stays(
    apple: Json, drawn: dict[str, list[Json]], mask: npt.NDArray[np.uint8]
) -> None:
    old, new = pixels_of(apple), pixels_of(drawn["vary_region"][0])
    assert (new[mask == 0] == old[mask == 0]).all()
    assert (new[mask == 255] != old[mask == 255]).any()
    assert len(drawn["vary_region"][0]["parents"]) == 2, "the picture and the mask"


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("zoom_out", (288, 288)),
        ("left", (288, SIDE)),
        ("right", (288, SIDE)),
        ("up", (SIDE, 288)),
        ("down", (SIDE, 288)),
    ],
)
def test_around_it_the_old_picture_stays(
    artist: Artist, apple: Json, drawn: dict[str, list[Json]], name: str, size: tuple[int, int]
) -> None:
    image = drawn[name][1]
    assert (image["width"], image["height"]) == size
    check_frame(artist, apple, image)


def test_what_was_panned_is_made_a_square_again(artist: Artist, drawn: dict[str, list[Json]]) -> None:
    square = artist.do(drawn["up"][2], "make_square")[0]
    assert (square["width"], square["height"]) == (288, 288)
    check_frame(artist, drawn["up"][2], square)


def check_frame(artist: Artist, source: Json, image: Json) -> None:
    """Within the declared seam the old pixels are there, bit for bit; what surrounds them is no single colour."""
    recipe = artist.client.get(f"/api/v1/jobs/{image['job_id']}").json()["recipe"]
    frame, seam = recipe["frame"], recipe["seam_px"]
    old, new = pixels_of(source), pixels_of(image)
    inside = (
        slice(frame["top"], frame["top"] + frame["inner_height"]),
        slice(frame["left"], frame["left"] + frame["inner_width"]),
    )
    assert new[inside].shape == old.shape and 0 < seam < min(old.shape[:2]) / 3
    assert (new[inside][seam:-seam, seam:-seam] == old[seam:-seam, seam:-seam]).all()
    outside = np.ones(new.shape[:2], bool)
    outside[inside] = False
    assert len(np.unique(new[outside], axis=0)) > 16


def test_one_of_four_is_upscaled_and_goes_on_from_there(
    artist: Artist, apple: Json, drawn: dict[str, list[Json]]
) -> None:
    (large,), (creative,), (larger,) = (
        drawn[name] for name in ("upscale_subtle", "upscale_creative", "four_times")
    )
    assert (large["width"], creative["width"], larger["width"]) == (2 * SIDE, 2 * SIDE, 4 * SIDE)
    assert large["prompt"] == apple["prompt"]
    small = pixels_of(large).reshape(SIDE, 2, SIDE, 2, 3).mean(axis=(1, 3))
    assert np.abs(small - pixels_of(apple)).mean() < 12, "it shows the same, larger"
    assert artist.do(large, "vary_subtle")[0]["parents"] == [large["id"]]


def test_a_draft_is_drawn_in_full_and_large(apple: Json, drawn: dict[str, list[Json]]) -> None:
    (whole,), (large,) = drawn["enhance"], drawn["hd"]
    assert (whole["width"], large["width"]) == (256, 384) and whole["seed"] == large["seed"] == apple["seed"]
    assert "--draft" not in whole["prompt"] and "--hd" in large["prompt"]


@pytest.fixture(scope="module")
def guided(artist: Artist, apple: Json, pear: Json) -> list[Json]:
    """What is drawn with an image prompt and a style, which are an upload and an image."""
    brought = artist.bring(np.full((64, 64, 3), (200, 40, 40), np.uint8))
    job = artist.submit(f"{brought['reference']} a bowl --sref upload:{pear['id']} 77 --draft")
    assert [each["role"] for each in job["recipe"]["inputs"]] == ["prompt", "style"]
    images = artist.images(job)
    assert set(images[0]["parents"]) == {brought["id"], pear["id"]}
    return images


@pytest.fixture(scope="module")
def blended(artist: Artist, apple: Json, pear: Json) -> list[Json]:
    body = {"images": [apple["id"], pear["id"]], "parameters": "--draft --chaos 20"}
    answer = artist.client.post("/api/v1/blend", json=body)
    assert answer.status_code == 202, answer.text
    return artist.images(answer.json()["jobs"][0])


def test_pictures_in_a_prompt(guided: list[Json]) -> None:
    assert len(guided) == 4 and guided[0]["action"] == "imagine"


def test_two_pictures_are_blended(blended: list[Json], apple: Json, pear: Json) -> None:
    assert len(blended) == 4 and set(blended[0]["parents"]) == {apple["id"], pear["id"]}
    assert blended[0]["action"] == "blend"


def workers(served: Served) -> list[tuple[str, str, str]]:
    """Who draws, and since when."""
    with served.client() as owner:
        found = owner.get("/api/v1/admin/workers").json()["workers"]
    return [(each["id"], each["registered_at"], each["state"]) for each in found]


def test_server_and_worker_outlive_hostile_pictures_and_draw(running: Served, pear: Json) -> None:
    """Every bad file and mask, then jobs from a polyglot and from the smallest and the longest picture that there may be."""
    before = workers(running)
    eves = [tenant(running, f"eve {number}", plan="pro") for number in range(2)]
    bad = [("picture", make()) for make, _ in hostile.BAD.values()]
    bad += [("mask", make()) for make, _ in hostile.BAD_MASKS.values()]
    for number, (kind, data) in enumerate(bad):  # an account may bring 60 in a minute
        answer = eves[number % 2].client.post("/api/v1/uploads", files={"file": data}, data={"kind": kind})
        assert answer.status_code == 422, answer.text
    eve = Artist(client=eves[0].client)
    odd = (
        hostile.encoded() + hostile.archive(),
        *map(hostile.encoded, (hostile.scene(8, 8), hostile.scene(2048, 104))),
    )
    brought = [eve.client.post("/api/v1/uploads", files={"file": data}).json()["reference"] for data in odd]
    jobs = [eve.submit(f"{each} a red fox --draft --seed 9") for each in brought]
    assert [len(eve.images(job)) for job in jobs] == [4, 4, 4]
    assert running.process.poll() is None and workers(running) == before
    with running.client() as owner:
        assert "darkroom_incidents_total 0.0" in owner.get("/metrics").text
    for each in eves:
        each.client.close()


@pytest.fixture(scope="module")
def kinds(
    apple: Json, drawn: dict[str, list[Json]], guided: list[Json], blended: list[Json]
) -> dict[str, Json]:
    """One image of every kind."""
    last = {name: images[-1] for name, images in drawn.items() if name not in ("right", "down", "four_times")}
    return {"imagine": apple, "guided": guided[1], "blend": blended[2], **last}


@pytest.fixture(scope="module")
def later(running: Served, kinds: dict[str, Json]) -> Iterator[Artist]:
    """The artist, after the server and its worker were started anew."""
    ended(running)
    served = serve(running.data)
    with served.client() as client:
        yield Artist(client=client)
    ended(served)


def test_every_kind_comes_out_the_same_after_a_restart(later: Artist, kinds: dict[str, Json]) -> None:
    assert len(kinds) == 15
    asked = {kind: later.ask(image, "replay")["jobs"][0] for kind, image in kinds.items()}
    again = {kind: later.images(job)[0] for kind, job in asked.items()}
    for kind, job in asked.items():
        found = later.client.get(f"/api/v1/jobs/{job['id']}/replay").json()
        assert found["same"] is True, (kind, found)
        image = later.client.get(f"/api/v1/images/{kinds[kind]['id']}").json()
        assert (pixels_of(again[kind]) == pixels_of(image)).all(), kind
        assert image["id"] in again[kind]["parents"]


def test_a_replay_of_a_replay_is_the_same_too(later: Artist, kinds: dict[str, Json]) -> None:
    (again,) = later.images(later.ask(kinds["vary_strong"], "replay")["jobs"][0])
    assert later.replayed(again)["same"] is True


def test_what_was_drawn_from_a_deleted_image_says_why_it_cannot_be_replayed(
    later: Artist, apple: Json, kinds: dict[str, Json]
) -> None:
    deleted = later.client.post("/api/v1/images/delete", json={"ids": [apple["id"]]})
    assert deleted.status_code == 200, deleted.text
    address = f"/api/v1/images/{kinds['up']['id']}/actions"
    answer = later.client.post(address, json={"action": "replay"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "inputs_gone"), answer.text
    assert later.do(kinds["up"], "upscale_subtle"), "its own pixels are there"
