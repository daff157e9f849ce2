"""What a person who mistyped a word for make is told. It runs before anything is set up.

    python3 tools/make_words.py variables GOALS -- NAME …   refuse names that no goal reads
    python3 tools/make_words.py target GOAL                 name the target that is nearest

It reads the Makefile and prints what is wrong, or nothing.
"""

import difflib
import re
import sys
from pathlib import Path

MAKEFILE = Path(__file__).resolve().parents[1] / "Makefile"
_MEANT = {"text": "message", "body": "message", "file": "source", "version": "model_version"}
_RULE = re.compile(r"^([a-z][a-z0-9 -]*):(?!=)", re.MULTILINE)


def recipes(makefile: str) -> dict[str, str]:
    r"""Return the rule of each target: the line with its help, and its recipe.

    >>> tab = chr(9)
    >>> recipes(f"a b: c ## help\n{tab}run\nd:\n{tab}true\n")["b"].split()
    ['a', 'b:', 'c', '##', 'help', 'run']
    """
    found: dict[str, str] = {}
    for match in _RULE.finditer(makefile):
        rest = makefile[match.start() :]
        rule = re.match(r"[^\n]*\n(?:\t[^\n]*\n?)*", rest)
        for name in match[1].split():
            found[name] = found.get(name, "") + (rule[0] if rule else "")
    return found


def unread(goals: list[str], given: list[str], users: list[str], makefile: str) -> str:
    """Return what to say of the first given variable that none of the goals reads, or nothing.

    Goals that are not commands of ours, and those that run scripts, may read any. Of two names of
    one variable only one may be given.
    """
    rules = recipes(makefile)
    ours = re.compile(r"\$\(RUN\)|\$\(PY\) -m (src|tools)\.")
    commands = [goal for goal in goals if ours.search(rules.get(goal, ""))]
    if len(commands) != len(goals) or not goals:
        return ""
    if {"batch", "batches"} <= set(given):
        return "batch= and batches= are two names of one variable; give one of them"
    reads = [name for name in users if any(_reads(rules[goal], name) for goal in goals)]
    for name in given:
        if name in users and name not in reads:
            known = " ".join(f"{one}=" for one in reads) or "no variable"
            return f"{name}= is not read by {' and '.join(goals)}, which reads {known}"
    return ""


def _reads(recipe: str, name: str) -> bool:
    return re.search(rf"\$\$\{{?{name}\b", recipe) is not None


def nearest(word: str, known: list[str]) -> str:
    """Return the name that was meant, or nothing.

    >>> nearest("text", ["title", "message"]), nearest("data", ["DATA"]), nearest("zzz", ["a"])
    ('message', 'DATA', '')
    """
    if _MEANT.get(word.lower()) in known:
        return _MEANT[word.lower()]
    by_lower = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower(), list(by_lower), 1, 0.5)
    return by_lower[found[0]] if found else ""


def main(words: list[str]) -> int:
    makefile = MAKEFILE.read_text(encoding="utf-8")
    kind, *rest = words
    said = ""
    if kind == "target":
        public = [name for name, rule in recipes(makefile).items() if "## " in rule]
        meant = nearest(rest[0], public)
        also = f" Did you mean make {meant}?" if meant else ""
        said = f"error: there is no target {rest[0]}.{also}\n  make help lists them all."
    elif kind == "variables":
        goals, names = rest[: rest.index("--")], rest[rest.index("--") + 1 :]
        users = re.search(r"^USER_VARIABLES := (.*)$", makefile, re.MULTILINE)
        said = unread(goals, names, users[1].split() if users else [], makefile)
    elif kind == "unknown":
        meant = nearest(rest[0], rest[1:])
        said = f"Did you mean {meant}=?" if meant else "make help lists what there is."
    sys.stdout.write(said + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
