"""Every task of the workflows once, as a week would run them: a first ingest, training, an answer.

New rows come, and a check that finds nothing to train for.
"""

from src.model import steps

RUN = "2026-W02"
A_WEEK: tuple[tuple[str, int, tuple[str, ...]], ...] = (
    ("ingest", 0, ("--source", "synthetic:1500@3")),
    ("validate", 0, ()),
    ("split_batches", 0, ()),
    ("next_batch", 0, (f"--run={RUN}",)),
    ("preprocess_batch", 0, (f"--batch=run:{RUN}",)),
    ("preprocess_test", 0, ()),
    ("train", 0, (f"--batches=run:{RUN}",)),
    ("evaluate", 0, ()),
    ("reference", 0, ()),
    ("promote", steps.ASKS, (f"--run={RUN}",)),
    ("approve", 0, (f"--run={RUN}", "--answer=yes", "--by=Ana")),
    ("ingest", 0, ("--source", "synthetic:300@9", "--append", "yes")),
    ("check", 0, ()),
    ("retrain", steps.SAID_NO, ()),
)
"""The command, the code that it ends with under REVIEWS_PROMOTE=approve, and its words."""
THE_NEXT: tuple[tuple[str, int, tuple[str, ...]], ...] = (
    ("validate", 0, ()),
    ("split_batches", 0, ()),
    ("next_batch", 0, ("--run=2026-W03",)),
    ("preprocess_batch", 0, ("--batch=run:2026-W03",)),
    ("preprocess_test", 0, ()),
    ("train", 0, ("--batches=run:2026-W03",)),
    ("evaluate", 0, ()),
    ("reference", 0, ()),
    ("promote", steps.SAID_NO, ("--run=2026-W03",)),
    ("check", 0, ()),
)
"""The week after, with the rows that came: what was made is made anew, and is kept back."""
