"""The page at `/`: served to everybody, holds nothing of anybody's, runs only its own script."""

import re

from tests.gateway.conftest import House, Person


async def test_the_page_runs_only_its_own_script(house: House) -> None:
    answers = [await house.client().get("/") for _ in range(2)]
    policies = [answer.headers["content-security-policy"] for answer in answers]
    assert policies[0] != policies[1]
    nonce = re.search(r"script-src 'nonce-([^']+)'", policies[0])
    assert nonce
    page = answers[0].text
    assert page.count(f'nonce="{nonce[1]}"') == page.count("<script") + page.count("<style") == 2
    assert "{{" not in page and "innerHTML" not in page
    assert not re.search(r'\son[a-z]+="', page)
    assert answers[0].headers["cache-control"] == "no-store"


async def test_the_page_asks_only_for_what_the_api_has(house: House, member: Person) -> None:
    page = (await member.client.get("/")).text
    paths = set(re.findall(r'"(/api/v1/[a-z]+)', page))
    served = house.app.openapi()["paths"]
    assert paths == {"/api/v1/jobs", "/api/v1/account", "/api/v1/events"}
    assert all(path in served for path in paths)
