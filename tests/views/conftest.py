"""The hostile archive that the tests of the room and of its files look at."""

from __future__ import annotations

import pytest
from hostile_room import Made, made_in


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return made_in(tmp_path_factory.mktemp("room"))
