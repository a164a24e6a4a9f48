"""Prefect flows and the command line: what is done in which order, and how it is told."""
