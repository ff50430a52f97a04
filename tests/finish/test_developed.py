"""A finished job becomes the files that are uploaded: all of them, truly described, and the same ones again."""

import hashlib
import io
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from darkroom.core.images import Variant
from darkroom.finish.encode import THUMBNAIL_SIDE_PX, encode_thumbnail
from darkroom.finish.files import DevelopedFile, DevelopedImage, developed
from darkroom.finish.pixels import pixel_digest
from darkroom.finish.provenance import Provenance
from darkroom.finish.read import read_provenance

JOB = Provenance(
    canonical="a red fox --seed 7",
    parameters={},
    seed=7,
    image=None,
    model="mini-1",
    weights="ab" * 32,
    engine={"rows": 8},
    software="Darkroom 0.1.0",
    created=datetime(2026, 1, 31, 12, 0, 5, tzinfo=UTC),
)
MEDIA_TYPES = {
    "PNG": "image/png",
    "WEBP": "image/webp",
    "AVIF": "image/avif",
}


def pictures(width: int = 500, height: int = 300) -> dict[int, Image.Image]:
    """Colour gradients of one size, each another."""
    ramp = Image.linear_gradient("L").resize((width, height))
    turned = ramp.rotate(180)
    flat = [Image.new("L", (width, height), 60 * i) for i in range(4)]
    return {i: Image.merge("RGB", (ramp, turned, flat[i])) for i in range(4)}


@pytest.fixture(scope="module")
def job() -> tuple[DevelopedImage, ...]:
    return developed(pictures(), JOB)


def files_of(job: tuple[DevelopedImage, ...]) -> dict[str, DevelopedFile]:
    return {each.name: each for image in job for each in image.files}


def test_every_file_of_a_job_is_there(job: tuple[DevelopedImage, ...]) -> None:
    assert [image.index for image in job] == [0, 1, 2, 3, None]
    assert list(files_of(job)) == [
        *(f"{i}.{ending}" for i in (1, 2, 3, 4) for ending in ("png", "webp", "avif", "thumbnail.webp")),
        "grid.webp",
        "grid.thumbnail.webp",
    ]
    assert [each.file.variant for each in job[0].files] == list(Variant)
    assert [each.file.variant for each in job[4].files] == [Variant.WEBP, Variant.THUMBNAIL]


def test_files_are_what_they_are_said_to_be(job: tuple[DevelopedImage, ...]) -> None:
    for name, each in files_of(job).items():
        with Image.open(io.BytesIO(each.data)) as image:
            assert (image.width, image.height) == (each.file.width, each.file.height), name
            assert MEDIA_TYPES[image.format or ""] == each.file.media_type
        assert each.file.digest == hashlib.sha256(each.data).hexdigest()
        assert each.file.size_bytes == len(each.data)


def test_each_picture_knows_where_it_comes_from(job: tuple[DevelopedImage, ...], tmp_path: Path) -> None:
    for image in job:
        assert Provenance.from_json(image.provenance).image == (
            None if image.index is None else image.index + 1
        )
        for each in image.files:
            if each.file.variant is not Variant.THUMBNAIL:
                (path := tmp_path / each.name).write_bytes(each.data)
                assert read_provenance(path) == Provenance.from_json(image.provenance)


def test_pictures_can_be_compared_without_their_pixels(job: tuple[DevelopedImage, ...]) -> None:
    digests = [Provenance.from_json(image.provenance).pixels for image in job]
    assert digests[:4] == [pixel_digest(image) for image in pictures().values()]
    assert len(set(digests)) == 5
    with Image.open(io.BytesIO(files_of(job)["3.png"].data)) as kept:
        assert pixel_digest(kept) == digests[2]


def test_a_picture_is_another_when_one_pixel_or_its_shape_is() -> None:
    plain = Image.new("RGB", (6, 4))
    (changed := plain.copy()).putpixel((5, 3), (0, 0, 1))
    digests = {pixel_digest(each) for each in (plain, changed, Image.new("RGB", (4, 6)))}
    assert len(digests) == 3 and pixel_digest(plain.copy()) in digests


def test_lossy_files_look_like_the_picture(job: tuple[DevelopedImage, ...]) -> None:
    original = pictures()[2]
    assert Image.open(io.BytesIO(files_of(job)["3.png"].data)).tobytes() == original.tobytes()
    for ending in ("webp", "avif"):
        found = Image.open(io.BytesIO(files_of(job)[f"3.{ending}"].data)).convert("RGB")
        errors = [abs(a - b) for a, b in zip(found.tobytes(), original.tobytes(), strict=True)]
        assert sum(errors) / len(errors) < 2, ending


def test_thumbnails_keep_the_aspect_and_never_grow() -> None:
    for size, expected in [((500, 300), (384, 230)), ((300, 1000), (115, 384)), ((64, 48), (64, 48))]:
        original = Image.new("RGB", size)
        data, found = encode_thumbnail(original)
        assert found == expected == Image.open(io.BytesIO(data)).size
        assert original.size == size
    assert THUMBNAIL_SIDE_PX == 384


def test_a_grid_needs_all_four() -> None:
    some = {i: image for i, image in pictures(16, 16).items() if i != 1}
    assert [image.index for image in developed(some, JOB)] == [0, 2, 3]
    assert next(each.name for each in developed({2: some[2]}, JOB)[0].files) == "3.png"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="there is no way to take cores away here")
def test_the_same_pixels_give_the_same_bytes_on_any_number_of_cores(job: tuple[DevelopedImage, ...]) -> None:
    """AV1 encoders divide their work by threads and then give other bytes: a digest must not depend on the machine."""
    script = (
        "import os, sys; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import test_developed as t\n"
        "print(*[e.file.digest for i in t.developed(t.pictures(), t.JOB) for e in i.files])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert found.split() == [each.file.digest for each in files_of(job).values()]


def test_others_may_come_in_between_before_each_file() -> None:
    times: list[int] = []
    developed(pictures(20, 10), JOB, between=lambda: times.append(1))
    assert len(times) == 4 * 3 + 1
