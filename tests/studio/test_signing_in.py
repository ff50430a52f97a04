"""How somebody comes in: by a link, once; and what the studio says to those who have none."""

import re

from playwright.sync_api import expect
from tests.service.conftest import Served
from tests.studio.conftest import Visit, login_link


def test_a_login_link_opens_the_studio_once(served: Served, visit: Visit) -> None:
    visitor = visit(account=None)
    link = login_link(served, "owner")
    page = visitor.open(link.removeprefix(served.url))
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(served.url + "/")
    expect(page.get_by_role("navigation").get_by_role("link", name="Create")).to_have_attribute(
        "aria-current", "page"
    )
    expect(page.locator(".toasts")).to_be_hidden()  # nothing was said, so that nothing lies over the screen
    visitor.allow("401")
    again = visit(account=None)
    again.allow("401")
    page = again.open(link.removeprefix(served.url))
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text(re.compile("unknown, used or expired"))).to_be_visible()


def test_who_is_not_logged_in_is_told_what_to_do(served: Served, visit: Visit) -> None:
    visitor = visit(account=None)
    visitor.allow("401")
    page = visitor.open("/library")
    field = page.get_by_label("Login link")
    field.fill("hello")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("no login link")
    field.fill(login_link(served, "owner"))
    field.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Library")
