"""What a machine can know of a registered version: one fact a question, from records and files that are there.

Whoever asks gathers a `Known`, and `facts` answers.
"""

from ds_workflow.domain.assurance.known import Canary, Known
from ds_workflow.domain.assurance.table import FACTS, facts

__all__ = ["FACTS", "Canary", "Known", "facts"]
