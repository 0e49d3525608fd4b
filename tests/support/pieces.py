"""Small pieces for tests that need no music."""

from core.piece import Heard, Piece
from core.recipe import Recipe
from core.request import ComposeRequest
from core.seed import Seed

REQUEST = ComposeRequest(seed=Seed.parse("72"), take=7)


def piece(request: ComposeRequest = REQUEST, *, audio: bytes = b"ID3 sound") -> Piece:
    recipe = Recipe(request, checkpoint="0123456789ab")
    times = {"compose": 3.0, "render": 1.0, "encode": 0.5, "draw": 0.2}
    heard = Heard(request.seconds, lowest=36, highest=84, loudest=17.0, key="C minor")
    return Piece(recipe, request.seconds, 312, b"MThd notes", audio, b"\x89PNG picture", times, heard=heard)
