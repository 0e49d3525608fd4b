"""Texts that strangers type and values that they fill in, for Hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from core.option_kinds import Choice, Number, Option, WholeNumber
from core.options import CROP, KEY, STYLE, options_of
from core.tonality import ALL_KEYS

LONGEST_OPTION = 6000
"""Characters that Discord lets somebody type into an option."""
WIDEST = 2**53
"""Discord's numbers are within plus and minus this."""

PARTS = st.sampled_from(
    [
        *(
            "random",
            "C5",
            "60",
            "72",
            "108",
            "b",
            "♭",
            "#",
            "C minor",
            "major",
            "C5 (72)",
            "(",
            ")",
            "seed:",
            "melody:",
        ),
        *(" ", ",", ", ", "\n", "\u2028", "\x00", "\t", "\u202e", "😀", "@everyone", "[a](b)", "-1", "٣", "²"),
        *("length:50", "length:", "style:Chopin", "style=", "temperature:0,5", "top_p:0.9", "take:", "take=3"),
        *("model:article", "instrument:music_box", "tempo:50", "transpose:-3", "audio:wav", "crop:1-2", "private:yes"),
        *("takes:3", "takes:", "key:Eb major", "mood:sad", "pace:", "dynamics=loud", "freedom:50", "C4 D4 E4 G4"),
        *("/compose ", "/harmonize ", "1e999"),
    ]
)
TEXTS = st.text(max_size=200) | st.lists(PARTS | st.text(max_size=4), max_size=12).map("".join)
TYPED = TEXTS | st.builds(
    lambda before, part, count, after: (before + part * count + after)[:LONGEST_OPTION],
    TEXTS,
    PARTS | st.text(max_size=4),
    st.sampled_from([10, 30, 100, LONGEST_OPTION]),
    TEXTS,
)
MELODIES = st.lists(st.integers(0, 127), max_size=20).map(lambda pitches: " ".join(map(str, pitches)))
_ANY_VALUE: dict[type, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: st.integers(-WIDEST, WIDEST),
    float: st.floats(0, 2) | st.floats(-WIDEST, WIDEST),
    str: TYPED,
}
_LIKELY: dict[Option[Any], st.SearchStrategy[Any]] = {
    STYLE: st.just("Chopin"),
    KEY: st.sampled_from([*map(str, ALL_KEYS), "Es-Dur", "f#"]),
    CROP: st.sampled_from(["30-60", "0:30-", "-1:00", "60-30", "-"]),
}


def values(option: Option[Any]) -> st.SearchStrategy[Any]:
    """Anything that a client may send for an option, much of it within the option's bounds."""
    return st.none() | _likely(option) | _ANY_VALUE[option.kind]


def _likely(option: Option[Any]) -> st.SearchStrategy[Any]:
    if isinstance(option, Choice):
        return st.sampled_from(option.choices)
    if isinstance(option, WholeNumber):
        return st.integers(option.least - 1, min(option.most, WIDEST) + 1)
    if isinstance(option, Number):
        return st.floats(option.least, 1000.0 if option.most is None else option.most)
    return _LIKELY.get(option, st.nothing())


def filled_in(command: str) -> st.SearchStrategy[dict[str, Any]]:
    """Values of some of a command's options, by the names of its parameters."""
    return st.fixed_dictionaries({}, optional={each.parameter: values(each) for each in options_of(command)})
