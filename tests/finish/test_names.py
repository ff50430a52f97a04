"""File names: readable, and safe whatever the prompt is."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.finish.names import SLUG_MAX_BYTES, image_name, slug, stem_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a red fox in the snow", "a-red-fox-in-the-snow"),
        ("A  RED/fox\\in: the *snow*?", "a-red-fox-in-the-snow"),
        ("../../etc/passwd", "etc-passwd"),
        ("Красная лиса", "красная-лиса"),
        ("雪の中の狐", "雪の中の狐"),
        ("बर्फ में लोमड़ी", "बर्फ-में-लोमड़ी"),
        ("café", "café"),
        ("🦊❄️!", "image"),
        ("", "image"),
        ("...", "image"),
        ("fox\ud800 \x00\n\t\x1b[31m", "fox-31m"),
        ("\u202efox\u200d", "fox"),
        ("x" * 100, "x" * 60),
        ("狐" * 100, "狐" * 20),
        ("word " * 40, "-".join(["word"] * 12)),
    ],
)
def test_slugs(text: str, expected: str) -> None:
    assert slug(text) == expected


@given(st.text(alphabet=st.characters(), max_size=200))
def test_any_text_makes_a_name_that_a_file_can_have(text: str) -> None:
    name = slug(text)
    assert 0 < len(os.fsencode(name)) <= SLUG_MAX_BYTES
    assert not set(name) & set('/\\:*?"<>|. \0')
    assert name == slug(name)


@given(st.text(max_size=20))
def test_a_file_of_that_name_can_be_made(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder: Path = tmp_path_factory.getbasetemp()
    file = folder / image_name(stem_of(text, 7), 1, "png")
    file.write_bytes(b"")
    assert file.parent == folder
    file.unlink()


def test_names_of_a_job() -> None:
    stem = stem_of("a red fox in the snow", 7)
    assert image_name(stem, 1, "png") == "a-red-fox-in-the-snow_7_1.png"
    assert image_name(stem, None, "webp") == "a-red-fox-in-the-snow_7_grid.webp"
