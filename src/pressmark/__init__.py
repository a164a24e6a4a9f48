"""Turns archives of scraped news articles into a partitioned Parquet dataset, every paragraph with its exact bytes."""
