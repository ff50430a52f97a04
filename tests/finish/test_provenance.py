"""Provenance comes back from either format as it went in, and hostile files are refused with a sentence."""

import json
import os
import struct
import zlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from darkroom.core.errors import OutputError
from darkroom.core.params import GenerationParams, Lane, PromptPart, Reference, VideoParams
from darkroom.core.recipes import EMPTY, Action, Frame, Input, ParentKind, Recipe, Role
from darkroom.finish.encode import ImageFormat, description, encode
from darkroom.finish.provenance import JSON_CHARACTERS_MAX, PNG_CHUNK, Provenance, parameters_of
from darkroom.finish.read import PNG_SIGNATURE, read_provenance

PARAMS = GenerationParams(
    parts=(PromptPart(text="a red fox", weight=1.0),), negative=("text", "blur"), model="mini-1", seed=7
)
FOX = Provenance(
    canonical="a red fox --seed 7 --no text, blur",
    parameters=parameters_of(PARAMS),
    seed=7,
    image=2,
    model="mini-1",
    weights="ab" * 32,
    engine={"rows": 8, "library": "torch 2", "device": "cpu", "dtype": "float32"},
    software="Darkroom 0.1.0",
    created=datetime(2026, 1, 31, 12, 0, 5, tzinfo=UTC),
)

REGION = Recipe(
    action=Action.VARY_REGION,
    inputs=(
        Input(role=Role.INIT, parent_id=UUID(int=1), kind=ParentKind.IMAGE, digest="cd" * 32),
        Input(role=Role.MASK, parent_id=UUID(int=2), kind=ParentKind.UPLOAD, digest="ef" * 32),
    ),
    indices=(2,),
    strength=0.85,
    frame=Frame(width=512, height=384, left=128, top=96, inner_width=256, inner_height=192),
    seam_px=12,
    replay_of=UUID(int=3),
)

any_text = st.text(alphabet=st.characters(), max_size=40)  # lone surrogates too
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=8,
)
json_objects = st.dictionaries(any_text, json_values, max_size=4)
provenances = st.builds(
    Provenance,
    canonical=any_text,
    parameters=json_objects,
    seed=st.integers(0, 2**32 - 1),
    image=st.none() | st.integers(1, 4),
    model=any_text,
    weights=any_text,
    engine=json_objects,
    software=any_text,
    created=st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(microsecond=0)),
    recipe=st.sampled_from([EMPTY, REGION, Recipe(indices=(3, 0))]),
    pixels=st.just("") | any_text,
)


def picture(width: int = 8, height: int = 6) -> Image.Image:
    return Image.effect_noise((width, height), 80).convert("RGB")


@given(provenance=provenances, file_format=st.sampled_from(ImageFormat))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_round_trip(tmp_path: Path, provenance: Provenance, file_format: ImageFormat) -> None:
    file = tmp_path / "picture"
    file.write_bytes(encode(picture(), file_format, provenance))
    assert read_provenance(file) == provenance


@pytest.mark.parametrize("file_format", ImageFormat)
def test_the_longest_prompt_fits(tmp_path: Path, file_format: ImageFormat) -> None:
    long = Provenance(**{**vars(FOX), "canonical": "🦊" * 6000, "parameters": {"parts": ["🦊" * 6000]}})
    (tmp_path / "fox").write_bytes(encode(picture(), file_format, long))
    assert read_provenance(tmp_path / "fox") == long


def test_png_keeps_pixels_and_carries_lines_for_people(tmp_path: Path) -> None:
    original = picture()
    (file := tmp_path / "fox.png").write_bytes(encode(original, ImageFormat.PNG, FOX))
    with Image.open(file) as image:
        assert image.tobytes() == original.tobytes()
        text = image.text  # type: ignore[attr-defined]
    assert json.loads(text["darkroom"])["canonical"] == FOX.canonical
    assert text["parameters"].splitlines()[1] == "Negative prompt: text, blur"
    assert "Seed: 7, Image: 2, Size: 8x6, Model: mini-1, Model hash: ababababab" in text["Description"]
    assert text["Software"] == "Darkroom 0.1.0"


def test_webp_carries_a_well_formed_packet(tmp_path: Path) -> None:
    odd = Provenance(**{**vars(FOX), "canonical": "</darkroom:provenance> & <fox> \ud800 \x00 \uffff"})
    (file := tmp_path / "fox.webp").write_bytes(encode(picture(), ImageFormat.WEBP, odd))
    with Image.open(file) as image:
        assert image.size == (8, 6)
        packet = image.getxmp()["xmpmeta"]["RDF"]["Description"] if _has_xml_reader() else None
        assert b"darkroom:provenance" in image.info["xmp"]
    if packet is not None:
        assert packet["CreatorTool"] == "Darkroom 0.1.0"
    assert read_provenance(file) == odd


def _has_xml_reader() -> bool:
    import importlib.util

    return importlib.util.find_spec("defusedxml") is not None


def test_webp_has_a_largest_side() -> None:
    with pytest.raises(OutputError, match="at most 16383 px"):
        encode(Image.new("RGB", (16384, 1)), ImageFormat.WEBP, FOX)


def test_avif_has_a_largest_side() -> None:
    with pytest.raises(OutputError, match="an AVIF file is at most 16384 px"):
        encode(Image.new("RGB", (16385, 1)), ImageFormat.AVIF, FOX)


def test_every_parameter_of_a_job_is_stored() -> None:
    full = GenerationParams(
        parts=(PromptPart(text="a", weight=1.5), PromptPart(text="b", weight=-0.5)),
        model="mini-1",
        style_references=(Reference(source="12", weight=2.0),),
        lane=Lane.TURBO,
        video=VideoParams(loop=True),
    )
    stored = json.loads(json.dumps(parameters_of(full)))
    assert set(stored) == set(GenerationParams.__dataclass_fields__)
    assert stored["parts"] == [{"text": "a", "weight": 1.5}, {"text": "b", "weight": -0.5}]
    assert stored["style_references"] == [{"source": "12", "weight": 2.0}]
    assert (stored["lane"], stored["visibility"], stored["aspect"]) == ("turbo", None, "1:1")
    assert stored["video"] == {"motion": "low", "loop": True, "end": None, "batch": 4}


def test_what_came_from_words_alone_says_nothing_of_a_recipe() -> None:
    assert "recipe" not in FOX.as_object() and "pixels" not in FOX.as_object()
    found = replace(FOX, recipe=REGION, pixels="12" * 32).as_object()
    assert (found["recipe"], found["pixels"], found["version"]) == (REGION.as_object(), "12" * 32, 2)


def test_what_an_older_version_wrote_is_read() -> None:
    """Version 1 said all but the recipe and the pixels."""
    assert Provenance.from_json(json.dumps({**FOX.as_object(), "version": 1})) == FOX


def test_the_line_for_people_of_a_grid() -> None:
    plain = Provenance(**{**vars(FOX), "image": None, "parameters": {}})
    assert description(plain, width=1, height=1).splitlines()[1].startswith("Seed: 7, Image: grid,")


# -- hostile files ------------------------------------------------------------------------------------------------


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*chunks: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    return PNG_SIGNATURE + header + b"".join(chunks) + chunk(b"IEND", b"")


def itxt(text: bytes, *, packed: bool = False) -> bytes:
    flag = b"\1" if packed else b"\0"
    return chunk(
        b"iTXt", PNG_CHUNK.encode() + b"\0" + flag + b"\0\0\0" + (zlib.compress(text) if packed else text)
    )


def webp(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for kind, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


def avif(*boxes: bytes) -> bytes:
    return box(b"ftyp", b"avif\0\0\0\0mif1") + b"".join(boxes)


def avif_of_size(width: int, height: int) -> bytes:
    size = box(b"ispe", struct.pack(">III", 0, width, height))
    return avif(box(b"meta", b"\0\0\0\0" + box(b"iprp", box(b"ipco", size))))


def avif_with_xmp_at(start: int, length: int, *, packet: bytes = b"") -> bytes:
    item = box(b"infe", b"\2\0\0\0\0\2\0\0mimeXMP\0application/rdf+xml\0")
    items = box(b"iinf", b"\0\0\0\0\0\1" + item)
    places = box(b"iloc", struct.pack(">IBBHHHHII", 0, 0x44, 0, 1, 2, 0, 1, start, length))
    return avif(box(b"mdat", packet), box(b"meta", b"\0\0\0\0" + items + places))


def xmp(text: str) -> tuple[bytes, bytes]:
    return (b"XMP ", f"<darkroom:provenance>{text}</darkroom:provenance>".encode())


def changed(**values: object) -> bytes:
    return json.dumps({**json.loads(FOX.to_json()), **values}).encode()


HOSTILE = {
    "empty": (b"", "neither a PNG nor a WebP nor an AVIF"),
    "text": (b"hello", "neither a PNG nor a WebP nor an AVIF"),
    "jpeg": (b"\xff\xd8\xff\xe0" + b"\0" * 50, "neither a PNG nor a WebP nor an AVIF"),
    "png signature alone": (PNG_SIGNATURE, "cut short"),
    "png without provenance": (png(), "carries no provenance"),
    "png bomb": (
        PNG_SIGNATURE + chunk(b"IHDR", struct.pack(">II", 2**31 - 1, 2**31 - 1)),
        "claims to be 2147483647x",
    ),
    "png short header": (PNG_SIGNATURE + chunk(b"IHDR", b"\0\0"), "cut short"),
    "png with a lying length": (PNG_SIGNATURE + struct.pack(">I", 2**31) + b"IHDR" + b"\0" * 40, "cut short"),
    "png with a wrong checksum": (png(itxt(b"{}"))[:-20] + b"\0" * 8 + png()[-12:], "checksum|cut short"),
    "png of empty chunks": (png(chunk(b"tEXt", b"") * 100_001), "more than 100000 chunks"),
    "iTXt without fields": (png(chunk(b"iTXt", b"darkroom\0\0")), "has no text"),
    "iTXt bomb": (png(itxt(b" " * 50_000_000, packed=True)), "more than the 262144 allowed"),
    "iTXt not packed": (png(chunk(b"iTXt", b"darkroom\0\1\0\0\0nonsense")), "cannot be unpacked"),
    "iTXt not UTF-8": (png(itxt(b"\xff\xfe")), "not UTF-8"),
    "not JSON": (png(itxt(b"{")), "not valid JSON"),
    "not an object": (png(itxt(b"[]")), "version|not an object"),
    "deep JSON": (png(itxt(b"[" * 100_000)), "not valid JSON"),
    "deep value": (png(itxt(changed(parameters={"a": [[[[[[[[[[]]]]]]]]]]}))), "at most 8 levels"),
    "huge number": (png(itxt(b'{"version":' + b"9" * 5000 + b"}")), "not valid JSON"),
    "another version": (png(itxt(changed(version=3))), "of version 3"),
    "text for a number": (png(itxt(changed(seed="7"))), "'seed' must be a whole number"),
    "truth for a number": (png(itxt(changed(image=True))), "'image' must be a whole number"),
    "negative number": (png(itxt(changed(seed=-1))), "'seed' must be a whole number"),
    "number for text": (png(itxt(changed(model=3))), "'model' must be text"),
    "list for an object": (png(itxt(changed(engine=[]))), "'engine' must be an object"),
    "text for a recipe": (png(itxt(changed(recipe="vary"))), "'recipe' must be an object"),
    "recipe of no action": (png(itxt(changed(recipe={}))), "'recipe' cannot be read"),
    "recipe of nothing we know": (png(itxt(changed(recipe={"action": "melt"}))), "'recipe' cannot be read"),
    "recipe of no parent": (
        png(itxt(changed(recipe={"action": "pan", "inputs": [{"role": "init", "parent_id": "x"}]}))),
        "'recipe' cannot be read",
    ),
    "recipe of endless strength": (
        png(itxt(changed(recipe={"action": "pan", "indices": [1e999]}))),
        "'recipe' cannot be read",
    ),
    "number for a digest": (png(itxt(changed(pixels=7))), "'pixels' must be text"),
    "no moment": (png(itxt(changed(created="soon"))), "'created' must be a moment"),
    "a moment outside of time": (
        png(itxt(changed(created="0001-01-01T00:00:00+23:00"))),
        "'created' must be a moment",
    ),
    "webp cut": (webp(xmp("{}"))[:-5], "cut short"),
    "webp header alone": (b"RIFF\0\0\0\0WEBP", "carries no provenance"),
    "webp bomb": (webp((b"VP8X", b"\0" * 4 + b"\xff" * 6)), "claims to be 16777216x16777216"),
    "webp short header": (webp((b"VP8X", b"\0")), "cut short"),
    "webp lying length": (
        webp()[:4] + struct.pack("<I", 12) + b"WEBP" + b"XMP \xff\xff\xff\xff",
        "cut short",
    ),
    "webp of empty chunks": (webp(*[(b"JUNK", b"")] * 100_001), "more than 100000 chunks"),
    "webp other xmp": (webp((b"XMP ", b"<x/>")), "carries no provenance"),
    "webp open tag": (webp((b"XMP ", b"<darkroom:provenance>")), "carries no provenance"),
    "webp not UTF-8": (webp((b"XMP ", b"\xff")), "not UTF-8"),
    "webp not JSON": (webp(xmp("&lt;")), "not valid JSON"),
    "avif without provenance": (avif(), "carries no provenance"),
    "avif bomb": (avif_of_size(2**31, 2**31), "claims to be 2147483648x2147483648"),
    "avif box beyond the end": (avif(b"\0\0\0\x20meta"), "cut short"),
    "avif box smaller than its header": (avif(b"\0\0\0\7free"), "cut short"),
    "avif box with a wide lying size": (avif(b"\0\0\0\1mdat" + b"\xff" * 8), "cut short"),
    "avif half a header": (avif(b"\0\0"), "cut short"),
    "avif of empty boxes": (avif(box(b"free", b"") * 1001), "cut short"),
    "avif packet beyond the end": (avif_with_xmp_at(28, 2**31), "cut short"),
    "avif packet of something else": (avif_with_xmp_at(28, 4, packet=b"<x/>"), "carries no provenance"),
    "avif packet not UTF-8": (avif_with_xmp_at(28, 1, packet=b"\xff"), "not UTF-8"),
    "avif without places": (avif(box(b"meta", b"\0\0\0\0")), "carries no provenance"),
    "avif of a million places": (
        avif(box(b"meta", b"\0\0\0\0" + box(b"iloc", b"\0\0\0\0\x44\0\xff\xff"))),
        "cut short",
    ),
}


@pytest.mark.parametrize(("data", "message"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_files(tmp_path: Path, data: bytes, message: str) -> None:
    (file := tmp_path / "hostile").write_bytes(data)
    with pytest.raises(OutputError, match=message) as caught:
        read_provenance(file)
    assert caught.value.message.startswith(f"{file}")


def test_a_packed_provenance_is_read(tmp_path: Path) -> None:
    (file := tmp_path / "fox.png").write_bytes(png(itxt(FOX.to_json().encode(), packed=True)))
    assert read_provenance(file) == FOX


@pytest.mark.parametrize("file_format", ImageFormat)
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, file_format: ImageFormat) -> None:
    whole = encode(picture(), file_format, FOX)
    for length in range(0, len(whole) - 1, 7):
        (file := tmp_path / "cut").write_bytes(whole[:length])
        with pytest.raises(OutputError):
            read_provenance(file)


@given(data=st.data(), file_format=st.sampled_from(ImageFormat))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_damage_is_survived(tmp_path: Path, data: st.DataObject, file_format: ImageFormat) -> None:
    damaged = bytearray(encode(Image.new("RGB", (4, 4)), file_format, FOX))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    (file := tmp_path / "damaged").write_bytes(damaged)
    found: object
    try:
        found = read_provenance(file)
    except OutputError as error:
        found = error
    assert isinstance(found, Provenance | OutputError)


def test_files_that_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, message in [
        (tmp_path, "not a regular file"),
        (tmp_path / "pipe", "not a regular file"),
        (Path("/dev/zero"), "not a regular file"),
        (tmp_path / "absent.png", "No such file"),
        (tmp_path / "nul\0l", "embedded null byte"),
    ]:
        with pytest.raises(OutputError, match=message):
            read_provenance(path)


def test_a_file_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    with (file := tmp_path / "sparse.png").open("wb") as sparse:
        sparse.truncate(65 * 1024 * 1024)
    with pytest.raises(OutputError, match="larger than 64 MiB"):
        read_provenance(file)


def test_provenance_text_has_a_limit() -> None:
    with pytest.raises(OutputError, match="more than"):
        Provenance.from_json(" " * (JSON_CHARACTERS_MAX + 1))
