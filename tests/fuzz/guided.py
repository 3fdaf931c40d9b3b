"""`python -m tests.fuzz.guided NAME...`: the same targets, guided by coverage, where atheris is.

atheris (libFuzzer for Python) keeps what reaches new lines and mutates that; half of its inputs
come from our own mutators, which know the syntax.  It is no dependency: `pip install atheris`.
Each target runs in a process of its own, because libFuzzer ends its process.
Exit code 0: nothing found, or no atheris (said so); 1: a fault, whose input is in the corpus.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.fuzz import corpus, registry
from tests.fuzz.engine import Caught, Fault, Target, signature

SECONDS: Final = 20
SEEDS: Final = 200
SIZE_MAX: Final = 8192
OURS: Final = ["watchdog", "ipc", "lifecheck"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run each target for a while; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.guided", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of targets; none: all")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="for each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if find_spec("atheris") is None:
        print("no coverage-guided runs: atheris is not installed (pip install atheris)")
        return 0
    names = options.names or list(registry.PLACES)
    if options.inside is not None:
        return _inside(names[0], options.inside, options)
    codes = [_start(name, options) for name in names]
    print(f"{len(names)} targets, {sum(code != 0 for code in codes)} with a fault")
    return int(any(codes))


def _start(name: str, options: argparse.Namespace) -> int:
    print(f"{name}: {options.seconds} s guided by coverage", flush=True)
    words = [sys.executable, "-m", "tests.fuzz.guided", name, "--seconds", str(options.seconds)]
    with tempfile.TemporaryDirectory() as folder:
        words += ["--seed", str(options.seed), "--inside", folder]
        return subprocess.run(words, check=False, timeout=options.seconds + 120).returncode


def _inside(name: str, folder: Path, options: argparse.Namespace) -> int:
    """In a process of its own, which libFuzzer ends: `folder` is removed by whoever started it."""
    atheris: Any = import_module("atheris")
    with atheris.instrument_imports(include=OURS):
        target = registry.make(name)
    _seed(target, folder, options.seed)
    flags = [f"-max_total_time={options.seconds}", f"-seed={options.seed}", "-verbosity=0"]
    flags += [f"-max_len={SIZE_MAX}", f"-artifact_prefix={folder}/", "-print_final_stats=1"]

    def mutate(data: bytes, size_max: int, seed: int) -> bytes:
        if seed & 1:
            return target.make(Random(seed))[:size_max]
        return bytes(atheris.Mutate(data, size_max))

    def judge(data: bytes) -> None:
        with Caught() as caught:
            target.judge(data)
        if caught.error is not None:
            _keep(target, data, caught.error)
            raise caught.error

    atheris.Setup([sys.argv[0], *flags, str(folder)], judge, custom_mutator=mutate)
    atheris.Fuzz()
    return 0


def _seed(target: Target, folder: Path, seed: int) -> None:
    rng = Random(seed)
    inputs = [*corpus.read(target.name), *(target.make(rng) for _ in range(SEEDS))]
    for number, data in enumerate(inputs):
        (folder / f"{number:04}").write_bytes(data[:SIZE_MAX])


def _keep(target: Target, data: bytes, error: BaseException) -> None:
    text = f"{type(error).__name__}: {str(error)[:300]}"
    print(f"FAULT {target.name}: {text}")
    where = corpus.keep(Fault(target.name, "error", signature(error), text, 0, data))
    print(f"    python -m tests.fuzz --only {target.name} --file {where}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
