"""Numbers, dates and lists as a language writes them, by Unicode's CLDR. `make texts` takes what is needed of it from
Babel, which itself, with all languages of the world, would be a third of the bot's packages and 6 MB of its memory."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

LOCALES = Path(__file__).with_name("locales")
FILE = LOCALES / "formats.json"
ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class Formats:
    """How one language writes."""

    decimal: str
    group: str
    percent: str
    """Of `{}`, the number."""
    lists: Sequence[str]
    """The patterns of a pair, and of a longer list's beginning, middle and end."""
    date: str
    """Of `%(dd)s`, a day with two digits, and the other fields of CLDR's."""
    months: Sequence[str]
    """Their names in a date."""
    large: Mapping[str, Sequence[str]]
    """Names of large numbers, such as `{} million`, for one and for many, by the power of ten."""

    def number(self, value: float, specification: str) -> str:
        """The number by one of Python's format specifications; a percentage has no decimals."""
        if specification.endswith("%"):
            return self.percent.format(self._written(f"{round(Decimal(str(value)) * 100):,}"))
        return self._written(format(value, specification))

    def _written(self, english: str) -> str:
        return english.translate({ord("."): self.decimal, ord(","): self.group})

    def enumeration(self, members: Sequence[str]) -> str:
        """The members as a list within a sentence."""
        if len(members) < 2:
            return "".join(members)
        pair, beginning, middle, end = self.lists
        if len(members) == 2:
            return pair.format(*members)
        listed = beginning.format(*members[:2])
        for member in members[2:-1]:
            listed = middle.format(listed, member)
        return end.format(listed, members[-1])

    def day(self, moment: float) -> str:
        """The day of a moment in seconds since 1970, in UTC."""
        day = datetime.fromtimestamp(moment, UTC)
        fields = {"d": day.day, "dd": f"{day.day:02}", "M": day.month, "MM": f"{day.month:02}", "y": day.year}
        return self.date % {**fields, "MMM": self.months[day.month - 1]}

    def rounded(self, value: float) -> str:
        """A large number as it is said, by three digits at most."""
        exact = Decimal(f"{value:.2e}")
        power = max((int(power) for power in self.large if int(power) <= exact), default=1)
        count = round(exact / power, 1)
        one, many = self.large.get(str(power), ("{}", "{}"))
        digits = f"{count:f}".removesuffix(".0")
        return (one if count == 1 else many).format(self._written(digits))


@cache
def formats(locale: str) -> Formats:
    """Those of one of Discord's locales; of English where there are none."""
    return _all_formats().get(locale) or _all_formats()[ENGLISH]


@cache
def _all_formats() -> dict[str, Formats]:
    return {locale: Formats(**fields) for locale, fields in json.loads(FILE.read_text("utf-8")).items()}
