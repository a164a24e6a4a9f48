"""The bare floor: read, parse with turbohtml, `p` text with byte spans, Arrow, zstd Parquet in hive partitions.

One process; no blocks outside `p`, no roles, dates, laws, ids, checks or second run.

usage: floor.py SOURCE OUTPUT
"""

import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.dataset as ds
from turbohtml import parse_fragment

HEADER = re.compile(r"<!--(-?\d+)-->\s*\[(.*?)\]\((.*?)\)\s*-{3,}\s*", re.DOTALL)
COLUMNS = ("outlet", "month", "path", "published_at", "title", "url", "text", "byte_start", "byte_end")


def main(source: Path, output: Path) -> None:
    rows: list[tuple[object, ...]] = []
    for path in sorted(source.rglob("*.md")):
        text = path.read_bytes().decode()
        header = HEADER.match(text)
        if header is None:
            continue
        body = text[header.end() :]
        published_at = datetime.fromtimestamp(int(header[1]) / 1000, UTC)
        article = (urlsplit(header[3]).hostname, f"{published_at:%Y-%m}", str(path), published_at, header[2], header[3])
        offset, begin = len(text[: header.end()].encode()), 0
        for element in parse_fragment(body, source_locations=True).find_all("p"):
            location = element.source_location
            content = element.text
            if location is None or location.end_tag is None or not content.strip():
                continue
            start, end = location.start_tag.end_offset, location.end_tag.start_offset
            offset += len(body[begin:start].encode())
            begin = start
            rows.append((*article, content, offset, offset + len(body[start:end].encode())))
    ds.write_dataset(
        pa.table(list(map(list, zip(*rows, strict=True))), names=list(COLUMNS)),
        output,
        format="parquet",
        partitioning=["outlet", "month"],
        partitioning_flavor="hive",
        existing_data_behavior="overwrite_or_ignore",
        file_options=ds.ParquetFileFormat().make_write_options(compression="zstd"),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
