"""A rationale in other words, from any endpoint that speaks OpenAI's chat protocol.

The environment names it: OPENAI_BASE_URL, DS_WORKFLOW_RATIONALE_MODEL and, where it wants one, OPENAI_API_KEY. What it
says is taken only when it is one short paragraph that `domain.rewording` has no objection to, and it never stands in
for the agent's own words: it is shown beside them, with the model's name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from ds_workflow.adapters.code_eval.endpoint import Endpoint
from ds_workflow.domain.rewording import objection
from ds_workflow.errors import InvalidInput, SourceUnavailable

MODEL = "DS_WORKFLOW_RATIONALE_MODEL"
SECONDS = 20.0
LONGEST = 1_200
SYSTEM = (
    "You rewrite one paragraph of a monitoring report for a team of data scientists. Keep every figure exactly as it "
    "stands, with its sign, and every direction (above, below). Add no advice, no cause, no figure. "
    "Plain English, at most four sentences, no lists, no headings."
)


@dataclass(frozen=True)
class Reworded:
    """Other words for a rationale, and the model that chose them."""

    text: str
    by: str


def reworded(text: str, environ: Mapping[str, str]) -> Reworded:
    """The text in other words. Raises InvalidInput where no endpoint or model is named, or the answer says something
    else; SourceUnavailable where it does not answer."""
    import httpx

    endpoint = Endpoint.of(environ, timeout=SECONDS)
    model = environ.get(MODEL, "")
    if not model:
        raise InvalidInput(f"No model is named; set {MODEL}.")
    body = {
        "model": model,
        "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}],
        "temperature": 0.0,
        "max_tokens": 400,
    }
    headers = {"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}
    try:
        answer = httpx.post(
            f"{endpoint.base_url}/chat/completions", json=body, headers=headers, timeout=endpoint.timeout
        )
        answer.raise_for_status()
        said = json.loads(answer.text)["choices"][0]["message"]["content"]
    except (httpx.HTTPError, ValueError, KeyError, IndexError, TypeError) as error:
        raise SourceUnavailable(f"{endpoint.base_url} gave no answer: {type(error).__name__}: {error}") from error
    found = " ".join(str(said).split())
    if not found or len(found) > LONGEST:
        raise InvalidInput(f"the answer has {len(found):,} characters, 1 to {LONGEST:,} are taken")
    if why := objection(text, found):
        raise InvalidInput(f"the answer does not say the same: {why}")
    return Reworded(found, model)
