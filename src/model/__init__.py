"""The ML domain: data, learners, evaluation and tracking of review sentiment."""

__version__ = "0.1.0"
