"""Who asks, and may they: API keys, sessions, worker tokens, as dependencies of routes. A route without one is public.

For routers: `caller: Reader` where something is looked at, `Writer` where something changes, `Admin` for operators,
`WorkerHere` for workers. All of them count against the rate limit; all but `Reader` refuse a blocked account.
All are async, because FastAPI would run what is not in a thread of its own, on every request.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from darkroom.core.accounts import Account, Plan, Role, Scope
from darkroom.core.errors import Exhausted, NotAllowed
from darkroom.core.workers import WorkerToken
from darkroom.gateway.context import Gateway, Here
from darkroom.gateway.credentials import KEY_PREFIX, SESSION_PREFIX, WORKER_PREFIX, Known, well_formed
from darkroom.gateway.errors import NotAuthenticated
from darkroom.gateway.limits import FAILURES_PER_MINUTE, Taken
from darkroom.gateway.renewal import plan_of, renewed

COOKIE = "darkroom_session"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_RATES = {"/api/v1/prompts/parse": 300}
"""Requests a minute of routes that count for themselves: five prompts a second are asked about while one is typed."""
OPERATORS = frozenset({Role.OWNER, Role.ADMIN})

_key_scheme = HTTPBearer(
    auto_error=False, scheme_name="apiKey", description="An API key: `Authorization: Bearer dk_...`"
)
_session_scheme = APIKeyCookie(
    name=COOKIE, auto_error=False, scheme_name="session", description="A session of the studio"
)
_worker_scheme = HTTPBearer(
    auto_error=False,
    scheme_name="workerToken",
    description="A worker's token: `Authorization: Bearer dw_...`",
)


class Via(StrEnum):
    KEY = "key"
    SESSION = "session"


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asks. `scopes` is what they may do here: those of the key, as far as the account's role allows."""

    account: Account
    plan: Plan
    scopes: frozenset[Scope]
    via: Via
    key_id: UUID | None = None


async def caller_of(request: Request, here: Gateway) -> Caller:
    """Who asks, by key or else by session; counted against their plan's rate, their month renewed where it has ended.

    Raises NotAuthenticated, Exhausted (`rate_limited`), NotAllowed (`cross_site`), StoreUnavailable.
    """
    if "authorization" in request.headers:
        known, via = await _by_key(request, here), Via.KEY
    else:
        known, via = await _by_session(request, here), Via.SESSION
        refuse_cross_site(request, here)
    plan = plan_of(known.account, here.rooms.plans)
    _count(request, here, known.account, plan)
    account = await renewed(known.account, plan, here)
    granted = known.key.scopes if known.key else frozenset(Scope)
    return Caller(
        account=account,
        plan=plan,
        scopes=granted & allowed_scopes(account.role),
        via=via,
        key_id=known.key.id if known.key else None,
    )


async def caller(
    request: Request,
    here: Here,
    key: Annotated[HTTPAuthorizationCredentials | None, Depends(_key_scheme)],
    session: Annotated[str | None, Depends(_session_scheme)],
) -> Caller:
    """Whoever is known. The schemes are here for the API's description; `caller_of` reads the headers itself."""
    return await caller_of(request, here)


def allowed_scopes(role: Role) -> frozenset[Scope]:
    """What keys and sessions of accounts with this role may at most do."""
    return frozenset(Scope) if role in OPERATORS else frozenset({Scope.READ, Scope.WRITE})


async def reader(who: Annotated[Caller, Depends(caller)]) -> Caller:
    """Somebody who may look at what is theirs."""
    return _with_scope(who, Scope.READ)


async def writer(who: Annotated[Caller, Depends(caller)]) -> Caller:
    """Somebody who may change what is theirs; not a blocked account."""
    return _not_blocked(_with_scope(who, Scope.WRITE))


async def admin(who: Annotated[Caller, Depends(caller)]) -> Caller:
    """An owner or admin whose key has the scope `admin`; not a blocked account."""
    return _not_blocked(_with_scope(who, Scope.ADMIN))


async def worker_token(
    request: Request,
    here: Here,
    token: Annotated[HTTPAuthorizationCredentials | None, Depends(_worker_scheme)],
) -> WorkerToken:
    """The token of the worker that asks. Raises NotAuthenticated, Exhausted (`rate_limited`), StoreUnavailable."""
    secret = _bearer(request)
    found = await here.credentials.by_worker_token(secret, now=here.now())
    if found is None:
        if well_formed(secret, WORKER_PREFIX):
            count_failure(request, here)
        raise NotAuthenticated("This worker token is unknown or revoked.", hint=WORKER_HINT)
    return found


async def still_valid(request: Request, here: Gateway) -> bool:
    """Whether the key or session that a long-lived stream came in by is still good. Raises StoreUnavailable."""
    if "authorization" in request.headers:
        return await here.credentials.by_key(_bearer(request), now=here.now()) is not None
    return await here.credentials.by_session(_session(request), now=here.now()) is not None


AnyCaller = Annotated[Caller, Depends(caller)]
"""Whoever is known, whatever their scopes."""
Reader = Annotated[Caller, Depends(reader)]
Writer = Annotated[Caller, Depends(writer)]
Admin = Annotated[Caller, Depends(admin)]
WorkerHere = Annotated[WorkerToken, Depends(worker_token)]

KEY_HINT = "Send `Authorization: Bearer dk_...` with a key of yours, or log in."
WORKER_HINT = "Send `Authorization: Bearer dw_...` with a token that an operator made."


async def _by_key(request: Request, here: Gateway) -> Known:
    secret = _bearer(request)
    if not well_formed(secret, KEY_PREFIX):
        raise NotAuthenticated("This is no API key.", hint=KEY_HINT)
    if not here.credentials.seen_before(secret):
        refuse_guessing(request, here)
    known = await here.credentials.by_key(secret, now=here.now())
    if known is None:
        count_failure(request, here)
        raise NotAuthenticated("This API key is unknown or revoked.", hint=KEY_HINT)
    return known


async def _by_session(request: Request, here: Gateway) -> Known:
    secret = _session(request)
    if not well_formed(secret, SESSION_PREFIX):
        raise NotAuthenticated("This needs an API key or a session.", hint=KEY_HINT)
    if not here.credentials.seen_before(secret):
        refuse_guessing(request, here)
    known = await here.credentials.by_session(secret, now=here.now())
    if known is None:
        count_failure(request, here)
        raise NotAuthenticated("This session has ended.", hint="Log in again with a new login link.")
    return known


def _bearer(request: Request) -> str:
    """The secret behind `Authorization: Bearer`; "" where there is none of that scheme."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


def _session(request: Request) -> str:
    return request.cookies.get(COOKIE, "")


def _with_scope(who: Caller, scope: Scope) -> Caller:
    if scope in who.scopes:
        return who
    if scope is Scope.ADMIN and who.account.role not in OPERATORS:
        raise NotAllowed("Only operators may do this.", code="operators_only", hint="Ask an owner or admin.")
    raise NotAllowed(
        f"This key lacks the scope {scope.value}.", code="scope_missing", hint="Use a key that has it."
    )


def _not_blocked(who: Caller) -> Caller:
    if who.account.blocked_reason:
        raise NotAllowed(
            f"This account is blocked: {who.account.blocked_reason}",
            code="account_blocked",
            hint="Ask an operator of this service.",
        )
    return who


def refuse_cross_site(request: Request, here: Gateway) -> None:
    """A browser sends cookies for other sites' pages, too: what changes something must come from our own pages."""
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin", "")
    if site == "same-origin" or (
        site is None and origin and _origin_of(origin) in _own_origins(request, here)
    ):
        return
    if site is None and not origin:
        raise NotAllowed(
            "A browser's session changes nothing without an Origin header of this service, and this request has none.",
            code="cross_site",
            hint="Send `Origin: ` with this service's address, or use an API key instead of the cookie.",
        )
    raise NotAllowed(
        "This request came from another site's page, which may not use a browser's session here.",
        code="cross_site",
        hint="Use this service's own page, or an API key.",
    )


def _own_origins(request: Request, here: Gateway) -> set[tuple[str, str]]:
    own = {_origin_of(f"{request.url.scheme}://{request.headers.get('host', '')}")}
    return own | ({_origin_of(here.settings.public_url)} if here.settings.public_url else set())


def _origin_of(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ("", url)
    return (parts.scheme.lower(), parts.netloc.lower())


def address_of(request: Request) -> str:
    """The network address that a request came from."""
    return request.client.host if request.client else ""


def refuse_guessing(request: Request, here: Gateway) -> None:
    """Raises Exhausted for an address that failed too often of late."""
    taken = here.failures.look(address_of(request), per_minute=FAILURES_PER_MINUTE, now=here.now())
    if not taken.allowed:
        raise _rate_limited("Too many failed attempts from this address.", taken)


def count_failure(request: Request, here: Gateway) -> None:
    """Notes a failed attempt; raises Exhausted where there were too many. What is no secret at all is no attempt."""
    taken = here.failures.take(address_of(request), per_minute=FAILURES_PER_MINUTE, now=here.now())
    if not taken.allowed:
        raise _rate_limited("Too many failed attempts from this address.", taken)


def _count(request: Request, here: Gateway, account: Account, plan: Plan) -> None:
    own = OWN_RATES.get(request.url.path)
    if own is None:
        taken = here.requests.take(account.id, per_minute=plan.requests_per_minute, now=here.now())
    else:
        taken = here.requests.take((account.id, request.url.path), per_minute=own, now=here.now())
    request.state.rate_limit = taken
    request.state.account_id = account.id
    if not taken.allowed:
        raise _rate_limited(f"More than {taken.limit} requests in a minute.", taken)


def _rate_limited(message: str, taken: Taken) -> Exhausted:
    return Exhausted(
        message,
        code="rate_limited",
        hint=f"Try again in {taken.retry_after_s} s.",
        retry_after_s=taken.retry_after_s,
    )
