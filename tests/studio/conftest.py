"""The studio as people meet it: Debian's Chromium against the real server, the real worker and mini-1.

Where there is no browser every test here is skipped and says how to get one: `make setup-browser`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright
from tests.service.conftest import Served, ended, serve, until

from checks.browser import found

PATIENCE_MS = 60_000.0  # for what must come to pass; a limit, not a measurement
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips what needs a browser where there is none, in words that say what to do."""
    if found():
        return
    skipped = pytest.mark.skip(reason="no Chromium on this machine: `make setup-browser` installs it")
    for item in items:
        if Path(__file__).parent in item.path.parents and "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(skipped)


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """One browser for the tests of a module."""
    opened = playwright.chromium.launch(executable_path=found(), args=FLAGS)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with its worker, as `make run` starts it, for the tests of a module."""
    running = serve(tmp_path_factory.mktemp("studio") / "data")
    yield running
    ended(running)


@dataclass
class Visitor:
    """Somebody with a browser of their own: nobody else's cookies, and a note of everything that its console said."""

    context: BrowserContext
    url: str
    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def open(self, path: str = "/") -> Page:
        """A new tab."""
        page = self.context.new_page()
        page.on("console", lambda told: self._note(told.type, f"{told.text} {told.location.get('url', '')}"))
        page.on("pageerror", lambda error: self._note("error", f"{error}"))
        page.goto(self.url + path)
        return page

    def allow(self, pattern: str) -> None:
        """Complaints that a test provokes on purpose: a request that is refused, a server that is away."""
        self.expected.append(pattern)

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def unexpected(self) -> list[str]:
        return [text for text in self.complaints if not any(re.search(each, text) for each in self.expected)]


Visit = Callable[..., Visitor]


@pytest.fixture
def visit(browser: Browser, served: Served) -> Iterator[Visit]:
    """Makes visitors: `visit()` is the owner, logged in; `visit(account="ada")` somebody else; options go to the context.

    After the test no console may have complained.
    """
    visitors: list[Visitor] = []

    def come(account: str | None = "owner", **options: Any) -> Visitor:
        options = {"viewport": DESKTOP, "color_scheme": "dark", "reduced_motion": "reduce"} | options
        context = browser.new_context(**options)
        context.set_default_timeout(PATIENCE_MS)
        visitor = Visitor(context=context, url=served.url)
        if account is not None:
            token = login_token(served, account)
            answer = context.request.post(f"{served.url}/api/v1/login", data={"token": token})
            assert answer.status == 200, answer.text()
        visitors.append(visitor)
        return visitor

    expect.set_options(timeout=PATIENCE_MS)
    yield come
    for visitor in visitors:
        visitor.context.close()
    complaints = [text for visitor in visitors for text in visitor.unexpected()]
    assert not complaints, "\n".join(complaints)


def login_link(served: Served, name: str) -> str:
    """A login link for an account, as an operator makes it."""
    with served.client() as owner:
        users = owner.get("/api/v1/admin/users", params={"limit": 100}).json()["users"]
        account = next(each for each in users if each["name"] == name)
        return str(owner.post(f"/api/v1/admin/users/{account['id']}/login-link").json()["url"])


def login_token(served: Served, name: str) -> str:
    return login_link(served, name).partition("token=")[2]


def new_account(served: Served, name: str, *, plan: str = "pro") -> None:
    """An account, made by the owner."""
    with served.client() as owner:
        made = owner.post("/api/v1/admin/users", json={"name": name, "plan": plan})
        assert made.status_code == 201, made.text


def drawn(served: Served, prompt: str, **more: str) -> dict[str, Any]:
    """A job of the owner's, drawn to its end before any browser looks."""
    with served.client() as owner:
        made: httpx.Response = owner.post("/api/v1/jobs", json={"prompt": prompt, **more})
        assert made.status_code == 202, made.text
        return ended_job(owner, made.json()["jobs"][0]["id"])


def ended_job(client: httpx.Client, job_id: str) -> dict[str, Any]:
    """A job when it has ended."""

    def look() -> dict[str, Any] | None:
        job: dict[str, Any] = client.get(f"/api/v1/jobs/{job_id}").json()
        return job if job["state"] in ("completed", "failed", "rejected", "cancelled") else None

    found_job: dict[str, Any] = until(look)
    return found_job
