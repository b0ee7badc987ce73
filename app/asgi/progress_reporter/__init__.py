"""The reporter: a script for pages with a player, which tells `POST /progress` what is watched. Whoever has another client
ships the file with it; it depends on nothing.
"""

from starlette.routing import Route

from app.asgi.assets import Assets


def reporter_routes() -> list[Route]:
    """GET `/progress/reporter.js`."""
    return [Route("/progress/{name}", Assets(__package__).serve, name="progress-reporter")]
