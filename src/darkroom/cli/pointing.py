"""How people point at an image: its id or enough of it, `JOB/2`, `last/2`, `2`, or the file that was saved of it.

Asks the service, and knows no command.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.cli.ids import SEARCHED, SHORTEST, is_whole, matching
from darkroom.cli.plain import plain
from darkroom.cli.tables import short
from darkroom.core.errors import DarkroomError, NotFound, Refused
from darkroom.core.params import IMAGES_PER_JOB

if TYPE_CHECKING:
    from darkroom.cli.client import Client, Object

JOBS = "/api/v1/jobs"
IMAGES = "/api/v1/images"
LAST = "last"
FORMS = "An image is named by its id (or one end of it), by JOB/2, by last/2, or by the file that was saved of it."
FILE_MAX_BYTES = 256 * 1024 * 1024


def find_image(client: Client, text: str) -> Object:
    """The image that a person means. NotFound or Refused say how to name one."""
    wanted = text.strip()
    if wanted in map(str, range(1, IMAGES_PER_JOB + 1)):
        wanted = f"{LAST}/{wanted}"
    if "/" not in wanted and "." not in wanted:
        return _numbered(client, wanted, None) if wanted == LAST else _by_id(client, wanted)
    if Path(wanted).is_file():
        return _of_file(client, Path(wanted))
    job, _, number = wanted.rpartition("/")
    if not job or not number.isdecimal():
        raise NotFound(f"There is no image and no file {plain(wanted[:80])!r}.", code="not_found", hint=FORMS)
    return _numbered(client, job, int(number))


def find_images(client: Client, texts: Sequence[str]) -> list[Object]:
    """Several, in order, each once."""
    found = {image["id"]: image for image in (find_image(client, text) for text in texts)}
    return list(found.values())


def handle(job: Object, number: int) -> str:
    """How to name an image of a job in the next command: short enough to type."""
    return f"{short(job['id'])}/{number}"


def _by_id(client: Client, text: str) -> Object:
    if is_whole(text):
        try:
            return client.get(f"{IMAGES}/{text.lower()}")
        except NotFound as unknown:
            if unknown.code != NotFound.code:  # the service says more of it
                raise
            return _alone_in(client, text.lower(), unknown)
    if len(text) < SHORTEST:
        raise Refused(f"{plain(text)!r} names no image.", code="invalid_id", hint=FORMS)
    jobs = {job["id"]: job for job in client.pages(JOBS, "jobs", most=SEARCHED)}
    images = {image["id"]: image for job in jobs.values() for image in job["images"]}
    try:
        found = matching(text, [*images, *jobs], what="image")
    except NotFound as unknown:
        raise NotFound(unknown.message, hint=FORMS) from unknown
    return images[found] if found in images else _image_of(jobs[found], None)


def _alone_in(client: Client, job_id: str, unknown: NotFound) -> Object:
    """The one image of a job, where the id is a job's."""
    try:
        job = client.get(f"{JOBS}/{job_id}")
    except DarkroomError:
        raise NotFound(unknown.message, hint=FORMS) from unknown
    return _image_of(job, None)


def _numbered(client: Client, name: str, number: int | None) -> Object:
    """Image `number` of the job that is called so, or its only one."""
    if name == LAST:
        return _image_of(newest(client), number)
    whole = (
        name.lower()
        if is_whole(name)
        else matching(name, (job["id"] for job in client.pages(JOBS, "jobs", most=SEARCHED)), what="job")
    )
    return _image_of(client.get(f"{JOBS}/{whole}"), number)


def newest(client: Client) -> Object:
    """The newest job with images that is no replay: nobody goes on from those."""
    for job in client.pages(JOBS, "jobs", most=SEARCHED, state="completed"):
        if job["images"] and not job["recipe"]["replay_of"]:
            return job
    raise NotFound("Nothing was drawn yet.", hint='Begin with `darkroom imagine "a red fox"`.')


def _image_of(job: Object, number: int | None) -> Object:
    images = {int(image["index"]): image for image in job["images"]}
    if number is None and len(images) == 1:
        number = next(iter(images))
    if number in images:
        return dict(images[number])
    name = short(job["id"])
    if not images:
        raise Refused(
            f"The job {name} has no images; it is {plain(job['state'])}.",
            code="no_picture",
            hint=f"See `darkroom jobs {name}`.",
        )
    which = ", ".join(f"{name}/{each}" for each in sorted(images))
    said = "has several images" if number is None else f"has no image {number}"
    raise Refused(f"The job {name} {said}.", code="no_picture", hint=f"Say which: {which}.")


def _of_file(client: Client, path: Path) -> Object:
    """The image whose stored file has the very bytes of a local one: links name a file's content by its hash."""
    try:
        with path.open("rb") as file:
            digest = hashlib.sha256(file.read(FILE_MAX_BYTES)).hexdigest()
    except OSError as fault:
        raise Refused(f"{path} cannot be read: {fault.strerror}", code="file_unreadable") from fault
    for image in client.pages(IMAGES, "images", most=SEARCHED):
        if any(f"/{digest}" in file["url"] for file in image["files"].values()):
            return image
    raise NotFound(
        f"{path} is none of your newest {SEARCHED} images on this server, byte for byte.",
        hint="To use it all the same: `darkroom upload` it, or draw with it: `darkroom imagine --with FILE`.",
    )
