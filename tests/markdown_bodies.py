"""Generated Markdown: sound bodies that two readers agree on, and any mixture of its marks; and rows of what is cut."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final

import xxhash
from hypothesis import strategies as st

from pressmark.transforms.markdown import cut_markdown
from pressmark.transforms.rows import SEPARATOR

WORDS: Final = st.sampled_from(
    ["松岭市", "weir", "水，又来。", "é😀", "A & B", "1 < 2", "\u3000堰\u200b", "&nbsp;", "&lt;b", r"\*", "a_b_c"]
)
MEDIA: Final = ["![堰](a.png)", '![](b.jpg "图")', '<img src="c.png" alt="x">']
PIECES: Final = st.one_of(
    WORDS,
    WORDS.map(lambda word: f" **{word.strip()}** "),
    WORDS.map(lambda word: f" *{word.strip()}* "),
    st.just(" ~~河水~~ "),
    WORDS.map(lambda word: f" [{word}](https://songling-times.example/a) "),
    st.sampled_from(
        [" `x  <b>` ", "<b>重</b>", "<!-- 注 -->", "<https://a.example/x>", "[引][r]", "  \n", "\\\n", "\n"]
    ),
    st.sampled_from(MEDIA),
)
LINES: Final = st.lists(PIECES, min_size=1, max_size=6).map(lambda pieces: f"x{''.join(pieces)}y")


def indented(first: str, rest: str, body: str) -> str:
    return first + body.replace("\n", "\n" + rest)


LEAVES: Final = st.one_of(
    LINES,
    LINES,
    LINES.map(lambda line: "## " + line.replace("\\\n", " ").replace("\n", " ")),
    st.sampled_from(["---", "```py\nif a < b:\n    *c*\n```", "    code\n\n    more", "堰\n===",
                     "<div>\n<p>块 <i>x</i></p>\n</div>",
                     "| a | **b** |\n|---|:-:|\n| `c` | d\\|e |", "<script>\nif (a<b)\n</script>"]),
)  # fmt: skip
SOUND: Final = st.lists(
    st.recursive(
        LEAVES,
        lambda inner: st.one_of(
            inner.map(lambda body: indented("> ", "> ", body)),
            st.lists(inner, min_size=1, max_size=3).map(
                lambda items: "\n".join(indented("- ", "  ", item) for item in items)
            ),
            inner.map(lambda body: indented("1. ", "   ", body)),
        ),
        max_leaves=4,
    ),
    max_size=5,
).map(lambda blocks: "\n\n".join([*blocks, '[r]: /r "t"\n']))

MARKS: Final = (
    *("*", "**", "~", "~~", "_", "`", "```", "[", "](", ")", "![", "[^1]", "[^1]: ", "[r]: x", "> ", "- ", "1. ", "# "),
    *("|", "|-|", "---", "===", "{: .a}", "{#b}", "\\", "&amp;", "&#0;", "&nbsp", "<b>", "</b>", "<div>", "<p"),
    *("<!--", "-->"),
    *("<br>", "<br><br>", "<script>", "</script>", "<img src=x>", "<iframe src=y>", "https://a.example/x)", "<u:x>"),
    *(" ", "  \n", "\n", "\n\n", "\r\n", "\r", "\t", "    ", "\u3000", "\xa0", "\u200b"),
    *("堰", "，", "“", "”", "（", "a", "。", "\x00"),
)  # fmt: skip
ANY: Final = st.lists(st.sampled_from(MARKS), max_size=40).map("".join)


def rows_of(body: str, header: str = "[堰](u)\n---\n\n") -> tuple[dict[str, Any], list[dict[str, Any]], bytes]:
    """The row of a Markdown article and those of its paragraphs, as far as the laws ask, and its source."""
    data = (header + body).encode()
    source_sha256 = sha256(data).hexdigest()
    found = cut_markdown(body, max_depth=10_000)
    size = len(header.encode())
    paragraphs: list[dict[str, Any]] = []
    place = 0
    for ordinal, block in enumerate(found.blocks):
        start, end = (size + len(body[:point].encode()) for point in (block.start, block.end))
        paragraphs.append({
            "paragraph_id": f"a-{ordinal:04d}", "article_id": "a", "ordinal": ordinal, "text": block.text,
            "char_start": place, "char_end": place + len(block.text), "byte_start": start, "byte_end": end,
            "source_sha256": source_sha256, "text_hash": xxhash.xxh3_64_intdigest(block.text.encode()),
        })  # fmt: skip
        place += len(block.text) + len(SEPARATOR)
    outside = [
        (start, end)
        for start, end in found.skipped
        if not any(block.start <= start and end <= block.end for block in found.blocks)
    ]
    skipped = sum(len(body[start:end].encode()) for start, end in outside)
    inside = sum(row["byte_end"] - row["byte_start"] for row in paragraphs)
    text = SEPARATOR.join([block.text for block in found.blocks])
    article = {
        "source_path": "a.md", "source_sha256": source_sha256, "source_bytes": len(data), "article_id": "a",
        "dialect": "bare", "text": text, "text_sha256": sha256(text.encode()).hexdigest(), "markup": "markdown",
        "encoding": "utf-8", "canonical_url": None,
        "paragraph_count": len(paragraphs),
        "header_bytes": size, "paragraph_bytes": inside, "skipped_bytes": skipped,
        "markup_bytes": len(data) - size - inside - skipped,
    }  # fmt: skip
    return article, paragraphs, data
