"""The registry remembers: versions, aliases, proposals, decisions, holdout spending.

Its face names records and errors only; the stores are tied together in one place, the workspace.
"""
