"""A picture and its provenance become the bytes of a file: PNG, WebP or AVIF. Knows no folder and no name.

PNG carries the provenance as JSON in an iTXt chunk `darkroom` and as a line for people in `parameters` and
`Description`; WebP and AVIF carry both in one XMP packet. The same pixels and provenance give the same bytes.
"""

from __future__ import annotations

import io
from enum import StrEnum
from html import escape
from unicodedata import category

from PIL import Image, PngImagePlugin

from darkroom.core.errors import OutputError
from darkroom.finish.provenance import PNG_CHUNK, XMP_TAG, Provenance

XMP_NAMESPACE = "urn:darkroom:provenance:1"
XML_EXCLUDES = "\ufffe\uffff"
WEBP_QUALITY = 92
WEBP_EFFORT = 4  # 0 fast ... 6 small
PNG_LEVEL = 4  # 0 fast ... 9 small; 6 takes two to three times as long, and is at most 3% smaller
WEBP_SIDE_MAX_PX = 16_383
AVIF_QUALITY = 70
AVIF_EFFORT = 8  # 10 fast ... 0 small; 6 is 12% smaller and takes five times as long
AVIF_THREADS = 1  # the bytes depend on the number of threads, and a picture is to have one digest
AVIF_SIDE_MAX_PX = 16_384
THUMBNAIL_SIDE_PX = 384
THUMBNAIL_QUALITY = 80


class ImageFormat(StrEnum):
    PNG = "png"
    WEBP = "webp"
    AVIF = "avif"


MEDIA_TYPES = {
    ImageFormat.PNG: "image/png",
    ImageFormat.WEBP: "image/webp",
    ImageFormat.AVIF: "image/avif",
}
SIDE_MAX_PX = {ImageFormat.WEBP: WEBP_SIDE_MAX_PX, ImageFormat.AVIF: AVIF_SIDE_MAX_PX}


def encode(image: Image.Image, file_format: ImageFormat, provenance: Provenance) -> bytes:
    """An RGB image with its provenance inside. PNG keeps every pixel, WebP (quality 92) and AVIF (70) are lossy.

    Raises OutputError where the format cannot hold a picture of that size.
    """
    largest = SIDE_MAX_PX.get(file_format)
    if largest is not None and max(image.size) > largest:
        name = {ImageFormat.WEBP: "a WebP", ImageFormat.AVIF: "an AVIF"}[file_format]
        raise OutputError(
            f"{name} file is at most {largest} px wide and high; this is {image.width}x{image.height}"
        )
    encoders = {ImageFormat.PNG: _png, ImageFormat.WEBP: _webp, ImageFormat.AVIF: _avif}
    return encoders[file_format](image, provenance)


def encode_thumbnail(image: Image.Image) -> tuple[bytes, tuple[int, int]]:
    """A small WebP for lists, and its size in pixels: at most 384 on the longest side, never larger than the picture.

    It carries no provenance: that would be larger than the pixels.
    """
    small = image.copy()
    small.thumbnail((THUMBNAIL_SIDE_PX, THUMBNAIL_SIDE_PX), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=THUMBNAIL_QUALITY, method=WEBP_EFFORT)
    return buffer.getvalue(), small.size


def description(provenance: Provenance, *, width: int, height: int) -> str:
    """The provenance for people, as other tools write it: the prompt, the negative prompt, then `Name: value` pairs."""
    negative = provenance.parameters.get("negative")
    lines = [provenance.canonical]
    if isinstance(negative, list) and negative:
        lines.append("Negative prompt: " + ", ".join(str(entry) for entry in negative))
    facts = {
        "Seed": provenance.seed,
        "Image": provenance.image or "grid",
        "Size": f"{width}x{height}",
        "Model": provenance.model,
        "Model hash": provenance.weights[:10],
        "Version": provenance.software,
    }
    lines.append(", ".join(f"{name}: {value}" for name, value in facts.items()))
    return _storable("\n".join(lines))


def _png(image: Image.Image, provenance: Provenance) -> bytes:
    chunks = PngImagePlugin.PngInfo()
    human = description(provenance, width=image.width, height=image.height)
    chunks.add_itxt(PNG_CHUNK, provenance.to_json())
    chunks.add_itxt("parameters", human)
    chunks.add_itxt("Description", human)
    chunks.add_itxt("Software", _storable(provenance.software))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=chunks, compress_level=PNG_LEVEL)
    return buffer.getvalue()


def _webp(image: Image.Image, provenance: Provenance) -> bytes:
    buffer = io.BytesIO()
    packet = _xmp(provenance, description(provenance, width=image.width, height=image.height))
    image.save(buffer, "WEBP", quality=WEBP_QUALITY, method=WEBP_EFFORT, xmp=packet)
    return buffer.getvalue()


def _avif(image: Image.Image, provenance: Provenance) -> bytes:
    buffer = io.BytesIO()
    image.save(
        buffer,
        "AVIF",
        quality=AVIF_QUALITY,
        speed=AVIF_EFFORT,
        codec="aom",
        max_threads=AVIF_THREADS,
        xmp=_xmp(provenance, description(provenance, width=image.width, height=image.height)),
    )
    return buffer.getvalue()


def _xmp(provenance: Provenance, human: str) -> bytes:
    """An XMP packet (ISO 16684-1, 7): the standard fields for everybody, the JSON for us."""
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:darkroom="{XMP_NAMESPACE}">
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{escape(human, quote=False)}</rdf:li></rdf:Alt></dc:description>
<xmp:CreatorTool>{escape(_storable(provenance.software), quote=False)}</xmp:CreatorTool>
<{XMP_TAG}>{escape(provenance.to_json(), quote=False)}</{XMP_TAG}>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>""".encode()


def _storable(text: str) -> str:
    """Text that UTF-8 and XML 1.0 (2.2) can hold: control characters and lone surrogates become question marks."""
    return "".join(
        c if c == "\n" or (category(c) not in ("Cc", "Cs") and c not in XML_EXCLUDES) else "?" for c in text
    )
