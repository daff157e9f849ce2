"""Aliases moved so that a run which is killed in between is finished by the next one.

A registry has no transaction over several aliases: what is about to happen is written down first,
and the alias that serves moves before the others.
"""

from collections.abc import Callable

from src.model.core.errors import GateError, UsageError
from src.model.core.names import CHAMPION, GATE_TAG, PREVIOUS, ROLLED_BACK
from src.model.tracking.base import Registry, Version, resolve

_GOES = "rollback.goes"
"""Tag of a version that comes back: the number of the one that goes, until all is done."""


def move_champion(registry: Registry, challenger: Version, champion: Version | None) -> None:
    """Point the aliases to the new champion, unless another promotion came first.

    Processes of one machine wait for each other; a registry has no compare-and-set, so against
    other machines the alias is looked at before and after.

    Raises:
        GateError: the champion is another one than the challenger was judged against, or became
            another one.
    """
    _require_champion(registry, champion, "became the champion meanwhile")
    if champion is not None:
        registry.set_alias(PREVIOUS, champion.number)
    registry.set_alias(CHAMPION, challenger.number)
    _require_champion(registry, challenger, "was promoted at the same time and is the champion now")


def _require_champion(registry: Registry, expected: Version | None, what_happened: str) -> None:
    now = registry.by_alias(CHAMPION)
    if (now.number if now else None) != (expected.number if expected else None):
        who = f"Version {now.number}" if now else "No version"
        hint = "Run make model-promote again to be judged against it."
        raise GateError(f"{who} {what_happened}.", hint=hint)


def swap_back(registry: Registry, check: Callable[[Version], object]) -> tuple[Version, Version]:
    """Make the previous version the champion; return it, and the one that goes.

    `check` is given the version that comes back before anything moves, and raises where it cannot
    serve.

    Raises:
        UsageError: there is no champion or no previous one, or they are the same.
    """
    champion, previous = resolve(registry, CHAMPION), resolve(registry, PREVIOUS)
    begun = champion.tags.get(_GOES, "")
    if begun.isdecimal() and previous.number in {champion.number, int(begun)}:
        back, going = champion, resolve(registry, begun)  # a run was killed after the first move
    elif champion.number == previous.number:
        msg = f"Version {champion.number} is champion and previous one: a promotion was stopped."
        hint = "Run make model-promote, or point the alias previous to another version in MLflow."
        raise UsageError(msg, hint=hint)
    else:
        back, going = previous, champion
    check(back)
    registry.tag(back.number, {_GOES: str(going.number)})
    registry.tag(going.number, {GATE_TAG: ROLLED_BACK})
    registry.set_alias(CHAMPION, back.number)  # the one that serves comes first
    registry.set_alias(PREVIOUS, going.number)
    registry.tag(back.number, {GATE_TAG: "promoted", _GOES: "none"})
    return back, going
