"""bot/language/formats.py: numbers, dates and lists, beside Babel."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from babel.core import Locale
from babel.dates import format_date
from babel.lists import format_list
from babel.numbers import format_compact_decimal, format_decimal, format_percent

from bot.language.formats import FILE, formats
from tests.support import cldr

LOCALES = pytest.mark.parametrize("locale", ["en-US", "de", "zh-CN"])


def babel(locale: str) -> Locale:
    return Locale.parse(locale, sep="-")


def test_the_file_is_babels():
    """`make texts` ran after the last change, of Babel or of the languages."""
    assert FILE.read_text("utf-8") == cldr.formats()


@LOCALES
@pytest.mark.parametrize("value", [0.0, 0.8, 0.295, 0.125, 1.0, 12.345])
def test_percentages_are_babels(locale: str, value: float):
    """Rounded half to even, with a space where the language has one."""
    assert formats(locale).number(value, ".0%") == format_percent(value, locale=babel(locale))


@LOCALES
def test_numbers_are_babels(locale: str):
    """By Python's specification, with the language's signs."""
    assert formats(locale).number(1234567.5, ",.1f") == format_decimal(1234567.5, locale=babel(locale))


@LOCALES
@pytest.mark.parametrize("count", range(6))
def test_lists_are_babels(locale: str, count: int):
    """None, one, a pair and more; braces are no places."""
    members = ["Bach", "{0}", "Liszt", "Satie", "Ravel"][:count]
    assert formats(locale).enumeration(members) == format_list(members, locale=babel(locale))


@LOCALES
@pytest.mark.parametrize("month", range(1, 13))
def test_days_are_babels(locale: str, month: int):
    """Of every month, with one digit and with two."""
    for day in (datetime(2026, month, 5, tzinfo=UTC), datetime(2026, month, 27, 23, 59, tzinfo=UTC)):
        assert formats(locale).day(day.timestamp()) == format_date(day, locale=babel(locale))


@LOCALES
@pytest.mark.parametrize("value", [0, 7, 999, 1000, 1560, 12_345, 556_000, 5_561_234, 83_000_000, 3e9, 2.5e13])
def test_large_numbers_are_babels(locale: str, value: float):
    """By three digits at most."""
    style = "short" if locale == "zh-CN" else "long"
    rounded = float(f"{value:.2e}")
    said = format_compact_decimal(rounded, format_type=style, locale=babel(locale), fraction_digits=1)
    assert formats(locale).rounded(value) == said


@pytest.mark.parametrize(("value", "said"), [(1_000_000, "1 Million"), (1_100_000, "1,1 Millionen")])
def test_one_is_singular(value: float, said: str):
    """Which Babel leaves out where it rounds."""
    assert formats("de").rounded(value) == said
