"""Plan, apply or destroy an environment of infra/envs in your account.

The state is in the bucket that bootstrap has made. Values come from terraform.tfvars.json in the
environment's folder (infra/example.tfvars.json shows one), from INFRA_VALUES with the same as one
JSON object, or from TF_VAR_…; credentials are those of AWS's own variables and files. Without
--images the images stay those that run. Exit code 2 says what to put right.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from src.model import command
from src.model.command import Outcome, Result
from src.model.context import Context
from tools.infra.running import Environment, Images, environment, read_images

_GONE = {name: f"gone/{name}@sha256:{0:064d}" for name in ("model", "monitoring", "api", "mlflow")}
"""What a destroy that was broken off goes on with: no output says any more what ran."""
_DONE = {"plan": "planned", "apply": "applied", "destroy": "destroyed"}


class EnvironmentResult(Result):
    """What was done to which environment."""

    environment: str
    done: str


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "environment", "tools.infra")
    parser.add_argument("verb", choices=list(_DONE))
    parser.add_argument("--environment", default="", help="dev or prod")
    parser.add_argument("--bucket", default="", help="of the state, an output of bootstrap")
    parser.add_argument("--images", default="", help="a file that make docker-push has written")
    parser.add_argument(
        "--out",
        default="",
        help="plan: a file for what it says, as text, or as JSON where it ends in .json",
    )
    parser.add_argument("--yes", default="", help="anything: do not ask before a change")
    parser.add_argument("--words", default="", help="more of them for terraform, with blanks")
    return parser


def run(args: argparse.Namespace, _context: Context) -> Outcome:
    chosen = environment(args.environment, args.bucket)
    images = read_images(args.images)
    chosen.begin()
    if args.verb == "plan":
        _planned(chosen, args, images)
    else:
        sure = ("-input=false", "-auto-approve") if args.yes else ()
        if args.verb == "destroy":
            images = images or chosen.deployed() or _GONE
        chosen.change(args.verb, *args.words.split(), *sure, images=images)
    result = EnvironmentResult(environment=chosen.name, done=_DONE[args.verb])
    return Outcome(result, f"{chosen.name} is {result.done}.")


def _planned(chosen: Environment, args: argparse.Namespace, images: Images | None) -> None:
    """Plan without the lock, because nothing is changed, and keep what it says if that is asked."""
    with tempfile.TemporaryDirectory() as folder:
        plan = Path(folder) / "plan"
        chosen.change(
            "plan",
            "-input=false",
            "-lock=false",
            f"-out={plan}",
            *args.words.split(),
            images=images,
        )
        if args.out:
            Path(args.out).parent.mkdir(parents=True, exist_ok=True)
            form = "-json" if args.out.endswith(".json") else "-no-color"
            Path(args.out).write_text(chosen.asked("show", form, str(plan)), encoding="utf-8")


def main() -> int:
    return command.main(build_parser(), run)


if __name__ == "__main__":
    sys.exit(main())
