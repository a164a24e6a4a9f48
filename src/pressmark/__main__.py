"""The command, as `python -m pressmark`."""

from pressmark.flows.cli import script

if __name__ == "__main__":
    script()
