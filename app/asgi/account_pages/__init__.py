"""The pages that mails link to, for installations whose front end has none: prove an address, set a new password.

They call the same API as every client. The token stands in the address's fragment, which no server is sent.
"""

from importlib.resources import files
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.asgi.assets import EVERYWHERE, Assets

PAGES: Final = ("verify-email", "reset-password")
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)


def account_routes() -> list[Route]:
    """GET `/account/verify-email`, `/account/reset-password`, and `/account/assets/...`, which they load."""
    assets = Assets(__package__)
    bodies = {name: (files(__package__) / "assets" / f"{name}.html").read_bytes() for name in PAGES}

    def page_of(name: str) -> Route:
        async def page(_request: Request) -> Response:
            headers = EVERYWHERE | {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
            return Response(bodies[name], media_type="text/html", headers=headers)

        return Route(f"/account/{name}", page, name=name)

    return [*map(page_of, PAGES), Route("/account/assets/{name}", assets.serve, name="account-asset")]
