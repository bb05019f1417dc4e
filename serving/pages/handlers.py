"""What answers the routes of the reviewer's pages; ``routes.py`` says which is which."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Awaitable, Callable
from functools import cache, wraps
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from features.errors import UserError
from serving.access import MAY_DECIDE, demand
from serving.desk import Desk
from serving.log.transaction import now_us
from serving.pages import codes, queue_page, reviewing, shown
from serving.pages.language import COOKIE as LANGUAGE_COOKIE
from serving.pages.language import LANGUAGES
from serving.pages.oversight import oversight_page
from serving.pages.party import party_page
from serving.pages.queue import Filters, Place
from serving.pages.render import render, render_case, render_oversight, render_party, render_queue
from serving.pages.sessions import COOKIE, FORM_COOKIE, IDLE_MINUTES, LONGEST_HOURS
from serving.pages.visitor import (
    MAY_OVERSEE,
    MAY_REVIEW,
    LoginNeeded,
    Visitor,
    form_of,
    frame_of,
    only,
    safe_back,
    sessions_of,
    set_cookie,
    visitor_of,
    wants_html,
)
from serving.problems import HEADERS, Problem, problem_of

Handler = Callable[[Request, Visitor], Awaitable[Response]]

PAGE_HEADERS = HEADERS | {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",  # with no-referrer a browser hides from us where a form comes from
}
STATIC = {"page.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}
YEAR_SECONDS = 365 * 24 * 3600


# --- the queue -----------------------------------------------------------------------------------------------------


async def queue(request: Request, visitor: Visitor) -> Response:
    """``GET /review``: the cases that wait."""
    page = await _queue(request, visitor)
    return _html(render_queue(page, frame_of(request, visitor)))


async def queue_json(request: Request, visitor: Visitor) -> Response:
    """``GET /review/queue.json``: the same page of the queue as JSON."""
    return _json(await _queue(request, visitor))


async def queue_csv(request: Request, visitor: Visitor) -> Response:
    """``GET /review/queue.csv``: the cases of the same page as CSV."""
    page = await _queue(request, visitor)
    table = io.StringIO()
    writer = csv.DictWriter(table, fieldnames=queue_page.CSV_FIELDS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(queue_page.csv_row(case) for case in page["cases"])
    return Response(table.getvalue(), media_type="text/csv", headers=PAGE_HEADERS)


async def _queue(request: Request, visitor: Visitor) -> dict[str, Any]:
    grant = visitor.known
    demand(grant, MAY_REVIEW)
    asked = request.query_params
    filters = Filters(
        area=asked.get("area", "").strip(), kind=asked.get("kind", ""), channel=asked.get("channel", ""),
        tier=asked.get("tier", ""), overdue=asked.get("overdue", "") == "1",
    )  # fmt: skip
    place = Place.of(asked.get("after", ""))
    return await asyncio.to_thread(queue_page.queue_page, _desk(request), filters, place, grant, now_us=now_us())


# --- one case ------------------------------------------------------------------------------------------------------


async def review(request: Request, visitor: Visitor) -> Response:
    """``GET /review/{id}``: one case."""
    page, digest = await _case(request, visitor)
    html = await asyncio.to_thread(render_case, page, frame_of(request, visitor))
    return _html(html, headers={"X-Shown-Digest": digest})


async def case_json(request: Request, visitor: Visitor) -> Response:
    """``GET /review/{id}.json``: exactly what the page shows, kept under the digest in the header."""
    page, digest = await _case(request, visitor)
    return _json(page, headers={"X-Shown-Digest": digest})


async def _case(request: Request, visitor: Visitor) -> tuple[dict[str, Any], str]:
    return await asyncio.to_thread(_open_and_keep, _desk(request), _id(request), visitor)


def _open_and_keep(desk: Desk, assessment_id: str, visitor: Visitor) -> tuple[dict[str, Any], str]:
    grant = visitor.known
    opened = reviewing.open_case(desk, assessment_id, grant)
    return opened.page, shown.keep(desk.log, opened.page, number=opened.stored.number, role=grant.role.value)


async def shown_json(request: Request, visitor: Visitor) -> Response:
    """``GET /review/shown/{digest}.json``: what was once shown to your role, as long as the case's content is kept."""
    digest, grant, desk = request.path_params["digest"], visitor.known, _desk(request)
    _, role, page = await asyncio.to_thread(shown.shown, desk.log, digest)
    if role != grant.role.value:
        raise Problem(404, "nothing is kept under this digest (any more)")
    await asyncio.to_thread(desk.found, page["assessment_id"], grant)  # 403 outside the area
    return _json(page, headers={"X-Shown-Digest": digest})


async def party(request: Request, visitor: Visitor) -> Response:
    """``GET /review/{id}/party``: what can be given to a party."""
    page, digest = await _party(request, visitor)
    return _html(render_party(page, frame_of(request, visitor)), headers={"X-Shown-Digest": digest})


async def party_json(request: Request, visitor: Visitor) -> Response:
    """``GET /review/{id}/party.json``: the same as JSON, kept like a case's page: it is handed out."""
    page, digest = await _party(request, visitor)
    return _json(page, headers={"X-Shown-Digest": digest})


async def _party(request: Request, visitor: Visitor) -> tuple[dict[str, Any], str]:
    return await asyncio.to_thread(_sheet_and_keep, _desk(request), _id(request), visitor)


def _sheet_and_keep(desk: Desk, assessment_id: str, visitor: Visitor) -> tuple[dict[str, Any], str]:
    page, number = party_page(desk, assessment_id, visitor.known)
    return page, shown.keep(desk.log, page, number=number, role=visitor.known.role.value)


# --- deciding ------------------------------------------------------------------------------------------------------


async def preliminary(request: Request, visitor: Visitor) -> Response:
    """``POST /review/{id}/preliminary``: the reviewer's own view, before the score shows."""
    form = await _form(request, visitor)
    await asyncio.to_thread(
        reviewing.record_view, _desk(request), _id(request), visitor.known, tier=only(form, "tier")
    )  # fmt: skip
    return _on_to(f"/review/{_id(request)}#score")


async def decision(request: Request, visitor: Visitor) -> Response:
    """``POST /review/{id}/decision``: what the reviewer decides."""
    form = await _form(request, visitor)
    await asyncio.to_thread(
        reviewing.record_decision, _desk(request), _id(request), visitor.known, tier=only(form, "tier"),
        reason_code=only(form, "reason_code"), text=only(form, "text"), offered=form.get("offered", []),
    )  # fmt: skip
    return _on_to(f"/review/{_id(request)}#history")


async def objection(request: Request, visitor: Visitor) -> Response:
    """``POST /review/{id}/objection``: a party contests the record, or refuses the machine's ranking."""
    form = await _form(request, visitor)
    await asyncio.to_thread(
        reviewing.record_objection, _desk(request), _id(request), visitor.known, objection=only(form, "objection"),
        text=only(form, "text"),
    )  # fmt: skip
    return _on_to(f"/review/{_id(request)}")


async def correction(request: Request, visitor: Visitor) -> Response:
    """``POST /review/{id}/correction``: a row gets a new version, and the case a new assessment beside the old one."""
    form = await _form(request, visitor)
    made = await reviewing.correct(
        _desk(request), _id(request), visitor.known, row=only(form, "row"), change=only(form, "change"),
        text=only(form, "text"),
    )  # fmt: skip
    return _on_to(f"/review/{made}")


async def _form(request: Request, visitor: Visitor) -> dict[str, list[str]]:
    demand(visitor.known, MAY_DECIDE)
    return await form_of(request, visitor)


# --- oversight -----------------------------------------------------------------------------------------------------


async def oversight(request: Request, visitor: Visitor) -> Response:
    """``GET /review/oversight``: aggregates alone."""
    page = await _oversight(request, visitor)
    return _html(render_oversight(page, frame_of(request, visitor)))


async def oversight_json(request: Request, visitor: Visitor) -> Response:
    """``GET /review/oversight.json``: the same as JSON."""
    return _json(await _oversight(request, visitor))


async def _oversight(request: Request, visitor: Visitor) -> dict[str, Any]:
    grant = visitor.known
    demand(grant, MAY_OVERSEE)
    return await asyncio.to_thread(oversight_page, _desk(request), within=grant.area, now_us=now_us())


# --- coming and going ----------------------------------------------------------------------------------------------


async def login_form(request: Request, visitor: Visitor) -> Response:
    """``GET /review/login``: the form that takes a token."""
    back = safe_back(request.query_params.get("back", ""))
    return _html(_login_page(request, visitor, back=back))


async def login(request: Request, visitor: Visitor) -> Response:
    """``POST /review/login``: a token for a session; the token itself goes into no cookie."""
    form = await form_of(request, visitor)
    back = safe_back(only(form, "back"))
    try:
        grant = request.app.state.door.grant(f"Bearer {only(form, 'token')}")
    except Problem as problem:
        if problem.status != 401:
            raise
        return _html(_login_page(request, visitor, back=back, failed=True), status=401)
    sessions_of(request).end(visitor.session)
    answer = _on_to(back)
    name = sessions_of(request).begin(grant.token_sha256)
    set_cookie(request, answer, COOKIE, name, seconds=LONGEST_HOURS * 3600)
    return answer


def _login_page(request: Request, visitor: Visitor, *, back: str, failed: bool = False) -> str:
    frame = frame_of(request, visitor)
    return render("login.html.j2", frame, back=back, failed=failed, minutes=IDLE_MINUTES)


async def logout(request: Request, visitor: Visitor) -> Response:
    """``POST /review/logout``: the end of the session."""
    await form_of(request, visitor)
    sessions_of(request).end(visitor.session)
    answer = _on_to("/review/login")
    answer.delete_cookie(COOKIE, path="/review")
    return answer


async def language(request: Request, _visitor: Visitor) -> Response:
    """``GET /review/language/{name}``: keep the language of the pages, and back to where the reader was."""
    name = request.path_params["name"]
    if name not in LANGUAGES:
        raise Problem(404, "there is no such language")
    answer = _on_to(safe_back(request.query_params.get("back", "")))
    set_cookie(request, answer, LANGUAGE_COOKIE, name, seconds=YEAR_SECONDS)
    return answer


async def static(request: Request, _visitor: Visitor) -> Response:
    """``GET /review/static/{name}``: the style, the script and the icon; open to all, as nothing in them is of a case."""
    name = request.path_params["name"]
    if name not in STATIC:
        raise Problem(404, "there is no such file")
    headers = PAGE_HEADERS | {"Cache-Control": "public, max-age=3600"}
    return Response(_static(name), media_type=STATIC[name], headers=headers)


@cache
def _static(name: str) -> bytes:
    return files("serving.pages").joinpath("static", name).read_bytes()


# --- around every page ---------------------------------------------------------------------------------------------


def page_of(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """The handler with its visitor; for a browser errors are pages, and who is not logged in is sent to do so."""

    @wraps(handler)
    async def page(request: Request) -> Response:
        visitor = visitor_of(request)
        try:
            answer = await handler(request, visitor)
        except LoginNeeded:
            if not wants_html(request):
                raise
            answer = _on_to(f"/review/login?back={quote(frame_of(request, visitor).path)}")
        except (Problem, UserError) as error:
            if not wants_html(request):
                raise
            answer = _error_page(request, visitor, error)
        if visitor.is_new:
            set_cookie(request, answer, FORM_COOKIE, visitor.form_name)
        return answer

    return page


def _error_page(request: Request, visitor: Visitor, error: Problem | UserError) -> Response:
    problem = error if isinstance(error, Problem) else problem_of(error)
    named = [(codes.of_fault(fault.path, fault.rule), fault) for fault in problem.faults]
    html = render(
        "error.html.j2", frame_of(request, visitor), status=problem.status, detail=problem.detail,
        asked=list(dict.fromkeys(message for message, _ in named if message)),
        faults=[fault for message, fault in named if not message],
        back_to=request.path_params.get("assessment_id") if request.method == "POST" else None,
    )  # fmt: skip
    return _html(html, status=problem.status, headers=problem.headers)


def _html(text: str, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return HTMLResponse(text, status, headers=PAGE_HEADERS | (headers or {}))


def _json(content: dict[str, Any], *, headers: dict[str, str] | None = None) -> Response:
    body = json.dumps(content, ensure_ascii=False, allow_nan=False).encode()
    return Response(body, media_type="application/json", headers=PAGE_HEADERS | (headers or {}))


def _on_to(path: str) -> Response:
    return RedirectResponse(path, 303, headers=PAGE_HEADERS)


def _id(request: Request) -> str:
    return str(request.path_params["assessment_id"])


def _desk(request: Request) -> Desk:
    desk: Desk | None = request.app.state.desk
    if desk is None:
        raise Problem(503, "no verified model is in force: see /readyz")
    return desk
