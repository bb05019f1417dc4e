"""The two languages of the pages: gettext catalogues, Chinese first, English beside it."""

from __future__ import annotations

import gettext
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from markupsafe import Markup, escape

COOKIE = "defuse_language"
CODES = {"zh": "zh-CN", "en": "en"}
CATALOGUE = "locale/zh_CN/LC_MESSAGES/pages.po"


def N_(message: str) -> str:  # noqa: N802 - the name that gettext knows
    """The message itself: marks it for the catalogue where it is only looked up later."""
    return message


@dataclass(frozen=True)
class Language:
    """The language a page is read in, and the one that stands beside it in small, if any."""

    name: str
    main: str
    beside: str | None = None

    @property
    def html_code(self) -> str:
        """The code for the ``lang`` attribute of the page."""
        return CODES[self.main]

    def say(self, message: str, /, **values: Any) -> str:
        """A message in the main language alone, as plain text: for buttons, labels and titles."""
        return _translated(message, self.main).format(**values) if values else _translated(message, self.main)

    def both(self, message: str, /, **values: Any) -> Markup:
        """A message in the main language with the other beside it, as HTML.

        The message is escaped like its values: it may be a code of a deployment's own, which is nobody's HTML.
        A value that is words in both languages stands in each in its own.
        """
        texts = {"en": escape(message), "zh": escape(_translated(message, "zh"))}
        return self._beside(
            {name: text.format(**_in_language(values, name)) if values else text for name, text in texts.items()}
        )

    def pick(self, words: dict[str, str]) -> str:
        """One of the project's bilingual sentences in the main language, as plain text."""
        return words[self.main]

    def words(self, words: dict[str, str]) -> Markup:
        """A bilingual sentence with the other language beside it, as HTML."""
        return self._beside({name: escape(text) for name, text in words.items()})

    def _beside(self, texts: dict[str, Markup]) -> Markup:
        main = texts[self.main]
        if self.beside is None or texts[self.beside] == main:
            return main
        code = CODES[self.beside]
        return Markup('{} <span class="beside" lang="{}">{}</span>').format(main, code, texts[self.beside])


def _in_language(values: dict[str, Any], code: str) -> dict[str, Any]:
    return {name: value[code] if isinstance(value, dict) else value for name, value in values.items()}


def in_both(message: str) -> dict[str, str]:
    """A message in both languages, to stand inside another one."""
    return {"en": message, "zh": _translated(message, "zh")}


LANGUAGES = {
    one.name: one for one in (Language("both", "zh", "en"), Language("zh", "zh"), Language("en", "en"))
}  # fmt: skip
FIRST = LANGUAGES["both"]


def chosen(name: str | None) -> Language:
    """The language of a cookie; Chinese with English beside it where there is none or an unknown one."""
    return LANGUAGES.get(name or "", FIRST)


def _translated(message: str, code: str) -> str:
    return message if code == "en" else _chinese().gettext(message)


@cache
def _chinese() -> gettext.GNUTranslations:
    """The Chinese catalogue, compiled in memory: the repository holds the text that people edit, and no copy of it."""
    with files("serving.pages").joinpath(CATALOGUE).open("rb") as file:
        catalogue = read_po(file, locale="zh_CN")
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
