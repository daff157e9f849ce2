"""The model as MLflow sees it: title and text in, label and probability out.

MLflow stores this file as code.
"""

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc import PythonModel, PythonModelContext

from src.model.core.labels import label_names
from src.model.core.models import load_model


class SentimentPyfunc(PythonModel):  # type: ignore[misc]
    """Loads a model of any kind from the artifact `model`."""

    def load_context(self, context: PythonModelContext) -> None:
        self.model = load_model(Path(context.artifacts["model"]))

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Return label and probability of positive for a frame with the columns title and text."""
        del context, params
        titles, texts = (
            model_input[name].fillna("").astype(str).tolist() for name in ("title", "text")
        )
        probability = self.model.probabilities(titles, texts)
        return pd.DataFrame({"label": label_names(probability), "probability": probability})


mlflow.models.set_model(SentimentPyfunc())
