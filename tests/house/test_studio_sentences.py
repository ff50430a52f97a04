"""The studio has a sentence for every code with which the service refuses, and for none that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

ANSWERING = (
    "core", "prompt", "moderation", "billing", "lifecycle", "intake", "finish", "storage", "delivery", "gateway",
    "bootstrap",
)  # fmt: skip
"""The rooms whose refusals reach somebody who asks over the network. The command line has codes of its own."""

RAISED = re.compile(r'\b(?:error_)?code(?:: str)?\s*=\s*"([a-z_]+)"')
CHOSEN = re.compile(r'error_code="([a-z_]+)" if [^\n]+ else "([a-z_]+)"')
OF_PROMPTS = re.compile(r'\b(?:fault|_?fault|PromptError|Fault)\(\s*(?:code=)?"([a-z_]+)"')
OF_STATUS = re.compile(r'^    [45]\d\d: "([a-z_]+)",$', re.MULTILINE)
OF_DOCS = re.compile(r"`([a-z]+(?:_[a-z]+)+)`")
ENTRY = re.compile(r'^  ([a-z_]+): \[\s*"(?:ours|theirs)",\s*"([^"]+)",', re.MULTILINE)

OF_STUDIO = {"offline", "unreadable_answer"}
OF_STATES = {"job_rejected", "job_failed", "job_cancelled"}
"""What a job ended as, where it ended without a code."""


def in_code(project: Path) -> set[str]:
    found: set[str] = set()
    for room in ANSWERING:
        place = project / "src" / "darkroom" / room
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]:
            text = path.read_text("utf-8")
            found.update(RAISED.findall(text), OF_PROMPTS.findall(text))
            found.update(code for pair in CHOSEN.findall(text) for code in pair)
            if path.name == "errors.py":
                found.update(OF_STATUS.findall(text))
    return found


def in_docs(project: Path) -> set[str]:
    """The codes of the table in the API's page."""
    text = (project / "docs" / "api.md").read_text("utf-8")
    table = text.partition("| status | codes |")[2].partition("\n\n")[0]
    return set(OF_DOCS.findall(table))


def in_studio(project: Path) -> dict[str, str]:
    return dict(ENTRY.findall((project / "web" / "src" / "api" / "sentences.ts").read_text("utf-8")))


def test_every_code_is_found_where_it_is_known_to_be(project: Path) -> None:
    """The collector sees every way in which a code is written."""
    assert {
        "store_unavailable", "queue_full", "invalid_parameter", "empty_prompt", "body_too_large", "worker_failed",
        "output_blocked", "internal_error", "image_deleted",
    } <= in_code(project)  # fmt: skip
    assert {"lane_not_in_plan", "already_hd", "too_many_searches"} <= in_docs(project)


def test_the_studio_has_a_sentence_for_every_code(project: Path) -> None:
    wanted = in_code(project) | in_docs(project)
    missing = sorted(wanted - in_studio(project).keys())
    assert missing == [], f"web/src/api/sentences.ts has no sentence for {missing}"


def test_sentences_are_sentences(project: Path) -> None:
    faulty = [code for code, text in in_studio(project).items() if not text.endswith(".") or "!" in text]
    assert faulty == []


def test_no_sentence_is_for_a_code_that_nobody_gives(project: Path) -> None:
    everywhere = "\n".join(
        path.read_text("utf-8") for path in sorted((project / "src" / "darkroom").rglob("*.py"))
    )
    given = set(re.findall(r'"([a-z_]+)"', everywhere)) | in_docs(project)
    assert sorted(in_studio(project).keys() - given - OF_STUDIO - OF_STATES) == []
