"""The studio on bad days: too little time, a refusal, a worker or the whole server gone, somebody else's secrets."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.service.conftest import STOP_S, Served, Tenant, ended, serve, tenant, until
from tests.studio.conftest import Visit, ended_job, new_account

from darkroom.billing import plans

TABS = 10
AWAY = r"net::ERR_|status of 50\d"  # whatever a browser says of requests to a server that was killed
LITTLE_GPU_MS = 1_500  # enough for one draft, not for two
PLAN = """
[plans.little]
title = "Little"
fast_minutes_month = 0
turbo = false
relax = false
running = 1
waiting = 3
batch = 4
stealth = false
weight = 1
images_kept_days = 30
requests_per_minute = 1000
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with one worker, a plan that is soon used up, and no pause before a second try."""
    folder = tmp_path_factory.mktemp("days")
    shipped = Path(plans.__file__).with_name("plans.toml").read_text(encoding="utf-8")
    (folder / "plans.toml").write_text(shipped + PLAN, encoding="utf-8")
    running = start(folder, "--port", "0")
    yield running
    ended(running)


def start(folder: Path, *options: str) -> Served:
    return serve(folder / "data", *options, "--workers", "1", DARKROOM_PLANS=str(folder / "plans.toml"))


def field(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Prompt")


def imagine(page: Page, prompt: str) -> Locator:
    """Sends a prompt from the bar; the job's card, once the service has taken it."""
    words = prompt.partition(" --")[0]
    field(page).fill(prompt)
    field(page).press("Enter")
    card = page.locator("[data-job]").filter(has_text=words).first
    expect(card).to_be_visible()
    return card


def submitted(person: Tenant, prompt: str, **more: str) -> dict[str, Any]:
    """A job of theirs, drawn to its end."""
    made = person.submit(prompt, **more)
    assert made.status_code == 202, made.text
    return ended_job(person.client, made.json()["jobs"][0]["id"])


def subscribers(served: Served) -> int:
    with served.client() as owner:
        found = re.search(r"^darkroom_subscribers (\d+)", owner.get("/metrics").text, re.MULTILINE)
    assert found is not None
    return int(found[1])


def workers(served: Served) -> list[int]:
    """The processes of the server that draw."""
    pid = served.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [int(each) for each in children if b"worker" in Path(f"/proc/{each}/cmdline").read_bytes()]


def test_a_job_is_stopped(visit: Visit) -> None:
    page = visit().open()
    card = imagine(page, "a slow river --quality 4")
    card.get_by_role("button", name=re.compile("^(Cancel|Stop)")).click()
    expect(card.get_by_role("button", name="Draw it after all")).to_be_visible()
    expect(page.locator("[data-state=cancelled]")).to_have_count(1)


def test_the_time_of_the_month_runs_out(served: Served, visit: Visit) -> None:
    new_account(served, "lea", plan="little")
    with served.client() as owner:
        users = owner.get("/api/v1/admin/users", params={"limit": 100}).json()["users"]
        lea = next(each["id"] for each in users if each["name"] == "lea")
        granted = owner.post(f"/api/v1/admin/users/{lea}/grants", json={"amount_gpu_ms": LITTLE_GPU_MS})
        assert granted.status_code == 201, granted.text
    visitor = visit("lea")
    visitor.allow("40[0-9]|429")
    page = visitor.open()
    card = imagine(page, "a small boat --draft")
    expect(card.get_by_role("link", name=re.compile("Open picture 4"))).to_be_visible()
    field(page).fill("a second boat --draft")
    field(page).press("Enter")
    expect(page.get_by_text(re.compile("fast time|GPU time.*left|used up")).first).to_be_visible()
    expect(field(page)).to_have_value("a second boat --draft")
    expect(page.get_by_role("article")).to_have_count(1)


def test_what_the_policy_refuses_is_said_and_kept(visit: Visit) -> None:
    visitor = visit()
    visitor.allow("403")
    page = visitor.open()
    field(page).fill("a naked child")
    field(page).press("Enter")
    expect(page.get_by_text(re.compile("never allowed")).first).to_be_visible()
    expect(field(page)).to_have_value("a naked child")
    expect(page.locator("[data-job]").first).to_be_visible()
    expect(page.locator("[data-job]").filter(has_text="naked child")).to_have_count(0)


@pytest.fixture(scope="module")
def secret(served: Served) -> dict[str, str]:
    """What Ada shows to nobody: a picture of its own, and one that was made of a public one."""
    ada = tenant(served, "ada", plan="pro")
    new_account(served, "ben", plan="pro")
    hidden = submitted(ada, "a castle --draft --stealth")
    public = submitted(ada, "an open field --draft --public")
    action = {"action": "remix", "prompt": "a buried castle --stealth"}
    image = public["images"][0]["id"]
    asked = ada.client.post(f"/api/v1/images/{image}/actions", json=action)
    assert asked.status_code == 202, asked.text
    ended_job(ada.client, asked.json()["jobs"][0]["id"])
    ada.client.close()
    return {"image": hidden["images"][0]["id"], "job": hidden["id"], "public": image}


def test_nobody_is_told_of_stealth_work_by_its_address(visit: Visit, secret: dict[str, str]) -> None:
    visitor = visit("ben")
    visitor.allow("404")
    page = visitor.open("/explore")
    for there in ("/images/{image}", "/images/{image}/lineage", "/images/{image}/edit", "/jobs/{job}"):
        page.goto(visitor.url + there.format(**secret))
        expect(
            page.get_by_role("heading", name=re.compile("^There is no (picture|such job)"))
        ).to_be_visible()
        assert "castle" not in page.content()


def test_nobody_comes_across_stealth_work(visit: Visit, secret: dict[str, str]) -> None:
    page = visit("ben").open("/explore")
    expect(page.get_by_role("link", name="an open field").first).to_be_visible()
    expect(page.get_by_text("castle")).to_have_count(0)
    page.get_by_label("Words of the prompt").fill("castle")
    expect(page.get_by_role("heading", name="No picture has these words")).to_be_visible()
    page.goto(page.url.partition("/explore")[0] + "/library")
    expect(page.get_by_role("heading", name="Nothing here yet")).to_be_visible()
    page.goto(page.url.partition("/library")[0] + f"/images/{secret['public']}/lineage")
    expect(page.locator("[data-node]")).to_have_count(5)  # that there is something is said, and no more
    expect(page.get_by_role("button", name=re.compile("not yours", re.I))).to_have_count(4)
    assert "castle" not in page.content()


def test_ten_tabs_share_one_connection(served: Served, visit: Visit) -> None:
    visitor = visit()
    before = subscribers(served)
    pages = [visitor.open() for _ in range(TABS)]
    for page in pages:
        expect(field(page)).to_be_visible()
    until(lambda: subscribers(served) > before)
    with served.client() as owner:
        owner.post("/api/v1/jobs", json={"prompt": "ten windows --draft"})
    for page in pages:
        expect(page.get_by_role("article", name="ten windows")).to_be_visible()
    assert subscribers(served) == before + 1


def test_a_worker_that_dies_is_a_delay(served: Served, visit: Visit) -> None:
    page = visit().open()
    card = imagine(page, "a slow bridge --quality 2")
    expect(card.get_by_role("progressbar")).to_be_visible()
    for pid in until(lambda: workers(served)):
        os.kill(pid, signal.SIGKILL)
    expect(card.get_by_text(re.compile("^Delayed"))).to_be_visible()
    expect(card.get_by_role("link", name=re.compile("Open picture 4"))).to_be_visible()
    expect(page.locator("[data-state=failed]")).to_have_count(0)


def test_the_server_dies_and_comes_back(served: Served, visit: Visit) -> None:
    visitor = visit()
    visitor.allow(AWAY)
    page = visitor.open()
    field(page).fill("a lamp in the dark --draft")
    port = urlsplit(served.url).port
    served.process.kill()
    served.process.wait(STOP_S)
    expect(page.get_by_text(re.compile("Darkroom does not answer")).first).to_be_visible()
    expect(field(page)).to_have_value("a lamp in the dark --draft")
    field(page).press("Enter")
    expect(page.get_by_text(re.compile("Not sent yet"))).to_be_visible()
    back = start(served.data.parent, "--port", str(port))
    assert served.process.stdout is not None
    served.process.stdout.close()
    served.process = back.process
    with served.client() as owner:
        owner.post("/api/v1/jobs", json={"prompt": "what was missed --draft"})
    expect(page.get_by_text(re.compile("Darkroom does not answer"))).to_have_count(
        0
    )  # nor the card that waited
    expect(page.get_by_role("article", name="what was missed")).to_be_visible()
    lamp = page.get_by_role("article", name="a lamp in the dark", exact=True)
    expect(lamp.get_by_role("link", name=re.compile("Open picture 4"))).to_be_visible()
    expect(lamp).to_have_count(1)
