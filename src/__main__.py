"""The entry point of the images: it runs a module and says how it ended.

`python -m src MODULE [ARGUMENT ...]` is the container's first process, so it passes signals on, and
it outlives the module, so that a memory limit ends in a sentence instead of silence. What only
containers get wrong is said before the module starts: exit code 2.
"""

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

DATA = Path("data")
_PIPELINE = ("src.model.", "src.monitoring.", "src.orchestration.")
_CGROUP = Path("/sys/fs/cgroup")
_API = ("src.api", "src.api.ask", "src.api.probe")
_USAGE = """usage: docker run [OPTIONS] IMAGE MODULE [ARGUMENT ...]

{doc}

Modules of this image; MODULE --help tells what each takes:
  {modules}
"""


def main(argv: Sequence[str]) -> int:
    if not argv or argv[0] in {"-h", "--help"}:
        listed = "\n  ".join(modules())
        sys.stdout.write(_USAGE.format(doc=(__doc__ or "").strip(), modules=listed))
        return 0
    module, *words = argv
    wrong = problem(module, words, os.environ)
    if wrong:
        sys.stderr.write(f"error: {wrong}\n")
        return 2
    return ended(module, run(module, words))


def modules() -> list[str]:
    """Return what can be run: the commands of `steps`, or where there are none, the API's."""
    if importlib.util.find_spec("src.model.steps") is None:
        return list(_API)
    from src.model import steps

    listed = [*(one.module for one in steps.COMMANDS.values()), *steps.OTHERS]
    return [module for module in listed if is_here(module)]


def is_here(module: str) -> bool:
    """Say whether this image has a module."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def problem(module: str, words: Sequence[str], environ: Mapping[str, str]) -> str:
    """Return what keeps the module from running in this container, or nothing."""
    if not is_here(module):
        return f"{module} is no module of this image.\n  --help lists what there is."
    if not module.startswith(_PIPELINE) or {"-h", "--help"} & set(words):
        return ""
    if not (environ.get("REVIEWS_DATA_DIR", "").startswith("s3://") or os.path.ismount(DATA)):
        return (
            f"nothing is mounted at {DATA.absolute()}, "
            "so all data would be lost with the container.\n"
            f"  Mount a folder: docker run -v /path/to/data:{DATA.absolute()} … "
            "(make docker-… does it)."
        )
    if "MLFLOW_TRACKING_URI" not in environ and not Path(".env").exists():
        return (
            "MLFLOW_TRACKING_URI is not set: a container cannot guess where MLflow is.\n"
            "  Add -e MLFLOW_TRACKING_URI=http://…, or empty to run without tracking."
        )
    return ""


def run(module: str, words: Sequence[str]) -> int:
    """Run the module in a process of its own and return its exit code.

    The code is negative for the signal that ended it.
    """
    child = subprocess.Popen([sys.executable, "-m", module, *words], env=environment())

    def pass_on(number: int, _frame: FrameType | None) -> None:
        child.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, pass_on)
    return child.wait()


def environment() -> dict[str, str]:
    """Return the module's environment: what is temporary goes where there is a place for it."""
    found = dict(os.environ)
    if found.get("REVIEWS_DATA_DIR", "").startswith("s3://") and not os.path.ismount(DATA):
        found.setdefault("REVIEWS_CACHE_DIR", "/tmp/reviews-cache")  # noqa: S108 - the container's own
    try:
        Path(found.get("TMPDIR", "/tmp")).mkdir(exist_ok=True)  # noqa: S108
    except OSError:  # nothing is mounted, or nobody may write there; the step says so if it minds
        del found["TMPDIR"]
    return found


def ended(module: str, code: int, cgroup: Path = _CGROUP) -> int:
    """Return the exit code for the container; say it where the memory limit was the cause."""
    if code != -signal.SIGKILL:
        return code if code >= 0 else 128 - code
    killed, limit = memory(cgroup)
    if killed:
        why = (
            f"was ended at the memory limit of {limit}.\n"
            "  Give the container more: make docker-… DOCKER_MEMORY=8g."
        )
    else:
        why = "was killed from outside."
    sys.stderr.write(f"error: {module} {why}\n")
    return 128 + signal.SIGKILL


def memory(cgroup: Path) -> tuple[bool, str]:
    """Return whether this container's memory limit has ended a process, and the limit.

    It reads cgroups of version 2 or 1.
    """
    files = (
        ("memory.events", "memory.max"),
        ("memory/memory.oom_control", "memory/memory.limit_in_bytes"),
    )
    for events, maximum in files:
        if not (cgroup / events).exists():
            continue
        lines = (cgroup / events).read_text(encoding="utf-8").splitlines()
        counts = dict(line.split() for line in lines)
        limit = (cgroup / maximum).read_text(encoding="utf-8").strip()
        killed = counts.get("oom_kill", "0") != "0"
        return killed, f"{int(limit) >> 20:,} MB" if limit.isdecimal() else "the machine"
    return False, ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
