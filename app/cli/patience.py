"""How long a connection may take for the head of a request. uvicorn waits for ever; bodies and idle connections have their
own limits.
"""

from asyncio import TimerHandle, Transport

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class PatientProtocol(HttpToolsProtocol):
    """Closes a connection that has not sent a whole head `patience` seconds after it was made, or after the first byte that
    follows an answer. However it trickles: only a whole head counts.
    """

    patience: float
    _limit: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._begin()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # While a request is answered its body may come. After an upgrade the transport is another protocol's.
        answering = self.cycle is not None and not self.cycle.response_complete
        if self._limit is None and not answering and self.transport.get_protocol() is self:
            self._begin()

    def on_headers_complete(self) -> None:
        self._end()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        super().connection_lost(exc)

    def _begin(self) -> None:
        self._limit = self.loop.call_later(self.patience, self.transport.close)

    def _end(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None


def patient(seconds: float) -> type[PatientProtocol]:
    """The protocol with that patience: uvicorn makes its instances."""
    return type("Patient", (PatientProtocol,), {"patience": seconds})
