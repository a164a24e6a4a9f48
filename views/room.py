"""The reading room: which address shows what, served to this machine alone. Pages hold no script but a small one of the
room's own, and load nothing from elsewhere."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date, datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import polars as pl
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pressmark.storage.errors import PressmarkError, SettingsError
from pressmark.views import pages
from pressmark.views.export import defused
from pressmark.views.pages import Elsewhere, Page
from pressmark.views.readings import Moment, Refused, Room, with_changes
from pressmark.views.showing import STATIC, environment

__all__ = ["FORMATS", "HEADERS", "POLICY", "ROUTES", "as_file", "reading_room", "renderer"]

FORMATS: Final = {
    "csv": "text/csv; charset=utf-8", "json": "application/json", "parquet": "application/vnd.apache.parquet",
}  # fmt: skip
NAMES: Final = frozenset({"127.0.0.1", "localhost"})
POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-cache",
}  # fmt: skip
ROUTES: Final = {
    "/": pages.start, "/article/{article_id}": pages.article,
    "/article/{article_id}/diff/{first}/{second}": pages.difference,
    "/paragraph/{paragraph_id}": pages.paragraph, "/outlets": pages.outlets, "/outlet/{outlet}": pages.outlet,
    "/outlet/{outlet}/{month}": pages.month, "/rejects": pages.rejects, "/reject/{reject_id}": pages.reject,
    "/removals": pages.removals, "/changes": pages.changes, "/copies": pages.copies,
    "/copies/{cluster_id}": pages.cluster, "/article/{article_id}/copies": pages.copies_of,
    "/runs": pages.runs, "/run/{run_id}": pages.run,
}  # fmt: skip
GONE_MEANWHILE: Final = "The output changed or went away while this was read: ask again, or start the room anew."

Handler = Callable[[Moment, Request], Page]


def renderer(name: str, *, formats: tuple[str, ...] = tuple(FORMATS), policy: str = "") -> Callable[..., str]:
    """What makes HTML of a template's name, a request, and what the template is given. `name` is the output's; `policy`
    stands in pages that no server gives a header."""
    templates = environment()
    templates.globals |= {
        "output": name, "with_changes": with_changes, "formats": formats, "policy": policy, "BLOCKS": pages.BLOCKS,
    }  # fmt: skip

    def rendered(template: str, request: Request, **given: Any) -> str:
        query = dict(request.query_params)
        shared = {"path": request.url.path, "query": query, "words": query.get("q", "")}
        return templates.get_template(template).render({**shared, **given})

    return rendered


def reading_room(room: Room, name: str) -> ASGIApp:
    """The pages of an output, which `name` names in their heads."""
    page_of = renderer(name)

    def rendered(template: str, request: Request, status: int = 200, **given: Any) -> Response:
        return HTMLResponse(page_of(template, request, **given), status)

    def failed(request: Request, status: int, what: str, remedy: str) -> Response:
        return rendered("error.html", request, status, latest=None, number=status, what=what, remedy=remedy)

    def endpoint(handler: Handler) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            kind = request.query_params.get("format")
            if kind and kind not in FORMATS:
                return failed(request, 400, f"there is no format `{kind[:40]}`", f"one of: {', '.join(FORMATS)}")
            try:
                with room.moment() as moment:
                    page = handler(moment, request)
                    if kind:
                        return _file(page, kind)
                    return rendered(page.template, request, latest=moment.latest, **page.given)
            except Refused as error:
                return failed(request, error.status, error.what, error.remedy)
            except Elsewhere as other:
                return RedirectResponse(other.path, 303)
            except SettingsError as error:
                return failed(request, 400, f"{error.what}: {error.where}", error.remedy)
            except PressmarkError as error:
                return failed(request, 503, f"{error.what}: {error.where}", error.remedy)
            except (OSError, pl.exceptions.PolarsError) as error:
                return failed(request, 503, f"the output can't be read ({type(error).__name__})", GONE_MEANWHILE)

        return answer

    async def missing(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101  # what it is registered for
        remedy = "Begin at the start, or search."
        return failed(request, error.status_code, HTTPStatus(error.status_code).phrase.lower(), remedy)

    async def broken(request: Request, error: Exception) -> Response:
        return failed(request, 500, f"the room failed ({type(error).__name__})", "Please report what you did.")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        room.close()

    routes = [Route(path, endpoint(handler), methods=["GET"]) for path, handler in ROUTES.items()]
    app = Starlette(
        routes=[*routes, Mount("/static", StaticFiles(directory=STATIC))],
        exception_handlers={HTTPException: missing, Exception: broken}, lifespan=lifespan,
    )  # fmt: skip
    # Outermost, so that answers to what failed have the headers, too.
    return _OwnPagesOnly(app)


def _file(page: Page, kind: str) -> Response:
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(page.name, safe='')}.{kind}"}
    return Response(as_file(page.frame, kind), media_type=FORMATS[kind], headers=headers)


def as_file(frame: pl.DataFrame, kind: str) -> bytes:
    """The frame's rows. In CSV lists are JSON, and a text that a spreadsheet would take for a formula has `'` before
    it; bytes are hexadecimal in CSV and JSON. Parquet has all as it is."""
    if kind == "parquet":
        buffer = io.BytesIO()
        frame.write_parquet(buffer, compression="zstd")
        return buffer.getvalue()
    frame = frame.with_columns(pl.col(pl.Binary).bin.encode("hex"))
    if kind == "json":
        return json.dumps(frame.to_dicts(), ensure_ascii=False, default=_plain, indent=0).encode()
    nested = [name for name, type_ in frame.schema.items() if type_.is_nested()]
    lists = (
        pl.Series(name, [None if row is None else json.dumps(row, ensure_ascii=False, default=_plain)
                         for row in frame[name].to_list()], pl.String)
        for name in nested
    )  # fmt: skip
    flat = frame.with_columns(lists)
    return flat.with_columns(defused(pl.col(pl.String))).write_csv().encode()


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


class _OwnPagesOnly:
    """Answers what asks for this machine by its own name, and no page from elsewhere, with the room's headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, with 403 where a name was bound to this machine or another page asks."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        headers = Headers(scope=scope)
        hosts = {host.lower() for host in headers.getlist("host")}
        own = {f"http://{host}" for host in hosts}
        named = {host.rpartition(":")[0] or host for host in hosts}
        embedded = headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate"
        if len(hosts) != 1 or not named <= NAMES or not {*headers.getlist("origin")} <= own or embedded:
            refusal = PlainTextResponse("only pages and programs of this machine are served", 403)
            await refusal(scope, receive, with_headers)
            return
        await self._app(scope, receive, with_headers)
