"""An old picture on a canvas: what of it stays, what is drawn anew, and both joined. Knows no model and no job.

Pixels that stay are the old ones bit for bit but for the declared seam: along a frame it lies inside the old picture,
along a mask inside what is drawn anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import ceil, floor

import numpy as np
import numpy.typing as npt
from PIL import Image

from darkroom.core.recipes import Frame
from darkroom.worker.continuing import Box, Floats, continued, reduced, resized, spread
from darkroom.worker.matching import matched

WHITE = 128  # of 255: a mask that is at least so bright is drawn again
COARSE_SIDE_PX = 256  # of what is computed smoothly: a start for the surroundings, a match of the colours
KNOWN = 0.5  # of the area of a place
NEARBY_PX = 20  # of the coarse picture, in which what is off at an edge fades
FADED_PX = 80  # the same for so much of it as may be a matter of light
OFF_FAR = 12.0  # of 255 levels
NEAR_DETAIL_PX = 4  # of the old picture: what is larger keeps the old picture's colours
TOUCHED = 1e-3  # of the area of a place: what a mask touches by more than that is drawn anew as a whole

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, eq=False)
class Canvas:
    """`old` (H, W, 3) holds the old picture where it lies; `share` (H, W) in [0, 1] is how much of it is in the result.

    Where `share` is 1 the result is `old`, bit for bit. `anew` (H, W) is True where the old picture has nothing to say,
    `box` is where it lies.
    """

    old: Bytes
    share: Floats
    anew: npt.NDArray[np.bool_]
    box: Box

    @property
    def width(self) -> int:
        return int(self.old.shape[1])

    @property
    def height(self) -> int:
        return int(self.old.shape[0])

    @cached_property
    def start(self) -> Image.Image:
        """The whole canvas: what is drawn anew is continued from what stays, ever smoother, so that colours carry on."""
        if not self.anew.any():
            return Image.fromarray(self.old)
        smooth = self._smooth(self.old.astype(np.float32), (~self.anew).astype(np.float32))
        filled = np.where(self.anew[..., None], smooth.clip(0, 255).round().astype(np.uint8), self.old)
        return Image.fromarray(filled)

    def region(self, width: int, height: int) -> Floats:
        """(height, width) in [0, 1]: how far each place is drawn anew.

        Outside of the old picture it grows from 0 to 1 over the two places at its edge, since what starts there continues
        what stays; a place that the mask touches is drawn anew as a whole, since what starts there is what is to go.
        """
        top, bottom, left, right = self.box
        beside = np.ones((self.height, self.width), np.float32)
        beside[top:bottom, left:right] = 0
        masked = self.anew.astype(np.float32) - beside
        shares = resized(beside[..., None], width, height, Image.Resampling.BILINEAR)[..., 0]
        touched = resized(masked[..., None], width, height, Image.Resampling.BOX)[..., 0]
        return np.where(touched > TOUCHED, np.float32(1), shares.clip(0, 1)).astype(np.float32)

    def joined(self, drawn: Image.Image) -> Image.Image:
        """The old picture and a drawing of the whole canvas, of its size, whose colours are brought near the old ones'.

        Colours are moved alike all over it; what it is then still off where the old picture is known, it is taken to be off
        nearby, too, the less the farther away.
        """
        old = self.old.astype(np.float32)
        new = matched(np.asarray(drawn.convert("RGB"), np.float32), old, self.share)
        off = self._smooth(old - new, self.share, fading=True)
        share = self.share[..., None]
        mixed = share * self.old + (1 - share) * (new + off)
        return Image.fromarray(mixed.clip(0, 255).round().astype(np.uint8))

    def _smooth(self, values: Floats, weights: Floats, *, fading: bool = False) -> Floats:
        """Values that are known by `weights`, everywhere; where they are `fading`, 0 at some distance."""
        scale = min(1.0, COARSE_SIDE_PX / max(self.width, self.height))
        small = max(1, round(self.width * scale)), max(1, round(self.height * scale))
        averages, known = reduced(values, weights, *small)
        coarse = spread(continued(averages, known), self._coarse_box(*small))
        if fading:
            away = np.stack([depth(known < KNOWN, reach) for reach in (NEARBY_PX, FADED_PX)])[..., None]
            near_by, farther = _eased(1 - away)
            coarse = near_by * coarse + (1 - near_by) * farther * coarse.clip(-OFF_FAR, OFF_FAR)
        return resized(coarse, self.width, self.height, Image.Resampling.BICUBIC)

    def _coarse_box(self, width: int, height: int) -> Box:
        """Where the old picture lies on the canvas at another size: whole places only, and one at least."""
        top, bottom, left, right = self.box
        y, x = height / self.height, width / self.width
        first, before = min(ceil(top * y), height - 1), min(ceil(left * x), width - 1)
        return first, max(first + 1, floor(bottom * y)), before, max(before + 1, floor(right * x))


def laid(
    picture: Image.Image, *, frame: Frame | None = None, mask: Image.Image | None = None, seam_px: int = 0
) -> Canvas:
    """An RGB picture on a frame (its own size where there is none), and a mask of the picture's size: white is drawn again.

    The picture, its mask too, is brought to the size that it has in the frame.
    """
    where = frame or _whole(picture)
    inner = (where.inner_width, where.inner_height)
    if picture.size != inner:
        picture = picture.resize(inner, Image.Resampling.LANCZOS)
    box = np.s_[where.top : where.top + where.inner_height, where.left : where.left + where.inner_width]
    old = np.zeros((where.height, where.width, 3), np.uint8)
    old[box] = np.asarray(picture.convert("RGB"))
    anew = np.ones((where.height, where.width), bool)
    anew[box] = False
    share = depth(~anew, seam_px + 1)
    if mask is not None:
        white = np.asarray(mask.convert("L").resize(inner, Image.Resampling.NEAREST)) >= WHITE
        anew[box] |= white
        share[box] = np.minimum(share[box], 1 - depth(white, seam_px + 1))
    edges = (where.top, where.top + where.inner_height, where.left, where.left + where.inner_width)
    return Canvas(old=old, share=share, anew=anew, box=edges)


def near(drawn: Image.Image, old: Image.Image, *, detail_px: int = NEAR_DETAIL_PX) -> Image.Image:
    """A drawing whose colours are those of an old picture, of any size, in all that is larger than `detail_px` of the old."""
    coarse = max(1, round(old.width / detail_px)), max(1, round(old.height / detail_px))
    channels = zip(drawn.convert("RGB").split(), old.convert("RGB").split(), strict=True)
    return Image.merge(
        "RGB", [_near(new, wanted, coarse) for new, wanted in channels]
    )  # one by one: they may be large


def _near(drawn: Image.Image, old: Image.Image, coarse: tuple[int, int]) -> Image.Image:
    new, wanted = (np.asarray(each, np.float32)[..., None] for each in (drawn, old))
    off = resized(wanted, *coarse, Image.Resampling.BOX) - resized(new, *coarse, Image.Resampling.BOX)
    mended = new + resized(off, drawn.width, drawn.height, Image.Resampling.BICUBIC)
    return Image.fromarray(mended[..., 0].clip(0, 255).round().astype(np.uint8))


def _eased(shares: Floats) -> Floats:
    """From 0 to 1 without a bend at either end."""
    return shares * shares * (3 - 2 * shares)


def depth(inside: npt.NDArray[np.bool_], reach: int) -> Floats:
    """How deep each place lies in a region, in steps of 1/`reach` up to 1: 0 outside of it. The edge of the canvas is no
    border of it. Steps go to the 8 neighbours."""
    found = np.zeros(inside.shape, np.float32)
    left = inside
    for _ in range(reach):
        found += left
        if left.all() or not left.any():
            found = np.where(left, reach, found) if left.all() else found
            break
        left = _shrunk(left)
    return (found / reach).astype(np.float32)


def _shrunk(inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Without the places that have a neighbour outside of it."""
    padded = np.pad(inside, 1, mode="edge")
    rows = padded[:-2] & padded[1:-1] & padded[2:]
    found: npt.NDArray[np.bool_] = rows[:, :-2] & rows[:, 1:-1] & rows[:, 2:]
    return found


def _whole(picture: Image.Image) -> Frame:
    width, height = picture.size
    return Frame(width=width, height=height, left=0, top=0, inner_width=width, inner_height=height)
