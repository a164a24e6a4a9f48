"""Destinations in recorded runs: Prefect shows and keeps a flow's parameters, so no password may be one.

A parameter is the address as shown, with its password masked; the whole address stays in PRESSMARK_DESTINATION of the
process that runs the flow.
"""

from __future__ import annotations

import os
from typing import Final

from pressmark.warehouses.address import MASK, Address, parse_address
from pressmark.warehouses.errors import DestinationError

__all__ = ["VARIABLE", "as_parameter", "from_parameter"]

VARIABLE: Final = "PRESSMARK_DESTINATION"


def as_parameter(address: Address) -> str:
    """What may be a flow's parameter; where that hides a password, the address is left in this process's environment,
    which the processes of its flow runs inherit."""
    if address.secrets:
        os.environ[VARIABLE] = address.given
    return address.shown


def from_parameter(text: str) -> Address:
    """The address that a parameter stands for."""
    if MASK not in text:
        return parse_address(text)
    kept = os.environ.get(VARIABLE)
    if kept is None or parse_address(kept).shown != text:
        raise DestinationError(
            f"the password of this destination is not in {VARIABLE}", text,
            "set that variable to the whole address where flow runs are started",
        )  # fmt: skip
    return parse_address(kept)
