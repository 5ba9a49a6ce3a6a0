"""The effective-challenge checklist: gates A to L, filled by the machine where it can know, signed by people elsewhere.

Pure: the gates come from a mapping, what the machine knows as facts, who signed as events.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ds_workflow.domain.materiality import Materiality, Tier
from ds_workflow.errors import InvalidInput, StateConflict, UnknownName
from registry.records import Event, VersionRef

SIGNED = "checklist.signed"
NO_SIGNATURE = {"viewer", "disabled", "service"}  # roles that look, or are no person
Status = Literal["pass", "fail", "unknown"]
Standing = Literal["pass", "fail", "unknown", "unsigned", "not required"]


@dataclass(frozen=True)
class Fact:
    """What the machine knows: `detail` in words, `evidence` the name of the source that shows it."""

    name: str
    status: Status
    detail: str
    evidence: str = ""


@dataclass(frozen=True)
class Gate:
    """One gate. `facts` are what the machine must know for it; `signed` asks for a person of the `role` too. It is
    required for `tier` and every tier above it (a lower number)."""

    id: str
    section: str
    question: str
    role: str
    tier: Tier
    facts: tuple[str, ...] = ()
    signed: bool = False


@dataclass(frozen=True)
class Signature:
    """That somebody signed a gate for certain bytes of a version; `granted` False takes an earlier one back."""

    gate: str
    by: str
    at: str
    digest: str
    note: str = ""
    own: bool = False  # by the owner of the version, or while nobody was declared
    granted: bool = True


@dataclass(frozen=True)
class Line:
    """A gate as it stands for a version: its status, why, who is named for it, who signed."""

    gate: Gate
    status: Standing
    detail: str
    approver: str
    signature: Signature | None
    facts: tuple[Fact, ...]

    @property
    def open(self) -> bool:
        """Whether it is required and not green."""
        return self.status not in ("pass", "not required")


@dataclass(frozen=True)
class Checklist:
    """The sections by letter, and the gates in order."""

    sections: Mapping[str, str]
    gates: tuple[Gate, ...]

    def gate(self, ident: str) -> Gate:
        """The gate of that id; UnknownName lists those that people sign."""
        for gate in self.gates:
            if gate.id == ident:
                return gate
        raise UnknownName("gate", ident, (g.id for g in self.gates if g.signed))

    @staticmethod
    def parse(content: Any, *, facts: Iterable[str], where: str = "the checklist") -> Checklist:
        """The checklist in a mapping, as YAML gives it; `facts` are the names that the machine knows.

        Raises InvalidInput naming the gate: twice the same id, a fact that nobody computes, nothing asked at all.
        """
        if not isinstance(content, Mapping) or not isinstance(content.get("sections"), Mapping):
            raise InvalidInput(f"{where} must hold a mapping 'sections' from a letter to a title and gates.")
        known, gates = set(facts), []
        for letter, section in content["sections"].items():
            for entry in section.get("gates") or ():
                gates.append(_gate(entry, str(letter), known, where))
        ids = [g.id for g in gates]
        if len(set(ids)) != len(ids):
            raise InvalidInput(
                f"{where} names a gate twice: {', '.join(sorted({i for i in ids if ids.count(i) > 1}))}."
            )
        return Checklist({str(k): str(s["title"]) for k, s in content["sections"].items()}, tuple(gates))


def _gate(entry: Mapping[str, Any], letter: str, known: set[str], where: str) -> Gate:
    ident = str(entry.get("id", "?"))
    if unknown := sorted(set(entry) - {"id", "question", "role", "tier", "facts", "signed"}):
        raise InvalidInput(f"{where}, gate {ident} has keys that nobody knows: {', '.join(unknown)}.")
    facts = tuple(map(str, entry.get("facts") or ()))
    if strange := sorted(set(facts) - known):
        raise InvalidInput(f"{where}, gate {ident} asks for facts that nobody computes: {', '.join(strange)}.")
    if not ident.startswith(letter) or entry.get("tier") not in (1, 2, 3) or not str(entry.get("question") or ""):
        raise InvalidInput(f"{where}, gate {ident} needs an id of section {letter}, a question and a tier 1, 2 or 3.")
    signed = bool(entry.get("signed"))
    if not facts and not signed:
        raise InvalidInput(f"{where}, gate {ident} asks neither the machine nor a person, so nothing could fail it.")
    return Gate(ident, letter, str(entry["question"]), str(entry["role"]), entry["tier"], facts, signed)


def signatures(events: Iterable[Event], problem: str, version: VersionRef) -> dict[str, Signature]:
    """The last word on each gate for exactly these bytes; what was taken back is left out."""
    found: dict[str, Signature] = {}
    for event in events:
        body = event.body
        if event.kind != SIGNED or body.get("problem") != problem or body.get("digest") != version.digest:
            continue
        one = Signature(
            body["gate"], body["by"], event.at, body["digest"], body["note"], bool(body["own"]), bool(body["granted"])
        )
        found.pop(one.gate, None)
        if one.granted:
            found[one.gate] = one
    return found


def standing(
    checklist: Checklist,
    *,
    facts: Mapping[str, Fact],
    signed: Mapping[str, Signature],
    materiality: Materiality,
) -> tuple[Line, ...]:
    """Each gate as it stands: what it needs in this tier, what the machine knows, who signed.

    Facts of a gate that the tier does not require are shown all the same.
    """
    return tuple(_line(gate, facts, signed.get(gate.id), materiality) for gate in checklist.gates)


def _line(gate: Gate, facts: Mapping[str, Fact], signature: Signature | None, materiality: Materiality) -> Line:
    asked = tuple(facts.get(name, Fact(name, "unknown", "it was not computed")) for name in gate.facts)
    approver = materiality.approvers.get(gate.role, "")
    if materiality.tier > gate.tier:
        said = f"tier {gate.tier} and above" if gate.tier > 1 else "tier 1 only"
        return Line(gate, "not required", f"required in {said}", approver, signature, asked)
    bad = [f for f in asked if f.status != "pass"]
    if bad:
        status: Standing = "fail" if any(f.status == "fail" for f in bad) else "unknown"
        return Line(gate, status, "; ".join(f.detail for f in bad), approver, signature, asked)
    words = "; ".join(f.detail for f in asked)
    if gate.signed and materiality.required.signatures:
        why = _unsigned(signature, approver, materiality)
        if why:
            return Line(gate, "unsigned", why, approver, signature, asked)
    if signature is not None:
        own = ", SELF-SIGNED" if signature.own else ""
        words = f"{words}; " if words else ""
        words += f"signed by {signature.by} at {signature.at[:16]}{own}"
    elif gate.signed:
        words = f"{words}; no signature is required in tier {materiality.tier}".removeprefix("; ")
    return Line(gate, "pass", words, approver, signature, asked)


def _unsigned(signature: Signature | None, approver: str, materiality: Materiality) -> str:
    if signature is None:
        return f"not signed; {approver} is named for it" if approver else "not signed, and nobody is named for it"
    if signature.own and materiality.required.independent:
        return f"SELF-SIGNED by {signature.by}; tier {materiality.tier} wants a declared person who does not own it"
    if approver and signature.by.casefold() != approver.casefold():
        return f"signed by {signature.by}, but {approver} is named for it"
    return ""


def require_signable(
    gate: Gate, *, by: str, owner: str, materiality: Materiality, people: Mapping[str, Sequence[str]]
) -> tuple[str, bool]:
    """The name without blanks, and whether the signature is the owner's own, when this person may sign this gate.

    While nobody is declared, a name proves nothing, so every signature counts as the owner's own. InvalidInput or
    StateConflict says why not.
    """
    by = by.strip()
    if not by:
        raise InvalidInput("A signature needs the name of the person who signs.")
    if not gate.signed:
        raise StateConflict(
            f"{gate.id} is filled from the registry, and nobody signs it: {gate.question}",
            hint="Mend what it says; 'checklist' shows the facts.",
        )
    named = materiality.approvers.get(gate.role, "")
    if named and named.casefold() != by.casefold():
        raise StateConflict(
            f"{gate.id} is for the {gate.role}, {named}; '{by}' can't sign it.",
            hint="Whoever is named for a role stands in config/materiality.yaml.",
        )
    roles = next((roles for name, roles in people.items() if name.casefold() == by.casefold()), None)
    if people and (roles is None or set(roles) <= NO_SIGNATURE):
        may = (
            ", ".join(sorted(name for name, roles in people.items() if not set(roles) <= NO_SIGNATURE)) or "nobody yet"
        )
        raise StateConflict(f"'{by}' can't sign in this workspace; who may: {may}.")
    own = not people or by.casefold() == owner.strip().casefold()
    if own and materiality.required.independent:
        why = (
            f"'{by}' owns this version" if people else "Nobody is declared here, so every signature is the owner's own"
        )
        raise StateConflict(
            f"{why}, and in {materiality.words} somebody else signs.",
            hint="Declare people in config/people.yaml or with 'user-add', and let one of them sign.",
        )
    return by, own
