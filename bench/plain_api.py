"""The API many would write first: FastAPI around scikit-learn.

It is started by `python -m bench.plain_api PORT MODEL`.
"""

import sys
from pathlib import Path

import joblib
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel


class Review(BaseModel):
    title: str
    message: str


def main(argv: list[str]) -> None:
    port, model = argv
    pipeline = joblib.load(Path(model) / "pipeline.joblib")
    app = FastAPI()

    @app.get("/health/live")
    def live() -> dict[str, str]:
        return {"status": "alive"}

    @app.post("/api/v1/predict")
    def predict(review: Review) -> dict[str, float | str]:
        probability = float(pipeline.predict_proba([f"{review.title} {review.message}"])[0, 1])
        label = "positive" if probability >= 0.5 else "negative"  # noqa: PLR2004
        return {"label": label, "probability": probability}

    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning", access_log=False)


if __name__ == "__main__":
    main(sys.argv[1:])
