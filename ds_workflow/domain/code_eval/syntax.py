"""Reading source that strangers wrote: it parses or it doesn't, and nothing else happens."""

from __future__ import annotations

import ast
import symtable
import warnings

# what the parser raises for text that is no program, or is nested beyond its stack
_REFUSED = (SyntaxError, ValueError, RecursionError, MemoryError)


def parsed(source: str) -> ast.Module | None:
    """The tree of a source, or None. Warnings about it (odd escapes) are the author's business, not the user's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source)
        except _REFUSED:
            return None


def scopes(source: str) -> symtable.SymbolTable | None:
    """The symbol table of a source, or None."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return symtable.symtable(source, "<completion>", "exec")
        except _REFUSED:
            return None
