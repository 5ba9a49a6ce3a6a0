"""GET /health, /ready and /metrics: what operators and their machines ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse

from ds_workflow.errors import WorkflowError
from registry.errors import RegistryError
from serving import schemas

if TYPE_CHECKING:
    from serving.hub import Hub
    from serving.slot import Live, Slot


def mount(app: FastAPI, hub: Hub) -> None:
    """Add the routes."""

    @app.get("/health", response_model=schemas.Health, responses={503: {"model": schemas.Health}}, tags=["operation"])
    def health() -> Any:
        """Which champions answer, and whether the pointer log agrees. 503 while none does. `not watched` says that this
        worker serves on but no longer follows decisions."""
        return _health(hub)

    @app.get("/ready", response_model=schemas.Health, responses={503: {"model": schemas.Health}}, tags=["operation"])
    def ready() -> Any:
        """200 once every decided champion is loaded and answers the way it will go on to; then send traffic."""
        told = _health(hub)  # loads the default one
        waiting = [slot.work.settings.problem for slot in hub.slots() if slot.live is not None and not slot.ready]
        if isinstance(told, JSONResponse) or not (waiting or told["waiting"] or hub.unwatched):
            return told
        told |= {"status": "not ready", "waiting": sorted({*waiting, *told["waiting"]})}
        return JSONResponse(told, status_code=503)

    @app.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}}, tags=["operation"])
    def metrics() -> Response:
        """Counters and latencies for Prometheus; with several workers, of all of them together."""
        text, kind = hub.metrics.text()
        return Response(text, media_type=kind)


def _health(hub: Hub) -> Any:
    """The default problem's champion is loaded if need be; the others are told as they are."""
    first, *others = hub.slots()
    models: list[dict[str, Any]] = []
    error: WorkflowError | RegistryError | None = None
    try:
        first.get()
    except (WorkflowError, RegistryError) as found:
        error = found
    waiting = []
    for slot in (first, *others):
        if slot.live is not None:
            models.append(_served(slot, slot.live))
        elif slot.decided():
            waiting.append(slot.work.settings.problem)
    if not models:
        status = "no champion" if error is None or type(error).__name__ == "NoChampion" else "unavailable"
        detail = {"status": status, "models": [], "detail": str(error or ""), "waiting": waiting}
        return JSONResponse(detail, status_code=503)
    if hub.unwatched:
        said = hub.unwatched if error is None else f"{error} And {hub.unwatched}"
        return {"status": "not watched", "models": models, "detail": said, "waiting": waiting}
    broken = [one["problem"] for one in models if one["custody"] != "in_custody" or one["behind"]]
    return {
        "status": f"look at {', '.join(broken)}" if broken else "ok",
        "models": models,
        "detail": "" if error is None else str(error),
        "waiting": waiting,
    }


def _served(slot: Slot, live: Live) -> dict[str, Any]:
    said = {"custody": slot.custody().status, "behind": slot.behind}
    return {**live.answerer.name, **said, "way": live.answerer.way, "why": live.answerer.why}
