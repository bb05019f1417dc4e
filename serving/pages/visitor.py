"""Who asks for a page: by a token in the header, by a session, or anybody on loopback; and whether a form is ours."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from serving.access import LOOPBACK, MAY_READ_CASES, Door, Grant, Role
from serving.front import ROLE
from serving.pages.language import COOKIE as LANGUAGE_COOKIE
from serving.pages.language import Language, chosen
from serving.pages.render import Account, Frame
from serving.pages.sessions import COOKIE, FORM_COOKIE, Sessions
from serving.problems import Problem

MAY_OVERSEE = frozenset({Role.REVIEWER, Role.CARE, Role.ANALYST, Role.ADMIN})
MAY_REVIEW = frozenset({Role.REVIEWER, Role.CARE})
FORM_BYTES = 64 * 1024
FORM_FIELDS = 60
ROOT = "/review"


class LoginNeeded(Problem):
    """Nobody is logged in: a browser is sent to the login page, everybody else gets 401."""

    def __init__(self) -> None:
        super().__init__(401, "send Authorization: Bearer TOKEN, or log in at /review/login")


@dataclass(frozen=True)
class Visitor:
    """Who asks: what is allowed, the session if there is one, and the language of the pages."""

    grant: Grant | None
    session: str | None
    has_header: bool
    form_name: str
    is_new: bool
    language: Language

    @property
    def known(self) -> Grant:
        """The grant.  Raises LoginNeeded where nobody is logged in."""
        if self.grant is None:
            raise LoginNeeded
        return self.grant


def visitor_of(request: Request) -> Visitor:
    """Who asks for a page.  Raises Problem 401 for a bad token, 403 for a strange host, 503 while the service starts."""
    door: Door | None = request.app.state.door
    if door is None:
        raise Problem(503, "the service is starting")
    if door.is_open and request.url.hostname not in LOOPBACK:
        raise Problem(403, "without access control the pages are for this machine alone, by its own name")
    header, session = request.headers.get("authorization"), request.cookies.get(COOKIE)
    form_name = session or request.cookies.get(FORM_COOKIE)
    language = chosen(request.cookies.get(LANGUAGE_COOKIE))
    grant = None
    if header is not None:
        grant = door.grant(header)
    elif token := sessions_of(request).token_of(session):
        grant = door.grant_of(token)
    else:
        session, form_name = None, request.cookies.get(FORM_COOKIE)
        grant = door.grant(None) if door.is_open else None
    if grant is not None:
        request.scope[ROLE] = grant.role.value
    return Visitor(
        grant, session, header is not None, form_name or secrets.token_urlsafe(16), form_name is None, language
    )  # fmt: skip


def sessions_of(request: Request) -> Sessions:
    """The sessions of this process."""
    found: Sessions = request.app.state.sessions
    return found


def frame_of(request: Request, visitor: Visitor) -> Frame:
    """What stands around a page."""
    grant = visitor.grant
    account = None if grant is None else Account(
        may_review=grant.role in MAY_READ_CASES and grant.role in MAY_REVIEW, may_oversee=grant.role in MAY_OVERSEE,
        has_session=visitor.session is not None,
    )  # fmt: skip
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return Frame(visitor.language, path, sessions_of(request).form_token(visitor.form_name), account)


async def form_of(request: Request, visitor: Visitor) -> dict[str, list[str]]:
    """The fields of a form that came from one of our pages in this browser.

    Raises Problem 403 for one that did not, 413 and 415 for what is no small form.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise Problem(415, "send a form")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_BYTES:
            raise Problem(413, f"at most {FORM_BYTES} bytes")
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=FORM_FIELDS, errors="strict")
    except ValueError:
        raise Problem(400, "this is no form") from None
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    given = fields.pop("csrf", [""])[0]
    # A token in the header is sent by no browser on its own: only what a browser adds by itself can be abused.
    if not visitor.has_header and not (
        _is_from_here(request) and not visitor.is_new and sessions_of(request).is_form_token(visitor.form_name, given)
    ):
        raise Problem(403, "this form is not from a page of this session: load the page again")
    return fields


def _is_from_here(request: Request) -> bool:
    """Whether the browser says that the form was sent by a page of this very host."""
    origin = request.headers.get("origin")
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def only(fields: dict[str, list[str]], name: str) -> str:
    """The one value of a field, "" where it was not filled in."""
    return fields.get(name, [""])[0].strip()


def set_cookie(request: Request, response: Response, name: str, value: str, *, seconds: int | None = None) -> None:
    """A cookie of the pages: for this host alone, never for scripts, never sent from elsewhere."""
    is_secure = request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"
    response.set_cookie(name, value, max_age=seconds, path=ROOT, secure=is_secure, httponly=True, samesite="strict")


def wants_html(request: Request) -> bool:
    """Whether a browser asks, so that it is answered with a page also where something is wrong."""
    return "text/html" in request.headers.get("accept", "")


def safe_back(path: str) -> str:
    """A place inside the pages to go back to; the queue for anything else."""
    parts = urlsplit(path)
    inside = path.startswith(ROOT) and not parts.scheme and not parts.netloc and "\\" not in path and "\n" not in path
    return path if inside and (parts.path == ROOT or parts.path.startswith(ROOT + "/")) else ROOT
