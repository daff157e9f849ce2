"""Data sets that anyone can fetch without an account, each by address and digest."""

from src.model.core.errors import UsageError

DATA_SETS = {
    "amazon-polarity": (
        "https://s3.amazonaws.com/fast-ai-nlp/amazon_review_polarity_csv.tgz"
        "#sha256=d2a3ee7a214497a5d1b8eaed7c8d7ba2737de00ada3b0ec46243983efa100361"
    ),
}
"""Addresses by name.

`amazon-polarity`: the 3.6 million train and 400,000 test reviews of Zhang, Zhao and LeCun (2015,
arXiv:1509.01626), 688,339,454 bytes in fast.ai's bucket. Size and digest are those that Hugging
Face's loader of `amazon_polarity` records for this address; FastAI.jl records the same digest.
"""


def address_of(name: str) -> str:
    """Return the address of a public data set, with its digest. Raises UsageError for no such."""
    if name in DATA_SETS:
        return DATA_SETS[name]
    msg = f"public:{name} is not known."
    raise UsageError(msg, hint=f"Known are {', '.join(f'public:{known}' for known in DATA_SETS)}.")
