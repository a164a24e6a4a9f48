"""Prefect flows and the command line: the order of a run's steps, and what people see of it."""
