"""Running a verb in this process, on a configuration that a test wrote."""

import os
from pathlib import Path

from click.testing import CliRunner, Result

from watchdog.cli import main

KEY = bytes(range(7, 250, 7))[:32]
AS_MYSELF = ("--user", "root") if os.geteuid() == 0 else ()
"""For `check test`, which would otherwise leave root for good, in this process."""
TEXT = """\
[cluster]
name = "c"
authkey_file = "{folder}/authkey"
data_dir = "{folder}"
scheduling = "normal"
[nodes]
a = {{ address = "127.0.0.1" }}
b = {{ address = "127.0.0.2" }}
w = {{ address = "127.0.0.3", role = "witness" }}
[hooks]
escalation = ["/bin/sh", "-c", "env; cat; exit 3"]
"""


def run(*words: str, env: dict[str, str] | None = None) -> Result:
    """The verb's output and exit code; an exception is the test's failure."""
    result = CliRunner().invoke(main, words, env=env)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def configured(folder: Path, more: str = "", key: bytes = KEY) -> str:
    """Write a good configuration of three nodes on loopback and its key; its path."""
    (folder / "authkey").write_bytes(key)
    (folder / "authkey").chmod(0o600)
    file = folder / "quorumdog.conf"
    file.write_text(TEXT.format(folder=folder) + more, encoding="utf-8")
    return str(file)
