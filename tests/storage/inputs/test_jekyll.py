"""A Jekyll site is an archive: its posts are articles, with and without an inner header, and the rest is left out."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from archives import breaches, ingest, rows_of

FRONT = (
    "---\nlayout: post\ntitle: {title}\ndate: {date}\nauthor: 乔一苇\nfrom: https://bailu-notes.example/{slug}\n"
    "tags: [松岭]\n---\n"
)
INNER = "<!--1583298367000-->\n[{title}](https://bailu-notes.example/{slug})\n------\n\n"


def post(slug: str, date: str, body: str, *, inner: bool = False) -> bytes:
    text = FRONT.format(title=f"松岭来信 {slug}", date=date, slug=slug)
    return (text + (INNER.format(title="松岭来信", slug=slug) if inner else "") + body).encode()


@pytest.fixture
def site(archive: Path) -> Path:
    posts = {
        "offset": post("offset", "2020-03-04T13:06:07+08:00", "<div>松岭下雪了。</div>"),
        "milliseconds": post("milliseconds", "2020-03-04T05:06:07.000Z", "<p>松岭下雪了。</p>"),
        "zulu": post("zulu", "2020-03-04T05:06:07Z", "松岭下雪了。\n"),
        "day": post("day", "2020-03-04", "<p>松岭下雪了。</p>"),
        "inner": post("inner", "2020-03-04", "<p>松岭下雪了。</p>", inner=True),
        "disagrees": post("disagrees", "2012-01-01T00:00:00Z", "<p>松岭下雪了。</p>", inner=True),
        "video": post(
            "video",
            "2020-03-04",
            '<iframe src="https://video.example/embed/x"></iframe>\n<p>雾角岛的信鸽 | 白麓笔记</p>',
        ),
        "silent": post("silent", "2020-03-04", '<iframe src="https://video.example/embed/y"></iframe>\n'),
        "empty": post("empty", "2020-03-04", "\n"),
        "dateless": post("dateless", "someday", "<p>松岭下雪了。</p>"),
    }
    (archive / "_posts").mkdir()
    for slug, data in posts.items():
        (archive / "_posts" / f"2020-03-04-{slug}.md").write_bytes(data)
    for name in ("_config.yml", "index.html", "404.html", "README.md", "_layouts/post.html", "assets/site.css"):
        (archive / name).parent.mkdir(exist_ok=True)
        (archive / name).write_bytes(b"---\n---\n<p>page</p>")
    return archive


def test_posts_are_articles_and_only_those_without_text_or_media_are_rejects(site: Path, tmp_path: Path) -> None:
    report = ingest(site, tmp_path / "out")
    assert (report.sources, report.left_out) == (10, 6)
    rejects = dict(rows_of(tmp_path / "out", "rejects", "source_path", "reason"))  # type: ignore[arg-type, var-annotated]
    assert {str(path).removeprefix("_posts/2020-03-04-"): reason for path, reason in rejects.items()} == {
        "empty.md": "no_text",
    }  # fmt: skip


def test_the_contracts_rules_decide_between_the_dates(site: Path, tmp_path: Path) -> None:
    ingest(site, tmp_path / "out")
    rows = rows_of(tmp_path / "out", "articles", "url", "published_at", "published_from", "date_conflict")
    found = {str(url).rpartition("/")[2]: rest for url, *rest in rows}
    moment, midnight = datetime(2020, 3, 4, 5, 6, 7, tzinfo=UTC), datetime(2020, 3, 4, tzinfo=UTC)
    assert found == {
        **{slug: [moment, "front_matter", False] for slug in ("offset", "milliseconds", "zulu")},
        **{slug: [midnight, "front_matter", False] for slug in ("day", "video")},
        "silent": [midnight, "front_matter", False],
        "dateless": [midnight, "url", False],  # the day of its name, which is that of its address
        "inner": [moment, "header", False],
        "disagrees": [moment, "header", True],
    }


@pytest.mark.corpus
def test_no_real_post_is_a_reject(corpus: Path, tmp_path: Path) -> None:
    report = ingest(corpus / "jekyll", tmp_path / "out", workers=2)
    assert (report.sources, report.rejects, report.left_out) == (700, 0, 0)


def test_front_matter_has_its_fields_where_the_map_says(archive: Path, tmp_path: Path) -> None:
    text = (
        "---\nheadline: 松岭来信\nsite: {address: 'https://bailu-notes.example/a'}\nday: 2020-03-04\n---\n<p>雪。</p>"
    )
    (archive / "a.md").write_text(text, "utf-8")
    columns = ("title", "url", "published_at")
    ingest(archive, tmp_path / "out")
    assert rows_of(tmp_path / "out", "articles", *columns) == [("", None, None)]
    (archive / "pressmark.toml").write_text("map = { title = 'headline', url = 'site.address', date = 'day' }", "utf-8")
    report = ingest(archive, tmp_path / "out", 2)
    assert (report.parsed, breaches(tmp_path / "out")) == (1, [])
    row = ("松岭来信", "https://bailu-notes.example/a", datetime(2020, 3, 4, tzinfo=UTC))
    assert rows_of(tmp_path / "out", "articles", *columns) == [row]
    assert (ingest(archive, tmp_path / "out", 3).parsed, report.rejects) == (0, 0)
