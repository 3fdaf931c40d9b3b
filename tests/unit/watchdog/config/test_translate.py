"""Messages are ours, never pydantic's."""

from pydantic import ValidationError

from watchdog.config.schema import Cluster
from watchdog.config.translate import problems, unknown, wrong_type


def test_no_message_of_pydantic_reaches_the_user() -> None:
    """`Input should be a valid integer [type=int_type, input_value=...]` helps nobody."""
    try:
        Cluster.model_validate({"port": "x", "scheduling": "y", "foo": 1})
    except ValidationError as error:
        found = problems(error, ("cluster",))
    else:
        raise AssertionError
    text = "\n".join(problem.what for problem in found)
    assert len(found) == 4
    assert "Input" not in text
    assert "type=" not in text


def test_unknown_table_is_not_called_a_key() -> None:
    """A table stands in brackets."""
    assert unknown(("clutser",)).what == "unknown table [clutser]"
    assert unknown(("clutser",)).hint == "did you mean `cluster`?"


def test_tables_are_not_printed() -> None:
    """They may be pages long."""
    assert wrong_type(("nodes",), "a table", [1, 2]).what == "`nodes` needs a table, found an array"
