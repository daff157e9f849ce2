"""A workflow as a state machine of AWS Step Functions, in the Amazon States Language. Pure.

Each task is an ECS task that is waited for (`ecs:runTask.sync`). Its exit code, in the cause of
the failure, decides in a Choice of its own. Names in `${…}` are filled by Terraform.
https://states-language.net, https://docs.aws.amazon.com/step-functions/latest/dg/connect-ecs.html
"""

import json
from typing import Any

from src.orchestration.jobs import fargate
from src.orchestration.workflow import (
    ANSWER,
    ASKED_RUN,
    FIRST_PAUSE,
    LOST,
    PAUSE_FACTOR,
    SIGNALLED,
    Parameter,
    Task,
    Workflow,
    holes,
)

RUN_TASK = "arn:aws:states:::ecs:runTask.sync"
PUBLISH = "arn:aws:states:::sns:publish"
ASK = "arn:aws:states:::sns:publish.waitForTaskToken"
START_EXECUTION = "arn:aws:states:::states:startExecution"
CONTAINER = "step"
_ERROR = "$states.errorOutput"
EXIT_CODE = (
    f"{_ERROR}.Error = 'States.TaskFailed' "
    f"? [$parse({_ERROR}.Cause).Containers[0].ExitCode, {LOST}][0] : {LOST}"
)
_REPEAT = f"$code < 0 or $code > {SIGNALLED}"
_THIS_WEEK = "$fromMillis($toMillis($states.context.Execution.StartTime), '[X0001]-W[W01]')"


def state_machine(workflow: Workflow) -> dict[str, Any]:
    """Return the definition of a workflow's state machine."""
    states: dict[str, Any] = {"begin": _begin(workflow)}
    start = f"start_{workflow.then}"
    nexts = [*(task.name for task in workflow.tasks[1:]), start if workflow.then else "done"]
    asking = {task.name: f"ask_{task.name}" for task in workflow.tasks if task.answer_minutes}
    for task, following in zip(workflow.tasks, nexts, strict=True):
        if task.name in asking:
            states |= _asks(workflow, task)
        # What nobody asks for is passed over.
        passed = "done" if following in asking else following
        states |= _states(task, passed, asking.get(following, ""))
    if workflow.then:
        states[start] = _start(workflow.then)
    states["done"] = {"Type": "Succeed"}
    if any(what == "over" for task in workflow.tasks for _, what in task.meanings):
        states["skipped"] = {"Type": "Succeed"}
    for ending in ("stopped", "alarmed"):
        states |= _told(workflow, ending)
    return {
        "Comment": workflow.says,
        "QueryLanguage": "JSONata",
        "StartAt": "begin",
        "States": states,
    }


def _q(expression: str) -> str:
    return f"{{% {expression} %}}"


def _begin(workflow: Workflow) -> dict[str, Any]:
    """Take the parameters from the input, and refuse what fits none of them."""
    assigned: dict[str, Any] = {one.name: _q(_given(one)) for one in workflow.parameters}
    return {
        "Type": "Pass",
        "Assign": {**assigned, "tries": 0, "code": 0, "at": "begin"},
        "Next": workflow.tasks[0].name,
    }


def _given(parameter: Parameter) -> str:
    name = f"$states.input.{parameter.name}"
    otherwise = _THIS_WEEK if parameter.name == "run" else "''"
    wrong = f"$error({json.dumps(f'{parameter.name} cannot be taken: {parameter.form}')})"
    pattern = parameter.pattern.replace("/", "\\/")
    fits = f"$contains({name}, /^({pattern})$/)"
    return f"$exists({name}) and {name} != '' ? ({fits} ? {name} : {wrong}) : {otherwise}"


def _asks(workflow: Workflow, task: Task) -> dict[str, Any]:
    """Tell the topic of approvals, and wait until somebody answers with the token; or go without.

    The answer is `{"answer": "yes", "by": "a name"}`, sent with SendTaskSuccess.
    https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html
    """
    name = f"ask_{task.name}"
    told = (
        f"$string({{'workflow': '{workflow.name}', 'run': $run, 'asks': 'Promote its version?', "
        "'task_output': {'answer': 'yes', 'by': 'your name'}, "
        "'task_token': $states.context.Task.Token})"
    )
    return {
        name: {
            "Type": "Task",
            "Resource": ASK,
            "Arguments": {"TopicArn": "${approval_topic}", "Message": _q(told)},
            "TimeoutSeconds": 60 * task.answer_minutes,
            "Catch": [
                {"ErrorEquals": ["States.Timeout"], "Next": "done"},
                {
                    "ErrorEquals": ["States.ALL"],
                    "Assign": {"code": LOST, "at": name},
                    "Next": "tell_alarmed",
                },
            ],
            "Assign": {
                one: _q(f"$exists($states.result.{one}) ? $string($states.result.{one}) : ''")
                for one in ANSWER
            },
            "Next": task.name,
        }
    }


def _states(task: Task, following: str, ask: str) -> dict[str, Any]:
    ended, again = f"{task.name}_ended", f"{task.name}_again"
    late = {"code": LOST, "at": task.name}
    failed = {"code": _q(EXIT_CODE), "at": task.name}
    nexts = {"done": following, "over": "skipped", "ask": ask}
    repeat = [code for code, what in task.meanings if what == "repeat"]
    may_pass = " or ".join([*(f"$code = {code}" for code in repeat), _REPEAT])
    return {
        task.name: {
            "Type": "Task",
            "Resource": RUN_TASK,
            "Arguments": _arguments(task),
            "TimeoutSeconds": 60 * task.minutes,
            "Catch": [
                {"ErrorEquals": ["States.Timeout"], "Assign": late, "Next": "tell_stopped"},
                {"ErrorEquals": ["States.ALL"], "Assign": failed, "Next": ended},
            ],
            "Assign": {"tries": 0},
            "Next": following,
        },
        ended: {
            "Type": "Choice",
            "Choices": [
                *(
                    {
                        "Condition": _q(f"$code = {code}"),
                        "Assign": {"tries": 0},
                        "Next": nexts[what],
                    }
                    for code, what in task.meanings
                    if code and what != "repeat"
                ),
                {"Condition": _q(f"({may_pass}) and $tries < {task.retries}"), "Next": again},
                {"Condition": _q(may_pass), "Next": "tell_alarmed"},
            ],
            "Default": "tell_stopped",
        },
        again: {
            "Type": "Wait",
            "Seconds": _q(f"{FIRST_PAUSE} * $power({PAUSE_FACTOR}, $tries)"),
            "Assign": {"tries": _q("$tries + 1")},
            "Next": task.name,
        },
    }


def _arguments(task: Task) -> dict[str, Any]:
    words = ", ".join([f"'{task.module}'", *map(_word, task.words)])
    whole, container = fargate(task)
    return {
        "Cluster": "${cluster}",
        "TaskDefinition": f"${{task_definition.{task.name}}}",
        "LaunchType": "FARGATE",
        "NetworkConfiguration": {
            "AwsvpcConfiguration": {
                "Subnets": _q("$split('${subnets}', ',')"),
                "SecurityGroups": ["${security_group}"],
                "AssignPublicIp": "${assign_public_ip}",
            }
        },
        "Overrides": {
            **{name.capitalize(): value for name, value in whole.items()},
            "ContainerOverrides": [
                {
                    "Name": CONTAINER,
                    "Command": _q(f"[{words}]"),
                    **{name.capitalize(): value for name, value in container.items()},
                }
            ],
        },
    }


def _word(word: str) -> str:
    """Return an argument as JSONata: nothing where its parameter is empty.

    >>> _word("--run={run}"), _word("--all")
    ("$run != '' ? '--run=' & $run", "'--all'")
    """
    names = holes(word)
    if not names:
        return f"'{word}'"
    (name,) = names
    head, tail = word.split(f"{{{name}}}")
    parts = [f"'{head}'", f"${name}", *([f"'{tail}'"] if tail else [])]
    return f"${name} != '' ? {' & '.join(parts)}"


def _start(then: str) -> dict[str, Any]:
    """Start another workflow, and do not wait for it."""
    today = "$substring($states.context.Execution.StartTime, 0, 10)"
    return {
        "Type": "Task",
        "Resource": START_EXECUTION,
        "Arguments": {
            "StateMachineArn": f"${{{then}_arn}}",
            "Input": {"run": _q(f"'{ASKED_RUN}' & {today}")},
        },
        "TimeoutSeconds": 60,
        "Catch": [
            {
                "ErrorEquals": ["States.ALL"],
                "Assign": {"code": LOST, "at": f"start_{then}"},
                "Next": "tell_alarmed",
            }
        ],
        "Next": "done",
    }


def _told(workflow: Workflow, ending: str) -> dict[str, Any]:
    """Tell the topic of alarms and fail."""
    message = f"'{workflow.name} {ending} at ' & $at & ', exit code ' & $string($code)"
    return {
        f"tell_{ending}": {
            "Type": "Task",
            "Resource": PUBLISH,
            "Arguments": {"TopicArn": "${alarm_topic}", "Message": _q(message)},
            "TimeoutSeconds": 60,
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": ending}],
            "Next": ending,
        },
        ending: {"Type": "Fail", "Error": ending.capitalize(), "Cause": _q(message)},
    }
