import polars as pl

body = pl.scan_parquet("output/paragraphs").filter(role="body").with_columns(characters=pl.col("text").str.len_chars())
print(body.group_by("outlet").agg(pl.len(), pl.col("characters").mean().round(1)).sort("outlet").collect())
