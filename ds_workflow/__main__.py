"""`python -m ds_workflow`."""

from __future__ import annotations

from ds_workflow.cli.main import main

if __name__ == "__main__":
    main(prog_name="ds-workflow")
