"""The written documents: what there is, the pack of a version, and what people put down about it."""

from ds_workflow.use_cases.documents.build import Built, build, build_sources, check
from ds_workflow.use_cases.documents.governance import (
    challenge,
    challenge_text,
    close_finding,
    findings_text,
    list_findings,
    open_finding,
    retire,
    sign,
)
from ds_workflow.use_cases.documents.shelves import PACKS, Document, Kind, Shelf, html, printed, read, shelves

__all__ = [
    "PACKS",
    "Built",
    "Document",
    "Kind",
    "Shelf",
    "build",
    "build_sources",
    "challenge",
    "challenge_text",
    "check",
    "close_finding",
    "findings_text",
    "html",
    "list_findings",
    "open_finding",
    "printed",
    "read",
    "retire",
    "shelves",
    "sign",
]
