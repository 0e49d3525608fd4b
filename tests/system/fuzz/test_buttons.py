"""Custom ids of buttons and selects, which any client may send."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.commands.register import COMPONENTS
from core.errors import BadRequest
from tests.system.fuzz.claims import EXAMPLES, sentence

TEMPLATES = {button: button.__discord_ui_compiled_template__ for button in COMPONENTS}
IDS = st.one_of(
    st.text(max_size=100),
    *(st.from_regex(template) for template in TEMPLATES.values()),
    *(st.from_regex(template, fullmatch=True) for template in TEMPLATES.values()),
    st.builds(
        lambda kind, rest: f"{kind}:{rest}",
        st.sampled_from(sorted({template.pattern.split(":")[0] for template in TEMPLATES.values()})),
        st.text(),
    ),
    st.builds("cancel:{}".format, st.integers(0, 10**30)),
    st.builds("history:{}".format, st.text("0123456789", max_size=9)),
)


def result(work: Coroutine[Any, Any, Any]) -> Any:
    """Of a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


@settings(max_examples=10 * EXAMPLES)
@given(IDS)
@example("history:007")
@example("cancel:" + "9" * 90)
def test_a_button_is_known_by_what_it_wrote_itself(custom_id: str):
    """At most one kind of button reads a custom_id, and what it reads is what it would write."""
    known = [(button, match) for button, template in TEMPLATES.items() if (match := template.fullmatch(custom_id))]
    assert len(known) <= 1
    for button, match in known:
        try:
            item = result(button.from_custom_id(None, None, match))
        except BadRequest as refusal:
            sentence(refusal)
        else:
            assert item.item.custom_id == custom_id
            assert len(custom_id) <= 100
            assert custom_id.isascii()
