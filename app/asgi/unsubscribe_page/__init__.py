"""The page that mails about notifications link to, and what mail programs ask by themselves (RFC 8058).

A POST ends the mails that the token names, whoever sends it and whatever its body says: a button of the page, or of a mail
program. A GET shows the page alone, since programs that scan mails follow their links.
"""

from collections.abc import Callable
from importlib.resources import files
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.asgi.assets import EVERYWHERE, Assets
from app.errors import Unavailable
from app.notifications import service
from app.notifications.errors import InvalidUnsubscribeToken
from app.notifications.letters import UNSUBSCRIBE_PATH
from app.resources import Resources

_POLICY: Final = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_PAGE: Final = (files(__package__) / "assets" / "unsubscribe.html").read_text()
# Without an action the form goes to where it stands, token included.
_ASK: Final = (
    "<p>You will still find everything on Lectern itself.</p>"
    '<form method="post"><button>No more of these mails</button></form>'
)
_DONE: Final = "<p>You will get no more of these mails. In Lectern you can ask for them again.</p>"
_WRONG: Final = "<p>This link is incomplete, or too old. Choose in Lectern what mails you want.</p>"
_BUSY: Final = '<p>This did not work just now. Please try again.</p><form method="post"><button>Try again</button></form>'


def unsubscribe_routes(resources: Callable[[], Resources]) -> list[Route]:
    """GET and POST of the links in mails, and the style sheet."""

    async def unsubscribe(request: Request) -> Response:
        opened = resources()
        try:
            user_id, scope = opened.unsubscribe_tokens.read(request.query_params.get("token", ""))
            if request.method == "POST":
                async with opened.database.transaction() as tx:
                    await service.unsubscribe(tx, user_id=user_id, scope=scope)
        except InvalidUnsubscribeToken:
            return _page(_WRONG, 400)
        except Unavailable as error:
            return _page(_BUSY, 503, {"Retry-After": str(error.retry_after_seconds)})
        return _page(_DONE if request.method == "POST" else _ASK)

    style = Route("/notifications/assets/{name}", Assets(__package__).serve, name="unsubscribe-asset")
    return [Route(UNSUBSCRIBE_PATH, unsubscribe, methods=["GET", "POST"], name="unsubscribe"), style]


def _page(words: str, status: int = 200, more: dict[str, str] | None = None) -> Response:
    headers = EVERYWHERE | {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"} | (more or {})
    return Response(_PAGE.replace("{words}", words), status, headers=headers, media_type="text/html")
