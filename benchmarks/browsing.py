"""A browser for scripts: Debian's Chromium, logged in to a server that runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.live import Live
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from checks.browser import found

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@contextmanager
def browser() -> Iterator[Browser]:
    """Chromium without a window. Ends the script where there is none."""
    path = found()
    if path is None:
        raise SystemExit("There is no Chromium on this machine: `make setup-browser` installs it.")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield opened
        opened.close()


def logged_in(opened: Browser, server: Live, account: str = "owner", **options: Any) -> BrowserContext:
    """A browser of its own for an account; options are Playwright's."""
    users = server.client.get("/api/v1/admin/users", limit=100)["users"]
    user = next(each for each in users if each["name"] == account)
    link = server.client.post(f"/api/v1/admin/users/{user['id']}/login-link")["url"]
    context = opened.new_context(base_url=server.url, **options)
    answer = context.request.post("/api/v1/login", data={"token": link.partition("token=")[2]})
    assert answer.status == 200, answer.text()
    return context
