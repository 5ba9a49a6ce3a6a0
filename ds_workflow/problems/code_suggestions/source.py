"""The event table: its columns, the values they may hold, and the header names of other logs.

One row is one suggestion that an assistant showed, with what came of it. What came of it later in time stands on the
same row: whether it was accepted, then edited, compiled and tested.
"""

from __future__ import annotations

SEGMENTS = ("beginner", "intermediate", "expert")
LANGUAGES = (
    "c",
    "c#",
    "c++",
    "go",
    "java",
    "javascript",
    "kotlin",
    "php",
    "python",
    "ruby",
    "rust",
    "shell",
    "sql",
    "swift",
    "typescript",
    "other",
)
TASKS = ("boilerplate", "bug_fix", "documentation", "feature", "refactoring", "test")
ERROR_TYPES = ("none", "syntax_error", "runtime_error", "logical_bug")
CATEGORIES = {"developer_segment": SEGMENTS, "language": LANGUAGES, "task": TASKS, "error_type": ERROR_TYPES}

# In the order of a file. Without the required ones a row says nothing; the others may be absent as columns.
REQUIRED = (
    "session_id",
    "suggestion_id",
    "developer_id",
    "developer_segment",
    "language",
    "model_version",
    "shown_at",
    "latency_ms",
    "suggestion_length",
    "accepted",
)
OPTIONAL = (
    "task_id",
    "task",
    "prompt_length",
    "edited",
    "edit_distance",
    "final_length",
    "compiled",
    "tests_passed",
    "error_type",
    "hallucination",
)
COLUMNS = (*REQUIRED, *OPTIONAL)
TEXTS = ("session_id", "suggestion_id", "developer_id", "model_version", "task_id", *CATEGORIES)
FLAGS = ("accepted", "edited", "compiled", "tests_passed", "hallucination")
NUMBERS = ("latency_ms", "suggestion_length", "prompt_length", "edit_distance", "final_length")
FLAG_WORDS = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0, "yes": 1.0, "no": 0.0}

# header names of other logs, in lower case, and what they are called here
ALIASES = {
    "user_id": "developer_id",
    "user_segment": "developer_segment",
    "timestamp": "shown_at",
    "task_type": "task",
    "edited_after_accept": "edited",
    "final_code_length": "final_length",
    "compile_success": "compiled",
    "test_pass": "tests_passed",
    "hallucination_flag": "hallucination",
}
