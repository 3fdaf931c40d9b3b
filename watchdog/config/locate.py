"""Where the control socket is, without validating the file.

Rule: `status` answers in a tenth of a second and also while the file is being edited, so it reads
the two options that it needs and nothing else; no pydantic here.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from watchdog.config.errors import EXIT_UNREADABLE, ConfigError, Fault

RUN_DIR: Final = "/run/quorumdog"
PORT: Final = 9000
_ENV: Final = "QUORUMDOG__CLUSTER__"


def ipc_path(file: str, env: Mapping[str, str]) -> Path:
    """The control socket of the daemon that runs with `file`; ConfigError when unreadable."""
    cluster = _cluster_table(file)
    run_dir = env.get(f"{_ENV}RUN_DIR", cluster.get("run_dir", RUN_DIR))
    port = env.get(f"{_ENV}PORT", cluster.get("port", PORT))
    return Path(str(run_dir)) / f".s.PGPOOLWD_CMD.{port}"


def _cluster_table(file: str) -> Mapping[str, object]:
    try:
        data = tomllib.loads(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
        hint = "--config FILE names another; run this as root when the file is not yours"
        raise ConfigError([Fault(file, what, hint=hint)], EXIT_UNREADABLE) from None
    except ValueError as error:
        what = f"is no valid TOML: {error}"
        hint = f"`quorumdog check --config {file}` says more"
        raise ConfigError([Fault(file, what, hint=hint)], EXIT_UNREADABLE) from None
    cluster = data.get("cluster", {})
    return cluster if isinstance(cluster, dict) else {}
