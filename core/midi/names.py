"""Names of tracks, whose encoding no file tells: it is guessed from all the names of a file together. Libraries that
guess the encoding of whole texts are wrong about words so short (charset-normalizer: 68 of 82 names of tracks)."""

from __future__ import annotations

import re
from collections.abc import Callable

LONGEST = 30
"""Letters of a name that are shown."""

_PUNCTUATION = " -.'"
_LEAST = 0.6
"""How likely, from 0 to 1, a guess must be."""
_ELISION = re.compile("[A-Za-z]{1,2}’")
"""l’été, d’amour"""
_ASCII_LETTER = re.compile("[A-Za-z]")
_WORDS = re.compile(r"[^\W\d_]+")
_CJK_MUSIC = frozenset(
    "右左手钢琴鋼主旋律鼓贝斯吉他弦乐樂伴奏小大提二胡笛箫声聲部音轨軌道曲歌人唱演和高低中夜月想鍵盤千本桜名器"
)
"""Common in names of tracks. Of other characters, the common half comes in the first level of each standard."""
_DAKUTEN = re.compile("[ｶ-ﾄﾊ-ﾎｳ]ﾞ|[ﾊ-ﾎ]ﾟ")
_RARE_CYRILLIC = frozenset("цщэфъыьйюжхчшё")
_LATIN = frozenset("äöüßéèêëàâçñóíáúãõôîïûæøåœìòùþð")
"""Letters of western Europe; others, such as š and ÿ, are seldom in names."""


def decoded(names: list[bytes]) -> list[str]:
    """The names, clean enough to be shown; one that cannot be read is empty."""
    foreign = [name for name in names if not _is_utf8(name)]
    encoding = _guessed(b"\n".join(foreign)) if foreign else "utf-8"
    return [_clean(_text(name, "utf-8" if _is_utf8(name) else encoding)) for name in names]


def _is_utf8(name: bytes) -> bool:
    return bool(_text(name, "utf-8")) or not name


def _text(name: bytes, encoding: str) -> str:
    try:
        return name.decode(encoding)
    except UnicodeDecodeError:
        return ""


def _clean(text: str) -> str:
    kept = "".join(letter for letter in text if letter.isalnum() or letter in _PUNCTUATION or letter.isspace())
    return " ".join(kept.split())[:LONGEST].strip()


def _guessed(names: bytes) -> str:
    """The likeliest encoding; ASCII, in which none of them can be read, where no guess is likely."""
    found = {encoding: _likely(_text(names, encoding), likelihood) for encoding, likelihood in _LIKELIHOODS.items()}
    best = max(found, key=lambda encoding: found[encoding])
    return best if found[best] >= _LEAST else "ascii"


def _likely(text: str, likelihood: Callable[[str, str], float]) -> float:
    """The mean over the letters beyond ASCII, in their words."""
    words = [word for word in re.split(r"[\s\d()\-_/]+", text) if not word.isascii()]
    chances = [likelihood(letter, word) for word in words for letter in word if not letter.isascii()]
    return sum(chances) / len(chances) if chances else 0.0


def _japanese(letter: str, word: str) -> float:
    if "ぁ" <= letter <= "ヺ" or letter in "ーヽ々・":
        return 1.0 if not _ASCII_LETTER.search(word) else 0.5
    if "｡" <= letter <= "ﾟ":  # half as wide, as they were on the first machines
        voiced = sum(letter in "ﾞﾟ" for letter in word)
        return 0.9 if voiced and voiced == len(_DAKUTEN.findall(word)) else 0.3
    return _cjk(letter, "cp932", 0x88, 0x97)


def _chinese(letter: str, word: str) -> float:
    return _cjk(letter, "gbk", 0xB0, 0xD7) if letter.encode("gbk")[-1] >= 0xA1 else 0.0


def _cjk(letter: str, encoding: str, first: int, last: int) -> float:
    """`first` to `last` begin the characters of the standard's first level."""
    if letter in _CJK_MUSIC:
        return 1.0
    return 0.7 if first <= letter.encode(encoding)[0] <= last else 0.1


def _russian(letter: str, word: str) -> float:
    if not ("а" <= letter.lower() <= "я" or letter in "ёЁ") or not _is_cased(word) or _ASCII_LETTER.search(word):
        return 0.0
    return 0.6 if len(word) == 1 else 0.4 if letter.lower() in _RARE_CYRILLIC else 0.9


def _western(letter: str, word: str) -> float:
    if letter == "’":
        return 0.9 if _ELISION.match(word) else 0.0
    if not letter.isalpha():
        return 0.7 if letter in "–—°©®" else 0.0
    if len(word) == 1:
        return 0.9 if letter in "àéóÀ" else 0.0
    if letter.lower() not in _LATIN or re.search(r"[^\W\d_\x00-\x7f]{3}", word) or not _is_cased(word):
        return 0.0
    return 0.9


def _mac(letter: str, word: str) -> float:
    return 0.95 * _western(letter, word)  # other machines are more common


def _is_cased(word: str) -> bool:
    """Whether capitals stand at the beginnings of words alone, or everywhere."""
    return all(part.isupper() or part[1:].islower() or len(part) == 1 for part in _WORDS.findall(word))


_LIKELIHOODS = {
    "cp932": _japanese,
    "gbk": _chinese,
    "cp1251": _russian,
    "cp1252": _western,
    "mac_roman": _mac,
}
"""The encodings that are known, and how likely a letter beyond ASCII is in a word, from 0 to 1."""
