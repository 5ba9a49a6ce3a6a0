"""What a dashboard shows without a model: the share of suggestions accepted, by kind of task."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator


class ShareByTask(BaseEstimator):  # type: ignore[misc]
    """Answers with the training share of acceptances of the row's kind of task; of an unknown one, with all rows'."""

    def fit(self, rows: pd.DataFrame, y: Any) -> ShareByTask:
        """Remember the means of `y` (n,) by the column `task` of `rows` (n)."""
        accepted = pd.Series(np.asarray(y, dtype=np.float64), index=rows.index)
        self.share_ = float(accepted.mean())
        self.by_task_ = {str(k): float(v) for k, v in accepted.groupby(rows["task"].astype("str")).mean().items()}
        return self

    def predict(self, rows: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Probabilities, shape (n,)."""
        found = rows["task"].map(self.by_task_).astype("float64").fillna(self.share_)
        return np.asarray(found.to_numpy(), dtype=np.float64)
