"""The text of a written hypothesis taken apart: YAML front matter and body, with the line of every field."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ds_workflow.domain.hypothesis import Draft, content_digest, sections_of
from ds_workflow.domain.outcome import without_outcome
from ds_workflow.errors import InvalidInput

if TYPE_CHECKING:
    import yaml

_KEPT = 512  # documents that stay taken apart; YAML is slow, and a page of the console asks for all of them


def _plain(node: yaml.Node, path: str, lines: dict[str, int]) -> Any:
    """The node as text, lists and mappings, and the line of every field.

    Every scalar stays the text that was written: `2.0` is a version and not a number, `no` is a word.
    """
    import yaml

    if isinstance(node, yaml.ScalarNode):
        return "" if not node.style and node.value in ("~", "null") else str(node.value)
    if isinstance(node, yaml.SequenceNode):
        found = []
        for i, item in enumerate(node.value):
            lines[f"{path}[{i}]"] = item.start_mark.line + 2
            found.append(_plain(item, f"{path}[{i}]", lines))
        return found
    read: dict[str, Any] = {}
    for key, value in node.value:
        name, at = str(key.value), key.start_mark.line + 2  # the front matter begins on line 2
        where = f"{path}.{name}" if path else name
        if not isinstance(key, yaml.ScalarNode) or name in read:
            raise InvalidInput(
                f"line {at}: '{where}' stands there twice, so one of the two would be ignored."
                if name in read
                else f"line {at}: a field's name is a single word.",
                hint="Keep one of them.",
            )
        lines[where] = at
        read[name] = _plain(value, where, lines)
    return read


def meaning(content: bytes) -> str:
    """What a document says, as one digest: of all of it but its outcome, which the arena writes."""
    return content_digest(content.decode("utf-8", "replace"))


@lru_cache(maxsize=_KEPT)
def read(text: str) -> Draft:
    """The document taken apart. InvalidInput names the line that can't be read as front matter and body.

    The same text gives the same draft, which nobody changes.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    digest = content_digest(text)
    plain = without_outcome(text, keep_lines=True).removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    rows = plain.split("\n")
    close = next((i for i, row in enumerate(rows[1:], start=1) if row.rstrip() == "---"), 0)
    if rows[0].rstrip() != "---" or not close:
        raise InvalidInput(
            "line 1: the document must begin with YAML front matter between two lines of '---'.",
            hint="See docs/hypotheses/TEMPLATE.md.",
        )
    front = "\n".join(rows[1:close])
    lines: dict[str, int] = {}
    try:
        if any(isinstance(token, (yaml.AliasToken, yaml.TagToken)) for token in yaml.scan(front, Loader=loader)):
            raise InvalidInput("The front matter uses YAML aliases or tags (*name, !name); write the values out.")
        node = yaml.compose(front, Loader=loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 2}, column {mark.column + 1}: " if mark else ""
        raise InvalidInput(
            f"{where}the front matter is not valid YAML ({getattr(error, 'problem', None) or error}).",
            hint='Put texts with a colon or a # in quotes: title: "Price: nearer".',
        ) from error
    if node is not None and not isinstance(node, yaml.MappingNode):
        raise InvalidInput("line 2: the front matter must be a list of fields, 'name: value'.")
    fields = {} if node is None else _plain(node, "", lines)
    body = "\n".join(rows[close + 1 :])
    for title, _, at in sections_of(body):
        lines.setdefault(title, at + close + 1)
    return Draft(fields, body, digest, lines)
