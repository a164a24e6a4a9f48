"""The commands: each parses nothing, calls one function below, and prints what it gave."""
