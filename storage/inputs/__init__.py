"""Archives as inputs: one protocol (`source`), one module per kind, and `opening`, which tells them apart."""
