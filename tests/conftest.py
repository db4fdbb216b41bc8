"""What several test files share."""

from __future__ import annotations

from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The root of the checkout."""
    return CHECKOUT


@pytest.fixture(scope="session")
def photographs() -> Path:
    """Real photographs: ten unequal classes of clothing (CC0), beside the checkout where they were put."""
    path = CHECKOUT.parent / "shared" / "data" / "clothing" / "train"
    if not path.is_dir():
        pytest.skip(f"no photographs at {path}")
    return path
