"""Logging in by a one-time link and out again. A session is a cookie that no script can read.

The link opens a page with a button, because programs that preview links follow them and would spend it.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import ConfigDict, Field

from darkroom.core.accounts import Account, Role
from darkroom.gateway.auth import (
    COOKIE,
    AnyCaller,
    count_failure,
    refuse_cross_site,
    refuse_guessing,
)
from darkroom.gateway.context import Gateway, Here
from darkroom.gateway.credentials import (
    LOGIN_PREFIX,
    SESSION_LIFE,
    SESSION_PREFIX,
    hash_of,
    new_secret,
    well_formed,
)
from darkroom.gateway.errors import NotAuthenticated, refusals
from darkroom.gateway.invalid import Body
from darkroom.gateway.pages import HTML, page
from darkroom.gateway.views import Out

TOKEN_MAX_CHARACTERS = 200

PAGE = "login.html"


class LoginIn(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"token": "dl_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"}]}
    )

    token: Annotated[
        str, Field(min_length=1, max_length=TOKEN_MAX_CHARACTERS, description="From a login link")
    ]


class LoginOut(Out):
    name: str
    role: Role


def sessions_router() -> APIRouter:
    """Logging in and out."""
    router = APIRouter(tags=["sessions"])

    @router.get("/login", operation_id="loginPage", response_class=HTMLResponse, responses=HTML)
    async def login_page() -> HTMLResponse:
        """The page that a login link (`/login?token=...`) opens. Nothing is spent before its button is pressed."""
        return page(PAGE, title="Darkroom: log in")

    @router.post("/api/v1/login", operation_id="login", responses=refusals(401, 403, 422, 429, 503))
    async def login(body: LoginIn, request: Request, response: Response, here: Here) -> LoginOut:
        """Spend a login link for a session, which comes as a cookie."""
        if "origin" in request.headers or "sec-fetch-site" in request.headers:  # a browser asks
            refuse_cross_site(request, here)
        account = await _spend(body.token, request, here)
        secret = new_secret(SESSION_PREFIX)
        await here.rooms.accounts.add_session(
            hash_of(secret), account_id=account.id, expires_at=here.now() + SESSION_LIFE
        )
        secure = request.url.scheme == "https" or here.settings.public_url.startswith("https:")
        set_cookie(response, secret, secure=secure)
        return LoginOut(name=account.name, role=account.role)

    @router.post("/api/v1/logout", status_code=204, operation_id="logout")
    async def logout(session: AnyCaller, request: Request, here: Here) -> Response:
        """End this session. With an API key there is none, and nothing happens."""
        response = Response(status_code=204)
        secret = request.cookies.get(COOKIE)
        if secret:
            await here.rooms.accounts.end_session(hash_of(secret))
            here.credentials.forget_secret(secret)
            response.delete_cookie(COOKIE, path="/")
        return response

    return router


async def _spend(token: str, request: Request, here: Gateway) -> Account:
    """Whom a login link logs in. Raises NotAuthenticated (`login_invalid`), Exhausted (`rate_limited`)."""
    if well_formed(token, LOGIN_PREFIX):
        refuse_guessing(request, here)
        account = await here.rooms.accounts.take_login(hash_of(token), now=here.now())
        if account is not None:
            return account
        count_failure(request, here)
    raise NotAuthenticated(
        "This login link is unknown, used or expired.",
        code="login_invalid",
        hint="Ask an operator for a new one.",
        field="token",
    )


def set_cookie(response: Response, secret: str, *, secure: bool) -> None:
    """Sends a session to the browser, and to nobody else."""
    response.set_cookie(
        COOKIE,
        secret,
        max_age=int(SESSION_LIFE.total_seconds()),
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )
