"""Rooms and their order: no import runs upward and none runs in a circle, those for types alone included."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

ROOMS = (
    "core",
    "bot.settings",
    "bot.process",
    "bot.store",
    "bot.language",
    "bot.delivery",
    "bot.model_cards",
    "bot.services",
    "bot.commands",
    "bot.client",
    "bot.__main__",
)
"""From the lowest up: a room imports itself and rooms that stand before it."""


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(file): file for package in ("core", "bot") for file in (ROOT / package).rglob("*.py")}


def imports_of(module: str) -> Iterator[str]:
    """Modules of this project that a module imports, anywhere in its file."""
    for node in ast.walk(ast.parse(MODULES[module].read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module} has a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else str(node.module) for name in names]
        else:
            continue
        yield from (name for name in names if name in MODULES and name != module)


def room_of(module: str) -> int:
    """The place of a module's room in the order; a package such as `bot` itself belongs to its lowest room."""
    found = [place for place, room in enumerate(ROOMS) if f"{module}.".startswith(f"{room}.")]
    found = found or [place for place, room in enumerate(ROOMS) if room.startswith(f"{module}.")]
    assert found, f"{module} is in no room: give it a place in the order"
    return found[0]


@pytest.mark.parametrize("module", sorted(MODULES))
def test_no_import_runs_upward(module: str):
    """A module imports its own room and those below it."""
    upward = [imported for imported in imports_of(module) if room_of(imported) > room_of(module)]
    assert not upward, f"{module} imports {', '.join(upward)}, which its room is below"


def test_no_import_runs_in_a_circle():
    """Modules can be put into an order in which each imports earlier ones alone."""
    left = {module: set(imports_of(module)) for module in MODULES}
    while free := [module for module, imported in left.items() if not imported & left.keys()]:
        for module in free:
            del left[module]
    assert not left, f"there is a circle among {', '.join(sorted(left))}"
