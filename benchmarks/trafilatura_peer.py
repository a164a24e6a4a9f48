"""What trafilatura makes of an archive: its text of each article, in two processes, as hive-partitioned Parquet.

A paragraph is a line of that text. Ids, dates and outlets as in `soup.py`; no byte spans, roles, checks or second run.

usage: trafilatura_peer.py SOURCE OUTPUT
"""

import hashlib
import re
import sys
from datetime import UTC, datetime
from multiprocessing import Pool
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.dataset as ds
import trafilatura

HEADER = re.compile(r"<!--(-?\d+)-->\s*\[(.*?)\]\((.*?)\)\s*-{3,}\s*", re.DOTALL)


def parse(path: Path) -> list[dict[str, object]]:
    text = path.read_text("utf-8")
    header = HEADER.match(text)
    if header is None:
        return []
    found = trafilatura.extract(page(text[header.end() :]), url=header[3], include_comments=False)
    return paragraphs(found or "", header[3], int(header[1]))


def page(fragment: str) -> str:
    """A whole page with an archive's fragment as its article: trafilatura takes no less."""
    return f"<html><body><article>{fragment}</article></body></html>"


def paragraphs(text: str, url: str, epoch_ms: int) -> list[dict[str, object]]:
    """Rows of a text's lines."""
    published_at = datetime.fromtimestamp(epoch_ms / 1000, UTC)
    shared = {
        "outlet": urlsplit(url).hostname or "unknown", "month": published_at.strftime("%Y-%m"),
        "article_id": hashlib.sha256(url.encode()).hexdigest()[:32], "published_at": published_at,
    }  # fmt: skip
    return [{**shared, "ordinal": number, "text": line} for number, line in enumerate(text.split("\n")) if line]


def write(rows: list[dict[str, object]], output: Path) -> None:
    """Hive partitions of rows."""
    ds.write_dataset(
        pa.Table.from_pylist(rows),
        output,
        format="parquet",
        partitioning=["outlet", "month"],
        partitioning_flavor="hive",
        existing_data_behavior="overwrite_or_ignore",
        file_options=ds.ParquetFileFormat().make_write_options(compression="zstd"),
    )


def main(source: Path, output: Path) -> None:
    with Pool(2) as pool:
        found = pool.imap(parse, sorted(source.rglob("*.md")), chunksize=50)
        write([row for rows in found for row in rows], output)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
