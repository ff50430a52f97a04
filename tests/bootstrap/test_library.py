"""Which models of a registry this machine can draw with, what they need, and how much memory there is for them."""

import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from darkroom.bootstrap import check_drawable, library
from darkroom.bootstrap.library import open_library, without_missing
from darkroom.bootstrap.memory import KIB, bytes_for_models, free_main_memory
from darkroom.core.capabilities import ModelCapabilities, ModelCatalogue, ModelSource
from darkroom.core.errors import ModelError
from darkroom.model.placement import Placement
from darkroom.settings import read_settings

GIB = 1024**3


def entry(name: str, family: str, **source: Any) -> ModelCapabilities:
    return ModelCapabilities(
        name=name,
        title=name,
        family=family,
        honours=frozenset(),
        native_px=64,
        large_px=64,
        source=ModelSource(**source) if source else None,
    )


def catalogue(*entries: ModelCapabilities) -> ModelCatalogue:
    return ModelCatalogue(models={each.name: each for each in entries})


def test_what_can_be_drawn_with(tmp_path: Path) -> None:
    here = catalogue(
        entry("mini-1", "mini"), entry("mine", "sd", folder=str(tmp_path)), entry("far", "sd", hub="a/b")
    )
    check_drawable(here.models, here)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (entry("big", "giant", folder="/"), "big is of the family 'giant'; this version draws with mini, sd"),
        (entry("bare", "sd"), "bare has no weights: its entry in the registry needs folder"),
        (entry("gone", "sdxl", folder="/no/where"), "there is no folder /no/where on this machine"),
    ],
)
def test_what_cannot(model: ModelCapabilities, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        check_drawable([model.name], catalogue(model))


def test_a_model_without_its_folder_is_left_out_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gone, default = (entry(name, "sd", folder=f"/no/{name}") for name in ("gone", "default"))
    there, far = entry("there", "sd", folder=str(tmp_path)), entry("far", "sd", hub="a/b")
    found = without_missing(
        ModelCatalogue(
            models=dict(catalogue(there, gone, far, replace(default, default=True)).models),
            aliases={"7": "gone", "8": "there"},
        )
    )
    assert set(found.models) == {"there", "far", "default"} and found.aliases == {"8": "there"}
    warned = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [text.partition(" ")[0] for text in warned] == ["gone", "default"]
    assert "there is no folder /no/gone on this machine" in warned[0]


def test_a_model_that_is_not_in_the_registry() -> None:
    with pytest.raises(ModelError, match="there is no model fox"):
        check_drawable(["fox"], catalogue())


def test_without_diffusers_it_says_how_to_install_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library.importlib.util, "find_spec", lambda name: None)
    here = catalogue(entry("mini-1", "mini"), entry("mine", "sd", folder=str(tmp_path)))
    check_drawable(["mini-1"], here)
    with pytest.raises(ModelError, match=r"not installed: pip install .darkroom\[diffusers\]"):
        check_drawable(["mine"], here)


def test_a_worker_leaves_out_what_is_not_there_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    here = catalogue(
        entry("mini-1", "mini"),
        entry("mine", "sd", folder=str(tmp_path)),
        entry("gone", "sd", folder="/no/where"),
    )
    settings = read_settings({"HOME": "/"})
    with caplog.at_level(logging.INFO):
        found = open_library(settings, here, Placement(device="cpu"), budget_bytes=GIB)
    assert (found.names, found.pinned) == (("mini-1", "mine"), {"mini-1"})
    assert "there is no folder /no/where" in caplog.text
    assert 0 < found.needed_bytes("mini-1") < GIB
    found.release()


def test_the_least_is_offloaded_that_lets_a_model_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a device with memory of its own; only where the settings leave it open."""
    needs = {"none": 10 * GIB, "encoders": 6 * GIB, "model": 5 * GIB}
    asked: list[Placement] = []

    def needed_bytes(_: ModelCapabilities, placement: Placement) -> int:
        asked.append(placement)
        return needs[placement.offload]

    monkeypatch.setattr("darkroom.model.loading.needed_bytes", needed_bytes)
    monkeypatch.setattr(Placement, "torch_device", property(lambda _: torch.device("cuda", 0)))
    here = catalogue(entry("mine", "sd", folder=str(tmp_path), precision="fp16"))
    for budget, setting, expected in (
        (12, "auto", "none"),
        (7, "auto", "encoders"),
        (1, "auto", "model"),
        (1, "none", "none"),
    ):
        settings = read_settings({"HOME": "/", "DARKROOM_OFFLOAD": setting})
        found = open_library(settings, here, Placement(), budget_bytes=budget * GIB)
        assert found.needed_bytes("mine") == needs[expected]
    assert {placement.precision for placement in asked} == {"fp16"}


def test_memory_for_models(tmp_path: Path) -> None:
    meminfo, limit, used = (tmp_path / name for name in ("meminfo", "max", "current"))
    meminfo.write_text("MemTotal: 99 kB\nMemAvailable:   2000 kB\n")
    read = {"meminfo": meminfo, "limit": limit, "used": used}
    assert free_main_memory(**read) == 2000 * KIB
    limit.write_text("max\n")
    used.write_text("1\n")
    assert free_main_memory(**read) == 2000 * KIB
    limit.write_text("1000000\n")
    used.write_text("400000\n")
    assert free_main_memory(**read) == 600000
    used.write_text("2000000\n")
    assert free_main_memory(**read) == 0
    meminfo.write_text("nothing")
    assert free_main_memory(meminfo=meminfo, limit=tmp_path / "none", used=used) > 0
    assert (
        0 < bytes_for_models(torch.device("cpu")) < os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    )
