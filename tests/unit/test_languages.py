"""Languages as data: those that come with the program, and files of anybody else."""

from pathlib import Path

import pytest

from src.model.core.errors import SettingsError
from src.model.core.languages import LanguagePack, language_pack, shipped
from src.model.evaluation.behaviour import cases, examine, rates, shares
from src.model.evaluation.slices import refuse_unusable, text_masks
from tests.unit.test_behaviour import Words
from tests.unit.test_slices import FRAME

SPANISH = """
code = "es"
name = "Spanish"
frequent_words = ["que", "el", "los", "muy", "pero", "una", "con"]
"""


def test_english_and_portuguese_come_with_the_program() -> None:
    """Each is found by its code, and has everything that a file may have."""
    assert ["en", "pt"] == shipped()
    for code in shipped():
        pack = language_pack(code)
        assert code == pack.code
        assert all((pack.negation, pack.contrast, pack.minimum, pack.invariance, pack.directional))


def test_a_file_of_ones_own_needs_little(tmp_path: Path) -> None:
    """Without words and cases there are no such slices, and no rules on cases."""
    path = tmp_path / "es.toml"
    path.write_text(SPANISH)
    pack = language_pack(str(path))

    assert "Spanish" == pack.language.name
    names = text_masks(FRAME, pack)
    assert "language: not Spanish" in names
    assert not {"negation: present", "contrast: present"} & set(names)
    outcomes = examine(Words({}), cases(pack))
    assert ([], {}) == (outcomes, shares(rates(outcomes)))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("code = 7", "cannot be used"),
        ('[[minimum]]\ncapability = "x"\nlabel = "good"\ncases = ["a"]', "minimum.0.label"),
        ('[[directional]]\ncapability = "x"\nmoves = "away"\npairs = [["a", "b"]]', "moves"),
        ('[[invariance]]\ncapability = "x"\npairs = [["a", "b", "c"]]', "pairs"),
        ('negation = ["("]', "is no regular expression"),
        ("words = 3", "words"),
        ("a = [", "cannot be used"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(tmp_path: Path, more: str, said: str) -> None:
    """A case that expects nothing known would pass or fail for no reason."""
    path = tmp_path / "es.toml"
    path.write_text(SPANISH + more)
    with pytest.raises(SettingsError, match=said):
        language_pack(str(path))


@pytest.mark.parametrize("words", ['["que"]', '["el que", "a", "b", "c", "d"]', '["El"]', "[]"])
def test_frequent_words_are_single_words(tmp_path: Path, words: str) -> None:
    """Others would never be found."""
    path = tmp_path / "es.toml"
    path.write_text(f'code = "es"\nname = "Spanish"\nfrequent_words = {words}\n')
    with pytest.raises(SettingsError, match="frequent_words"):
        language_pack(str(path))


@pytest.mark.parametrize(
    ("value", "hint"), [("fr", "Known are en, pt"), ("no/such.toml", "Name a file that is there")]
)
def test_an_unknown_language_is_said(value: str, hint: str) -> None:
    """With those that there are."""
    with pytest.raises(SettingsError) as caught:
        language_pack(value)

    assert hint in str(caught.value.hint)


def test_a_pack_may_hold_a_title(tmp_path: Path) -> None:
    """Cases of the field `title` are reviews without a text."""
    path = tmp_path / "es.toml"
    path.write_text(SPANISH + '[[minimum]]\ncapability = "x"\nfield = "title"\n'
                    'label = "positive"\ncases = ["Excelente"]\n')  # fmt: skip
    (case,) = cases(language_pack(str(path)))

    assert (("Excelente", ""),) == case.reviews
    assert isinstance(language_pack(str(path)), LanguagePack)


def test_words_that_only_python_could_look_for_are_refused(tmp_path: Path) -> None:
    """The rows are searched by polars, whose expressions know no look-around."""
    path = tmp_path / "es.toml"
    path.write_text(SPANISH + 'negation = ["no(?! solo)"]\n')
    with pytest.raises(SettingsError, match="The words of Spanish cannot be used"):
        refuse_unusable(language_pack(str(path)))
