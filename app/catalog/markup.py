"""Lesson bodies: Markdown or HTML in, HTML out that is safe to show. Rendering is markdown-it's, cleaning is nh3's."""

import nh3
from markdown_it import MarkdownIt

from app.catalog.models import BodyFormat

# HTML inside Markdown is let through here, since everything passes the cleaner afterwards.
_MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
_SCHEMES = {"http", "https", "mailto"}


def render(source: str, body_format: BodyFormat) -> str:
    """Sanitised HTML: no script, no event handler, no style, no frame, links only to http, https and mailto."""
    html = _MARKDOWN.render(source) if body_format is BodyFormat.MARKDOWN else source
    return nh3.clean(html, url_schemes=_SCHEMES, link_rel="noopener noreferrer nofollow")
