"""`darkroom jobs`, `cancel`, `open`: one's own jobs and pictures on the server."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from darkroom.cli.address import open_client
from darkroom.cli.ids import SEARCHED, SHORTEST, is_whole, matching
from darkroom.cli.plain import plain
from darkroom.cli.pointing import JOBS, LAST, find_image, newest
from darkroom.cli.tables import gpu_time, moment, print_facts, print_table, seconds_between, short, shown
from darkroom.core.errors import NotFound, Refused
from darkroom.core.jobs import JobState
from darkroom.core.params import IMAGES_PER_JOB, Lane

if TYPE_CHECKING:
    from darkroom.cli.client import Client, Object

LIMIT = 20
LIMIT_MAX = 1_000
COLUMNS = ("ID", "STATE", "LANE", "MODEL", "AHEAD", "CREATED", "PROMPT")
PREFERRED = ("webp", "png", "avif")
"""What is opened, the first that there is."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
limit_option = click.option(
    "--limit", type=click.IntRange(1, LIMIT_MAX), default=LIMIT, show_default=True, help="At most so many."
)
state_option = click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([state.value for state in JobState]),
    help="Only these; may be given several times.",
)
lane_option = click.option("--lane", type=click.Choice([lane.value for lane in Lane]), help="Only this lane.")
search_option = click.option("--search", default="", help="Only prompts with all of these words.")


@click.command("jobs")
@click.argument("job_id", metavar="[ID]", required=False)
@state_option
@lane_option
@search_option
@limit_option
@json_option
def jobs_command(
    job_id: str | None, states: Sequence[str], lane: str | None, search: str, limit: int, as_json: bool
) -> None:
    """List your jobs, newest first; or show the one with this ID, with its history and links to its pictures."""
    with open_client() as client:
        if job_id is not None:
            _show(client, find_job(client, job_id), as_json)
            return
        found = list(client.pages(JOBS, "jobs", most=limit, state=list(states), lane=lane, q=search))
    if as_json:
        click.echo(json.dumps({"jobs": found}))
    else:
        print_table(COLUMNS, map(job_row, found), none="no jobs")


@click.command("cancel")
@click.argument("job_ids", metavar="ID...", nargs=-1, required=True)
@json_option
def cancel_command(job_ids: Sequence[str], as_json: bool) -> None:
    """Cancel jobs: free of charge before they run; while they run, within a step. One that ended stays as it is."""
    with open_client() as client:
        whole = [find_job(client, job_id) for job_id in job_ids]
        found = [client.delete(f"{JOBS}/{job_id}") for job_id in whole]
    tell_cancelled(found, as_json)


@click.command("open")
@click.argument("identifier", metavar="ID")
@click.option("--image", type=click.IntRange(1, IMAGES_PER_JOB), help="This image of a job, not its grid.")
@click.option("--url", "as_url", is_flag=True, help="Print the link; open nothing.")
def open_command(identifier: str, image: int | None, as_url: bool) -> None:
    """Open the grid of a job, or one image, in the viewer of this machine. ID is that of a job or of an image, or `last`."""
    with open_client() as client:
        url = _link(_picture(client, identifier, image))
    click.echo(url)
    if not as_url and click.launch(url) != 0:
        raise click.ClickException(
            "no viewer could be started on this machine; the link above opens in any browser"
        )


def find_job(client: Client, text: str, *, path: str = JOBS) -> str:
    """The whole id of a job that is named by it or by one end of it."""
    if is_whole(text):
        return text.lower()
    known = (job.get("job", job)["id"] for job in client.pages(path, "jobs", most=SEARCHED))
    return matching(text, known, what="job")


def job_row(job: Object) -> Sequence[object]:
    """A job as a line of a table."""
    created = moment(job["created_at"])
    return (
        short(job["id"]),
        job["state"],
        job["lane"],
        job["model"],
        job["position"],
        created,
        row_prompt(job),
    )


def row_prompt(job: Object) -> str:
    """The canonical prompt, which tells the jobs of a batch apart, without the model, which has a column of its own."""
    before, _, after = str(job["prompt"]).rpartition(f" --v {job['model']}")
    return before + after


def job_facts(job: Object) -> dict[str, object]:
    """What there is to say about a job."""
    progress, error = job["progress"], job["error"]
    done = job["state"] == JobState.COMPLETED
    drawn = seconds_between(job["started_at"], job["finished_at"]) if done else None
    facts: dict[str, object] = {
        "id": job["id"],
        "batch": job["batch_id"],
        "state": job["state"] + (" (to be cancelled)" if job["cancel_requested"] else ""),
        "action": action_words(job),
        "prompt": job["prompt"],
        "typed": job["source"],
        "made from": ", ".join(
            f"{short(each['parent_id'])} ({each['role']})" for each in job["recipe"]["inputs"]
        ),
        "lane": job["lane"],
        "visibility": job["visibility"],
        "ahead": job["position"],
        "expected wait": None if job["wait_s"] is None else f"{job['wait_s']:.0f} s",
        "progress": f"{progress['done']} of {progress['total']} steps" if progress else None,
        "attempts": job["attempt"],
        "costs at most": gpu_time(job["cost_gpu_ms"]),
        "charged": gpu_time(job["charged_gpu_ms"]),
        "created": moment(job["created_at"]),
        "started": moment(job["started_at"]),
        "finished": moment(job["finished_at"]),
        "drawn in": None if drawn is None else f"{drawn:.1f} s",
        "error": f"{error['message']} ({error['code']})" if error else None,
        "notes": job["notes"],
    }
    return {name: value for name, value in facts.items() if shown(value) != "-"}


def action_words(thing: Object) -> str:
    """What made an image or a job, in words."""
    return str(thing["action"]).replace("_", " ")


def history_lines(history: Iterable[Mapping[str, Any]]) -> list[str]:
    """A job's life, one transition a line."""
    return [
        f"{moment(moved['at'])}  {moved['state']:<10} {moved['cause']}  {moved['detail']}".rstrip()
        for moved in history
    ]


def tell_cancelled(jobs: Sequence[Object], as_json: bool) -> None:
    """What became of jobs that were to be cancelled."""
    if as_json:
        click.echo(json.dumps({"jobs": jobs}))
        return
    for job in jobs:
        wanted = job["cancel_requested"] and job["state"] not in (
            "cancelled",
            "completed",
            "rejected",
            "failed",
        )
        said = "will be cancelled within a step" if wanted else f"is {job['state']}"
        click.echo(f"{job['id']} {said}")


def _show(client: Client, job_id: str, as_json: bool) -> None:
    job = client.get(f"{JOBS}/{job_id}")
    history = client.get(f"{JOBS}/{job_id}/history")["history"]
    if as_json:
        click.echo(json.dumps({**job, "history": history}))
        return
    print_facts(job_facts(job) | {"history": history_lines(history)})
    pictures = [*job["images"], *([job["grid"]] if job["grid"] else [])]
    for picture in pictures:
        name = "grid" if picture["index"] is None else f"image {picture['index']}"
        links = [f"{kind:<10} {file['url']}" for kind, file in picture["files"].items()]
        print_facts({name: [f"{'id':<10} {picture['id']}", *links]})


def _picture(client: Client, text: str, number: int | None) -> Object:
    """The grid or image that a person names by a job or by an image."""
    if text == LAST:
        return _of_job(newest(client), number)
    if "/" in text or len(text) < SHORTEST:
        return find_image(client, text)
    if is_whole(text):
        try:
            return _of_job(client.get(f"{JOBS}/{text.lower()}"), number)
        except NotFound:
            if number is not None:
                raise
            return find_image(client, text)
    jobs = {job["id"]: job for job in client.pages(JOBS, "jobs", most=SEARCHED)}
    images = {each["id"]: each for job in jobs.values() for each in [*job["images"], job["grid"]] if each}
    found = matching(text, [*jobs, *images], what="job or image")
    return _of_job(jobs[found], number) if found in jobs else images[found]


def _of_job(job: Object, number: int | None) -> Object:
    wanted = [image for image in job["images"] if image["index"] == number] if number else [job["grid"]]
    for picture in [*wanted, *([] if number else job["images"])]:
        if picture:
            return dict(picture)
    raise Refused(
        f"The job {job['id']} has no such picture; it is {plain(job['state'])}.",
        code="no_picture",
        hint=f"See `darkroom jobs {short(job['id'])}`.",
    )


def _link(picture: Object) -> str:
    for each in PREFERRED:
        if each in picture["files"]:
            return str(picture["files"][each]["url"])
    raise NotFound(f"The files of the picture {picture['id']} are not kept any more.")
