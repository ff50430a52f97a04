"""A picture and its provenance become the bytes of a file: PNG or WebP. Knows no folder and no name.

PNG carries the provenance as JSON in an iTXt chunk `darkroom` and as a line for people in `parameters` and
`Description`; WebP carries both in one XMP packet.
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
PNG_LEVEL = 6  # 0 fast ... 9 small
WEBP_SIDE_MAX_PX = 16_383


class ImageFormat(StrEnum):
    PNG = "png"
    WEBP = "webp"


def encode(image: Image.Image, file_format: ImageFormat, provenance: Provenance) -> bytes:
    """An RGB image with its provenance inside. PNG keeps every pixel, WebP is lossy (quality 92).

    Raises OutputError where the format cannot hold a picture of that size.
    """
    if file_format is ImageFormat.PNG:
        return _png(image, provenance)
    if max(image.size) > WEBP_SIDE_MAX_PX:
        raise OutputError(
            f"a WebP file is at most {WEBP_SIDE_MAX_PX} px wide and high; this is {image.width}x{image.height}"
        )
    return _webp(image, provenance)


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
