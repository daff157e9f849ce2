"""The tasks of a workflow, taken back from what each scheduler was given, in one form."""

import re
import shlex
from collections.abc import Mapping
from typing import Any

from src.model import steps
from src.orchestration.state_machine import ASK, EXIT_CODE, RUN_TASK
from src.orchestration.workflow import ANSWER, FIRST_PAUSE, LOST, PAUSE_FACTOR, Meaning, Task

IMAGES = {"model": steps.MODEL_IMAGE, "monitoring": steps.MONITORING_IMAGE}
_LINE = re.compile(
    r"python -m (?P<words>.+?)  # (?P<name>\w+): after (?P<after>.+), image (?P<image>[\w-]+), "
    r"(?P<minutes>\d+) min, (?P<memory>\d+) MB, (?P<cpus>[\d.]+) cpu, (?P<meanings>.+), "
    r"(?P<retries>\d+) more tries(?:, with a person's answer within (?P<answer>\d+) min)?"
)


def of_dry_run(text: str, values: dict[str, str]) -> list[Task]:
    """Read the lines of a dry run; `values` are what the parameters were, each of a kind."""
    found = []
    for line in text.splitlines():
        if not (match := _LINE.fullmatch(line)):
            continue
        module, *words = shlex.split(match["words"])
        after = match["after"]
        meanings = [one.split() for one in match["meanings"].split(", ")]
        found.append(
            Task(
                name=match["name"],
                module=module,
                words=tuple(_with_holes(word, values) for word in words),
                after=() if after == "nothing" else (after,),
                image=match["image"],
                meanings=tuple((int(code), _meaning(what)) for code, what in meanings),
                retries=int(match["retries"]),
                minutes=int(match["minutes"]),
                memory_mb=int(match["memory"]),
                cpus=float(match["cpus"]),
                answer_minutes=int(match["answer"] or 0),
            )
        )
    return found


def _with_holes(word: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        word = word.replace(value, f"{{{name}}}")
    return word


def _meaning(word: str) -> Meaning:
    found: dict[str, Meaning] = {
        "done": "done", "over": "over", "ask": "ask", "repeat": "repeat"
    }  # fmt: skip
    return found[word]


def of_state_machine(machine: dict[str, Any], definitions: Mapping[str, Any]) -> list[Task]:
    """Follow the states from the first one to the end; tasks have definitions by their names."""
    states = machine["States"]
    found: list[Task] = []
    before: tuple[str, ...] = ()
    name = states[machine["StartAt"]]["Next"]
    while name in states and states[name].get("Resource") == RUN_TASK:
        asks = states.get(f"ask_{name}")
        minutes = _asked_within(f"ask_{name}", asks)
        found.append(_task(name, states, before, minutes, definitions[name]))
        before = (name,)
        following = states[name]["Next"]
        asked = [rule["Next"] for rule in states[f"{name}_ended"]["Choices"]]
        name = next((one for one in asked if one.startswith("ask_")), following)
        if name != following:  # who goes without an answer is done
            assert "done" == following
            name = states[name]["Next"]
    return found


def _asked_within(name: str, state: dict[str, Any] | None) -> int:
    """Return the minutes in which a person may answer, 0 where none is asked."""
    if state is None:
        return 0
    late, failed = state["Catch"]
    assert ("Task", ASK) == (state["Type"], state["Resource"])
    assert "${approval_topic}" == state["Arguments"]["TopicArn"]
    assert "'task_token': $states.context.Task.Token" in state["Arguments"]["Message"]
    assert (["States.Timeout"], "done") == (late["ErrorEquals"], late["Next"])
    assert (["States.ALL"], "tell_alarmed") == (failed["ErrorEquals"], failed["Next"])
    assert {"code": LOST, "at": name} == failed["Assign"]
    for one in ANSWER:
        given = f"$states.result.{one}"
        assert f"{{% $exists({given}) ? $string({given}) : '' %}}" == state["Assign"][one]
    return _minutes(state["TimeoutSeconds"])


def then_of_state_machine(machine: dict[str, Any], last: str) -> str:
    """Return the workflow that is started after the last task, or nothing."""
    states = machine["States"]
    following = states[last]["Next"]
    if following == "done":
        return ""
    start = states[following]
    assert ("arn:aws:states:::states:startExecution", "done") == (start["Resource"], start["Next"])
    arn = re.fullmatch(r"\$\{(\w+)_arn\}", start["Arguments"]["StateMachineArn"])
    assert arn
    assert (
        "{% 'retrain-' & $substring($states.context.Execution.StartTime, 0, 10) %}"
        == (start["Arguments"]["Input"]["run"])
    )
    return arn[1]


def _task(
    name: str, states: dict[str, Any], before: tuple[str, ...], answer_minutes: int,
    definition: dict[str, Any],
) -> Task:  # fmt: skip
    state = states[name]
    assert ("Task", RUN_TASK, {"tries": 0}) == (state["Type"], state["Resource"], state["Assign"])
    late, failed = state["Catch"]
    assert (["States.Timeout"], "tell_stopped") == (late["ErrorEquals"], late["Next"])
    assert ["States.ALL"] == failed["ErrorEquals"]
    assert {"code": LOST, "at": name} == late["Assign"]
    assert {"code": f"{{% {EXIT_CODE} %}}", "at": name} == failed["Assign"]
    arguments = state["Arguments"]
    (container,) = arguments["Overrides"]["ContainerOverrides"]
    module, words = _command(container["Command"])
    assert f"${{task_definition.{name}}}" == arguments["TaskDefinition"]
    assert [module] == definition["command"]
    assert container["Cpu"] == definition["cpu"]
    assert container["Memory"] <= definition["memory"] < container["Memory"] + 2048
    choice = states[failed["Next"]]
    assert ("Choice", "tell_stopped") == (choice["Type"], choice["Default"])
    retries, repeated = _repetition(name, choice, states)
    following = state["Next"]
    meanings: dict[int, Meaning] = {0: "done", **dict.fromkeys(repeated, "repeat")}
    for rule in choice["Choices"]:
        code = re.fullmatch(r"\{% \$code = (\d+) %\}", rule["Condition"])
        if code:
            assert {"tries": 0} == rule["Assign"]
            meanings[int(code[1])] = _leads(rule["Next"], following)
    return Task(
        name=name,
        module=module,
        words=tuple(words),
        after=before,
        image=IMAGES[definition["image"]],
        meanings=tuple(sorted(meanings.items())),
        retries=retries,
        minutes=_minutes(state["TimeoutSeconds"]),
        memory_mb=container["Memory"],
        cpus=container["Cpu"] / 1024,
        answer_minutes=answer_minutes,
    )


def _leads(to: str, following: str) -> Meaning:
    if to == "skipped":
        return "over"
    if to.startswith("ask_"):
        return "ask"
    assert to == following
    return "done"


def _minutes(seconds: int) -> int:
    minutes, rest = divmod(seconds, 60)
    assert rest == 0
    return minutes


def _command(expression: str) -> tuple[str, list[str]]:
    """Read the array of JSONata that makes a command."""
    inner = re.fullmatch(r"\{% \[(.*)\] %\}", expression)
    assert inner
    module, *words = inner[1].split(", ")
    return module.strip("'"), [_jsonata_word(word) for word in words]


def _jsonata_word(word: str) -> str:
    given = re.fullmatch(r"\$(\w+) != '' \? (.*)", word)
    pieces = (given[2] if given else word).split(" & ")
    filled = [f"{{{piece[1:]}}}" if piece.startswith("$") else piece.strip("'") for piece in pieces]
    if given:
        assert f"{{{given[1]}}}" in filled
    return "".join(filled)


def _repetition(name: str, choice: dict[str, Any], states: dict[str, Any]) -> tuple[int, list[int]]:
    """Return how often a task is repeated, and after which exit codes it is."""
    again, in_vain = choice["Choices"][-2:]
    condition = re.fullmatch(r"\{% \((.+)\) and \$tries < (\d+) %\}", again["Condition"])
    assert condition
    assert f"{{% {condition[1]} %}}" == in_vain["Condition"]
    assert "tell_alarmed" == in_vain["Next"]
    wait = states[again["Next"]]
    assert ("Wait", name) == (wait["Type"], wait["Next"])
    assert {"tries": "{% $tries + 1 %}"} == wait["Assign"]
    assert f"{{% {FIRST_PAUSE} * $power({PAUSE_FACTOR}, $tries) %}}" == wait["Seconds"]
    assert condition[1].endswith("$code < 0 or $code > 128")
    return int(condition[2]), [int(code) for code in re.findall(r"\$code = (\d+)", condition[1])]


def of_dag(told: list[dict[str, Any]]) -> list[Task]:
    """Read what `airflow_dags.py` prints of a DAG's tasks."""
    return [
        Task(
            name=one["task_id"],
            module=one["module"],
            words=tuple(_jinja_word(word) for word in one["words"]),
            after=tuple(one["upstream"]),
            image=one["image"],
            meanings=tuple((code, _meaning(what)) for code, what in one["meanings"]),
            retries=one["retries"],
            minutes=_minutes(one["timeout_seconds"]),
            memory_mb=one["memory_mb"],
            cpus=one["cpus"],
            answer_minutes=_minutes(one["answer_seconds"]),
        )
        for one in told
    ]


def _jinja_word(word: str) -> str:
    """Read a template: what is given stands in `params`, the run's name may come from its day."""
    answer = re.fullmatch(r"(--\w+=)\{\{ ti.xcom_pull\(task_ids='ask_\w+'\)\['(\w+)'\] \}\}", word)
    if answer:
        return f"{answer[1]}{{{answer[2]}}}"
    given = re.fullmatch(r"\{% if (.+?) %\}(.*)\{% endif %\}", word)
    filled = re.sub(
        r"\{\{ params\.(\w+)( or \(dag_run[^}]*)? \}\}",
        lambda hole: f"{{{hole[1]}}}",
        given[2] if given else word,
    )
    if given:
        names = re.findall(r"params\.(\w+)", given[1])
        assert all(f"{{{name}}}" in filled for name in names)
    return filled
