"""One's own choices over HTTP: in pages, and nobody else's."""

from __future__ import annotations

from tests.gateway.conftest import House, Person, fault
from tests.gateway.test_gallery_routes import change, drawn

SIGNALS = "/api/v1/signals"


async def test_choices_are_shown_newest_first_in_pages(house: House, member: Person) -> None:
    one, two, three, four, _grid = await drawn(house, member)
    for rating in (1, 2, 3):
        await change(member, two, rating=rating)
    page = (await member.client.get(SIGNALS, params={"limit": 2})).json()
    rest = (await member.client.get(SIGNALS, params={"cursor": page["next_cursor"]})).json()
    signals = page["signals"] + rest["signals"]
    assert [each["value"] for each in signals] == [3, 2, 1] and rest["next_cursor"] is None
    assert signals[0] == {
        "id": signals[0]["id"],
        "choice": "rated",
        "image_id": str(two.id),
        "job_id": str(two.job_id),
        "beside": [str(each.id) for each in (one, three, four)],
        "value": 3,
        "at": house.clock().isoformat().replace("+00:00", "Z"),
    }
    eve = await house.person("eve")
    assert (await eve.client.get(SIGNALS)).json() == {"signals": [], "next_cursor": None}
    fault(await member.client.get(SIGNALS, params={"cursor": "x"}), 422, "invalid_request")
