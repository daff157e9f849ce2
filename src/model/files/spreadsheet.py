"""CSV files for people, who open them in a spreadsheet."""

from pathlib import Path

import polars as pl

_FORMULA = r"^[=+\-@\t\r]"


def write_for_people(frame: pl.DataFrame, path: Path) -> None:
    """Write a CSV file in which no text is a formula.

    A spreadsheet runs what begins with one of ``= + - @``, a tab or a carriage return; an
    apostrophe before it makes it text
    (https://owasp.org/www-community/attacks/CSV_Injection). Numbers have four decimals.
    """
    text = pl.col(pl.String)
    shown = pl.when(text.str.contains(_FORMULA)).then("'" + text).otherwise(text)
    frame.with_columns(shown.name.keep()).write_csv(path, float_precision=4)
