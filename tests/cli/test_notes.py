"""What a model could not take into account reaches the person: once for a job, and in the JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from darkroom.cli import here, main
from darkroom.worker.studio import Studio

NOTE = "its end was not read"


@pytest.fixture
def noting(drawing: Studio, monkeypatch: pytest.MonkeyPatch) -> Studio:
    """The tiny studio, whose model notes something about each image."""
    denoiser = drawing.models.now("mini-1")
    prepare = denoiser.prepare

    def with_note(*given: Any, **more: Any) -> object:
        return replace(prepare(*given, **more), notes=(NOTE,))

    monkeypatch.setattr(denoiser, "prepare", with_note)
    return drawing


def test_a_note_is_told_once_on_stderr(noting: Studio, capfd: pytest.CaptureFixture[str]) -> None:
    assert main.run(["imagine", "--here", "a fox --seed 1"]) == 0
    assert capfd.readouterr().err.count(NOTE) == 1


def test_a_note_is_in_the_json(noting: Studio, capfd: pytest.CaptureFixture[str]) -> None:
    assert main.run(["imagine", "--here", "--json", "a fox --seed 1"]) == 0
    assert json.loads(capfd.readouterr().out)["jobs"][0]["notes"] == [NOTE]


@pytest.mark.parametrize(
    ("prompt", "told"), [("a fox --relax --seed 1", 1), ("a fox --public --seed 1", 1), ("a fox --seed 1", 0)]
)
def test_a_lane_without_a_queue_is_not_ignored_in_silence(
    drawing: Studio, capfd: pytest.CaptureFixture[str], prompt: str, told: int
) -> None:
    assert main.run(["imagine", "--here", prompt]) == 0
    assert capfd.readouterr().err.count(here.NO_QUEUE) == told
