import polars as pl

paragraphs = pl.scan_parquet("output/paragraphs").filter(pl.col("role") == "body")
print(
    paragraphs.group_by("outlet")
    .agg(pl.len().alias("paragraphs"), pl.col("text").str.len_chars().mean().round(1).alias("characters"))
    .sort("outlet")
    .collect()
)
