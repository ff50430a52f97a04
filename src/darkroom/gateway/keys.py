"""The routes of one's API keys: list, make, revoke. A key's secret is shown once and kept nowhere."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import ConfigDict, Field

from darkroom.core.accounts import ApiKey, Scope
from darkroom.core.errors import Conflict, NotAllowed
from darkroom.core.ids import new_id
from darkroom.gateway.auth import Caller, Reader, Writer
from darkroom.gateway.context import Here
from darkroom.gateway.credentials import KEY_PREFIX, SHOWN_CHARACTERS, hash_of, new_secret
from darkroom.gateway.errors import refusals
from darkroom.gateway.invalid import Body
from darkroom.gateway.people import KeyOut, key_out
from darkroom.gateway.views import Out

KEYS_MAX = 100  # good keys of one account
KEY_NAME_MAX_CHARACTERS = 100


class NewKeyIn(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "my script", "scopes": ["read", "write"]}]}
    )

    name: Annotated[str, Field(min_length=1, max_length=KEY_NAME_MAX_CHARACTERS)]
    scopes: Annotated[
        tuple[Scope, ...],
        Field(min_length=1, max_length=len(Scope), description="No more than those of who makes it"),
    ] = (Scope.READ, Scope.WRITE)


class NewKeyOut(KeyOut):
    secret: Annotated[str, Field(description="The key itself; this is the only time that it is shown")]


class KeysOut(Out):
    keys: list[KeyOut]


def keys_router() -> APIRouter:
    """All under /api/v1/account/keys."""
    router = APIRouter(prefix="/api/v1/account/keys", tags=["account"])

    @router.get("", operation_id="listKeys")
    async def list_keys(caller: Reader, here: Here) -> KeysOut:
        """Your keys, oldest first, without their secrets. Revoked ones stay in the list."""
        return KeysOut(keys=[key_out(key) for key in await here.rooms.accounts.keys(caller.account.id)])

    @router.post("", status_code=201, operation_id="createKey", responses=refusals(403, 409))
    async def create_key(body: NewKeyIn, caller: Writer, here: Here) -> NewKeyOut:
        """Make a key. It can do at most what the key or session that makes it can."""
        scopes = frozenset(body.scopes)
        _check_scopes(scopes, caller)
        existing = await here.rooms.accounts.keys(caller.account.id)
        if sum(key.revoked_at is None for key in existing) >= KEYS_MAX:
            raise Conflict(
                f"This account has {KEYS_MAX} keys.",
                code="too_many_keys",
                hint="Revoke one that you do not use.",
            )
        secret, now = new_secret(KEY_PREFIX), here.now()
        key = ApiKey(
            id=new_id(now),
            account_id=caller.account.id,
            name=body.name,
            prefix=secret[:SHOWN_CHARACTERS],
            scopes=scopes,
            created_at=now,
        )
        made = await here.rooms.accounts.add_key(key, secret_hash=hash_of(secret))
        return NewKeyOut(**key_out(made).model_dump(), secret=secret)

    @router.delete("/{key_id}", operation_id="revokeKey", responses=refusals(404))
    async def revoke_key(key_id: UUID, caller: Writer, here: Here) -> KeyOut:
        """Revoke a key: the next request with it is refused. Revoking twice changes nothing."""
        key = await here.rooms.accounts.revoke_key(key_id, account_id=caller.account.id, now=here.now())
        here.credentials.forget_account(caller.account.id)
        return key_out(key)

    return router


def _check_scopes(wanted: frozenset[Scope], caller: Caller) -> None:
    beyond = sorted(wanted - caller.scopes)
    if beyond:
        raise NotAllowed(
            f"You do not have the scope {beyond[0].value} yourself.",
            code="scope_missing",
            hint="Leave it away, or make the key with one that has it.",
            field="scopes",
        )
