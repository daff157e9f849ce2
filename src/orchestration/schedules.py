"""When workflows start and what they are made of, for Terraform. Pure.

Cron expressions of AWS have a year, name days of the week from SUN to SAT, and want `?` for
whichever of the two kinds of days is not meant:
https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

from typing import Any

from src.orchestration.workflow import WORKFLOWS

_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


def schedules() -> dict[str, dict[str, Any]]:
    """Return each workflow's schedule, its tasks, whether it asks a person, and what follows it."""
    return {
        name: {
            "schedule": aws_cron(workflow.schedule),
            "tasks": [task.name for task in workflow.tasks],
            "asks": any(task.answer_minutes for task in workflow.tasks),
            "then": workflow.then,
        }
        for name, workflow in WORKFLOWS.items()
    }


def aws_cron(expression: str) -> str:
    """Return a cron expression of five fields as AWS writes it; nothing for nothing.

    Raises ValueError where it names both a day of the month and one of the week, or days of the
    week by anything but numbers with commas between them.

    >>> aws_cron("0 9 * * 1"), aws_cron("0 6 * * *"), aws_cron("30 1 1 * *")
    ('cron(0 9 ? * MON *)', 'cron(0 6 * * ? *)', 'cron(30 1 1 * ? *)')
    """
    if not expression:
        return ""
    minute, hour, day, month, weekday = expression.split()
    if weekday == "*":
        return f"cron({minute} {hour} {day} {month} ? *)"
    if day != "*":
        msg = f"{expression} names days of the month and of the week."
        raise ValueError(msg)
    named = ",".join(_DAYS[int(one) % 7] for one in weekday.split(","))
    return f"cron({minute} {hour} ? {month} {named} *)"
