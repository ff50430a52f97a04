"""The pictures of a round: drawn as in peace, readable by their owner through the service, and nobody else's are there."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
from benchmarks.chaos.audit import Books
from benchmarks.chaos.customers import Customer, Desk
from benchmarks.chaos.fake import showable, undisturbed

AT_ONCE = 8


async def picture_faults(books: Books, customers: Sequence[Customer], desk: Desk, objects: Path) -> list[str]:
    """Every contradiction as a sentence."""
    faults = _stored(books, objects)
    for customer in customers:
        faults += await _shown(customer, books, desk)
    faults += await _staged_is_shut(desk, objects)
    return faults


def _stored(books: Books, objects: Path) -> list[str]:
    """What the database says of the pictures, against what an undisturbed run gives, and against the disk."""
    faults: list[str] = []
    by_job: dict[str, dict[tuple[int | None, str], str]] = defaultdict(dict)
    for row in books.images:
        for variant, digest, *_ in json.loads(row["files"]):
            by_job[row["job_id"]][row["index"], variant] = digest
    for job_id in by_job:
        if job_id not in books.ended or books.ended[job_id]["state"] != "completed":
            faults.append(f"job {job_id} is not completed and has pictures")
    for job in books.ended.values():
        if job["state"] != "completed":
            continue
        if by_job[job["id"]] != undisturbed(job["prompt"], job["seed"], job["images"], job["recipe"]):
            faults.append(f"job {job['id']} has other pictures than an undisturbed run: {job['prompt']!r}")
        if not showable(job["prompt"], job["seed"], job["images"]):
            faults.append(f"job {job['id']} shows pictures whose scores forbid it: {job['prompt']!r}")
        rows = sum(row["job_id"] == job["id"] for row in books.images)
        if rows != job["images"] + 1:
            faults.append(f"job {job['id']} has {rows} pictures in the books")
        for digest in by_job[job["id"]].values():
            blob = objects / "blobs" / digest[:2] / digest
            if not blob.is_file() or hashlib.sha256(blob.read_bytes()).hexdigest() != digest:
                faults.append(f"job {job['id']}: {blob.name} is not on the disk as it should be")
    return faults


async def _shown(customer: Customer, books: Books, desk: Desk) -> list[str]:
    """What the owner sees: the same jobs, and each file behind its link."""
    jobs = await _pages(customer, desk, "/api/v1/jobs", "jobs")
    own = {job_id for job_id, job in books.ended.items() if job["account_id"] == customer.account}
    faults = [] if {job["id"] for job in jobs} >= own else [f"{customer.name} does not see all of their jobs"]
    files = []
    for job in jobs:
        pictures = [*job["images"], *([job["grid"]] if job["grid"] else [])]
        if job["state"] != "completed" and pictures:
            faults.append(f"{customer.name}: job {job['id']} is {job['state']} and shows pictures")
        if job["state"] == "completed" and (len(job["images"]) != 4 or not job["grid"]):
            faults.append(f"{customer.name}: job {job['id']} shows {len(job['images'])} pictures")
        files += [file for each in pictures for file in each["files"].values()]
    entries = await _pages(customer, desk, "/api/v1/account/statement", "entries")
    faults += await _adds_up(customer, desk, entries)
    return faults + await _readable(customer, files)


async def _pages(customer: Customer, desk: Desk, path: str, field: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        answer = await desk.insist("GET", f"{path}?limit=100{cursor}", customer.key)
        page = answer.raise_for_status().json()
        found += page[field]
        if not page["next_cursor"]:
            return found
        cursor = f"&cursor={page['next_cursor']}"


async def _adds_up(customer: Customer, desk: Desk, entries: Sequence[dict[str, Any]]) -> list[str]:
    total: dict[str, int] = defaultdict(int)
    for entry in entries:
        total[entry["kind"]] += entry["amount_gpu_ms"]
    left = total["grant"] - total["expire"] - total["settle"] - total["hold"] + total["release"]
    account = (await desk.insist("GET", "/api/v1/account", customer.key)).raise_for_status().json()
    said = account["balance"]["available_gpu_ms"]
    return (
        [] if left == said else [f"{customer.name}: the statement adds up to {left}, the balance says {said}"]
    )


async def _readable(customer: Customer, files: Sequence[dict[str, Any]]) -> list[str]:
    """Each file once, by the link alone."""
    faults: list[str] = []
    gate = asyncio.Semaphore(AT_ONCE)

    async def read(client: httpx.AsyncClient, file: dict[str, Any]) -> None:
        async with gate:
            answer = await client.get(file["url"])
        if answer.status_code != 200 or len(answer.content) != file["size_bytes"]:
            faults.append(
                f"{customer.name}: a file of theirs gives {answer.status_code}: {file['url'][:120]}"
            )

    async with httpx.AsyncClient(timeout=30) as client:
        await asyncio.gather(*(read(client, file) for file in files if "/files/staging" not in file["url"]))
    return faults + [f"a staged object is shown: {f['url']}" for f in files if "/staging/" in f["url"]]


async def _staged_is_shut(desk: Desk, objects: Path) -> list[str]:
    """What crashed runs left behind cannot be read without a signature."""
    left = [
        path.relative_to(objects).as_posix() for path in (objects / "staging").rglob("*") if path.is_file()
    ]
    faults = []
    for key in left[:5]:
        answer = await desk.insist("GET", f"/files/{key}", "dk_nobody")
        if answer.is_success:
            faults.append(f"a staged object can be read: {key}")
    return faults
