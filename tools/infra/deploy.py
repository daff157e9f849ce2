"""Roll images out to an environment, ask the API, and go back to the images before if it is wrong.

Terraform waits until the new tasks run; ECS takes back what does not become healthy. What becomes
healthy and answers wrongly is taken back here: images alone, not what else has changed in infra/.
Exit code 4: the new version is wrong, and the message says what serves.
"""

import argparse
import sys
from collections.abc import Mapping
from typing import NoReturn

from src.model import command
from src.model.command import Outcome, Result
from src.model.context import Context
from src.model.core.errors import GateError, ReviewsError, UsageError
from tools.infra.running import Environment, Images, environment, read_images
from tools.infra.smoke import answered, checked_address

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
    if not images:
        hint = "images=data/docker/images.json; make docker-push REGISTRY=… writes it."
        raise UsageError("Which images has to be said.", hint=hint)
    checked_address(args.address)
    chosen.begin()
    before = chosen.deployed()
    try:
        chosen.change(*_CHANGE, images=images)
        version = answered(args.address)
    except ReviewsError as error:
        _go_back(chosen, before, args.address, error)
    result = DeployResult(environment=chosen.name, images=images, model_version=version)
    return Outcome(result, f"{chosen.name} serves model version {version} with the new images.")


def _go_back(chosen: Environment, before: Images, address: str, why: ReviewsError) -> NoReturn:
    """Apply the images before, ask the API again, and say why.

    Raises:
        GateError: the images before are applied, or there were none.
        ReviewsError: they could not be applied; it says both.
    """
    if not before:
        hint = "Nothing was deployed before, so there is nothing to go back to."
        raise GateError(f"The new version is wrong: {why.message}", hint=hint)
    try:
        chosen.change(*_CHANGE, images=before)
    except ReviewsError as error:
        both = f"{why.message} And the images before could not be applied: {error.message}"
        raise type(error)(both, hint=why.hint or error.hint) from error
    try:
        hint = f"The images before are applied, and serve model version {answered(address)}."
    except ReviewsError as error:
        hint = f"The images before are applied, and are no better: {error.message}"
    raise GateError(f"The new version was taken back: {why.message}", hint=hint)


def main() -> int:
    return command.main(build_parser(), run)


if __name__ == "__main__":
    sys.exit(main())
