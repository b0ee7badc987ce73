"""One place where calls are counted and the library's errors become ours."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

from app.circuits import Circuit
from app.errors import DomainError, Unavailable
from app.storage.errors import AlreadyExists, NoSuchFile
from app.telemetry import Metrics

_log = logging.getLogger(__name__)


class Calls:
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._circuit = Circuit("storage", metrics)

    @contextmanager
    def guarded(self, kind: str) -> Iterator[None]:
        """`counted`, for calls of ours alone: a storage that keeps failing is left alone for a moment."""
        with self._circuit.call(), self.counted(kind):
            yield

    @contextmanager
    def counted(self, kind: str) -> Iterator[None]:
        """Raises NoSuchFile, AlreadyExists, Unavailable for what the library raises in the block."""
        began = perf_counter()
        outcome = "cancelled"
        try:
            yield
            outcome = "done"
        except (FileNotFoundError, PreconditionError, NoSuchFile):
            outcome = "missing"
            raise NoSuchFile from None
        except AlreadyExistsError:
            outcome = "exists"
            raise AlreadyExists from None
        except DomainError:
            outcome = "refused"
            raise
        except TimeoutError as error:
            outcome = "timeout"
            _log.warning("the storage did not %s a file in time", kind)
            raise Unavailable("The storage did not answer in time.") from error
        except (BaseError, OSError) as error:
            outcome = "failed"
            _log.warning("the storage could not %s a file: %s", kind, _first_line(error))
            raise Unavailable("The storage cannot be used.") from error
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


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).partition("\n")[0][:300]
