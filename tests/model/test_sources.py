"""Where a model's weights come from, as a registry says it; and a person's own models beside the built-in ones."""

from pathlib import Path

import pytest

from darkroom.core.capabilities import AdapterSource, ModelSource
from darkroom.core.errors import RegistryError
from darkroom.model.registry import BUILTIN_REGISTRY, read_registries, read_registry
from darkroom.model.sources import ADAPTERS_MAX, read_source

INK = """
[models.ink]
title = "Ink"
family = "sdxl"
native_px = 1024
large_px = 1280
honours = ["aspect", "seed", "no"]
folder = "weights/ink"
"""


def own(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "models.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_source_is_read_with_paths_beside_its_file(tmp_path: Path) -> None:
    adapters = 'adapters = [{ file = "a.safetensors", weight = 0.5 }, { file = "/else/b.safetensors" }]\n'
    text = (
        INK
        + adapters
        + 'precision = "bf16"\nsteps = 30\nguidance = 6\nguidance_rule = "linear"\nsampler = "euler"\n'
    )
    source = read_registries(BUILTIN_REGISTRY, own(tmp_path, text)).models["ink"].source
    assert source == ModelSource(
        folder=str(tmp_path / "weights/ink"),
        adapters=(
            AdapterSource(file=str(tmp_path / "a.safetensors"), weight=0.5),
            AdapterSource(file="/else/b.safetensors", weight=1.0),
        ),
        precision="bf16",
        steps=30,
        guidance=6.0,
        guidance_rule="linear",
        sampler="euler",
    )


def test_a_hub_name_may_have_a_revision() -> None:
    table = {"hub": "somebody/ink-xl", "revision": "v1"}
    assert read_source("ink", table, beside=Path("/x")) == ModelSource(hub="somebody/ink-xl", revision="v1")


def test_the_built_in_model_has_no_source() -> None:
    assert read_source("mini-1", {"title": "mini"}, beside=Path("/x")) is None
    assert read_registry().default.source is None


WRONG: dict[str, tuple[dict[str, object], str]] = {
    "nowhere": ({"steps": 3}, "needs either a folder or a hub name"),
    "twice": ({"folder": "x", "hub": "a/b"}, "one of them"),
    "a hub name without an owner": ({"hub": "ink"}, "owner/name"),
    "a hub name that climbs": ({"hub": "../../etc"}, "owner/name"),
    "a revision of a folder": ({"folder": "x", "revision": "v1"}, "beside a hub name only"),
    "a precision of its own": ({"folder": "x", "precision": "int3"}, "one of auto, fp32, bf16, fp16"),
    "no steps": ({"folder": "x", "steps": 0}, "from 1 to 1000"),
    "steps by halves": ({"folder": "x", "steps": 2.5}, "whole number"),
    "endless guidance": ({"folder": "x", "guidance": float("inf")}, "number from -100 to 100"),
    "guidance in words": ({"folder": "x", "guidance": "much"}, "'much'"),
    "an empty folder": ({"folder": " "}, "must be a text"),
    "a NUL": ({"folder": "a\0b"}, "must be a text"),
    "adapters in a text": ({"folder": "x", "adapters": "a"}, "must be a list"),
    "too many adapters": ({"folder": "x", "adapters": [{"file": "a"}] * (ADAPTERS_MAX + 1)}, "at most"),
    "an adapter without a file": ({"folder": "x", "adapters": [{"weight": 1}]}, "each is a table like"),
    "a key of its own": ({"folder": "x", "adapters": [{"file": "a", "alpha": 1}]}, "each is a table like"),
    "a weight beyond sense": ({"folder": "x", "adapters": [{"file": "a", "weight": 99}]}, "from -10 to 10"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_a_source_is_named(case: str) -> None:
    table, words = WRONG[case]
    with pytest.raises(RegistryError, match=r"models\.ink") as told:
        read_source("ink", table, beside=Path("/x"))
    assert words in told.value.message


def test_own_models_stand_beside_the_built_in_ones(tmp_path: Path) -> None:
    catalogue = read_registries(
        BUILTIN_REGISTRY, own(tmp_path, INK + '[aliases]\n"1" = "ink"\n"7" = "mini-1"\n')
    )
    assert set(catalogue.models) == {"mini-1", "ink"}
    assert catalogue.default.name == "mini-1"
    assert catalogue.aliases["1"] == "ink"  # a person's alias goes before the built-in one
    assert catalogue.aliases["7"] == catalogue.aliases["mini"] == "mini-1"


def test_an_own_default_goes_before_the_built_in_one(tmp_path: Path) -> None:
    text = INK.replace('title = "Ink"', 'title = "Ink"\ndefault = true')
    assert read_registries(BUILTIN_REGISTRY, own(tmp_path, text)).default.name == "ink"


def test_no_file_and_an_empty_one_are_no_fault(tmp_path: Path) -> None:
    assert read_registries(BUILTIN_REGISTRY, tmp_path / "none.toml") == read_registry()
    assert read_registries(BUILTIN_REGISTRY, own(tmp_path, "")) == read_registry()


def test_a_model_may_take_the_name_of_a_built_in_alias(tmp_path: Path) -> None:
    catalogue = read_registries(BUILTIN_REGISTRY, own(tmp_path, INK.replace("models.ink", "models.mini")))
    found = catalogue.resolve("mini")
    assert found is not None and found.name == "mini"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (INK.replace("models.ink", "models.mini-1"), "choose another"),
        (INK + "size = 3", "unknown key"),
        ("[models", "not valid TOML"),
    ],
)
def test_own_models_that_are_wrong_name_the_file(tmp_path: Path, text: str, words: str) -> None:
    path = own(tmp_path, text)
    with pytest.raises(RegistryError, match=words) as told:
        read_registries(BUILTIN_REGISTRY, path)
    assert str(path) in told.value.message
