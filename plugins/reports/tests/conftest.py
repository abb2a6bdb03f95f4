"""What the tests of reports share."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

MONDAY = dt.datetime(2026, 6, 1, 9, tzinfo=dt.UTC)


@pytest.fixture
def reports(activate: Any, frozen_time: Any) -> Any:
    activate("reports")
    frozen_time.set(MONDAY)
    return frozen_time
