"""Catalogues of translated sentences, as `locales/` has them: gettext's .po files."""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Iterator
from functools import cache
from gettext import NullTranslations, c2py

from bot.language.formats import LOCALES

_FIELD = re.compile(r'^(msgid|msgid_plural|msgstr(?:\[\d+\])?) ((?:".*"\n)+)', re.MULTILINE)
_PLURAL = re.compile(r"plural=(.+?);")


class Catalogue(NullTranslations):
    """The translations of a .po file. A sentence that has none stays as it is."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._sentences = dict(_entries(text + "\n"))
        [head] = self._sentences.pop("")
        [rule] = _PLURAL.findall(head)
        self._form = c2py(rule)

    def gettext(self, message: str) -> str:
        return self._sentences.get(message, (message,))[0]

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        forms = self._sentences.get(msgid1)
        return forms[self._form(n)] if forms else super().ngettext(msgid1, msgid2, n)


def _entries(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each sentence with its translation, or one for each plural form. Those without are left out."""
    for entry in re.split(r"\n{2,}", text):
        fields = {name: _unquoted(lines) for name, lines in _FIELD.findall(entry + "\n")}
        forms = tuple(said for name, said in fields.items() if name.startswith("msgstr"))
        if forms and all(forms):
            yield fields["msgid"], forms


def _unquoted(lines: str) -> str:
    """A string that may go over several lines. Its escapes are Python's, too."""
    return "".join(map(literal_eval, lines.splitlines()))


@cache
def catalogue(locale: str) -> NullTranslations:
    """The translations for a locale; for one that there are none for, those that leave everything as it is."""
    file = LOCALES / f"{locale}.po"
    if not locale.replace("-", "").isalpha() or not file.is_file():
        return NullTranslations()
    return Catalogue(file.read_text("utf-8"))
