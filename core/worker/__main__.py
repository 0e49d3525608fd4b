"""`python -m core.worker`. A module of its own: each process that plays pieces would import the program's main module,
and with it all that the worker needs, if it were not called so."""

import logging
import os

from core.process.private import keep_private
from core.worker import main

if __name__ == "__main__":
    keep_private()
    code = main()
    logging.shutdown()
    os._exit(code)  # a thread inside FluidSynth or TensorFlow would hold up the usual way out; its job is kept
