"""Rooms and their order: no import runs upward and none runs in a circle, those for types alone included. And packages:
each program has those that it imports."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

ROOMS = (
    "core",
    "core.process",
    "core.native",
    "core.midi",
    "core.article",
    "core.performance",
    "core.performance.native",
    "core.performance.xla.cache",
    "core.performance.recall",
    "core.performance.model",
    "core.performance.xla",
    "core.performance.engines",
    "core.performance.composer",
    "core.loader",
    "core.precompile",
    "core.queue",
    "core.rendering",
    "core.pipeline",
    "core.rendering.pool",
    "core.worker",
    "core.files",
    "core.cli",
    "core.__main__",
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
"""From the lowest up: a room imports itself and rooms that stand before it. The room `core` is the modules of the
package that have no row of their own."""


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(file): file for package in ("core", "bot") for file in (ROOT / package).rglob("*.py")}


def imported_by(tree: ast.AST) -> Iterator[str]:
    """Dotted names that are imported anywhere in a module's code."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module}.{alias.name}" for alias in node.names)


def imports_of(module: str) -> set[str]:
    """Modules of this project that a module imports."""
    names = imported_by(ast.parse(MODULES[module].read_text("utf-8")))
    return {name if name in MODULES else name.rpartition(".")[0] for name in names} & MODULES.keys() - {module}


def test_no_import_is_relative():
    """A name that begins with a dot would pass the tests below unseen."""
    for module, file in MODULES.items():
        relative = [name for name in imported_by(ast.parse(file.read_text("utf-8"))) if name.startswith(".")]
        assert not relative, f"{module} imports {relative[0]}"


def room_of(module: str) -> int:
    """The place of the narrowest room that a module is in; the package `bot` itself belongs to its lowest room."""
    rooms = [room for room in ROOMS if f"{module}.".startswith(f"{room}.")]
    rooms = rooms or [room for room in ROOMS if room.startswith(f"{module}.")][:1]
    assert rooms, f"{module} is in no room: give it a place in the order"
    return ROOMS.index(max(rooms, key=len))


def test_imports_for_types_are_seen():
    """So are those inside a function: such an import is in the way of whoever moves a module, too."""
    assert "core.rendering.audio" in imports_of("core.__main__")  # in a function
    lines = ast.parse("if TYPE_CHECKING:\n    from core.piece import Piece\nimport core.text")
    assert set(imported_by(lines)) == {"core.piece.Piece", "core.text"}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_no_import_runs_upward(module: str):
    """A module imports its own room and those below it."""
    upward = [imported for imported in imports_of(module) if room_of(imported) > room_of(module)]
    assert not upward, f"{module} imports {', '.join(upward)}, which its room is below"


def test_no_import_runs_in_a_circle():
    """Modules can be put into an order in which each imports earlier ones alone."""
    left = {module: imports_of(module) for module in MODULES}
    while free := [module for module, imported in left.items() if not imported & left.keys()]:
        for module in free:
            del left[module]
    assert not left, f"there is a circle among {', '.join(sorted(left))}"


def run_by(program: str) -> Iterator[ast.Module]:
    """The code of every module of this project that a program may import, without imports for types alone."""
    found, left = {program}, [program]
    while left:
        tree = without_types(ast.parse(MODULES[left.pop()].read_text("utf-8")))
        yield tree
        names = {part for name in imported_by(tree) for part in (name, name.rpartition(".")[0])}
        new = (names & MODULES.keys()) - found
        found |= new
        left += new


def without_types(tree: ast.Module) -> ast.Module:
    tree.body = [
        node for node in tree.body if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
    ]
    return tree


def spelled(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


@pytest.mark.parametrize(("program", "packages"), [("bot.__main__", "bot"), ("core.worker.__main__", "worker")])
def test_a_program_imports_no_package_of_another_one(program: str, packages: str):
    """All that bot and worker import, also within functions, is in the requirements of their own set."""
    pinned = re.findall(r"^([\w.-]+)==", (ROOT / "requirements" / f"{packages}.txt").read_text(), re.MULTILINE)
    imported = {name.partition(".")[0] for tree in run_by(program) for name in imported_by(tree)}
    others = imported - {"bot", "core"} - sys.stdlib_module_names
    installed = packages_distributions()
    needed = {spelled(package) for name in others for package in installed[name]}
    assert needed - {*map(spelled, pinned)} == set()
    assert needed
