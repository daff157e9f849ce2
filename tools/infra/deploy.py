"""Roll images out to an environment, ask the API, and go back to the images before if it is wrong.

Terraform waits until the new tasks run; ECS takes back what does not become healthy. What becomes
healthy and answers wrongly is taken back here. Exit code 4 says that the version before serves.
"""

import argparse
import sys
from collections.abc import Mapping
from typing import NoReturn

from src.model import command
from src.model.command import Outcome, Result
from src.model.context import Context
from src.model.core.errors import GateError, UnreachableError, UsageError
from tools.infra.running import Environment, Images, environment, read_images
from tools.infra.smoke import answered

_CHANGE = ("apply", "-input=false", "-auto-approve")


class DeployResult(Result):
    """What serves now, with which version of the model."""

    environment: str
    images: Mapping[str, str]
    model_version: str


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "deploy", "tools.infra")
    parser.add_argument("--environment", default="", help="dev or prod")
    parser.add_argument("--bucket", default="", help="of the state, an output of bootstrap")
    parser.add_argument("--images", default="", help="a file that make docker-push has written")
    parser.add_argument("--address", default="", help="of the API, by the name of its certificate")
    return parser


def run(args: argparse.Namespace, _context: Context) -> Outcome:
    chosen = environment(args.environment, args.bucket)
    images = read_images(args.images)
    if images is None:
        hint = "images=data/docker/images.json; make docker-push REGISTRY=… writes it."
        raise UsageError("Which images has to be said.", hint=hint)
    chosen.begin()
    before = chosen.deployed()
    try:
        chosen.change(*_CHANGE, images=images)
        version = answered(args.address)
    except (GateError, UnreachableError) as error:
        _taken_back(chosen, before, str(error))
    result = DeployResult(environment=chosen.name, images=images, model_version=version)
    return Outcome(result, f"{chosen.name} serves model version {version} with the new images.")


def _taken_back(chosen: Environment, before: Images, why: str) -> NoReturn:
    """Apply the images before, and say why.

    Raises:
        GateError: always.
    """
    if not before:
        hint = "Nothing was deployed before, so there is nothing to go back to."
        raise GateError(f"The new version is wrong: {why}", hint=hint)
    chosen.change(*_CHANGE, images=before)
    hint = "The images before are applied again."
    raise GateError(f"The new version was taken back: {why}", hint=hint)


def main() -> int:
    return command.main(build_parser(), run)


if __name__ == "__main__":
    sys.exit(main())
