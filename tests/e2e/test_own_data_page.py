"""The page on one's own reviews: its commands, run in order, say what stands there."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.own_files import write_all

PAGE = ROOT / "docs/model/own-data.md"
SECTIONS = re.findall(
    r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE
)
FILES = ("shop.csv", "week.csv", "avaliacoes.csv", "train.ft.txt")


def transcript(section: str) -> list[tuple[str, list[str]]]:
    """Commands of a section's console blocks, and the lines that follow each."""
    steps: list[tuple[str, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", section, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append((line[2:], []))
            else:
                steps[-1][1].append(line)
    return steps


def said(output: str, folder: Path) -> list[str]:
    """What a command says to people: without its log, and make's own last word."""
    lines = output.replace(f"{folder}/", "").splitlines()
    return [line for line in lines if line and not re.match(r"\d\d:\d\d:\d\d \[|make.*: ", line)]


def ran(command: str, folder: Path, settings: dict[str, str]) -> list[str]:
    """Run one line of the page; `export` sets what later ones see."""
    if command.startswith("export "):
        settings |= dict(re.findall(r"([A-Z_]+)=(\S+)", command))
        return []
    for name in FILES:
        command = command.replace(f"source={name}", f"source={folder}/{name}")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("REVIEWS_")} | settings
    environment |= {"REVIEWS_DATA_DIR": "data", "REVIEWS_CACHE_DIR": "cache",
                    "MLFLOW_TRACKING_URI": "", "PYTHONPATH": str(ROOT)}  # fmt: skip
    for name in ("REVIEWS_DATA_DIR", "REVIEWS_CACHE_DIR"):
        environment[name] = f"{folder}/{environment[name]}"
    done = subprocess.run(
        ["bash", "-c", command.replace("make ", f"make -C {ROOT} ", 1)],
        cwd=folder, env=environment, text=True, timeout=300, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return said(done.stdout, folder)


def without_numbers(lines: list[str]) -> list[str]:
    """Figures are those of a day; which slices are weakest and rules missed follows from them."""
    free = ("  weakest slices", "  MISSED", "  its bounds", "  (REVIEWS_ABSTAIN", "  costs", "    ")
    kept = [line for line in lines if not line.startswith(free)]
    return [re.sub(r"[+-]?[0-9][0-9,.]*", "#", line) for line in kept]


@pytest.mark.slow
@pytest.mark.parametrize(("heading", "section"), SECTIONS, ids=[heading for heading, _ in SECTIONS])
def test_the_page_says_what_happens(heading: str, section: str, tmp_path: Path) -> None:
    """Line by line, but for figures."""
    write_all(tmp_path)
    settings: dict[str, str] = {}
    steps = transcript(section)
    assert steps, heading
    for command, lines in steps:
        assert without_numbers(lines) == without_numbers(ran(command, tmp_path, settings)), command
