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


async def test_a_row_is_made_once_and_then_written_to(house: House) -> None:
    """Progress comes many times a second: a button that is made anew loses its focus, and clicks on it."""
    page = (await house.client().get("/")).text
    show = page.partition("function show(job) {")[2].partition("\n}")[0]
    assert "make(" not in show and "row(job.id)" in show
    assert show.count("replaceChildren") == 1 and "parts.pictures.replaceChildren" in show


async def test_the_page_says_in_words_where_a_job_stands_and_that_nobody_answers(house: House) -> None:
    page = (await house.client().get("/")).text
    for words in ("next in line", " ahead", "waiting for one of your slots", "The service does not answer"):
        assert words in page
    assert 'id="broken" role="status"' in page and "news.onopen" in page
    assert "alt: image.prompt" in page and "job.source" not in page
