"""The list of commands, and everything that must agree with it."""

import importlib
import re

import pytest
import yaml

import src.__main__ as entry
from src.model import steps
from src.model.command import Result
from tests.conftest import ROOT

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
RECIPE = re.compile(
    r"^(mo[a-z]+-[a-z-]+) (docker-mo[a-z-]+): ## (.+)\n\t@\$\(RUN\) (\S+)(.*)$", re.MULTILINE
)
RECIPES = {found[0]: found for found in RECIPE.findall(MAKEFILE)}
COMPOSE = yaml.safe_load((ROOT / "docker/compose.yaml").read_text(encoding="utf-8"))
EVERY = list(steps.COMMANDS.values())


def test_commands_come_after_what_they_need() -> None:
    """The list is in an order in which it can be run, and names are unique."""
    seen: set[str] = set()
    for command in EVERY:
        assert set(command.needs) <= seen
        seen.add(command.name)

    every = [*steps.STEPS, *steps.MONITORING, *steps.TOOLS]
    assert len(every) == len(steps.COMMANDS)


def test_pipelines_are_in_the_order_of_their_needs() -> None:
    """However their names are listed, a step comes after those it needs."""
    for name, members in steps.PIPELINES.items():
        ordered = [command.name for command in steps.in_order(reversed(members))]

        assert set(members) == set(ordered)
        assert ordered == [command.name for command in steps.pipeline(name)]
        for place, command in enumerate(steps.pipeline(name)):
            assert not set(command.needs) & set(ordered[place:])


@pytest.mark.parametrize("command", EVERY, ids=lambda command: command.name)
def test_every_command_is_a_module_that_takes_its_arguments(command: steps.Command) -> None:
    """Module, flags, --force and the class of the answer agree with the code."""
    module = importlib.import_module(command.module)
    parser = module.build_parser()
    words = steps.arguments(command, **{a.variable: "1" for a in command.arguments})
    results = [
        one
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, Result) and one is not Result
    ]

    assert command.module.endswith(f".{command.name}")
    assert parser.parse_args(words)
    assert command.forced == ("--force" in parser.format_help())
    assert results


@pytest.mark.parametrize("command", EVERY, ids=lambda command: command.name)
def test_every_command_has_its_make_targets(command: steps.Command) -> None:
    """`make model-…` and its twin run the module with its flags, filled by its variables."""
    target, twin, _, module, rest = RECIPES[command.target]

    assert f"docker-{target}" == twin
    assert command.module == module
    for argument in command.arguments:
        assert argument.flag in rest
        assert re.search(rf"\$\$\{{?{argument.variable}\b", rest), argument
        assert argument.variable in MAKEFILE.partition("USER_VARIABLES := ")[2].partition("\n")[0]


def test_make_has_no_other_model_targets() -> None:
    """A target that runs a module runs one of the list."""
    modules = {found[3] for found in RECIPES.values()}

    assert {*(command.module for command in EVERY), "src.model.pipeline.run"} == modules


def test_compose_has_every_step_as_a_job() -> None:
    """The jobs are the steps, with their modules, their needs and their defaults."""
    services = COMPOSE["services"]
    jobs = {name: one for name, one in services.items() if one.get("profiles") == ["jobs"]}

    assert [step.name for step in steps.STEPS] == list(jobs)
    for step in steps.STEPS:
        module, *words = jobs[step.name]["command"]
        flags = {word.partition("=")[0]: word.partition("=")[2] for word in words}
        by_flag = {argument.flag: argument for argument in step.arguments}
        assert step.module == module
        assert set(step.needs) == set(jobs[step.name]["depends_on"]) - {"mlflow"}
        assert set(flags) <= set(by_flag)
        for flag, value in flags.items():
            assert f"${{{by_flag[flag].variable}:-{by_flag[flag].default}}}" == value


def test_the_entry_point_knows_every_module() -> None:
    """What the images say they can run is the list, and data is asked for by what needs it."""
    listed = entry.modules()

    assert [*(command.module for command in EVERY), *steps.OTHERS] == listed
    assert steps.API_MODULES == entry._API
    for command in EVERY:
        assert "nothing is mounted" in entry.problem(command.module, [], {})
    for module in steps.API_MODULES:
        assert "" == entry.problem(module, [], {})


def test_variables_without_a_value_are_left_out() -> None:
    """No source means the step's own default; whatever is in a value stays one argument."""
    ingest = steps.COMMANDS["ingest"]

    assert [] == steps.arguments(ingest)
    assert [] == steps.arguments(ingest, source="")
    assert ["--source=a b;$c"] == steps.arguments(ingest, source="a b;$c")
    assert ["--title=-x"] == steps.arguments(steps.COMMANDS["predict"], title="-x")
