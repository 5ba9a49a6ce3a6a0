"""The versions in MLflow; only this package imports it."""

from registry.mlflow_store.store import MlflowStore

__all__ = ["MlflowStore"]
