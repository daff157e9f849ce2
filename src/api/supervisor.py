"""The parent of several workers."""

import signal

from uvicorn.supervisors import Multiprocess


class Supervisor(Multiprocess):
    """Uvicorn's own, which also tells what ended it: None where its workers could not start."""

    ended_by: signal.Signals | None = None

    def handle_int(self) -> None:
        self.ended_by = signal.SIGINT
        super().handle_int()

    def handle_term(self) -> None:
        self.ended_by = signal.SIGTERM
        super().handle_term()
