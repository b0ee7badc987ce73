"""PostgreSQL and Valkey as our own child processes, from wheels: nothing to install for dev and tests.

`folder` belongs to the service alone. A server ends with the process that started it, even with a killed one.
"""

from app.embedded.home import locked_home
from app.embedded.postgres import EmbeddedPostgres
from app.embedded.process import EmbeddedError
from app.embedded.valkey import EmbeddedValkey

__all__ = ["EmbeddedError", "EmbeddedPostgres", "EmbeddedValkey", "locked_home"]
