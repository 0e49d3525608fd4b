"""The commands of training: what they are told that cannot be."""

import pytest

from core.errors import BadData
from training import generate, performance


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--batch", "0", "batch: Input should be greater than or equal to 1"),
        ("--dropout", "2", "dropout: Input should be less than or equal to 1"),
        ("--shares", "0", "share: Input should be greater than 0"),
    ],
)
def test_options_out_of_range_are_no_plan(option: str, value: str, sentence: str):
    """One sentence that names the option, before any data is read."""
    with pytest.raises(BadData, match=f"^these options are no plan: {sentence}"):
        performance.main(["--data", "nowhere", option, value])


@pytest.mark.parametrize("value", ["0", "-3", "many"])
def test_a_count_is_one_or_more(value: str, capsys: pytest.CaptureFixture[str]):
    """Anything else is refused as argparse refuses."""
    with pytest.raises(SystemExit):
        generate.main(["checkpoint", "pieces", "--pieces", value])
    assert f"argument --pieces: '{value}' is not a whole number of 1 or more" in capsys.readouterr().err
