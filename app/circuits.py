"""Circuit breakers: a service that keeps failing is left alone for a moment, instead of every caller waiting for it.

The counting and the clock are the library's; ours is that one call at a time tries whether the service is back, that a
cancelled call proves nothing, and that who is turned away hears Unavailable.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from circuitbreaker import STATE_CLOSED, CircuitBreaker
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from app.errors import Unavailable
from app.telemetry import Metrics

FAILURES = 5
"""Outages in a row that open a circuit."""
REST = 1.0
"""Seconds it stays open before one call may try."""
# TimeoutError is an OSError.
OUTAGES: tuple[type[Exception], ...] = (OSError, RedisConnectionError, RedisTimeoutError, Unavailable)

_log = logging.getLogger(__name__)


class Circuit:
    """One per port and process: `with circuit.call(): await ...`. It limits no time, the call itself has to."""

    def __init__(
        self,
        port: str,
        metrics: Metrics,
        *,
        failures: int = FAILURES,
        rest: float = REST,
        outages: tuple[type[Exception], ...] = OUTAGES,
    ) -> None:
        self._port = port
        self._outages = outages
        self._breaker = CircuitBreaker(failures, rest, outages, name=port)
        self._probing = False
        self._told_open = False
        self._gauge = metrics.circuit_open.labels(port)
        self._refused = metrics.circuit_refusals.labels(port)
        self._gauge.set(0)

    @property
    def closed(self) -> bool:
        return bool(self._breaker.state == STATE_CLOSED)

    @contextmanager
    def call(self) -> Iterator[None]:
        """Raises Unavailable at once while the service rests, and while another call tries whether it is back.

        What is no outage is an answer, and closes the circuit: a refusal, a wrong type, a bug of ours.
        """
        if self._breaker.opened or self._probing:
            self._refused.inc()
            raise Unavailable("The service does not answer. Please try again.")
        probing = self._probing = not self.closed
        try:
            yield
        except self._outages as error:
            # The library's own way of being told.
            self._breaker.__exit__(type(error), error, None)
            raise
        except Exception:
            self._breaker.reset()
            raise
        else:
            self._breaker.reset()
        finally:
            if probing:
                self._probing = False
            self._tell()

    def _tell(self) -> None:
        is_open = not self.closed
        if is_open is not self._told_open:
            self._told_open = is_open
            self._gauge.set(int(is_open))
            # One line for an outage, not one for each call.
            _log.log(
                logging.WARNING if is_open else logging.INFO,
                "%s %s",
                self._port,
                "does not answer and is left alone" if is_open else "answers again",
            )
