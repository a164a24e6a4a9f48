"""The commands: each takes parsed arguments, calls the functions below, and prints what they gave."""
