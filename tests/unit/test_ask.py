"""Where a running API is asked."""

import pytest

from src.api.ask import address_of, main
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
    assert "the API at http://[::1]:9 does not answer" in said
    assert "make api-run" in said
