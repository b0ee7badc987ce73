"""The people of every test of learning."""

import pytest

from app.database import Database
from tests.factories.catalog import Staff, make_staff


@pytest.fixture
async def staff(database: Database) -> Staff:
    return await make_staff(database)
