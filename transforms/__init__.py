"""Pure functions from bytes to Arrow: no disk, no network, no clock."""
