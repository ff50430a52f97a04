"""Who describes: the embedder in the package, unless the operator names an address. The key is shown to nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from darkroom.bootstrap.server import describer_of
from darkroom.classifiers.describing import RetrievalDescriber
from darkroom.classifiers.vision import VisionDescriber
from darkroom.core.errors import DarkroomError
from darkroom.settings import VISION_KEY, VISION_MODEL, VISION_URL, read_settings

ADDRESS = {
    "HOME": "/home/ann",
    VISION_URL.name: "https://host/v1/",
    VISION_MODEL.name: "eye-1",
    VISION_KEY.name: "s3cret",
}


def test_the_embedder_in_the_package_unless_an_address_is_named() -> None:
    assert isinstance(describer_of(read_settings({"HOME": "/home/ann"})), RetrievalDescriber)
    assert isinstance(describer_of(read_settings(ADDRESS)), VisionDescriber)


def test_weights_are_not_read_at_start(tmp_path: Path) -> None:
    settings = read_settings({"HOME": "/home/ann", "DARKROOM_WEIGHTS": str(tmp_path)})
    assert isinstance(describer_of(settings), RetrievalDescriber)


def test_the_address_loses_its_last_slash_and_the_key_is_not_in_the_representation() -> None:
    settings = read_settings(ADDRESS)
    assert (settings.vision_url, settings.vision_model, settings.vision_key) == (
        "https://host/v1",
        "eye-1",
        "s3cret",
    )
    assert "s3cret" not in repr(settings)


def test_an_address_without_a_model_is_refused() -> None:
    with pytest.raises(DarkroomError, match="DARKROOM_VISION_MODEL must name the model"):
        read_settings({"HOME": "/home/ann", VISION_URL.name: "https://host/v1"})


@pytest.mark.parametrize("address", ["host/v1", "ftp://host", "https://"])
def test_an_address_must_be_one(address: str) -> None:
    with pytest.raises(DarkroomError, match="DARKROOM_VISION_URL must begin with http"):
        read_settings({"HOME": "/home/ann", VISION_URL.name: address, VISION_MODEL.name: "eye-1"})
