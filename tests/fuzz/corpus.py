"""Inputs that once showed a fault: kept as files, and judged before anything else.

A file is named after its content; its first line says what was wrong, the rest is hex.
"""

import hashlib
from pathlib import Path
from typing import Final

from tests.fuzz.engine import Fault

FOLDER: Final = Path(__file__).parent / "corpus"
_LINE: Final = 64


def read(target: str, folder: Path = FOLDER) -> list[bytes]:
    """The kept inputs of a target, in the order of their names."""
    return [parse(file) for file in sorted((folder / target).glob("*.hex"))]


def parse(file: Path) -> bytes:
    """The input in a file."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return bytes.fromhex("".join(line for line in lines if not line.startswith("#")))


def keep(fault: Fault, folder: Path = FOLDER) -> Path:
    """Write the input of a fault; its file."""
    digest = hashlib.sha256(fault.data).hexdigest()[:12]
    file = folder / fault.target / f"{digest}.hex"
    file.parent.mkdir(parents=True, exist_ok=True)
    said = " ".join(f"{fault.kind} {fault.where} {fault.text}".split())[:90]
    rows = [fault.data[at : at + _LINE // 2].hex() for at in range(0, len(fault.data), _LINE // 2)]
    file.write_text("\n".join([f"# {said}", *rows, ""]), encoding="utf-8")
    return file
