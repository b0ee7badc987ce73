"""Descriptions to HTML. Most are one plain sentence after another, which needs no Markdown parser: a tenth of the time."""

import html
import re

from app.catalog.markup import render
from app.catalog.models import BodyFormat

# One paragraph that begins with a letter and holds nothing that Markdown or the cleaner would touch. A test holds
# that the result is the same.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9 ,.;:'\"()/?%$+=@#>\u00c0-\u024f\u2013\u2014\u2018-\u201e\u2026-]*")


def rendered(description: str) -> str:
    """Sanitised HTML of a description in Markdown."""
    if _PLAIN.fullmatch(description):
        return f"<p>{html.escape(description, quote=False)}</p>\n"
    return render(description, BodyFormat.MARKDOWN)
