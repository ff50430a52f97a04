"""The feed of public images over HTTP: its orders, its cursors, and what is never in it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.gateway.conftest import House, Person, fault
from tests.gateway.test_gallery_routes import change, drawn, many

from darkroom.gateway.limits import WIDE_PER_MINUTE

EXPLORE = "/api/v1/explore"


async def pages(person: Person, **params: Any) -> list[str]:
    """The ids of all pages of a feed."""
    seen: list[str] = []
    cursor = None
    while True:
        answer = await person.client.get(EXPLORE, params=params | ({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200, answer.text
        seen += [each["id"] for each in answer.json()["images"]]
        if (cursor := answer.json()["next_cursor"]) is None:
            return seen


@pytest.mark.parametrize("order", ["new", "top", "random"])
async def test_what_everybody_sees(house: House, member: Person, order: str) -> None:
    one, two, three, four, _grid = await drawn(house, member, "a red fox")
    await drawn(house, member, "a boat --stealth")
    eve = await house.person("eve")
    await change(eve, one, hidden=True)
    await many(member, "trash", two)
    await many(member, "delete", three)
    assert await pages(eve, order=order, limit=1) == [str(four.id)]
    assert set(await pages(member, order=order, limit=1)) == {str(one.id), str(four.id)}
    assert await pages(eve, order=order, q="fox") == [str(four.id)]
    assert await pages(eve, order=order, q="boat") == []
    (seen,) = (await eve.client.get(EXPLORE)).json()["images"]
    assert (seen["own"], seen["prompt"].startswith("a red fox")) == (False, True)
    assert str(member.account.id) not in str(seen), "an image does not say whose it is"


async def test_new_and_top(house: House, member: Person) -> None:
    eve = await house.person("eve")
    made = [each for _ in range(2) for each in (await drawn(house, member))[:4]]
    newest = sorted((str(each.id) for each in made), reverse=True)
    assert await pages(eve, order="new", limit=3) == newest
    liked, loved = made[0], made[2]
    for person, image in ((eve, liked), (eve, loved), (member, loved)):
        await change(person, image, liked=True)
    best = [str(loved.id), str(liked.id)]
    rest = [each for each in newest if each not in best]
    assert await pages(eve, order="top", limit=1) == [*best, *rest]
    house.clock.move(days=31)
    assert await pages(eve, order="top", limit=5) == newest, "likes count for thirty days"


async def test_likes_that_come_while_somebody_pages_change_nothing(house: House, member: Person) -> None:
    made = [each for _ in range(2) for each in (await drawn(house, member))[:4]]
    first = (await member.client.get(EXPLORE, params={"order": "top", "limit": 3})).json()
    house.clock.move(seconds=1)
    for image in made:
        await change(member, image, liked=True)
    more = {"order": "top", "limit": 9, "cursor": first["next_cursor"]}
    rest = (await member.client.get(EXPLORE, params=more)).json()
    seen = [each["id"] for each in first["images"] + rest["images"]]
    assert seen == sorted((str(each.id) for each in made), reverse=True)


async def test_random_tells_its_seed_and_keeps_it(house: House, member: Person) -> None:
    made = {str(each.id) for _ in range(3) for each in (await drawn(house, member))[:4]}
    first = (await member.client.get(EXPLORE, params={"order": "random", "limit": 5})).json()
    assert first["seed"] == 7, "drawn where none is given"
    whole = await pages(member, order="random", seed=7, limit=5)
    assert set(whole) == made and [each["id"] for each in first["images"]] == whole[:5]
    assert await pages(member, order="random", seed=8, limit=5) != whole
    assert (await member.client.get(EXPLORE)).json()["seed"] is None


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "new.0.0.0",
        "new.0.0.0.x",
        "top.0.0.0.{id}",
        "new.-1.0.0.{id}",
        "new.0.9{many}.0.{id}",
        "new.0.0.²0.{id}",
        "new.0.0.2147483648.{id}",
    ],
)
async def test_cursors_that_cannot_be(member: Person, cursor: str) -> None:
    text = cursor.replace("{id}", str(member.account.id)).replace("{many}", "9" * 30)
    error = fault(await member.client.get(EXPLORE, params={"cursor": text}), 422, "invalid_request")
    assert error["field"] == "cursor"


async def test_an_account_gets_so_many_pages_of_feeds_and_lineages_a_minute(
    house: House, member: Person
) -> None:
    image, *_rest = await drawn(house, member)
    lineage = f"/api/v1/images/{image.id}/lineage"
    for number in range(WIDE_PER_MINUTE):
        answer = await member.client.get(lineage if number % 2 else EXPLORE)
        assert answer.status_code == 200
    for path in (lineage, EXPLORE):
        fault(await member.client.get(path), 429, "rate_limited")
    eve = await house.person("eve")
    assert (await eve.client.get(EXPLORE)).status_code == 200
    house.clock.move(seconds=1)
    assert (await member.client.get(EXPLORE)).status_code == 200


@pytest.mark.parametrize("params", [{"order": "best"}, {"seed": -1}, {"limit": 0}, {"seed": 2**40}])
async def test_feeds_that_cannot_be(member: Person, params: dict[str, Any]) -> None:
    fault(await member.client.get(EXPLORE, params=params), 422, "invalid_request")
