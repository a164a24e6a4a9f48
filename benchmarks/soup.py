"""The script most people would write: Beautiful Soup with lxml, pyarrow, two processes.

Articles and paragraphs in hive partitions, with ids, dates, outlets, texts and links; no byte spans, no roles, no
checks, no second run.

usage: soup.py SOURCE OUTPUT
"""

import hashlib
import re
import sys
from datetime import UTC, datetime
from multiprocessing import Pool
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pyarrow as pa
import pyarrow.dataset as ds
from bs4 import BeautifulSoup

HEADER = re.compile(r"<!--(-?\d+)-->\s*\[(.*?)\]\((.*?)\)\s*-{3,}\s*", re.DOTALL)


def parse(path: Path) -> tuple[dict[str, object], list[dict[str, object]]] | None:
    text = path.read_text("utf-8")
    header = HEADER.match(text)
    if header is None:
        return None
    url = header[3]
    soup = BeautifulSoup(text[header.end() :], "lxml")
    for junk in soup(["script", "style"]):
        junk.decompose()
    published_at = datetime.fromtimestamp(int(header[1]) / 1000, UTC)
    article_id = hashlib.sha256(url.encode()).hexdigest()[:32]
    keys = {"outlet": urlsplit(url).hostname or "unknown", "month": published_at.strftime("%Y-%m")}
    paragraphs = []
    for ordinal, element in enumerate(soup.find_all("p")):
        content = element.get_text(" ", strip=True)
        if content:
            links = [urljoin(url, anchor["href"]) for anchor in element.find_all("a", href=True)]
            paragraphs.append(
                {
                    **keys,
                    "article_id": article_id,
                    "ordinal": ordinal,
                    "published_at": published_at,
                    "text": content,
                    "links": links,
                }
            )
    article = {
        **keys,
        "article_id": article_id,
        "source_path": str(path),
        "title": header[2],
        "url": url,
        "published_at": published_at,
        "text": soup.get_text("\n", strip=True),
        "source_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    return article, paragraphs


def main(source: Path, output: Path) -> None:
    with Pool(2) as pool:
        parsed = [pair for pair in pool.imap(parse, sorted(source.rglob("*.md")), chunksize=50) if pair]
    tables = {"articles": [article for article, _ in parsed], "paragraphs": [row for _, rows in parsed for row in rows]}
    for name, rows in tables.items():
        ds.write_dataset(
            pa.Table.from_pylist(rows),
            output / name,
            format="parquet",
            partitioning=["outlet", "month"],
            partitioning_flavor="hive",
            existing_data_behavior="overwrite_or_ignore",
            file_options=ds.ParquetFileFormat().make_write_options(compression="zstd"),
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
