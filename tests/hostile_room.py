"""A hostile archive and what the reading room's tests ask of its pages."""

from __future__ import annotations

import json
import re
import shutil
import unicodedata
from pathlib import Path
from typing import NamedTuple

import lxml.html
from archives import ingest, rows_of, writer
from starlette.testclient import TestClient

import pressmark
from pressmark.views.readings import Room
from pressmark.views.room import reading_room

SITE = "https://songling-times.example"
JOINERS = {"\u200c", "\u200d"}  # parts of words and of emoji
LAYOUT = re.compile(r"[\n\t\r]")
BETRAYAL = "document.title='betrayed';alert(1)"
PAYLOADS = (
    f"<script>{BETRAYAL}</script>",
    f'"><img src=x onerror="{BETRAYAL}">',
    f"' autofocus onfocus='{BETRAYAL}",
    f"</title></bdi></pre><svg onload={BETRAYAL}>",
    f"javascript:{BETRAYAL}",
    f"<a href=\"javascript:{BETRAYAL}\">x</a>",
    "\u202egnp.exe\u202c \u200e\u061c\u2066",
    "\x1b[31m\x1b]0;betrayed\x07",
    "=HYPERLINK(\"https://betrayed.example\")",
    "@SUM(1)|cmd",
    "Robert'); DROP TABLE articles;--",
    f"[x](javascript:{BETRAYAL}) ![y](https://betrayed.example/y.png)",
    "{{7*7}} {% raw %} ${7*7}",
)  # fmt: skip
LINKS = (
    f"javascript:{BETRAYAL}", f"JaVaScRiPt&#58;{BETRAYAL}", "java\tscript:alert(1)",
    f"data:text/html,<script>{BETRAYAL}</script>", "vbscript:x", "file:///etc/passwd", "//betrayed.example/x",
    "/own", f"{SITE}/a&quot;onclick=&quot;{BETRAYAL}", f"{SITE}/good", "https://betrayed.example/\u202egnp",
)  # fmt: skip
ADDRESSES = (
    f"{SITE}/1",
    f"javascript:{BETRAYAL}",
    f'{SITE}/"><script>{BETRAYAL}</script>',
    "http://[",
    f"{SITE}/二?=1",
)
SUFFIXES = tuple(f" {payload.replace('/', '∕')[:120]}" for payload in PAYLOADS)


class Made(NamedTuple):
    """An archive, the output of its runs, and the room of that."""

    archive: Path
    output: Path

    def client(self, source: str | None = None) -> TestClient:
        app = reading_room(Room(self.output, source), "<script>out</script>")
        return TestClient(app, base_url="http://127.0.0.1:8000", follow_redirects=False)

    def copy(self, folder: Path) -> Made:
        """One that a test may change: of its archive, too."""
        made = Made(folder / "archive", folder / "out")
        shutil.copytree(self.archive, made.archive)
        ingest(made.archive, made.output)
        return made


def hostile(number: int) -> bytes:
    """An article that is a payload in every field that has one."""
    payload = PAYLOADS[number]
    quoted = payload.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    fields = {
        "title": f"松岭 {payload}", "author": payload, "date": f"2022-03-{number + 1:02d}T05:06:07Z",
        "tags": [payload], "categories": [payload], "description": payload,
        "url": ADDRESSES[number] if number < len(ADDRESSES) else f"{SITE}/{number}", payload: payload,
        "removed_reason": payload,
    }  # fmt: skip
    links = "".join(f'<a href="{href}">{quoted}</a> ' for href in LINKS)
    picture = f'<img src="javascript:{BETRAYAL}" alt="{quoted}"><img src="https://betrayed.example/{number}.png">'
    body = f"<p>松岭 {quoted} {links}</p>{picture}<p>{payload}</p>"
    front = "\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in fields.items())
    return f"---\n{front}\n---\n{body}\n".encode()


def made_in(folder: Path) -> Made:
    """An archive in which everything is hostile, after a run and another one that found a change and a deletion."""
    archive = folder / "archive"
    write = writer(archive)
    for number, suffix in enumerate(SUFFIXES):
        name = f"{number:02d}{suffix}.md"
        write(name).write_bytes(hostile(number))
    write("revised.md", url=f"{SITE}/revised", title=f"旧 {PAYLOADS[0]}", body=f"<p>旧文 {PAYLOADS[-1]}</p><p>同</p>")
    write("gone.md", url=f"{SITE}/gone", title=f"将去 {PAYLOADS[1]}", body=f"<p>松岭将去 {PAYLOADS[-1]}</p>")
    write(f"bad{SUFFIXES[1]}.md").write_bytes(f"\xff {PAYLOADS[0]}".encode("latin-1"))
    write(f"worse{SUFFIXES[0]}.md").write_bytes(PAYLOADS[0].encode())
    ingest(archive, folder / "out")
    write("revised.md", url=f"{SITE}/revised", title=f"新 {PAYLOADS[3]}", body="<p>新文 &lt;script&gt;</p><p>同</p>")
    (archive / "gone.md").unlink()
    ingest(archive, folder / "out", 2, sync=True)
    return Made(archive, folder / "out")


def ids(output: Path, table: str, column: str) -> list[str]:
    return [str(row[0]) for row in rows_of(output, table, column)]


def pages(output: Path) -> list[str]:
    """An address of every page of an output."""
    articles = {*ids(output, "articles", "article_id"), *ids(output, "revisions", "article_id")}
    return [
        "/", "/?q=松岭", "/?q=松岭&order=oldest&role=body&since=2022-03", "/?q=zzzz", "/outlets",
        *(f"/outlet/{outlet}{rest}" for outlet in ("songling-times-example", "unknown") for rest in ("", "/2022-03")),
        "/rejects", "/rejects?q=script", "/removals", "/changes", "/changes?outlet=songling-times-example", "/copies",
        "/copies?across=1", "/runs", "/run/run-1", "/run/run-2",
        *(f"/article/{one}" for one in sorted(articles)),
        *(f"/article/{one}/copies" for one in ids(output, "articles", "article_id")),
        *(f"/copies/{one}" for one in clusters(output)),
        *(f"/paragraph/{one}" for one in ids(output, "paragraphs", "paragraph_id")),
        *(f"/reject/{one}" for one in ids(output, "rejects", "reject_id")),
        *(f"/article/{one}/diff/1/2" for one in ids(output, "revisions", "article_id") if one in revised(output)),
    ]  # fmt: skip


def clusters(output: Path) -> list[str]:
    with pressmark.open(output) as dataset:
        return list(dataset.clusters().filter(level="article")["cluster_id"].unique().sort())


def few_pages(output: Path) -> list[str]:
    """An address of each kind of page."""
    return [*{re.sub("[0-9a-f]{8,}.*|run-.", "", path): path for path in pages(output)}.values()]


def revised(output: Path) -> set[str]:
    return {*ids(output, "articles", "article_id")} & {*ids(output, "revisions", "article_id")}


def article_of(made: Made, number: int) -> str:
    rows = rows_of(made.output, "articles", "source_path", "article_id")
    return next(str(id_) for path, id_ in rows if str(path).startswith(f"{number:02d} "))


def assert_harmless(html: str, *, frozen: bool = False) -> None:
    """Nothing in it runs or loads what is not the room's own, or hides what it is."""
    script, inside = r"/static/room\.js", r"(/(?!/)|#|$)"
    if frozen:
        script = r"(\.\./)*(static/(room|search|hyparquet\.min)|data/config)\.js"
        inside = r"(\.\./)*[\w=-]+(/[\w=-]+)*\.(page-\d+\.)?[\w.=-]+(\?[\w=&-]+)?(#[\w-]+)?$|#"
    tree = lxml.html.fromstring(html)
    for element in tree.iter():
        if not isinstance(element.tag, str):
            continue
        assert element.tag not in {"iframe", "img", "object", "embed", "base", "style", "meta-refresh", "math"}, html
        assert not [name for name in element.attrib if name.startswith("on") or name in {"style", "srcdoc"}], html
        if element.tag == "script":
            assert re.fullmatch(script, element.attrib["src"])
            assert element.text is None
        for name in ("href", "src", "action", "formaction", "xlink:href"):
            if name not in element.attrib:
                continue
            address = element.attrib[name]
            if address.startswith(("http://", "https://")):
                assert element.tag == "a"
                assert {*element.attrib["rel"].split()} == {"noreferrer", "noopener", "nofollow"}
            else:
                assert re.match(inside, address), address
    assert "refresh" not in [one.get("http-equiv", "").lower() for one in tree.iter("meta")]
    text = LAYOUT.sub("", str(tree.text_content()))
    hidden = {character for character in text if unicodedata.category(character) in {"Cc", "Cf"}} - JOINERS
    assert hidden == set(), html


def text_of(html: str) -> str:
    return str(lxml.html.fromstring(html).text_content())
