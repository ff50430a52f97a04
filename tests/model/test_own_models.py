"""Models come into a person's own file and go out of it; what else they wrote there stays."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from darkroom.core.capabilities import AdapterSource, ModelCapabilities, ModelSource
from darkroom.core.errors import RegistryError
from darkroom.model.own_models import add_model, remove_model
from darkroom.model.registry import BUILTIN_REGISTRY, read_registries

INK = ModelCapabilities(
    name="ink",
    title="Ink: a model of mine",
    family="sdxl",
    honours=frozenset({"aspect", "seed", "image_prompts"}),
    max_image_prompts=4,
    native_px=1024,
    large_px=1280,
    licence="CC0-1.0",
    source=ModelSource(
        folder="/models/ink",
        adapters=(AdapterSource(file="/models/a.safetensors", weight=0.5),),
        precision="fp16",
        steps=30,
        guidance=0.0,
    ),
)


def add(path: Path, model: ModelCapabilities = INK) -> None:
    add_model(path, model, base=BUILTIN_REGISTRY)


def test_a_model_is_read_back_as_it_was_added(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "models.toml"
    add(path)
    assert read_registries(BUILTIN_REGISTRY, path).models["ink"] == INK


def test_what_a_person_wrote_stays(tmp_path: Path) -> None:
    path = tmp_path / "models.toml"
    add(path)
    path.write_text(f'# mine\n{path.read_text()}[aliases]\n"7" = "ink"  # the good one\n', encoding="utf-8")
    add(path, ModelCapabilities(**{**vars(INK), "name": "wash"}))
    text = path.read_text()
    assert "# mine" in text and "# the good one" in text
    assert read_registries(BUILTIN_REGISTRY, path).aliases["7"] == "ink"
    remove_model(path, "INK", base=BUILTIN_REGISTRY)
    catalogue = read_registries(BUILTIN_REGISTRY, path)
    assert set(catalogue.models) == {"mini-1", "wash"}
    assert "7" not in catalogue.aliases
    assert "# mine" in path.read_text()


def test_the_last_one_can_go(tmp_path: Path) -> None:
    path = tmp_path / "models.toml"
    add(path)
    remove_model(path, "ink", base=BUILTIN_REGISTRY)
    assert set(read_registries(BUILTIN_REGISTRY, path).models) == {"mini-1"}
    add(path)
    assert "ink" in read_registries(BUILTIN_REGISTRY, path).models


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "mini-1"}, "choose another"),
        ({"name": "my ink"}, "is no name for --v"),
        ({"large_px": 512}, "at least its native_px"),
        ({"honours": frozenset({"magic"})}, "unknown parameter 'magic'"),
    ],
)
def test_an_entry_that_could_not_be_read_is_never_written(
    tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    path = tmp_path / "models.toml"
    add(path)
    before = path.read_bytes()
    with pytest.raises(RegistryError, match=words):
        add(path, ModelCapabilities(**{**vars(INK), "name": "other", **changes}))
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["models.toml"]


def test_a_name_is_taken_once(tmp_path: Path) -> None:
    add(tmp_path / "models.toml")
    with pytest.raises(RegistryError, match="already"):
        add(tmp_path / "models.toml")


def test_only_own_models_can_be_removed(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="only those can be removed"):
        remove_model(tmp_path / "models.toml", "mini-1", base=BUILTIN_REGISTRY)


def test_a_file_that_is_no_toml_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "models.toml"
    path.write_text("[models", encoding="utf-8")
    with pytest.raises(RegistryError, match="not valid TOML"):
        add(path)
    assert path.read_text() == "[models"


def test_a_folder_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RegistryError, match="cannot be"):
        add(tmp_path / "file" / "models.toml")


def test_additions_at_once_are_both_kept(tmp_path: Path) -> None:
    path = tmp_path / "models.toml"
    models = [ModelCapabilities(**{**vars(INK), "name": f"ink-{i}"}) for i in range(8)]
    with ThreadPoolExecutor(len(models)) as others:  # each opens the folder for itself, as a process would
        list(others.map(partial(add, path), models))
    assert set(read_registries(BUILTIN_REGISTRY, path).models) == {"mini-1", *(f"ink-{i}" for i in range(8))}


def test_a_folder_made_for_the_file_is_nobody_elses(tmp_path: Path) -> None:
    """The server's data come into it later, and it does not ask who made it."""
    add(tmp_path / "data" / "models.toml")
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("text", ["models = 3", "models = [1]", "[models]\nink = 5", "aliases = 3"])
def test_a_file_of_another_form_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "models.toml"
    path.write_text(text)
    for change in (add, lambda path: remove_model(path, "ink", base=BUILTIN_REGISTRY)):
        with pytest.raises(RegistryError, match=f"your models in {path}"):
            change(path)
    assert path.read_text() == text


def test_what_is_wrong_with_an_entry_is_told_of_the_file_it_would_go_to(tmp_path: Path) -> None:
    path = tmp_path / "models.toml"
    with pytest.raises(RegistryError, match=f"your models in {path}: '../ink' is no name"):
        add(path, ModelCapabilities(**{**vars(INK), "name": "../ink"}))
