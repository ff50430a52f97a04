"""Describe and shorten over HTTP: whose pictures, what policy lets out, how often, and what happens where nobody can answer."""

from __future__ import annotations

import asyncio
from io import BytesIO

import httpx
import pytest
from PIL import Image
from tests.gateway.conftest import House, Person, fault
from tests.gateway.test_every_route import DIGEST, a_hidden_image, a_trashed_image, an_image

from darkroom.core.errors import Unavailable
from darkroom.core.ports import WordWeight
from darkroom.gateway.describing import PER_MINUTE
from darkroom.lifecycle.turns import AT_ONCE_MAX
from darkroom.storage.objects import blob_key


def png(colour: str = "blue", mode: str = "RGB") -> bytes:
    file = BytesIO()
    Image.new(mode, (48, 32), colour).save(file, "PNG")
    return file.getvalue()


class Told:
    """Describes every picture alike; `prompts` is what it says, and it notes what it was shown."""

    def __init__(self, *prompts: str) -> None:
        self.prompts = prompts
        self.shown: list[tuple[int, int, int, int]] = []

    async def describe(self, width: int, height: int, rgb: bytes, *, count: int) -> tuple[str, ...]:
        self.shown.append((width, height, len(rgb), count))
        if not self.prompts:
            raise Unavailable("Nobody is there.")
        return self.prompts


class Weighed:
    async def weigh(self, text: str) -> tuple[WordWeight, ...]:
        raise Unavailable("Nobody is there.")


async def pictured(house: House, data: bytes | None = None) -> None:
    """The file of every image of the tests."""
    await house.objects.put(blob_key(DIGEST), png() if data is None else data, media_type="image/png")


def speaking(house: House, *prompts: str) -> Told:
    """The house with another describer."""
    told = Told(*prompts)
    object.__setattr__(house.rooms, "describer", told)
    return told


async def describe(person: Person, image: str) -> httpx.Response:
    return await person.client.post(f"/api/v1/images/{image}/describe")


async def test_an_image_is_described_by_the_embedder_that_ships(house: House, member: Person) -> None:
    await pictured(house)
    answer = await describe(member, await an_image(house, member))
    assert answer.status_code == 200, answer.text
    prompts = answer.json()["prompts"]
    assert len(prompts) == len(set(prompts)) == 4
    assert any("blue" in prompt for prompt in prompts)


async def test_the_describer_is_shown_the_pixels(house: House, member: Person) -> None:
    await pictured(house)
    told = speaking(house, "a fox", "a hen")
    assert (await describe(member, await an_image(house, member))).json() == {"prompts": ["a fox", "a hen"]}
    assert told.shown == [(48, 32, 48 * 32 * 3, 4)]


async def test_few_files_of_one_account_are_in_memory_at_once(
    house: House, member: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = await an_image(house, member)
    speaking(house, "a fox")
    reading, most = 0, 0

    async def slowly(key: str) -> bytes:
        nonlocal reading, most
        reading, most = reading + 1, max(most, reading + 1)
        for _ in range(50):
            await asyncio.sleep(0)
        reading -= 1
        return png()

    monkeypatch.setattr(house.objects, "get", slowly)
    answers = await asyncio.gather(*(describe(member, image) for _ in range(10)))
    assert {each.status_code for each in answers} == {200} and most == AT_ONCE_MAX


async def test_a_damaged_file_says_nothing_of_the_inside(house: House, member: Person) -> None:
    await pictured(house, b"no picture")
    error = fault(await describe(member, await an_image(house, member)), 503, "unavailable")
    assert "0x" not in str(error["message"])


async def test_large_pictures_are_shown_small(house: House, member: Person) -> None:
    file = BytesIO()
    Image.new("RGB", (2048, 512)).save(file, "PNG")
    await pictured(house, file.getvalue())
    told = speaking(house, "a fox")
    await describe(member, await an_image(house, member))
    assert told.shown[0][:2] == (1024, 256)


async def test_public_images_of_others_are_described_and_no_others(house: House, member: Person) -> None:
    await pictured(house)
    speaking(house, "a fox")
    stranger = await house.person("eve")
    assert (await describe(stranger, await an_image(house, member))).status_code == 200
    for make in (a_hidden_image, a_trashed_image):
        fault(await describe(stranger, await make(house, member)), 404, "not_found")


async def test_prompts_that_policy_forbids_are_not_handed_out(house: House, member: Person) -> None:
    await pictured(house)
    speaking(house, "a fox", "a forbidden fox", "a hen")
    assert (await describe(member, await an_image(house, member))).json()["prompts"] == ["a fox", "a hen"]


async def test_without_moderation_nothing_is_handed_out(house: House, member: Person) -> None:
    await pictured(house)
    image = await an_image(house, member)
    house.moderator.broken = True
    assert (await describe(member, image)).status_code == 503
    assert (await member.client.post("/api/v1/shorten", json={"prompt": "a red fox"})).status_code == 503


async def test_who_describes_is_away(house: House, member: Person) -> None:
    await pictured(house)
    speaking(house)
    error = fault(await describe(member, await an_image(house, member)), 503, "unavailable")
    assert error["message"] == "Nobody is there."


async def test_a_damaged_file_is_said(house: House, member: Person) -> None:
    await pictured(house, png()[:50])
    error = fault(await describe(member, await an_image(house, member)), 503, "unavailable")
    assert "damaged" in str(error["message"])


async def brought(person: Person, data: bytes, kind: str = "picture") -> str:
    answer = await person.client.post("/api/v1/uploads", files={"file": data}, data={"kind": kind})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_an_upload_is_described_for_its_owner_alone(house: House, member: Person) -> None:
    upload, stranger = await brought(member, png("red")), await house.person("eve")
    answer = await member.client.post(f"/api/v1/uploads/{upload}/describe")
    assert answer.status_code == 200, answer.text
    assert any("red" in prompt for prompt in answer.json()["prompts"])
    fault(await stranger.client.post(f"/api/v1/uploads/{upload}/describe"), 404, "not_found")
    assert (await member.client.delete(f"/api/v1/uploads/{upload}")).status_code == 204
    fault(await member.client.post(f"/api/v1/uploads/{upload}/describe"), 404, "not_found")


async def test_a_mask_shows_nothing(house: House, member: Person) -> None:
    mask = await brought(member, png("white", "L"), kind="mask")
    answer = await member.client.post(f"/api/v1/uploads/{mask}/describe")
    fault(answer, 422, "invalid_request")


async def test_shorten_weighs_words_and_shortens(house: House, member: Person) -> None:
    text = "a red fox in deep snow --ar 3:2"
    answer = await member.client.post("/api/v1/shorten", json={"prompt": text})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert [each["word"] for each in found["words"]] == ["a", "red", "fox", "in", "deep", "snow"]
    assert all(text[each["start"] : each["end"]] == each["word"] for each in found["words"])
    assert max(each["weight"] for each in found["words"]) == 1
    assert found["prompts"] and all(len(each) < len(text) for each in found["prompts"])
    assert not any("--ar" in each for each in found["prompts"])
    assert found["notes"] == []


async def test_shorten_says_where_it_stopped(house: House, member: Person) -> None:
    answer = await member.client.post("/api/v1/shorten", json={"prompt": "fox " * 400})
    assert answer.json()["notes"] == ["Only the first 120 of 400 words were weighed."]


@pytest.mark.parametrize("prompt", ["", "   ", "--ar 3:2", "https://host/x.png"])
async def test_shorten_without_words(house: House, member: Person, prompt: str) -> None:
    answer = await member.client.post("/api/v1/shorten", json={"prompt": prompt})
    assert "words" in fault(answer, 422, "empty_prompt")["hint"]


async def test_shorten_hands_out_nothing_that_policy_forbids(house: House, member: Person) -> None:
    answer = await member.client.post("/api/v1/shorten", json={"prompt": "forbidden forbidden2 forbidden3"})
    assert answer.json()["words"]
    assert answer.json()["prompts"] == []


async def test_who_weighs_is_away(house: House, member: Person) -> None:
    object.__setattr__(house.rooms, "shortener", Weighed())
    fault(await member.client.post("/api/v1/shorten", json={"prompt": "a fox"}), 503, "unavailable")


@pytest.mark.parametrize("body", [{}, {"prompt": 3}, {"prompt": "x" * 6001}, {"prompt": "a", "more": 1}])
async def test_shorten_refuses_what_is_no_prompt(
    house: House, member: Person, body: dict[str, object]
) -> None:
    assert (await member.client.post("/api/v1/shorten", json=body)).status_code == 422


async def test_both_count_against_one_limit_a_minute_and_cost_nothing(house: House, member: Person) -> None:
    await pictured(house)
    speaking(house, "a fox")
    image = await an_image(house, member)
    before = await house.store.accounts.get(member.account.id)
    for _ in range(PER_MINUTE - 1):
        assert (await describe(member, image)).status_code == 200
    assert (await member.client.post("/api/v1/shorten", json={"prompt": "a fox"})).status_code == 200
    answer = await describe(member, image)
    fault(answer, 429, "rate_limited")
    assert int(answer.headers["Retry-After"]) == 3
    house.clock.move(seconds=3)
    assert (await describe(member, image)).status_code == 200
    assert await house.store.accounts.get(member.account.id) == before
