"""What a run takes in: files by their paths, articles by outlet and time, and none that is forgotten. Of one that is,
each source leaves a reject with the reason `forgotten`, without bytes, whose `detail` names the article. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pressmark.schemas.contract import Reason
from pressmark.transforms.records import Article, Reject

if TYPE_CHECKING:
    import polars as pl  # workers, which load this, need nothing of it

__all__ = [
    "EVERY_ARTICLE", "FORGOTTEN", "PACKED_PAGE", "RECORD_FILE", "BadPatternError", "Selection", "Wanted", "detail_of",
    "forgotten_in", "left_of", "pieces_of",
]  # fmt: skip

# What accompanies articles: pages about the archive, indexes, the folders and files that make a site of it.
LEFT_OUT: Final = re.compile(
    r"""(?:\A|.*/)(?:
        (?:readme|licen[cs]e(?:-[^/.]*)?|copying|contributing|changelog|code_of_conduct|404)(?:\.[^/]*)?
        | (?-i:SUMMARY\.md)
        | _?index(?:\.[^/?@]*)?(?:[?@]C=[NMSD][^/]*)? | hts-log\.txt | cookies\.txt | hts-cache/.*
        | _config\.ya?ml | gemfile[^/]* | rakefile | makefile | dockerfile | cname | robots\.txt
        | package(?:-lock)?\.json | requirements[^/]*\.txt
        | (?:_?layouts|_includes|_sass|_data|archetypes|templates|assets|node_modules|vendor|__pycache__)/.*
        | [^/]*\.(?:png|jpe?g|gif|webp|svg|ico|bmp|avif|css|scss|js|mjs|ts|map|woff2?|ttf|eot|otf|mp[34]|webm|m4a|pdf
                   |zip|gz|zst|py|rb|sh|json(?:\#[^/#]*)?|ya?ml|toml|xml|csv|lock|parquet|rs|go|java|c|cc|cpp|h|php|sql|prisma|ipynb|vue
                   |jsx|tsx|less|sass|webmanifest|wasm|ini|cfg|bat|exe|docx?|xlsx?|pptx?|db|sqlite|7z|rar|xz|bz2|tar|tgz|epub|rss|atom|tsv|bib|iso|bin
                   |cdxj?|log|conf|sqlite3|orig|download)
        | [^/]*\.(?:png|jpe?g|gif|webp|svg|ico|css|js|woff2?|ttf|eot|otf|json|xml)[?@][\w%-]+=[^/\s]*
    )\Z""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL | re.ASCII,
)
# But for pages that are packed one by one.
PACKED_PAGE: Final = re.compile(r"\.(?:html?|xhtml)\.gz\Z", re.IGNORECASE)
# And for articles in folders of their own, as sites with neat addresses have them: by a date, some words (or some
# characters, where words have no signs between) or a number.
BUNDLE: Final = re.compile(
    r"(?:\A|/)(?:(?:(?:19|20)\d\d-?\d\d-?\d\d|[^/. -][^/ -]*[ -][^/ -]+)[ -][^/]*[^/ -]"
    r"|(?:[^/]*[^/\d])?(?!(?:19|20)\d\d[01]\d(?:[0-3]\d)?/)\d{5,}"
    r"|(?:19|20)\d\d/(?:0?[1-9]|1[0-2])/(?:\d\d?/)?(?!page/|feed/|\d\d?/)[^/]+"
    r"|(?:19|20)\d\d/(?:0\d|1[0-2])(?:-?[0-3]\d)?[-_. ][^/]+|(?:19|20)\d\d-?\d\d-?\d\d[-_ ]?[^/\x00-\x7f][^/]*"
    r"|[^/.]*[\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3]{7}[^/]*)/index\.(?:md|markdown|html?|xhtml)\Z",
    re.IGNORECASE,
)
# What a browser saves with a page is in a folder beside it, which has its name and a word for files.
BESIDE: Final = re.compile(
    r"(?:[_.-](?:files?|dateien|fichiers|archivos|arquivos|ficheiros|pliki|soubory|bestanden|filer|elemei|tiedostot"
    r"|dosyalar|fitxers|datoteke|файлы)|_文件)/",
    re.IGNORECASE,
)
PAGES: Final = (".html", ".htm", ".xhtml")
# The page that a site has for what it lacks, unless pages beside it have numbers that no server has for a fault, of as
# many digits or more.
FAULT: Final = re.compile(r"(?:\A|/)404(?:\.[^/]*)?\Z")
NUMBERED: Final = re.compile(r"(.*/|)([1-9]\d{2,9})((?:\.[^/]*)?)", re.DOTALL)
FAULTS: Final = range(400, 600)
HIDDEN: Final = re.compile(r"(?:\A|/)\.(?!\.?(?:/|\Z))")
# As Arrow has it, ten times as fast: what `HIDDEN` and `LEFT_OUT` match, and a little more.
DOUBTFUL: Final = r"(?s)(?:\A|/)\.|" + re.sub(r"\s", "", LEFT_OUT.pattern).replace(r"\Z", r"\z")


# Files of records; a record's path is its file's, `#`, and its place there, where there is more than one.
RECORD_FILE: Final = r"\.(?:(?:warc|arc|jsonl|ndjson)(?:\.gz|\.zst)?|wacz|mht|mhtml|webarchive)"
_RECORDS: Final = re.compile(rf"{RECORD_FILE}\Z", re.IGNORECASE)
_PLACED: Final = re.compile(rf"({RECORD_FILE}|\.json)#[^/#]*\Z", re.IGNORECASE)


# What an expression of pathspec has for `*`, and what stands between two of them in a name.
STARS: Final = re.compile(r"(?:\[\^/\]\*){2,}")
BETWEEN: Final = re.compile(
    r"\[\^/\]\*((?:(?!\[\^/\]\*)(?:\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[^/\\()\[]))+)(?=\[\^/\]\*)", re.DOTALL
)
# As git has it, no class has the `/`.
NEGATED: Final = re.compile(r"(?<!\\)\[\^(?!/)")
# What it has for `**`, within a pattern and at its start.
SPAN, SPAN_FIRST = "(?:/.+)?/", "^(?:.+/)?"


class BadPatternError(ValueError):
    """A pattern that is none; the message names it."""


class Wanted(NamedTuple):
    """Articles that a run asks for: published at `since` or later, of one of `outlets`; the first `limit` sources.

    >>> Wanted(outlets=("rfi",)).takes("rfi", None), Wanted(outlets=("rfi",)).takes("voa", None)
    (True, False)
    """

    since: datetime | None = None
    outlets: tuple[str, ...] = ()
    limit: int | None = None

    @property
    def everything(self) -> bool:
        return self == EVERY_ARTICLE

    def takes(self, outlet: str, published_at: datetime | None) -> bool:
        """Whether an article is asked for; one without a time is only where no time is."""
        if self.outlets and outlet not in self.outlets:
            return False
        return self.since is None or (published_at is not None and published_at >= self.since)


EVERY_ARTICLE: Final = Wanted()


@dataclass(frozen=True, slots=True)
class Selection:
    """Files to take. Patterns are those of `.gitignore`: without a slash they are about names in any folder, with one
    about paths from the input's root; `**` spans folders.

    A hidden file or folder is never taken. What `exclude` matches is left out, whatever else matches it. What
    `include` matches is taken; where there is no `include`, everything is but what accompanies articles (`LEFT_OUT`).

    >>> Selection().takes("rfi/2022/a.md"), Selection().takes("README.md"), Selection(("*.md",)).takes("README.md")
    (True, False, True)
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    _included: re.Pattern[str] | None = field(init=False, repr=False, compare=False)
    _excluded: re.Pattern[str] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_included", _compiled(self.include))
        object.__setattr__(self, "_excluded", _compiled(self.exclude))

    def takes(self, path: str) -> bool:
        """Whether a file with this path, relative to the input's root, is taken."""
        if placed := _PLACED.search(path):
            path = path[: placed.end(1)]
        records = _RECORDS.search(path)
        if HIDDEN.search(path) or self._excludes(path):
            return False
        if self._included is not None:
            return self._included.search(path) is not None
        return (
            LEFT_OUT.match(path[: records.start()] + ".warc" if records else path) is None
            or PACKED_PAGE.search(path) is not None
            or (BUNDLE.search(path) is not None and LEFT_OUT.match(path.rpartition("/")[0] + "/_") is None)
        )

    def _excludes(self, path: str) -> bool:
        return self._excluded is not None and self._excluded.search(path) is not None

    def taken(self, paths: pa.StringArray) -> pa.BooleanArray:
        """`takes` of each of the paths of an archive, but where there is no `include` no file that a browser saved with
        a page, and number 404 of numbered pages; and JSON where nothing else is taken, which it accompanies else."""
        taken = self._taken(paths)
        if self.include:
            return taken
        if not taken.true_count:
            return Selection(("*.[jJ][sS][oO][nN]",), self.exclude).taken(paths)
        taken = self._with_numbered(taken, paths)
        if not pc.any(pc.match_substring_regex(paths, BESIDE.pattern, ignore_case=True)).as_py():
            return taken
        names = paths.to_pylist()
        known = set(names)
        saved_with = [
            any(path[: found.start()] + end in known for found in BESIDE.finditer(path) for end in PAGES)
            for path in names
        ]
        return pc.and_not(taken, pa.array(saved_with, pa.bool_()))

    def _with_numbered(self, taken: pa.BooleanArray, paths: pa.StringArray) -> pa.BooleanArray:
        """What is taken, with each page 404 beside which pages stand whose numbers no server has for a fault."""
        faults = pc.match_substring_regex(paths, FAULT.pattern.replace(r"\Z", r"\z"))
        if not faults.true_count:
            return taken
        names = paths.filter(pc.match_substring_regex(paths, r"(?:\A|/)[1-9]\d{2,9}(?:\.[^/]*)?\z")).to_pylist()
        beside = {
            found.group(1, 3) for path in names if (found := NUMBERED.fullmatch(path))
            and int(found[2]) not in FAULTS and self.takes(path)
        }  # fmt: skip
        numbered = [
            self.takes(path)
            or (not self._excludes(path) and (found := NUMBERED.fullmatch(path)) and found.group(1, 3) in beside)
            for path in paths.filter(faults).to_pylist()
        ]
        return pc.replace_with_mask(taken, faults, pa.array(map(bool, numbered), pa.bool_()))

    def _taken(self, paths: pa.StringArray) -> pa.BooleanArray:
        if self.include or self.exclude:
            return pa.array(map(self.takes, paths.to_pylist()), pa.bool_(), size=len(paths))
        doubtful = pc.match_substring_regex(paths, DOUBTFUL, ignore_case=True)
        if not doubtful.true_count:
            return pc.invert(doubtful)
        judged = [self.takes(path) for path in paths.filter(doubtful).to_pylist()]
        return pc.replace_with_mask(pc.invert(doubtful), doubtful, pa.array(judged, pa.bool_()))


def _compiled(patterns: Sequence[str]) -> re.Pattern[str] | None:
    """One expression for all patterns; raises `BadPatternError`."""
    if not patterns:
        return None
    if "**" in patterns:
        return re.compile("")
    # Loaded only where patterns are given, as that takes longer than listing a small archive.
    from pathspec.patterns.gitignore.base import GitIgnorePatternError
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

    expressions = []
    for pattern in patterns:
        try:
            expression, includes = GitIgnoreSpecPattern.pattern_to_regex(pattern)
        except GitIgnorePatternError as error:
            raise BadPatternError(f"`{pattern}` is no pattern: {error}") from error
        if expression is None or not includes:
            raise BadPatternError(f"`{pattern}` matches nothing; negated patterns go to the other option")
        expressions.append(_linear(str(expression).replace("?P<ps_d>", "?:")))
    return re.compile("|".join(expressions), re.DOTALL)


def _linear(expression: str) -> str:
    """An expression of pathspec that takes what stands between two stars where it is first found: any later place
    leaves less for what follows, and trying them all takes time without bound."""
    expression = BETWEEN.sub(r"(?>[^/]*?\1)", STARS.sub("[^/]*", NEGATED.sub("[^/", expression)))
    start, *rest = expression.split(SPAN)
    if not rest:
        return expression
    if start.startswith(SPAN_FIRST):
        start = f"^(?>(?:.+?/)??{start.removeprefix(SPAN_FIRST)}(?=/))"
    return "".join([start, *(f"(?>(?:/.+?)??/{part}(?=/))" for part in rest[:-1]), SPAN, rest[-1]])


FORGOTTEN: Final[Reason] = "forgotten"
DETAIL: Final = re.compile(r"article ([0-9a-f]{32}): ")
# Of a piece of text that is looked for: few enough characters to lie whole in any excerpt that a file may have, and
# enough bytes to be rare; and the characters that files write otherwise (as entities, escapes), which it has not.
LONGEST: Final = 16
SHORTEST_BYTES: Final = 14
SPLIT: Final = re.compile(r"""[\s\u3000]*[\n\t\r<>&"'\\`*_|\u00a0\u200b\ufeff][\s\u3000]*|[\s\u3000]{2,}""")


def detail_of(article_id: str, reason: str) -> str:
    """The `detail` of a forgotten source.

    >>> detail_of("0" * 32, "asked for by its author")
    'article 00000000000000000000000000000000: asked for by its author'
    """
    return f"article {article_id}: {reason}"


def forgotten_in(catalog: pl.DataFrame) -> dict[str, str]:
    """By the ids of articles, and the hashes of sources, that must not come back, the `detail` that says why."""
    rows = catalog.filter(catalog["reason"] == FORGOTTEN).select("source_sha256", "detail").unique().sort("detail")
    found = {}
    for sha256, detail in rows.iter_rows():
        found[sha256] = detail
        if named := DETAIL.match(detail):
            found[named[1]] = detail
    return found


def left_of(outcome: Article | Reject, forgotten: Mapping[str, str]) -> Article | Reject:
    """What a source is, or, where it is `forgotten`, what is left of it."""
    article_id = outcome.article_id if isinstance(outcome, Article) else None
    detail = forgotten.get(article_id or "") or forgotten.get(outcome.source_sha256 or "")
    if detail is None:
        return outcome
    return Reject(outcome.source_path, outcome.source_sha256, outcome.source_bytes, FORGOTTEN, detail, None, None)


def pieces_of(texts: Iterable[str]) -> list[str]:
    """Pieces of texts that stand in any file as they are, and are mostly long enough to tell these from others.

    >>> pieces_of(["The clockmaker of Tallow Quay & his three apprentices\\nran."])
    ['The clockmaker o', 'his three appren']
    """
    found: dict[str, None] = {}
    for text in texts:
        for part in SPLIT.split(text):
            for start in range(0, len(part), LONGEST):
                piece = part[start : start + LONGEST].strip()
                if len(piece.encode()) >= SHORTEST_BYTES:
                    found[piece] = None
    return list(found)
