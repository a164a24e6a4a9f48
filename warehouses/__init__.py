"""Loads an output into databases and table formats: one module per destination, one way to load for all."""
