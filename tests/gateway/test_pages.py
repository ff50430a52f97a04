"""The server's own pages: complete in themselves, run by nonce only, nothing of what the address says."""

from __future__ import annotations

import re

from tests.gateway.conftest import House


async def test_the_login_page_runs_only_what_came_with_it(house: House) -> None:
    answers = [await house.client().get("/login") for _ in range(2)]
    policies = [answer.headers["content-security-policy"] for answer in answers]
    assert policies[0] != policies[1], "a nonce is for once"
    found = re.search(r"script-src 'nonce-([^']+)'; style-src 'nonce-([^']+)'", policies[0])
    assert found and found[1] == found[2]
    text = answers[0].text
    assert text.count(f'nonce="{found[1]}"') == text.count("<script") + text.count("<style") == 2
    assert "{{" not in text and "innerHTML" not in text
    assert not re.search(r'\s(on[a-z]+|style)="', text) and not re.search(r'(src|href)="(?!data:,)', text)
    assert answers[0].headers["cache-control"] == "no-store"


async def test_the_login_page_can_be_used_without_seeing_it(house: House) -> None:
    text = (await house.client().get("/login")).text
    fields = re.findall(r'<input id="([a-z]+)"', text)
    assert fields and all(f'<label for="{name}"' in text for name in fields)
    assert '<html lang="en">' in text and text.count("<h1>") == text.count("<main>") == 1
    assert 'id="told" role="status"' in text and "<title>Darkroom: log in</title>" in text
    assert "light-dark(" in text and ":focus-visible" in text
