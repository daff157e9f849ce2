"""Files of reviews as people have them, generated: they stand in for those of a reader."""

import csv
import io
from pathlib import Path
from random import Random

import polars as pl

from src.model.data import synthetic

GOSTEI = ("Gostei muito, é ótimo e funciona bem", "Adorei, excelente, recomendo para todo mundo",
          "Muito bom, vale a pena", "Perfeito, meu filho amou")  # fmt: skip
ODIEI = ("Não gostei, é péssimo e veio quebrado", "Horrível, não funciona, não recomendo",
         "Muito ruim, não vale o preço", "Decepcionante, me arrependi da compra")  # fmt: skip


def avaliacoes(rows: int = 3_000) -> str:
    """A CSV of Portuguese reviews, made of a few phrases each."""
    random = Random(5)
    lines = ["nota,titulo,texto"]
    for number in range(rows):
        good = number % 2 == 0
        phrases = random.sample(GOSTEI if good else ODIEI, 2)
        thing = random.choice(["o livro", "a câmera", "o jogo", "a chaleira", "o disco"])
        text = f"Comprei {thing} para a minha casa. {phrases[0]}. {phrases[1]}, pedido {number}."
        lines.append(f'{5 if good else 1},{phrases[1].split(",")[0]},"{text}"')
    return "\n".join(lines) + "\n"


def english(spec: str) -> pl.DataFrame:
    """Generated reviews of one split: polarity, title, text, category."""
    parts = [
        frame for split, frame in synthetic.generate(synthetic.parse(spec)) if split == "train"
    ]
    return pl.concat(parts)


def with_stars(rows: pl.DataFrame) -> str:
    """A shop's CSV: stars,headline,body,category,created_at; every tenth review has three stars."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(["stars", "headline", "body", "category", "created_at"])
    for number, row in enumerate(rows.iter_rows(named=True)):
        stars = 3 if number % 10 == 9 else (1, 5)[row["polarity"] - 1]
        day = f"2026-{1 + number % 12:02}-{1 + number % 28:02}"
        writer.writerow([stars, row["title"], row["text"], row["category"], day])
    return buffer.getvalue()


def fasttext(rows: pl.DataFrame) -> str:
    """Lines `__label__2 title: text`."""
    return "".join(
        f"__label__{row['polarity']} {row['title'] or 'Untitled'}: {row['text']}\n"
        for row in rows.iter_rows(named=True)
    )


def write_all(folder: Path) -> None:
    """Write every file that the page on one's own reviews names."""
    first, week = english("synthetic:6000@5"), english("synthetic:800@6")
    (folder / "shop.csv").write_text(with_stars(first), encoding="utf-8")
    (folder / "week.csv").write_text(with_stars(pl.concat([first.tail(200), week])), "utf-8")
    (folder / "avaliacoes.csv").write_text(avaliacoes(), encoding="utf-8")
    (folder / "train.ft.txt").write_text(fasttext(first), encoding="utf-8")
