"""Loaded by the server that workers are forked from: parses one source, so that they find everything made, but for the
detector of languages, which most archives never ask."""

from typing import Final

from pressmark.storage.versions import parse_source
from pressmark.transforms.dates import FAR_FUTURE
from pressmark.transforms.records import Limits, Reading

__all__: list[str] = []

SAMPLE: Final = (
    "<!--0-->\n[T](https://a.example/2020)\n---\n<p>汉语漢語 1月1日。</p>"
    "<p>An <a href='/'>end</a> that was said</p>".encode()
)

parse_source(SAMPLE, "", Limits(), FAR_FUTURE, "", Reading())
