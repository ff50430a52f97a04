"""Pasted things are told from others."""

import cv2
import numpy as np
import pytest

from darkroom.train.composer import ObjectSpec, SceneSpec, render
from darkroom.train.evaluation.copying import likeness, plainly_shown
from darkroom.train.sprites import Atlas


@pytest.fixture(scope="module")
def pasted(drawn_atlas: Atlas) -> np.ndarray:
    spec = SceneSpec(
        seed=5, objects=(ObjectSpec(concept="apple"),), place="studio", backdrop=("blue",), art_set="noto"
    )
    return render(spec, drawn_atlas, width=64, height=64)


def test_a_pasted_thing_is_found(pasted: np.ndarray, drawn_atlas: Atlas) -> None:
    assert likeness(pasted, "apple", None, drawn_atlas) > 0.9


def test_another_place_or_a_mirror_image_is_found_as_well(pasted: np.ndarray, drawn_atlas: Atlas) -> None:
    turned = np.ascontiguousarray(np.roll(pasted, 7, axis=1)[:, ::-1])
    assert likeness(turned, "apple", None, drawn_atlas) > 0.9


def test_a_blurred_redrawing_is_less_like(pasted: np.ndarray, drawn_atlas: Atlas) -> None:
    blurred = cv2.GaussianBlur(pasted, (0, 0), 5)
    assert likeness(blurred, "apple", None, drawn_atlas) < likeness(pasted, "apple", None, drawn_atlas) - 0.1


def test_noise_and_nothing_are_unlike(drawn_atlas: Atlas) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    assert likeness(noise, "apple", None, drawn_atlas) < 0.4
    assert likeness(np.full((64, 64, 3), 90, np.uint8), "apple", None, drawn_atlas) == -1.0


def test_only_single_plain_things_are_tested() -> None:
    one = ObjectSpec(concept="apple")
    assert plainly_shown(SceneSpec(seed=1, objects=(one,)))
    assert not plainly_shown(SceneSpec(seed=1, objects=(one,), style="oil"))
    assert not plainly_shown(SceneSpec(seed=1, objects=(one,), weather="rain", place="meadow"))
    assert not plainly_shown(
        SceneSpec(seed=1, objects=(ObjectSpec(concept="apple", count=2),), arrangement="row")
    )
    assert not plainly_shown(SceneSpec(seed=1))
