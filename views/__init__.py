"""What people look at: a report, a reading room, exports. Each reads one moment of an output and writes no table."""
