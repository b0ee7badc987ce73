"""Mails from templates: NAME.txt and NAME.html of a domain's folder, the latter on our letterhead."""

from collections.abc import Mapping
from types import MappingProxyType

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, select_autoescape

from app.mail.message import Message


class Letters:
    """The templates of one package. A value that a template misses is an error, never an empty place."""

    def __init__(self, package: str, folder: str) -> None:
        self._environment = Environment(
            loader=ChoiceLoader([PackageLoader(package, folder), PackageLoader("app.mail", "layout")]),
            autoescape=select_autoescape(("html",)),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def write(
        self,
        kind: str,
        *,
        to: str,
        message_id: str | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
        **values: object,
    ) -> Message:
        """The mail of that kind; `message_id` and `headers` are the message's.

        The text template's first line is the subject, its second is empty.
        """
        subject, _, text = self._environment.get_template(f"{kind}.txt").render(values).partition("\n")
        html = self._environment.get_template(f"{kind}.html").render(values | {"subject": subject})
        return Message(kind, to, subject, text.strip() + "\n", html, message_id, headers)
