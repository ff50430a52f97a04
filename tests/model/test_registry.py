"""The registry reader: what it accepts, and that each thing wrong is named with its entry and what would be right."""

from pathlib import Path

import pytest

from darkroom.core.capabilities import HONOURABLE, ModelCatalogue
from darkroom.core.errors import RegistryError
from darkroom.model.registry import BUILTIN_REGISTRY, REGISTRY_MAX_BYTES, read_registry

FOX = """
[models.fox-1]
title = "Fox"
family = "mini"
default = true
native_px = 256
large_px = 512
honours = ["aspect", "seed"]
"""
OWL = FOX.replace("fox-1", "owl-2").replace("default = true\n", "")


def read(tmp_path: Path, text: str) -> ModelCatalogue:
    path = tmp_path / "registry.toml"
    path.write_text(text, encoding="utf-8")
    return read_registry(path)


def test_the_registry_in_the_package_is_right() -> None:
    catalogue = read_registry()
    assert catalogue.default.name == "mini-1"
    assert catalogue.resolve("MINI-1") is catalogue.default
    assert all(model.honours <= HONOURABLE for model in catalogue.models.values())


def test_models_and_aliases_are_read(tmp_path: Path) -> None:
    catalogue = read(tmp_path, FOX + OWL + '[aliases]\n"7" = "fox-1"\n"niji 6" = "Owl-2"\nOLD = "fox-1"\n')
    assert sorted(catalogue.models) == ["fox-1", "owl-2"]
    assert catalogue.default.name == "fox-1"
    assert catalogue.default.honours == {"aspect", "seed"}
    assert (catalogue.default.widest_aspect, catalogue.default.max_image_prompts) == (14, 0)
    assert [catalogue.resolve(name).name for name in ("7", "NIJI 6", "old")] == ["fox-1", "owl-2", "fox-1"]  # type: ignore[union-attr]
    assert catalogue.resolve("8") is None
    assert catalogue.able("seed") == ("fox-1", "owl-2")


def test_a_mark_of_byte_order_is_no_fault(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufeff" + FOX).default.name == "fox-1"


def change(old: str, new: str) -> str:
    assert old in FOX
    return FOX.replace(old, new)


WRONG = {
    "not TOML": ("models = {", "is not valid TOML"),
    "no model": ("", "lists no model"),
    "an empty section": ("[models]", "lists no model"),
    "models is no table": ("models = 3", "lists no model"),
    "another section": (FOX + "[modells]\n", "unknown section 'modells'"),
    "an entry that is no table": ("[models]\nfox = 3", "models.fox must be a table"),
    "an unknown key": (FOX + "size = 3", "models.fox-1 has an unknown key 'size'; known are adapters"),
    "a name of its own": (FOX + 'name = "x"', "unknown key 'name'"),
    "a name with a space": (change("fox-1", '"fox 1"'), "is no name for --v"),
    "two spellings of a name": (FOX + OWL.replace("owl-2", "FOX-1"), "two models named 'fox-1'"),
    "no title": (change('title = "Fox"\n', ""), "models.fox-1 lacks 'title'"),
    "an empty title": (change('"Fox"', '" "'), "models.fox-1.title must be a text"),
    "no size": (change("native_px = 256\n", ""), "models.fox-1 lacks 'native_px'"),
    "a title that is a number": (change('"Fox"', "7"), "models.fox-1.title must be a text, not 7"),
    "a size that is a text": (
        change("256", '"256"'),
        "models.fox-1.native_px must be a whole number from 1 to 65536, not '256'",
    ),
    "a size that is a flag": (change("256", "true"), "native_px must be a whole number"),
    "a size with decimals": (change("256", "256.0"), "native_px must be a whole number"),
    "a size of nothing": (change("256", "0"), "native_px must be a whole number from 1"),
    "a large size that is smaller": (change("512", "128"), "large_px must be at least its native_px, 256"),
    "a default that is a text": (
        change("= true", '= "yes"'),
        "models.fox-1.default must be true or false, not 'yes'",
    ),
    "too wide": (FOX + "widest_aspect = 15", "widest_aspect must be a whole number from 1 to 14"),
    "honours that is a text": (
        change('["aspect", "seed"]', '"seed"'),
        "honours must be a list of parameters",
    ),
    "honours with numbers": (change('"seed"', "7"), "honours must be a list of parameters"),
    "an unknown parameter": (
        change('"seed"', '"sead"'),
        "models.fox-1 honours an unknown parameter 'sead'; known are aspect",
    ),
    "images without a number": (change('"seed"', '"image_prompts"'), "max_image_prompts is above 0"),
    "a number without images": (FOX + "max_image_prompts = 3", "contradicts itself"),
    "no default": (OWL, "exactly one model must be the default; 0 are marked"),
    "two defaults": (
        FOX + FOX.replace("fox-1", "owl-2"),
        "exactly one model must be the default; 2 are marked",
    ),
    "aliases that are no table": ("aliases = 3\n" + FOX, "aliases must be a table"),
    "an alias to nobody": (
        FOX + '[aliases]\n7 = "owl"',
        "alias '7' points at 'owl', which is not in the registry",
    ),
    "an alias to a number": (FOX + "[aliases]\n7 = 8", "alias '7' points at 8"),
    "an alias that nobody can type": (FOX + '[aliases]\n"a b" = "fox-1"', "alias 'a b' cannot be typed"),
    "an alias that hides a model": (FOX + '[aliases]\nfox-1 = "fox-1"', "hides the model of that name"),
    "two spellings of an alias": (FOX + '[aliases]\nA = "fox-1"\na = "fox-1"', "alias 'a' is there twice"),
}


@pytest.mark.parametrize(("text", "complaint"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_named(text: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(RegistryError) as caught:
        read(tmp_path, text)
    assert complaint in caught.value.message
    assert caught.value.message.startswith(f"the registry of models {tmp_path / 'registry.toml'}: ")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    large = tmp_path / "large.toml"
    large.write_bytes(b"#" * (REGISTRY_MAX_BYTES + 1))
    deep = tmp_path / "deep.toml"
    deep.write_text("a = " + "[" * 100_000)
    endless = tmp_path / "endless.toml"
    endless.write_text("a = " + "9" * 5_000)
    for path, complaint in (
        (tmp_path / "none.toml", "cannot be read: No such file"),
        (tmp_path, "cannot be read: Is a directory"),
        (Path("a\0b"), "cannot be read"),
        (binary, "is not valid TOML"),
        (large, "is larger than"),
        (deep, "is not valid TOML"),
        (endless, "is not valid TOML"),
    ):
        with pytest.raises(RegistryError, match=complaint):
            read_registry(path)


def test_the_registry_lies_beside_its_reader() -> None:
    assert BUILTIN_REGISTRY.is_file()
