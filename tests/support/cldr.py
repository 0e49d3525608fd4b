"""How languages write numbers, dates and lists, by CLDR: what the bot needs of it, taken from Babel.

`python -m tests.support.cldr`, which `make texts` calls, writes the file that `bot/language/formats.py` reads."""

from __future__ import annotations

import json
from typing import Any

from babel.core import Locale
from babel.numbers import get_decimal_symbol, get_group_symbol

from bot.language.formats import ENGLISH, FILE, LOCALES


def formats() -> str:
    """The file's content: English, and each language that has a catalogue."""
    languages = [ENGLISH, *sorted(file.stem for file in LOCALES.glob("*.po"))]
    return json.dumps({name: _of(name) for name in languages}, indent=1, ensure_ascii=False) + "\n"


def _of(name: str) -> dict[str, Any]:
    """The fields of `Formats`."""
    locale = Locale.parse(name, sep="-")
    lists = locale.list_patterns["standard"]
    return {
        "decimal": get_decimal_symbol(locale),
        "group": get_group_symbol(locale),
        "percent": locale.percent_formats[None].pattern.replace("#,##0", "{}"),
        "lists": [lists[place] for place in ("2", "start", "middle", "end")],
        "date": locale.date_formats["medium"].format,
        "months": [locale.months["format"]["abbreviated"][month] for month in range(1, 13)],
        "large": _large(locale),
    }


def _large(locale: Locale) -> dict[str, list[str]]:
    """By the power of ten, from CLDR's pattern of each magnitude: `000 million`, of 100,000,000, counts millions."""
    style = "long" if "long" in locale.compact_decimal_formats else "short"
    patterns = locale.compact_decimal_formats[style]
    names: dict[str, list[str]] = {}
    for magnitude, pattern in patterns["other"].items():
        zeros = pattern.pattern.count("0")
        power = str(int(magnitude) // 10 ** (zeros - 1))
        if pattern.pattern != "0":
            one = patterns.get("one", patterns["other"])[magnitude]
            names.setdefault(power, [each.pattern.replace("0" * zeros, "{}") for each in (one, pattern)])
    return names


if __name__ == "__main__":
    FILE.write_text(formats(), encoding="utf-8")
