"""Bench the images: what is in them, how long they take to build and to start.

The answer is docs/benchmarks-docker.md and .json. Builds happen in a copy of the working tree.
"Cached" means all but the code is; "from nothing" means that no layer is, while downloaded packages
are. Times are wall time from the command to its effect, medians of all rounds.
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from bench.run import ROOT, WORK, machine

_IMAGES = {
    "model": "src/model/core/text.py",
    "api": "src/api/app.py",
    "mlflow": "docker/mlflow-server.sh",
}
"""Each image, and a file of ours in it that a change is made to."""
_BASE = os.environ.get("BASE_IMAGE", "python:3.12-slim")
_TAG, _STACK = "bench", "tutoria-bench"
_LARGE_BYTES = 50_000_000
_LIMIT_S = 60


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.images",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--rounds", type=int, default=5, help="how often each time is taken (default: 5)"
    )
    parser.add_argument(
        "--output", type=Path, default=ROOT / "docs", help="folder of the page (default: docs)"
    )
    return parser


def image(name: str) -> str:
    return f"tutoria-mlops-{name}:{_TAG}"


def output(*command: str, **more: str) -> str:
    """Run a command in the copy of the working tree; return what it prints.

    It raises CalledProcessError where the command fails.
    """
    done = subprocess.run(
        command,
        cwd=WORK / "tree",
        env=os.environ | more,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return done.stdout


def make(*words: str) -> str:
    variables = {f"{name.upper()}_IMAGE": image(name) for name in _IMAGES}
    return output(
        "make",
        *words,
        IMAGE_TAG=_TAG,
        STACK=_STACK,
        DOCKER_DATA=str(WORK / "docker"),
        MLFLOW_TRACKING_URI="",
        **variables,
    )


def copied() -> None:
    """Copy what git knows or would know of, so that changes made for a measurement harm nobody."""
    shutil.rmtree(WORK / "tree", ignore_errors=True)
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (WORK / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, WORK / "tree" / name)


def seconds(work: Callable[..., Any], *words: str, rounds: int = 1) -> float:
    """Return the median wall time of doing it with these words."""
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work(*words)
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def from_nothing(name: str) -> None:
    how = ("--quiet", "--no-cache", "--file", f"docker/{name}.Dockerfile")
    output("docker", "build", *how, "--build-arg", f"BASE={_BASE}", "--tag", image(name), ".")


def changed(name: str) -> None:
    """Change a file of the image and build it again."""
    with (WORK / "tree" / _IMAGES[name]).open("a", encoding="utf-8") as file:
        file.write(f"# {time.time_ns()}\n")
    make(f"docker-{name}-build")


def size_of(name: str) -> int:
    return int(output("docker", "image", "inspect", "--format", "{{.Size}}", name))


def layers(name: str) -> list[dict[str, Any]]:
    """Return the layers above the base, lowest first: what made each, and its bytes."""
    form = ("--no-trunc", "--human=false", "--format", "{{.Size}} {{.CreatedBy}}")
    shown = output("docker", "history", *form, image(name))
    lines = [line.partition(" ") for line in reversed(shown.splitlines())]
    return [
        {"made_by": how.partition(" # ")[0], "bytes": int(size)}
        for size, _, how in lines
        if how.startswith("COPY /")
    ]


def packages(name: str) -> dict[str, int]:
    """Return the bytes of the installed packages that are large, largest first.

    Their native libraries are counted with them.
    """
    script = "cd /venv/lib/python3*/site-packages && du -s --apparent-size --block-size=1 */"
    shown = output("docker", "run", "--rm", "--entrypoint", "sh", image(name), "-c", script)
    sizes: dict[str, int] = {}
    for line in shown.splitlines():
        size, folder = line.split()
        package = folder.rstrip("/").removesuffix(".libs").lstrip("_")
        package = package.replace("polars_runtime_32", "polars")
        sizes[package] = sizes.get(package, 0) + int(size)
    large = {package: size for package, size in sizes.items() if size > _LARGE_BYTES}
    return dict(sorted(large.items(), key=lambda item: -item[1]))


def api_ready() -> None:
    """Start the API on an exported model, wait until it is ready."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        "docker", "run", "--detach", "--rm", "--name", f"{_STACK}-api",
        "--read-only", "--tmpfs", "/tmp",  # noqa: S108
        "--publish", f"127.0.0.1:{port}:8000", "--user", f"{os.getuid()}:{os.getgid()}",
        "--env", "MLFLOW_TRACKING_URI=",
        "--mount", f"type=bind,source={WORK / 'docker'},target=/app/data", image("api"),
    ]  # fmt: skip
    until = time.monotonic() + _LIMIT_S
    output(*command)
    while not _answers(f"http://127.0.0.1:{port}/health/ready"):
        if time.monotonic() > until:
            raise SystemExit(f"error: the API has not become ready in {_LIMIT_S} s.")
        time.sleep(0.01)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.HTTPError:
        return False


def api_times(rounds: int) -> list[float]:
    times = []
    for _ in range(rounds):
        try:
            times.append(seconds(api_ready))
        finally:
            output("docker", "stop", f"{_STACK}-api")
    return times


def run(rounds: int) -> dict[str, Any]:
    copied()
    found: dict[str, dict[str, Any]] = {}
    base = size_of(_BASE)
    for name in _IMAGES:
        make(f"docker-{name}-build")
        size = size_of(image(name))
        found[name] = {
            "bytes": size,
            "above_base_bytes": size - base,
            "layers": layers(name),
            "packages": packages(name),
        }
        found[name]["build_seconds"] = seconds(from_nothing, name)
        found[name]["rebuild_seconds"] = seconds(changed, name, rounds=rounds)
    make("docker-model-pipeline-ingest", "source=synthetic:5000@1")
    make("docker-model-pipeline-train", "batches=all")
    make("docker-model-export")
    found["api"]["ready_seconds"] = statistics.median(api_times(rounds))
    step = ("docker", "run", "--rm", image("model"), "src.model.data.ingest", "--help")
    found["model"]["step_seconds"] = seconds(output, *step, rounds=rounds)
    return {"about": {"rounds": rounds, **machine()}, "base_bytes": base, "images": found}


def table(result: Mapping[str, Any]) -> str:
    """Return sizes and times as a Markdown table."""
    head = [
        "image",
        "size",
        "above its base",
        "build from nothing",
        "cached build after a change",
        "start",
    ]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for name, figures in result["images"].items():
        start = ""
        if "ready_seconds" in figures:
            start = f"{figures['ready_seconds']:.1f} s until ready"
        elif "step_seconds" in figures:
            start = f"{figures['step_seconds']:.1f} s for a step's `--help`"
        sizes = f"{figures['bytes'] / 1e6:,.0f} MB | {figures['above_base_bytes'] / 1e6:,.0f} MB"
        times = f"{figures['build_seconds']:.0f} s | {figures['rebuild_seconds']:.1f} s"
        lines.append(f"| `tutoria-mlops-{name}` | {sizes} | {times} | {start} |")
    return "\n".join(lines)


def page(result: Mapping[str, Any]) -> str:
    """Return the page."""
    about = result["about"]
    shown, large = [], []
    for name, figures in result["images"].items():
        shown += [
            f"| {name} | `{layer['made_by']}` | {layer['bytes']:,} |" for layer in figures["layers"]
        ]
        large += [
            f"| {name} | {package} | {size / 1e6:.0f} MB |"
            for package, size in figures["packages"].items()
        ]
    return f"""# Benchmarks of the images

Written by `make bench-docker`; \
the figures are in [benchmarks-docker.json](benchmarks-docker.json). Why the large
packages are there is in [docker](model/docker.md#images).

{about["date"]}, {about["processor"]}, {about["cores"]} cores (shared), {about["system"]}; \
medians of {about["rounds"]}
rounds, builds from nothing once, with packages downloaded before. \
The base has {result["base_bytes"] / 1e6:,.0f} MB.

{table(result)}

Ready is the time from `docker run` to the first good answer of `/health/ready`, \
with a model exported to the disk.

| image | layer above the base | bytes |
|---|---|---|
{chr(10).join(shown)}

| image | package over 50 MB | size |
|---|---|---|
{chr(10).join(large)}
"""


def main(argv: Sequence[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    try:
        result = run(args.rounds)
    finally:
        command = ["docker", "image", "rm", *map(image, _IMAGES)]
        subprocess.run(command, check=False, capture_output=True)
    args.output.mkdir(parents=True, exist_ok=True)
    figures = json.dumps(result, indent=1) + "\n"
    (args.output / "benchmarks-docker.json").write_text(figures, encoding="utf-8")
    (args.output / "benchmarks-docker.md").write_text(page(result), encoding="utf-8")
    sys.stdout.write(table(result) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
