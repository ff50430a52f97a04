"""What the files of a running job are called. Knows no store."""

from __future__ import annotations

from uuid import UUID

from darkroom.core.work import STATE_NAME, Claim, Failure


def staging_key(claim: Claim, name: str) -> str:
    """Where a run uploads a file: the key holds the fence, so that no other run can touch it."""
    return f"staging/{claim.job_id}/{claim.fence}/{name}"


def state_key(failure: Failure) -> str | None:
    """Where a run that failed left the states of its images: under its own claim, or nowhere."""
    return staging_key(failure.claim, STATE_NAME) if failure.saved == STATE_NAME else None


def blob_key(digest: str) -> str:
    """Where content of that sha256 is kept (core.ports.Objects)."""
    return f"blobs/{digest[:2]}/{digest}"


def preview_key(job_id: UUID, number: int) -> str:
    """Where the number-th look at an unfinished grid is kept until its job ends."""
    return f"previews/{job_id}/{number}.webp"
