"""Generated fragments: whatever markup a scraper leaves, and every oddity of HTML that blocks depend on."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st


def nested(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Elements around `children`: closed, left open, stray ends, glued, and with raw text for some parsers."""
    tags = [
        *((f"<{name}>", f"</{name}>") for name in ("p", "div", "li", "blockquote", "b", "span", "noscript", "iframe")),
        *((f"<{name}>", f"</{name}>") for name in ("td", "textarea", "title", "xmp", "noembed", "noframes", "object")),
        ('<a href="?a=1&b=>">', "</a>"),
        ('<divclass="wide ad "data-x="1">', "</div>"),
        ("<pid='x'>", "</p>"),
        ("<H2\n CLASS=x>", "</h2\r\n>"),
        ("<p/>", ""),
        ("<p>", ""),
        ("<i>", ""),
        ('<pclass="x y">', "</p>"),
        ("<ahref='/x/y'>", "</a>"),
        ("<svgid=x>", "</svg>"),
        ("<svg><path>", ""),
        ("<foreignObject>", "</foreignObject>"),
        ("<desc/>", ""),
        ("", "</div>"),
        ("", "</span>"),
    ]
    return st.builds(
        lambda tag, content: tag[0] + "".join(content) + tag[1], st.sampled_from(tags), st.lists(children, max_size=4)
    )


WORDS: Final = ["One", "two.", "中文", "「引」", "é", "😀", "Array", "\x1c", "\u200d", "a < b", "<3", "</>"]
SPACES: Final = [" ", "\n", "\r", "\r\n", "\t", "\f", "\x0b", "\xa0", "\x85", "\u3000", "\u200b", "\ufeff", "\u2028"]
REFERENCES: Final = [
    *("&amp;", "&lt;", "&quot;", "&eacute;", "&#20013;", "&#x1F600;", "&#128;", "&#0;", "&NotEqualTilde;", "&amp;lt;"),
    *("&nbsp;", "&emsp;", "&#8203;", "&#xFEFF;", "&#12288;", "&#32;", "&#9;", "&#10;", "&#13;", "&NewLine;"),
    *("&lt ", "&amp ", "&copy。", "&#65 ", "&nbsp ", "&", "& ", "&;", "&nosuch;", "&#;"),
]
SKIPPED: Final = [
    *("<!-- x -->", "<!--<p>x</p>-->", "<!---->", "<!doctype html>", "<?x y?>", "<!x>", "</3>", "<![CDATA[x]]>"),
    *("<script>if (a<b) '</p><br>'</script>", "<script src='x'></script>", "<style>p > b {}</style>"),
    *('<scripttype="x">if (a<b) "</p>"</script>', "<SCRIPTsrc='/a/b'>x<br></script>", "<styletype=x>p > b</style>"),
    *("<svg><g><text>x</text></g></svg>", "<svg/>", "<template><p>x<br><br>y</p></template>"),
    *("<svg></div>x</b></svg>", "<template></svg></div>x<svg></template>"),
]
VOID: Final = ["<img src='x'>", '<imgsrc="x y">', "<hr>", "<wbr>", "<embed src=x>", "<hrclass=x>", "<img alt='a > b'/>"]
BREAKS: Final = [
    "<br>", "<brclass='x'/>", "<br/>", "<br />", "</br>", "<BR>", "<br><br>", "<br/> <br/>",
    "<br>\u3000\n<br>&nbsp;<br>",
]  # fmt: skip
TEXTS: Final = st.lists(st.sampled_from(WORDS + SPACES + REFERENCES), min_size=1, max_size=5).map("".join)
LEAVES: Final = st.one_of(TEXTS, TEXTS, st.sampled_from(BREAKS), st.sampled_from(SKIPPED + VOID))
ENDS: Final = st.sampled_from(
    ["", "", "", "<", "<p", "</p", "<a href='x>two</a>", "<!-- x</p>", "<?x", "<!x", "</><p>", "\r"]
)
FRAGMENTS: Final = st.tuples(st.lists(st.recursive(LEAVES, nested, max_leaves=12), max_size=6).map("".join), ENDS).map(
    "".join
)
