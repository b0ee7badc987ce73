"""A challenge's description, a list of lines that are text or pieces of HTML, to one HTML source."""

import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator

_BLOCK = (
    "address|article|aside|blockquote|dd|details|div|dl|dt|figure|h[1-6]|hr|li|ol|p|pre|section|table|tbody|td|th|"
    "thead|tr|ul"
)
_HAS_BLOCK = re.compile(rf"</?(?:{_BLOCK})\b", re.IGNORECASE)
# Elements that go on over several lines; what stands between their tags is no paragraph of its own.
_CONTAINER = re.compile(r"<(/?)(?:blockquote|div|dl|ol|pre|section|table|ul)\b", re.IGNORECASE)

# What HTML has or had. `<replacement>` in a grammar and `a<n` in a formula are text whose author forgot to escape it;
# as elements they, and in the second case all that follows, would be gone.
_ELEMENTS = re.compile(
    r"(?:a|abbr|acronym|address|applet|area|article|aside|audio|b|base|bdi|bdo|big|blink|blockquote|body|br|button|"
    r"canvas|caption|center|cite|code|col|colgroup|data|datalist|dd|del|details|dfn|dialog|dir|div|dl|dt|em|embed|"
    r"fieldset|figcaption|figure|font|footer|form|frame|frameset|h1|h2|h3|h4|h5|h6|head|header|hgroup|hr|html|i|"
    r"iframe|img|input|ins|kbd|label|legend|li|link|main|map|mark|marquee|math|menu|meta|meter|nav|noembed|"
    r"noframes|noscript|object|ol|optgroup|option|output|p|param|picture|plaintext|pre|progress|q|rp|rt|ruby|s|"
    r"samp|script|search|section|select|slot|small|source|span|strike|strong|style|sub|summary|sup|svg|table|tbody|"
    r"td|template|textarea|tfoot|th|thead|time|title|tr|track|tt|u|ul|var|video|wbr|xmp)",
    re.IGNORECASE,
)
_TAG_NAME = re.compile(r"<(?=/?(?P<name>[A-Za-z][^\s/>]{0,30}))")
_TAG = re.compile(r"<(?P<name>[A-Za-z][A-Za-z0-9]*)(?P<rest>[^<>]*)")
_ATTRIBUTE = re.compile(r"""(?<=[\s"'])([A-Za-z-]+)\s*=""")
_RELATIVE = re.compile(r"""[\s"'](?:href|src)="(?![A-Za-z][A-Za-z0-9+.-]*:|#|//)""")
# Looks and behaviour, which no body keeps; everything else that goes is told one by one.
_LOOKS = frozenset({"class", "style", "id", "target", "border"})


def html_source(lines: Iterable[str], video_url: str | None = None) -> str:
    """HTML, not sanitised yet: a line of text is a paragraph; the video, if there is one, a link before them all."""
    pieces = []
    if video_url is not None:
        pieces.append(f'<p><a href="{html.escape(video_url)}">Video</a></p>')
    open_containers = 0
    for line in lines:
        if not line.strip():
            continue
        line = _TAG_NAME.sub(_escaped_unless_element, line)  # noqa: PLW2901 - the same line, made readable
        bare = open_containers > 0 or _HAS_BLOCK.search(line) is not None
        for tag in _CONTAINER.finditer(line):
            open_containers = max(0, open_containers + (-1 if tag[1] else 1))
        pieces.append(line if bare else f"<p>{line}</p>")
    return "\n".join(pieces)


def lost(source: str, rendered: str) -> list[str]:
    """What the cleaner took out of a body, a fragment for each element and attribute; and addresses that lead nowhere."""
    gone = Counter(_marks(source))
    gone.subtract(_marks(rendered))
    relative = sum(_RELATIVE.search(tag["rest"]) is not None for tag in _TAG.finditer(rendered))
    return [
        *(f"removed from bodies: {mark}" for mark in (+gone).elements()),
        *["links and images relative to where the archive came from"] * relative,
    ]


def _marks(text: str) -> Iterator[str]:
    # Regular expressions that take time in proportion to the text, whatever it is; a parser's worst case is worse.
    for tag in _TAG.finditer(text):
        element = tag["name"].lower()
        yield f"element {element}"
        for name in _ATTRIBUTE.findall(tag["rest"]):
            if (attribute := name.lower()) in _LOOKS:
                yield "attributes for looks and behaviour"
            else:
                yield f"attribute {attribute} of {element}"


def _escaped_unless_element(start: re.Match[str]) -> str:
    return "<" if _ELEMENTS.fullmatch(start["name"]) else "&lt;"
