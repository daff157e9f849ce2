"""A person's answer between two tasks, in Airflow's page: Approve, Reject, or Leave open."""

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk.exceptions import AirflowSkipException

_ANSWERS = {"Approve": "yes", "Reject": "no", "Leave open": "open"}
_OPEN = "Leave open"


class AskOperator(HITLOperator):
    """Asks where the task before it wants that; otherwise this task and the next are skipped.

    Nobody's answer within `minutes` leaves it open. What it returns is `answer`, which is yes, no
    or open, and `by`, the name of who answered.
    """

    ui_color = "#fbf0d9"

    def __init__(self, *, asked_by: str, minutes: int, **kwargs: Any) -> None:
        self.asked_by = asked_by
        super().__init__(
            subject="Make this version the champion?",
            body=f"{{{{ (ti.xcom_pull(task_ids='{asked_by}') or {{}}).get('said', '') }}}}",
            options=list(_ANSWERS),
            defaults=_OPEN,
            response_timeout=timedelta(minutes=minutes),
            **kwargs,
        )

    def execute(self, context: Any) -> None:
        """Wait for an answer. Raises AirflowSkipException where nobody has to be asked."""
        if not context["ti"].xcom_pull(task_ids=self.asked_by):
            raise AirflowSkipException(f"{self.asked_by} asks nobody")
        super().execute(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> dict[str, str]:
        """Return the answer, and who gave it."""
        (chosen,) = super().execute_complete(context, event)["chosen_options"]
        user = event.get("responded_by_user") or {}
        return {"answer": _ANSWERS[chosen], "by": user.get("name") or "nobody"}
