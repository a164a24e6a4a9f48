"""Scores roles on the labels in this folder, which are of layouts that no rule was written beside.

    python -m benchmarks.labels [--half fresh-tune] [--confusions] [--also FOLDER] [--git REPOSITORY...]

The articles themselves are not here: they are found by their SHA-256 below `../shared`, below each `--also`, and, where
a label names a blob, in each `--git` repository. What is not found is left out, and counted with the reason.
GUIDE.md says how the labels were made. The halves in `UNSEEN` are scored once, when rules are ready, and only if named.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.scoring import SHARED, Score
from pressmark.storage.versions import load_outlets
from pressmark.transforms.article import parse
from pressmark.transforms.records import Article, Limits

# One file for each set.
LABELS = sorted(Path(__file__).parent.glob("labels-*.jsonl"))
HALVES = ("tune", "held", "fresh-tune", "fresh-held", "third-tune", "third-held", "fourth-tune", "fourth-held")
UNSEEN = ("fresh-held", "third-held", "fourth-tune", "fourth-held")
SUFFIXES = {".md", ".txt", ".html", ".htm", ".xhtml", ".gz"}
SIZE_OF_GZIP = 4


def labelled(half: str | None = None) -> list[dict[str, Any]]:
    """The labelled articles of a half, or all."""
    articles = [json.loads(line) for file in LABELS for line in file.read_text("utf-8").splitlines()]
    return [article for article in articles if half in (None, article["half"])]


def sources(
    articles: Iterable[dict[str, Any]], folders: Iterable[Path], repositories: Iterable[Path]
) -> dict[str, bytes]:
    """The bytes of the articles that are found, by their SHA-256. Files of another size are not opened."""
    wanted = {article["source_sha256"]: article for article in articles}
    sizes = {article["source_bytes"] for article in wanted.values()}
    found = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix in SUFFIXES and path.is_file() and _size(path) in sizes:
                data = _unpacked(path.read_bytes())
                found[hashlib.sha256(data).hexdigest()] = data
    for sha256, article in wanted.items():
        for data in _blobs(article.get("blob"), repositories if sha256 not in found else ()):
            if hashlib.sha256(data).hexdigest() == sha256:
                found[sha256] = data
    return {sha256: found[sha256] for sha256 in wanted if sha256 in found}


def _size(path: Path) -> int:
    """The size of a file, unpacked."""
    if path.suffix != ".gz":
        return path.stat().st_size
    with path.open("rb") as file:
        file.seek(-SIZE_OF_GZIP, 2)
        return int.from_bytes(file.read(), "little")


def _unpacked(data: bytes) -> bytes:
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


def _blobs(blob: str | None, repositories: Iterable[Path]) -> Iterator[bytes]:
    for repository in repositories if blob else ():
        got = subprocess.run(
            ["git", "-C", str(repository), "cat-file", "blob", str(blob)], capture_output=True, check=False
        )
        if got.returncode == 0:
            yield _unpacked(got.stdout)


def score(articles: Iterable[dict[str, Any]], found: dict[str, bytes]) -> dict[str, Score]:
    """Scores of `all`, of blocks that the guide is `clear` or `doubtful` about, and of each family of archives.

    A label and a paragraph belong together where their spans are equal; a label without one counts as not found.
    """
    outlets, scores = load_outlets(), {"all": Score(), "clear": Score(), "doubtful": Score()}
    for label in articles:
        sha256 = label["source_sha256"]
        article = parse(found[sha256], sha256, outlets, Limits())
        if not isinstance(article, Article):
            raise TypeError(f"`{sha256}` is labelled and no article: {article.detail}")
        by_span = {(paragraph.byte_start, paragraph.byte_end): paragraph for paragraph in article.paragraphs}
        doubtful = {ordinal for ordinals in label["doubtful"].values() for ordinal in ordinals}
        every = list(range(len(label["blocks"])))
        clear = [ordinal for ordinal in every if ordinal not in doubtful]
        parts = {"all": every, "clear": clear, "doubtful": sorted(doubtful), label["family"]: every}
        for name, ordinals in parts.items():
            blocks = [label["blocks"][ordinal] for ordinal in ordinals]
            matched = [(role, by_span[start, end]) for start, end, role in blocks if (start, end) in by_span]
            gold = [{"role": role, "text": paragraph.text.decode()} for role, paragraph in matched]
            part = scores.setdefault(name, Score())
            part.add(
                {"source_path": sha256, "blocks": gold},
                article._replace(paragraphs=[paragraph for _, paragraph in matched]),
            )
            part.blocks += len(blocks) - len(matched)
    return scores


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "–"


def show(scores: dict[str, Score], *, confusions: bool) -> None:
    print("| part | blocks | found | macro F1 | accuracy | content F1, chars | content F1, blocks |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, part in scores.items():
        shares = f"{part.macro_f1:.4f} | {part.accuracy:.4f} | {part.content_f1:.4f} | {part.content_block_f1:.4f}"
        print(f"| {name} | {part.blocks} | {part.segmentation:.4f} | {shares} |")
    print("\n| role | n | precision | recall | F1 |")
    print("|---|---:|---:|---:|---:|")
    for role, count in sorted(scores["all"].roles.items()):
        hit, wrong, missed = count["hit"], count["wrong"], count["missed"]
        shares = (
            f"{_share(hit, hit + wrong)} | {_share(hit, hit + missed)} | {_share(2 * hit, 2 * hit + wrong + missed)}"
        )
        print(f"| {role} | {hit + missed} | {shares} |")
    if confusions:
        pairs = Counter((right, said) for _, right, said, _ in scores["all"].errors)
        where = {pair: len({path for path, *both, _ in scores["all"].errors if tuple(both) == pair}) for pair in pairs}
        print("\n| right | said | blocks | articles |")
        print("|---|---|---:|---:|")
        for (right, said), blocks in pairs.most_common():
            print(f"| {right} | {said} | {blocks} | {where[right, said]} |")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=HALVES, help=f"one half instead of all but {', '.join(UNSEEN)}")
    parser.add_argument("--confusions", action="store_true", help="list the pairs of roles that were taken for another")
    parser.add_argument("--also", action="append", default=[], type=Path, help="another folder with sources")
    parser.add_argument(
        "--git", action="extend", nargs="+", default=[], type=Path, help="repositories with labelled blobs"
    )
    arguments = parser.parse_args()
    articles = [each for each in labelled(arguments.half) if arguments.half or each["half"] not in UNSEEN]
    found = sources(articles, [SHARED, *arguments.also], arguments.git)
    missing = [article for article in articles if article["source_sha256"] not in found]
    print(f"{len(articles) - len(missing)} of {len(articles)} labelled articles, half `{arguments.half or 'any seen'}`")
    for family, count in sorted(Counter(article["family"] for article in missing).items()):
        public = any("blob" in article for article in missing if article["family"] == family)
        reason = "no `--git` repository has the blob" if public else f"no file below `{SHARED}` has the SHA-256"
        print(f"left out: {count} of {family}: {reason}")
    if not found:
        print("nothing to score; GUIDE.md says where the articles come from", file=sys.stderr)
        return 2
    print()
    show(score([each for each in articles if each["source_sha256"] in found], found), confusions=arguments.confusions)
    return 0


if __name__ == "__main__":
    sys.exit(main())
