"""Plug-ins by name: a plug-in is a module, and its name is the module's name.

A trailing `_model` is not part of the name (`global_model` is `global`, which alone would be a Python keyword).
Names are listed without importing any. Outsiders add one through the entry point group `ds_workflow.<group>`.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib import metadata
from types import ModuleType

from ds_workflow.errors import InvalidInput, UnknownName

GROUPS = ("problems", "strategies", "contests")
# what a champion and a challenger may stand for: problems are trained here, contests judge what was made elsewhere
SUBJECTS = ("problems", "contests")


def _own(group: str) -> dict[str, str]:
    """Plug-in name -> module name, of those that ship with the package."""
    package = importlib.import_module(f"ds_workflow.{group}")
    found = (module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_"))
    return {name.removesuffix("_model"): name for name in found}


def _ours(group: str) -> dict[str, str]:
    """`_own`, nothing for an unknown group. Asked first: to find outsiders takes reading every installed package."""
    return _own(group) if group in GROUPS else {}


def _entry_points(group: str) -> dict[str, metadata.EntryPoint]:
    return {point.name: point for point in metadata.entry_points(group=f"ds_workflow.{group}")}


def names(group: str) -> list[str]:
    """All plug-in names of a group, sorted, none of them imported."""
    if group not in GROUPS:
        raise UnknownName("plug-in group", group, GROUPS)
    return sorted({*_own(group), *_entry_points(group)})


def require(group: str, name: str) -> None:
    """Raise UnknownName, with the known ones, unless a plug-in answers to the name; imports none."""
    if name not in _ours(group) and name not in names(group):
        raise UnknownName({"problems": "problem", "contests": "contest"}.get(group, "strategy"), name, names(group))


def subject(name: str) -> str:
    """The group in which a problem or a contest of that name stands; UnknownName lists both. Imports none."""
    for known in (_ours, names):
        for group in SUBJECTS:
            if name in known(group):
                return group
    raise UnknownName("problem", name, [other for group in SUBJECTS for other in names(group)])


@cache
def load(group: str, name: str) -> ModuleType:
    """The plug-in's module; our own name wins over an outsider's. Raises UnknownName with the known ones, InvalidInput
    for an outsider's that is broken."""
    own = _ours(group)
    if name in own:
        return importlib.import_module(f"ds_workflow.{group}.{own[name]}")
    require(group, name)
    point = _entry_points(group)[name]
    try:
        loaded = point.load()
    except Exception as error:  # whatever a stranger's module raises, the user is told whose it is
        raise InvalidInput(
            f"The plug-in '{name}' of 'ds_workflow.{group}' ({point.value}) can't be imported: "
            f"{type(error).__name__}: {error}",
            hint="Mend or uninstall the package that brings it.",
        ) from error
    if not isinstance(loaded, ModuleType):
        raise InvalidInput(f"The entry point '{name}' of 'ds_workflow.{group}' must name a module, not {loaded!r}.")
    return loaded
