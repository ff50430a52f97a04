"""How people point at an image: its id or enough of it, `JOB/2`, `last/2`, `2`, or the file that was saved of it.

What is in the trash is found, too, and refused unless it is asked for. Asks the service, and knows no command.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.cli.ids import SEARCHED, SHORTEST, is_whole, matching
from darkroom.cli.plain import plain
from darkroom.cli.tables import short
from darkroom.core.errors import DarkroomError, NotFound, OutputError, Refused
from darkroom.core.jobs import JobState
from darkroom.core.params import IMAGES_PER_JOB

if TYPE_CHECKING:
    from darkroom.cli.client import Client, Object

JOBS = "/api/v1/jobs"
IMAGES = "/api/v1/images"
TRASH = "/api/v1/trash"
DELETED = "image_deleted"  # the service's code for an image that its owner deleted
LAST = "last"
FORMS = "An image is named by its id (or one end of it), by JOB/2, by last/2, or by the file that was saved of it."
FILE_MAX_BYTES = 256 * 1024 * 1024


def find_image(client: Client, text: str, *, trashed: bool = False) -> Object:
    """The image that a person means. NotFound or Refused say how to name one, or that it is in the trash, unless it may be."""
    found = _found(client, text.strip())
    if found.get("trashed_at") and not trashed:
        name = handle(found, int(found["index"])) if found["index"] else found["id"]
        raise Refused(
            f"The image {plain(text.strip())} is in the trash.",
            code="image_trashed",
            hint=f"`darkroom restore {name}` brings it back.",
        )
    return found


def _found(client: Client, wanted: str) -> Object:
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


def find_images(client: Client, texts: Sequence[str], *, trashed: bool = False) -> list[Object]:
    """Several, in order, each once."""
    found = {image["id"]: image for image in (find_image(client, text, trashed=trashed) for text in texts)}
    return list(found.values())


def handle(thing: Object, number: int) -> str:
    """How to name an image of a job in the next command: short enough to type. `thing` is the job, or an image of it."""
    return f"{short(thing.get('job_id') or thing['id'])}/{number}"


def _by_id(client: Client, text: str) -> Object:
    if is_whole(text):
        try:
            return client.get(f"{IMAGES}/{text.lower()}")
        except NotFound as unknown:
            if unknown.code != NotFound.code:  # the service says more of it
                raise
            return _only_of(client, text.lower(), unknown)
    if len(text) < SHORTEST:
        raise Refused(f"{plain(text)!r} names no image.", code="invalid_id", hint=FORMS)
    jobs = {job["id"]: job for job in client.pages(JOBS, "jobs", most=SEARCHED)}
    images = {image["id"]: image for job in jobs.values() for image in job["images"]}
    try:
        found = matching(text, [*images, *jobs], what="image")
    except NotFound as unknown:
        return _thrown_away(client, text, unknown)
    return images[found] if found in images else _image_of(client, jobs[found], None)


def _thrown_away(client: Client, text: str, unknown: NotFound) -> Object:
    """The image in the trash whose id has this end."""
    images = thrown_away(client)
    try:
        return images[matching(text, images, what="image")]
    except NotFound:
        raise NotFound(unknown.message, hint=FORMS) from unknown


def _only_of(client: Client, job_id: str, unknown: NotFound) -> Object:
    """The one image of a job, where the id is a job's."""
    try:
        job = client.get(f"{JOBS}/{job_id}")
    except DarkroomError:
        raise NotFound(unknown.message, hint=FORMS) from unknown
    return _image_of(client, job, None)


def _numbered(client: Client, name: str, number: int | None) -> Object:
    """Image `number` of the job that is called so, or its only one."""
    if name == LAST:
        return _image_of(client, newest(client), number)
    whole = (
        name.lower()
        if is_whole(name)
        else matching(name, (job["id"] for job in client.pages(JOBS, "jobs", most=SEARCHED)), what="job")
    )
    return _image_of(client, client.get(f"{JOBS}/{whole}"), number)


def newest(client: Client) -> Object:
    """The newest job with images that is no replay: nobody goes on from those."""
    for job in client.pages(JOBS, "jobs", most=SEARCHED, state="completed"):
        if job["images"] and not job["recipe"]["replay_of"]:
            return job
    raise NotFound("Nothing was drawn yet.", hint='Begin with `darkroom imagine "a red fox"`.')


def images_of(job: Object) -> int:
    """How many images a job makes."""
    recipe = job.get("recipe") or {}
    return len(recipe.get("indices", ())) or IMAGES_PER_JOB


def thrown_away(client: Client) -> dict[str, Object]:
    """What is in the trash, by id."""
    return {image["id"]: image for image in client.pages(TRASH, "images", most=SEARCHED)}


def _image_of(client: Client, job: Object, number: int | None) -> Object:
    """Image `number` of a job, in the trash or not; its only one where no number is given."""
    images = {int(image["index"]): image for image in job["images"]}
    if number not in images and len(images) < images_of(job):
        gone = [image for image in thrown_away(client).values() if image["job_id"] == job["id"]]
        images |= {int(image["index"]): image for image in gone}
    if number is None and len(images) == 1:
        number = next(iter(images))
    if number in images:
        return dict(images[number])
    raise _lacking(job, sorted(images), number)


def _lacking(job: Object, numbers: Sequence[int], number: int | None) -> DarkroomError:
    """Why a job, of which there are the images `numbers`, has not the one that was asked for."""
    name, made = short(job["id"]), range(1, images_of(job) + 1)
    done = job["state"] == JobState.COMPLETED
    if done and (number in made if number else not numbers):
        what = f"Image {number} of the job {name} was" if number else f"The images of the job {name} were"
        hint = "`darkroom lineage ID`, with its whole id, shows what came of it."
        return NotFound(f"{what} deleted for good.", code=DELETED, hint=hint)
    if not numbers and not done:
        said, hint = f"has no images; it is {plain(job['state'])}", f"See `darkroom jobs {name}`."
    else:
        which = ", ".join(f"{name}/{each}" for each in numbers or made)
        said = "has several images" if number is None else f"has no image {number}"
        hint = f"Say which: {which}."
    return Refused(f"The job {name} {said}.", code="no_picture", hint=hint)


def _of_file(client: Client, path: Path) -> Object:
    """The image whose stored file has the very bytes of a local one: links name a file's content by its hash."""
    try:
        with path.open("rb") as file:
            digest = hashlib.sha256(file.read(FILE_MAX_BYTES)).hexdigest()
    except OSError as fault:
        raise Refused(f"{path} cannot be read: {fault.strerror}", code="file_unreadable") from fault
    _check_no_grid(client, path)
    for listed in (IMAGES, TRASH):
        for image in client.pages(listed, "images", most=SEARCHED):
            if any(f"/{digest}" in file["url"] for file in image["files"].values()):
                return image
    raise NotFound(
        f"{path} is none of your newest {SEARCHED} images on this server, byte for byte.",
        hint="To use it all the same: `darkroom upload` it, or draw with it: `darkroom imagine --with FILE`.",
    )


def _check_no_grid(client: Client, path: Path) -> None:
    """Refused for the file of a grid, with the names of its images. What cannot be read is none."""
    from darkroom.finish.read import read_provenance

    try:
        told = read_provenance(path)
    except OutputError:
        return
    if told.image is not None:
        return
    made = (told.canonical, told.recipe.action.value)
    for job in client.pages(JOBS, "jobs", most=SEARCHED, state=JobState.COMPLETED.value):
        if (job["prompt"], job["action"]) == made and not job["recipe"]["replay_of"]:
            which = ", ".join(handle(job, int(image["index"])) for image in job["images"])
            break
    else:
        which = "the file of one of its images"
    raise Refused(f"{path} is a grid of several images.", code="no_picture", hint=f"Say which: {which}.")
