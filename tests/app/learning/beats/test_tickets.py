"""For how long a ticket is good, to the second; what else it is and is not good for: tests of the endpoint."""

import pytest

from app.identity.actor import Actor
from app.identity.errors import InvalidAccessToken
from app.identity.tokens.signing_keys import SigningKeys
from app.learning.beats import ProgressTickets
from app.settings import Settings


def test_a_ticket_is_good_for_fifteen_minutes(settings: Settings) -> None:
    now = [1_800_000_000.0]
    tickets = ProgressTickets(SigningKeys.load(settings), clock=lambda: now[0])
    ticket = tickets.make(Actor(7))
    now[0] += 15 * 60 - 1
    assert tickets.read(ticket) == Actor(7)
    now[0] += 1
    with pytest.raises(InvalidAccessToken, match="expired"):
        tickets.read(ticket)
