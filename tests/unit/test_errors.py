"""The error tree."""

from src.model.core import errors


def test_the_public_list_equals_reality() -> None:
    """`__all__` names every exception of the module and nothing else."""
    classes = {name for name, value in vars(errors).items() if isinstance(value, type)} - {
        "ClassVar"
    }

    assert classes == set(errors.__all__)


def test_the_drawing_equals_the_tree() -> None:
    """The tree at the top of the file has each class below its real parent, with its exit code."""
    drawn = {}
    for line in (errors.__doc__ or "").splitlines():
        words = line.replace("│", " ").replace("├──", "   ").replace("└──", "   ").split()
        if len(words) > 1 and words[0] in errors.__all__ and words[1].isdecimal():
            drawn[words[0]] = int(words[1])

    real = {
        name: getattr(errors, name).exit_code for name in errors.__all__ if name != "ReviewsError"
    }
    assert real == drawn


def test_a_hint_follows_on_its_own_line() -> None:
    """People see what is wrong first and what to do next below it."""
    assert "Broken.\n  Mend it." == str(errors.DataError("Broken.", hint="Mend it."))
