"""One place where calls are counted and the library's errors become ours."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

from app.circuits import Circuit
from app.errors import DomainError, Unavailable
from app.storage.errors import AlreadyExists, Away, NoSuchFile
from app.storage.failures import Failure, failure, first_line
from app.telemetry import Metrics

_log = logging.getLogger(__name__)


class Calls:
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._circuit = Circuit("storage", metrics, outages=(Away,))

    @contextmanager
    def guarded(self, kind: str) -> Iterator[None]:
        """`counted`, for calls of ours alone: a storage that is away, and stays it, is left alone for a moment.

        It is one circuit for all who read and write, so what it counts must be nothing that one of them can ask for.
        """
        with self._circuit.call(), self.counted(kind):
            yield

    @contextmanager
    def counted(self, kind: str) -> Iterator[None]:
        """Raises NoSuchFile, AlreadyExists, Unavailable (of which Away) for what the library raises in the block."""
        began = perf_counter()
        outcome = "cancelled"
        try:
            yield
            outcome = "done"
        except (FileNotFoundError, PreconditionError, NoSuchFile):
            outcome = "missing"
            raise NoSuchFile from None
        except DomainError:
            outcome = "refused"
            raise
        except TimeoutError as error:
            outcome = "timeout"
            _log.warning("the storage did not %s a file in time", kind)
            raise Away("The storage did not answer in time.") from error
        except (BaseError, OSError) as error:
            outcome, raised = _told(kind, error)
            if isinstance(raised, DomainError):
                raise raised from None
            _log.warning("the storage could not %s a file: %s", kind, first_line(error)[:300])
            raise raised from error
        except Exception:
            outcome = "failed"
            raise
        finally:
            self._metrics.storage_calls.labels(kind, outcome).inc()
            self._metrics.storage_seconds.labels(kind).observe(perf_counter() - began)

    def reader(self) -> Callable[[float], None]:
        """Counts bytes that were read."""
        return self._metrics.storage_bytes.labels("read").inc

    def wrote(self, size: int) -> None:
        self._metrics.storage_bytes.labels("written").inc(size)


def _told(kind: str, error: BaseError | OSError) -> tuple[str, Exception]:
    """How it is counted, and what the caller hears."""
    found = failure(error)
    if kind == "put" and (found is Failure.OBSTRUCTED or isinstance(error, AlreadyExistsError)):
        return "exists", AlreadyExists()
    if found in {Failure.OBSTRUCTED, Failure.MISSING}:
        return "missing", NoSuchFile()
    if found is Failure.AWAY:
        return "failed", Away("The storage cannot be used.")
    if found is Failure.FULL:
        return "full", Unavailable("The storage is full.")
    return "denied", Unavailable("The storage refused this.")
