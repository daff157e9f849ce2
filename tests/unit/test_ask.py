"""Where a running API is asked."""

import httpx
import pytest

from src.api.ask import address_of, answer_text, main, said
from src.model.core.errors import UsageError
from src.model.core.settings import ApiSettings


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("::1", "http://[::1]:8000"),
        ("fd00::7", "http://[fd00::7]:8000"),
        ("reviews.internal", "http://reviews.internal:8000"),
    ],
)
def test_it_is_asked_where_it_listens(host: str, address: str) -> None:
    """An address of version 6 stands in brackets; one that means every address is this machine."""
    assert address == address_of(ApiSettings(host=host))


def test_without_an_address_the_settings_tell(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody listens there: the sentence names the address, and how to start."""
    monkeypatch.setenv("REVIEWS_API_HOST", "::1")
    monkeypatch.setenv("REVIEWS_API_PORT", "9")

    assert 5 == main(["--title=x"])
    said = capsys.readouterr().err
    assert "The API at http://[::1]:9 does not answer" in said
    assert "make api-run" in said


PREDICTED = {
    "label": "negative", "confidence": 0.7, "abstained": True, "unknown_share": 0.1,
    "other_language": True, "model": {"version": "2"}, "request_id": "r" * 8,
    "explanation": {"contributions": []},
}  # fmt: skip


def test_an_answer_can_be_read() -> None:
    """What is too close to call leans; a review in another language is said to be one."""
    text = answer_text(PREDICTED)

    assert text.startswith("undecided, leans negative (70.0% sure: too close to call, model")
    assert "does not look like the language" in text
    unknown = answer_text({**PREDICTED, "label": "undecided"})
    assert unknown.startswith("undecided: the model knows no word of it (model version 2, request")


@pytest.mark.parametrize(
    ("answer", "told", "hint"),
    [
        (httpx.Response(401, json={"detail": "An API key is needed"}), "key is needed", "api-key"),
        (httpx.Response(422, json={"detail": "title: too long"}), "title: too long", "docs/api"),
        (httpx.Response(502, text="<html>"), "status 502", "docs/api"),
        (httpx.Response(200, text="hello"), "status 200", "docs/api"),
        (httpx.Response(500, json=[1]), "status 500", "docs/api"),
    ],
)
def test_a_refusal_is_a_sentence(answer: httpx.Response, told: str, hint: str) -> None:
    """Of this API or of whatever else listens there."""
    with pytest.raises(UsageError, match=told) as caught:
        said(answer)

    assert hint in str(caught.value.hint)
