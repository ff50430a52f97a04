"""A picture that somebody brings becomes an Upload: made safe, judged, kept at its content address, noted. Or it is refused.

Nothing is stored before its verdict, and of what is refused nothing is kept but the verdict. Knows no HTTP and no file format.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from functools import partial
from uuid import UUID

from darkroom.core.accounts import Account
from darkroom.core.errors import Blocked, Exhausted, NotFound, Refused, Unavailable
from darkroom.core.ids import new_id
from darkroom.core.uploads import CleanPicture, Upload, UploadKind
from darkroom.core.verdicts import ModerationRecord, Subject, Verdict
from darkroom.lifecycle.holding import held, sweep_leftovers
from darkroom.lifecycle.keys import blob_key
from darkroom.lifecycle.rooms import Rooms
from darkroom.lifecycle.terms import check_account
from darkroom.moderation.images import judge

UPLOADS_MAX = 5_000  # pictures and masks that one account keeps
UPLOADS_MAX_BYTES = 4 * 1024**3  # of these together, as they are kept
SOURCE_MAX_CHARACTERS = 2_048
MEDIA_TYPE = "image/png"

log = logging.getLogger(__name__)


async def take_upload(
    rooms: Rooms, account: Account, data: bytes, *, kind: UploadKind = UploadKind.PICTURE, source: str = ""
) -> Upload:
    """The upload that a file becomes; the earlier one where this account keeps the same picture already.

    `source` is where it came from, "" for a file. A mask is not judged: it shows nothing.
    Raises NotAllowed (`account_blocked`), Exhausted (`too_many_uploads`), Refused (`picture_invalid`, `mask_invalid`,
    `too_large`), Blocked (`image_prompt_blocked`), Overloaded, ModerationUnavailable, StoreUnavailable.
    """
    check_account(account)
    await _check_shelf(rooms, account)
    if kind is UploadKind.MASK:
        clean, verdict = await rooms.intake.read_mask(data), None
    else:
        clean = await rooms.intake.read(data)
        verdict = await _judge(rooms, account, clean, source)
    return await _keep(rooms, account, clean, kind=kind, source=source, verdict=verdict)


async def take_link(rooms: Rooms, account: Account, url: str) -> Upload:
    """The upload that the picture at an http(s) address becomes.

    Raises what `take_upload` raises, and Refused (`link_refused`, `link_failed`), Exhausted (`rate_limited`).
    """
    check_account(account)
    async with rooms.turns.taken(account.id):
        await _check_shelf(rooms, account)
        data = await rooms.intake.fetch(url)
        return await take_upload(rooms, account, data, source=url[:SOURCE_MAX_CHARACTERS])


async def own_upload(
    rooms: Rooms, account: Account, upload_id: UUID, *, kind: UploadKind | None = None
) -> Upload:
    """An upload of this account that still has its pixels. NotFound, in the store's words, for any other."""
    upload = await rooms.uploads.get(upload_id)
    if upload.account_id != account.id or upload.deleted_at is not None or kind not in (None, upload.kind):
        raise NotFound(f"There is no upload {upload_id}.")
    return upload


def check_mask(mask: Upload, *, width: int, height: int) -> None:
    """Refused (`mask_invalid`) for a mask that does not fit the picture of this size that it is laid on."""
    if mask.kind is not UploadKind.MASK:
        raise Refused(
            f"The upload {mask.id} is a picture and no mask.",
            code="mask_invalid",
            hint="Upload the mask with kind=mask.",
            field="mask",
        )
    if (mask.width, mask.height) != (width, height):
        raise Refused(
            f"The mask has {mask.width} x {mask.height} pixels, and the picture {width} x {height}.",
            code="mask_invalid",
            hint="Make the mask just as large as the picture.",
            field="mask",
        )


async def delete_upload(rooms: Rooms, account: Account, upload_id: UUID) -> Upload:
    """The tombstone that it leaves; its file goes unless an image, another upload or a job keeps it. NotFound.

    Where the object store is away, the upkeep makes up for it.
    """
    tombstone, unkept = await rooms.uploads.delete(upload_id, account_id=account.id, now=rooms.clock())
    if unkept:
        try:
            await sweep_leftovers(rooms)
        except Unavailable as error:
            log.warning("the file of upload %s waits for the next sweep: %s", upload_id, error)
    return tombstone


async def _check_shelf(rooms: Rooms, account: Account) -> None:
    """Before any work: whether the account may keep one more."""
    count, size_bytes = await rooms.uploads.kept(account.id)
    if count >= UPLOADS_MAX or size_bytes >= UPLOADS_MAX_BYTES:
        raise Exhausted(
            f"This account keeps {count:,} uploads of {size_bytes / 2**20:,.0f} MiB, and may keep {UPLOADS_MAX:,} "
            f"of {UPLOADS_MAX_BYTES // 2**20:,} MiB.",
            code="too_many_uploads",
            hint="Delete uploads that you do not use.",
        )


async def _judge(rooms: Rooms, account: Account, clean: CleanPicture, source: str) -> Verdict:
    """The verdict on a picture, logged where it blocks. Scoring is CPU work, so it runs beside the event loop."""
    scores: Mapping[str, float] = await rooms.checks.run(
        account.id, partial(rooms.image_scorer.score, clean.width, clean.height, clean.rgb)
    )
    verdict = judge(rooms.image_policy, scores)
    if verdict.blocked:
        record = ModerationRecord(
            account_id=account.id,
            job_id=None,
            subject=Subject.IMAGE,
            text=source or "an uploaded file",
            verdict=verdict,
            at=rooms.clock(),
        )
        await rooms.operations.log_verdicts([record])
        raise Blocked(
            "This picture cannot be used here: the content policy does not allow it.",
            code="image_prompt_blocked",
            hint="Use another picture.",
            category=verdict.category,
        )
    return verdict


async def _keep(
    rooms: Rooms,
    account: Account,
    clean: CleanPicture,
    *,
    kind: UploadKind,
    source: str,
    verdict: Verdict | None,
) -> Upload:
    digest = hashlib.sha256(clean.png).hexdigest()
    now = rooms.clock()
    upload = Upload(
        id=new_id(now),
        account_id=account.id,
        kind=kind,
        digest=digest,
        width=clean.width,
        height=clean.height,
        size_bytes=len(clean.png),
        source=source,
        scores=verdict.scores if verdict else {},
        policy=verdict.policy if verdict else "",
        created_at=now,
    )
    async with held(rooms, [digest]):
        await rooms.objects.put(blob_key(digest), clean.png, media_type=MEDIA_TYPE)
        return await rooms.uploads.add(upload)
