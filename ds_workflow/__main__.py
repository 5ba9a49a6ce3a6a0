"""`python -m ds_workflow`."""

from __future__ import annotations

import atexit
import gc

from ds_workflow.cli.main import main

# Before it ends, Python would look through every imported object for garbage, which takes a third of most commands.
atexit.register(gc.freeze)

if __name__ == "__main__":
    main(prog_name="ds-workflow")
