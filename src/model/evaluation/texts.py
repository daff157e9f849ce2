"""What was found out about models, as text for people; pure."""

from collections.abc import Mapping, Sequence

from src.model.evaluation.behaviour import Kind
from src.model.evaluation.compare import FEW, Comparison
from src.model.evaluation.gate import ROLLED_BACK_BEFORE, Verdict
from src.model.evaluation.intervals import Interval
from src.model.evaluation.slices import Slice

_SHOWN_SLICES = 3


def evaluation_text(
    number: int,
    figures: Mapping[str, float],
    intervals: Mapping[str, Interval],
    slices: Sequence[Slice],
    behaviour: Mapping[Kind, float],
) -> str:
    """Return a version's figures on the test rows as a table.

    `figures` are those of `metrics.classification_metrics` and `decided_figures`; `behaviour` has
    the share of passed cases by their kind.

    >>> of_labels = {
    ...     f"{figure}_{label}": 0.9
    ...     for figure in ("precision", "recall", "f1")
    ...     for label in ("negative", "positive", "macro")
    ... }
    >>> figures = {"rows": 1200.0, "accuracy": 0.9, **of_labels}
    >>> figures |= {"coverage": 0.8, "accuracy_decided": 0.97}
    >>> intervals = {"accuracy": Interval(0.88, 0.92)}
    >>> print(evaluation_text(2, figures, intervals, [], {"minimum": 0.75}))
    Evaluated: version 2 on 1,200 test rows
                 precision    recall        f1
      negative      90.00%    90.00%    90.00%
      positive      90.00%    90.00%    90.00%
      macro         90.00%    90.00%    90.00%
      accuracy      0.9000   95 % 0.8800 to 0.9200
      decides 80.00% of the rows, right in 97.00% of them
      behavioural cases passed: minimum 75%
    """
    lines = [f"Evaluated: version {number} on {figures['rows']:,.0f} test rows"]
    lines.append(f"  {'':10}{'precision':>10}{'recall':>10}{'f1':>10}")
    for label in ("negative", "positive", "macro"):
        values = (figures[f"{name}_{label}"] for name in ("precision", "recall", "f1"))
        lines.append(f"  {label:10}" + "".join(f"{value:10.2%}" for value in values))
    for name in ("accuracy", "roc_auc", "pr_auc", "log_loss", "brier", "ece"):
        if name in figures:
            ends = "   95 % {:.4f} to {:.4f}".format(*intervals[name]) if name in intervals else ""
            lines.append(f"  {name:10}{figures[name]:10.4f}{ends}")
    return "\n".join([*lines, *_beside(figures, slices, behaviour)])


def brief_text(
    number: int,
    figures: Mapping[str, float],
    intervals: Mapping[str, Interval],
    slices: Sequence[Slice],
    behaviour: Mapping[Kind, float],
) -> str:
    """Return the figures that matter most, of those that `evaluation_text` shows.

    >>> figures = {"rows": 1200.0, "accuracy": 0.9, "log_loss": 0.3, "ece": 0.02}
    >>> print(brief_text(2, figures, {"accuracy": Interval(0.88, 0.92)}, [], {"minimum": 0.75}))
    Evaluated: version 2 on 1,200 test rows
      accuracy 90.00% (95 % 88.00% to 92.00%), log loss 0.300, calibration error 0.020
      behavioural cases passed: minimum 75%
    """
    low, high = intervals["accuracy"]
    head = f"Evaluated: version {number} on {figures['rows']:,.0f} test rows"
    least = (
        f"  accuracy {figures['accuracy']:.2%} (95 % {low:.2%} to {high:.2%}), "
        f"log loss {figures['log_loss']:.3f}, calibration error {figures['ece']:.3f}"
    )
    return "\n".join([head, least, *_beside(figures, slices, behaviour)])


def _beside(
    figures: Mapping[str, float], slices: Sequence[Slice], behaviour: Mapping[Kind, float]
) -> list[str]:
    lines = []
    if "coverage" in figures:
        right = figures.get("accuracy_decided")
        of_those = "" if right is None else f", right in {right:.2%} of them"
        lines.append(f"  decides {figures['coverage']:.2%} of the rows{of_those}")
    judged = sorted((part for part in slices if part.judged), key=lambda part: part.accuracy)
    if judged:
        weakest = (f"{part.name} {part.accuracy:.1%}" for part in judged[:_SHOWN_SLICES])
        lines.append(f"  weakest slices: {', '.join(weakest)}")
    shares = ", ".join(f"{kind} {share:.0%}" for kind, share in behaviour.items())
    passed = f"behavioural cases passed: {shares}" if shares else "the language has no cases"
    return [*lines, f"  {passed}"]


def verdict_text(
    verdict: Verdict,
    number: int,
    former: int | None,
    notes: Sequence[str] = (),
    *,
    verbose: bool,
) -> str:
    """Return the gate's decision on version `number`, with the rules it missed, or all of them.

    `former` is the champion it was judged against; `notes` say what is particular about the rows.
    Where a person has to answer, all rules are shown.

    >>> from src.model.evaluation.gate import Rule
    >>> rules = [Rule("accuracy", 0.75, 0.8, at_least=True), Rule("ece", 0.1, 0.2, at_least=False)]
    >>> print(verdict_text(Verdict("kept", rules), 2, None, verbose=False))
    Kept back: version 2 misses 1 of 2 rules; there is no champion yet
      MISSED accuracy                             0.7500 >= 0.8000
      to use it all the same: make model-predict model_version=2 message="…", \
make model-export model_version=2
    """
    stays = f"version {former} stays the champion" if former else "there is no champion yet"
    after = f", after version {former}" if former else ""
    missed = f"{len(verdict.missed)} of {len(verdict.rules)} rules"
    head = {
        "promoted": f"Promoted: version {number} is the champion{after}",
        "asked": f"Passed: version {number} waits for a person's answer; {stays}",
        "kept": f"Kept back: version {number} misses {missed}; {stays}",
        "tie": f"Tie: version {number} passes every rule, but is not better beyond chance; {stays}",
    }[verdict.decision]
    lines = [head]
    lines += [f"  ({note})" for note in notes]
    if verdict.comparison:
        lines += comparison_text(verdict.comparison)
    for rule in verdict.rules if verbose or verdict.decision == "asked" else verdict.missed:
        sign, word = (">=" if rule.at_least else "<="), ("ok" if rule.passed else "MISSED")
        held = f"{_figure(rule.figure):>12} {sign} {_figure(rule.bound)}"
        if rule.name == ROLLED_BACK_BEFORE:
            held = "only make model-rollback brings it back"
        lines.append(f"  {word:7}{rule.name:30} {held}")
    if verdict.decision == "kept":
        lines += _what_to_do(verdict, number)
    if verdict.decision == "asked":
        lines.append(f"  to answer: make model-approve model_version={number} [answer=yes|no]")
    return "\n".join(lines)


def _what_to_do(verdict: Verdict, number: int) -> list[str]:
    names = dict.fromkeys(rule.setting for rule in verdict.missed if rule.setting)
    bounds = " ".join(f"{name}=…" for name in names)
    use = f'make model-predict model_version={number} message="…", '
    use += f"make model-export model_version={number}"
    other = [f"  with other bounds: {bounds} make model-promote"] if bounds else []
    return [*other, f"  to use it all the same: {use}"]


def comparison_text(pair: Comparison) -> list[str]:
    """Return how two models differ on the same rows, as indented lines."""
    low, high = pair.accuracy_interval
    least, most = pair.log_loss_interval
    both = f"{pair.challenger_accuracy:.2%} against {pair.champion_accuracy:.2%}"
    gained = 100 * pair.accuracy_difference
    points = f"{gained:+.2f} points (95 % {100 * low:+.2f} to {100 * high:+.2f})"
    ways = (("accuracy", pair.more_accurate), ("log loss", pair.better_calibrated))
    better = ", ".join(way for way, holds in ways if holds)
    alone = f"right alone {pair.only_challenger_right:,} against {pair.only_champion_right:,}"
    return [
        f"  on the same {pair.rows:,} rows: accuracy {both}",
        f"  accuracy {points}; {alone}, McNemar p {pair.mcnemar_p:.2g}",
        f"  log loss {pair.log_loss_difference:+.4f} (95 % {least:+.4f} to {most:+.4f})",
        f"  better beyond chance in: {better or 'neither'}",
        *([] if pair.enough else [f"  {FEW[:1].lower()}{FEW[1:]}"]),
    ]


def _figure(value: float) -> str:
    large = 100  # bytes and microseconds; shares and losses are below
    return f"{value:,.0f}" if abs(value) >= large else f"{value:.4f}"
