"""What once broke something is judged again, and the files of the corpus are well made."""

import pytest

from tests.fuzz import corpus, registry
from tests.fuzz.engine import Run

KEPT = sorted(corpus.FOLDER.rglob("*.hex"))


@pytest.mark.parametrize("name", sorted({file.parent.name for file in KEPT}))
def test_what_was_found_once_stays_mended(name: str) -> None:
    """Each file was a fault when it was written."""
    inputs = corpus.read(name)
    assert inputs
    tally = Run(registry.make(name), 0).replay(inputs)
    assert tally.faults == []
    assert tally.inputs == tally.weighed == len(inputs)


def test_every_file_belongs_to_a_target_and_says_what_was_wrong() -> None:
    """A folder of a target that was renamed would be judged by nobody."""
    assert KEPT
    for file in KEPT:
        assert file.parent.name in registry.PLACES
        first = file.read_text(encoding="utf-8").splitlines()[0]
        assert first.startswith("# "), f"{file}: no first line that says what was wrong"
