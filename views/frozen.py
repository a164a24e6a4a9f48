"""The reading room as a folder of files, which any web server or a disk can serve, with a search by a script. A page
from a disk may load scripts and nothing else, so texts lie in these, as Parquet in base64."""

from __future__ import annotations

import base64
import html
import io
import json
import os
import re
import shutil
from collections import deque
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

import polars as pl
from starlette.requests import Request
from starlette.routing import Match, Route

from pressmark.schemas.contract import ROLES
from pressmark.storage.errors import SettingsError
from pressmark.storage.output.folder import new_folder
from pressmark.storage.output.store import Progress
from pressmark.storage.search import blocks_of
from pressmark.storage.search_index import load_folding
from pressmark.views.pages import BLOCKS
from pressmark.views.readings import Moment, Refused, Room, counts
from pressmark.views.room import POLICY, ROUTES, renderer
from pressmark.views.showing import FLAG_MEANINGS, HIDDEN, STATIC

__all__ = ["write_room"]

# Texts of one script; a search that looks for few days reads few of them.
CHUNK_BYTES: Final = 4 << 20
ROOTS: Final = ("/outlets", "/changes", "/removals", "/copies", "/rejects", "/runs")
# Values are escaped in pages, so that no text of an archive has a quote that ends an attribute, or begins one.
ADDRESS: Final = re.compile(r'(?<=\s)(href|src|action)="(/[^"]*)"')
SAFE: Final = re.compile(r"[A-Za-z0-9_=-][A-Za-z0-9._=-]*(?:/[A-Za-z0-9_=-][A-Za-z0-9._=-]*)*")
PARAGRAPH: Final = "/paragraph/"


def write_room(room: Room, folder: Path, name: str, progress: Progress) -> int:
    """Write the pages of an output as it is at this moment; how many there are. The folder appears when all are there.
    Raises `SettingsError` where it is there already."""
    if os.path.lexists(folder):
        raise SettingsError("there is something at this place already", folder, "name a folder that is not there yet")
    with room.moment() as moment, new_folder(folder) as draft:
        shutil.copytree(STATIC, draft / "static")
        _write_data(moment, draft)
        return _Writer(moment, draft, name).write_all(progress)


class _Writer:
    """Writes every page that a link leads to."""

    def __init__(self, moment: Moment, folder: Path, name: str) -> None:
        self._moment, self._folder = moment, folder
        self._rendered = renderer(name, formats=(), policy=POLICY.partition("; frame-ancestors")[0])
        self._routes = [(Route(path, handler), handler) for path, handler in ROUTES.items()]
        self._ahead: deque[str] = deque()
        self._known: set[str] = set()

    def write_all(self, progress: Progress) -> int:
        given = {
            "articles": self._moment.articles.height, "outlets": counts(self._moment.articles, "outlet"),
            "languages": counts(self._moment.articles, "language"), "flags": counts(self._moment.articles, "flags"),
            "roles": ROLES,
        }  # fmt: skip
        if self._moment.has_copies:
            # Then articles without a copy get no page of copies.
            self._moment.copies()
        self._write("index.html", self._rendered("frozen.html", _request("/"), latest=self._moment.latest, **given))
        both = pl.concat([frame.select("article_id", "outlet", "place", "source_bytes") for frame in
                          (self._moment.articles, self._moment.revisions)])  # fmt: skip
        # In the order of their files, of which each is then read few times.
        every = both.group_by("article_id").agg(pl.first("outlet", "place"), pl.sum("source_bytes"))
        every = every.sort("outlet", "place", "article_id")
        ids = every["article_id"].to_list()
        self._moment.read_together(ids, every["source_bytes"].to_list())
        for address in (*ROOTS, *(f"/article/{one}" for one in ids)):
            self._meet(address)
        while self._ahead:
            address = self._ahead.popleft()
            self._write(str(_place(address)), self._page(address))
            progress("write", len(self._known) - len(self._ahead), len(self._known))
        return len(self._known) + 1

    def _page(self, address: str) -> str:
        request = _request(address)
        for route, handler in self._routes:
            match, scope = route.matches(request.scope)
            if match is Match.FULL:
                request.scope.update(scope)
                try:
                    page = handler(self._moment, request)
                except Refused as error:
                    # A row names what is not there, such as the run that wrote it.
                    return self._rendered(
                        "error.html", request, latest=None, number=error.status, what=error.what, remedy=error.remedy
                    )
                return self._rendered(page.template, request, latest=self._moment.latest, **page.given)
        raise AssertionError(f"no page has the address `{address}`")

    def _meet(self, address: str) -> str:
        """Where an address leads in the folder; what is not written yet will be."""
        place = _place(address)
        if place is None:
            return "#"
        file = place.partition("#")[0]
        if file.startswith(("static/", "index.html")) or file in self._known:
            return place
        if address.startswith(PARAGRAPH):
            article_id, _, block = address.removeprefix(PARAGRAPH).partition("#")[0].partition("-")
            number = int(block)
            return self._meet(f"/article/{article_id}{f'?page={number // BLOCKS + 1}' if number >= BLOCKS else ''}"
                              f"#b{number}")  # fmt: skip
        self._known.add(file)
        self._ahead.append(address.partition("#")[0])
        return place

    def _write(self, file: str, page: str) -> None:
        up = "../" * file.count("/")

        def led(found: re.Match[str]) -> str:
            place = self._meet(html.unescape(found[2]))
            return f'{found[1]}="{html.escape(place if place == "#" else up + place)}"'

        path = self._folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(ADDRESS.sub(led, page), "utf-8")


def _request(address: str) -> Request:
    path, _, query = address.partition("?")
    scope = {"type": "http", "method": "GET", "path": unquote(path), "query_string": query.encode(), "headers": []}
    return Request({**scope, "server": ("127.0.0.1", 80), "scheme": "http"})


def _place(address: str) -> str | None:
    """The file that an address of the room is in, with its fragment; None where its name is none for a file.

    >>> _place("/outlet/bbc/2020-08?page=2"), _place("/?outlet=bbc"), _place("/article/0a-b#b7")
    ('outlet/bbc/2020-08.page-2.html', 'index.html?outlet=bbc', 'article/0a-b.html#b7')
    """
    parts = urlsplit(address)
    path = unquote(parts.path).removeprefix("/")
    if not path:
        return f"index.html?{parts.query}" if parts.query else "index.html"
    if path.startswith("static/"):
        return path
    name = path + "".join(f".{key}-{value}" for key, value in parse_qsl(parts.query))
    if not SAFE.fullmatch(name):
        return None
    return f"{name}.html#{parts.fragment}" if parts.fragment else f"{name}.html"


def _write_data(moment: Moment, folder: Path) -> None:
    gone = moment.revisions.join(moment.articles, on="article_id", how="anti").unique("article_id", keep="last")
    columns = ("article_id", "outlet", "title", "author", "url", "language", "flags", "published_at")
    articles = pl.concat([moment.articles, gone], how="diagonal").select(columns).with_row_index("number")
    articles = articles.with_columns(pl.col("number").cast(pl.Int32), at=_time(), flags=pl.col("flags").list.join(" "))
    (folder / "data").mkdir()
    _write_script(folder, "articles", articles.drop("number", "published_at"))
    texts = _texts(moment).join(articles.lazy().select("article_id", "number"), on="article_id")
    order = ["published_at", "number", "current", "ordinal"]
    texts = texts.sort(order, descending=[True, False, True, False], nulls_last=True)
    rows = texts.select("number", "ordinal", "role", "text", "current", at=_time()).collect(engine="streaming")
    ends = rows.select((pl.col("text").str.len_bytes().cast(pl.Int64).cum_sum() // CHUNK_BYTES).alias("chunk"))
    chunks: list[dict[str, object]] = []
    for part in rows.with_columns(ends).partition_by("chunk", maintain_order=True, include_key=False):
        file = f"texts-{len(chunks)}"
        _write_script(folder, file, part)
        times = part["at"].drop_nulls()
        chunks.append({"file": file, "first": times.min() or "", "last": times.max() or ""})
    config = {
        "chunks": chunks, "current": moment.articles.height, "blocks": BLOCKS, "hidden": HIDDEN.pattern,
        "flags": FLAG_MEANINGS,
        "fold": [last + "".join(alike) for last, alike in load_folding().members.items()],
    }  # fmt: skip
    said = json.dumps(config, ensure_ascii=True)
    (folder / "data" / "config.js").write_text(f"room.start({said});\n", "utf-8")


def _texts(moment: Moment) -> pl.LazyFrame:
    columns = ["article_id", "published_at", "ordinal", "role", "text"]
    current = moment.dataset.paragraphs.with_columns(pl.col("role").cast(pl.String)).select(columns)
    old = blocks_of(moment.dataset.revisions).with_columns(role=pl.lit(None, pl.String))
    old = old.join(current, on=["article_id", "text"], how="anti")
    old = old.sort("published_at", descending=True, nulls_last=True)
    old = old.unique(["article_id", "text"], keep="first", maintain_order=True).select(columns)
    return pl.concat([current.with_columns(current=pl.lit(value=True)), old.with_columns(current=pl.lit(value=False))])


def _time() -> pl.Expr:
    return pl.col("published_at").dt.strftime("%Y-%m-%dT%H:%M:%S%.6f")


def _write_script(folder: Path, name: str, frame: pl.DataFrame) -> None:
    buffer = io.BytesIO()
    # What the script can unpack by itself.
    frame.write_parquet(buffer, compression="snappy")
    data = base64.b64encode(buffer.getvalue()).decode()
    (folder / "data" / f"{name}.js").write_text(f'room.data("{name}", "{data}");\n', "utf-8")
