"""The examples of the API's page, run as they stand there."""

import json
import re
import shutil
import subprocess
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.integration.api_process import Api

PAGE = (ROOT / "docs/api/index.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```bash\n(curl .*?)\n```\n\n?```(json|text)\n(.*?)\n```", PAGE, re.DOTALL)
# What depends on the model that is served.
FREE = {"metrics", "contributions", "label", "abstained", "name", "alias", "source", "card"}


def shape(value: Any) -> Any:
    """Names, kinds and what cannot differ: truth values, and texts without digits."""
    if isinstance(value, dict):
        return {key: None if key in FREE else shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, str):
        return str if re.search(r"[0-9/]", value) else value
    return float


@pytest.mark.parametrize(
    ("command", "kind", "answer"), EXAMPLES, ids=[e[0].split(" -H")[0] for e in EXAMPLES]
)
def test_every_example_answers_as_it_says(api: Api, command: str, kind: str, answer: str) -> None:
    """The same names, kinds and sentences; numbers and ids are those of the day."""
    if shutil.which("curl") is None:
        pytest.skip("no curl on this machine")
    there = command.replace("http://127.0.0.1:8000", str(api.client.base_url).rstrip("/"))
    done = subprocess.run(
        ["bash", "-c", there], capture_output=True, text=True, timeout=30, check=True
    )
    if kind == "text":
        assert answer == done.stdout.strip()
        return
    assert shape(json.loads(answer)) == shape(json.loads(done.stdout))


def test_every_endpoint_has_an_example() -> None:
    """None is forgotten when one is added."""
    shown = {re.search(r":8000([a-z0-9/_]+)", command)[1] for command, *_ in EXAMPLES}  # type: ignore[index]
    listed = set(re.findall(r"`(?:GET|POST) (/(?:api/v1|health|metrics)[a-z0-9/_]*)`", PAGE))

    assert listed - {"/api/v1/health"} == shown
