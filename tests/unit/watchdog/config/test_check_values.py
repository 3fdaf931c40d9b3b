"""Values of checks: each is read as it is written, or refused with what to type instead."""

import pytest
from pydantic_core import PydanticCustomError

from watchdog.config import check_values as values


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:5432", "127.0.0.1", 5432),
        ("localhost:1", "localhost", 1),
        ("db-1.example.org:65535", "db-1.example.org", 65535),
        ("[fd00:0::1]:5432", "fd00::1", 5432),
        ("[::]:80", "::", 80),
    ],
)
def test_endpoint_is_host_and_port(text: str, host: str, port: int) -> None:
    """IPv6 in brackets, and in its short form."""
    assert values.read_endpoint(text) == (host, port)


def hint_of(read: object, value: object) -> str:
    """What the refusal says to type instead."""
    assert callable(read)
    with pytest.raises(PydanticCustomError) as refused:
        read(value)
    assert refused.value.context is not None
    return str(refused.value.context["hint"])


@pytest.mark.parametrize(
    ("read", "value", "hint"),
    [
        (values.read_endpoint, "fd00::1:5432", "write [fd00::1]:5432"),
        (values.read_endpoint, "10.0.0.1", "write 10.0.0.1:5432"),
        (values.read_listen, "localhost:8780", "write the address itself"),
        (values.read_url, "127.0.0.1:8008", "write for example http://"),
        (values.read_percent, 0.9, 'write "0.9%"'),
        (values.read_percent, 90, 'write "90%"'),
        (values.read_unit, "postgresql", "write postgresql.service"),
        (values.read_unit, "data.mount", "systemctl list-units"),
        (values.read_reaction, "priority:5", "write for example priority:-2"),
        (values.read_reaction, "priority:-0", "N is 1 to 1000"),
        (values.read_reaction, "failover", "release, veto, restart, report, priority:-N"),
        (values.read_accelerators, ["ebpf"], "process_connector, exit_tracepoint, exiting_poll"),
        (values.read_regex, "(", "in single quotes a backslash"),
        (values.read_statuses, "200", "write 200"),
    ],
)
def test_refusal_says_what_to_type_instead(read: object, value: object, hint: str) -> None:
    """A message without a way out sends the reader to the source."""
    assert hint in hint_of(read, value)


def test_password_in_a_url_is_never_shown() -> None:
    """What stands in an error message ends in a terminal's history or a ticket."""
    with pytest.raises(PydanticCustomError) as refused:
        values.read_url("http://me:hunter2@127.0.0.1/")
    assert "hunter2" not in str(refused.value.context)


def test_one_value_stands_for_an_array_of_one() -> None:
    """Most checks have one of each."""
    assert values.read_prefixes("/bin/x -d") == ("/bin/x -d",)
    assert values.read_prefixes(["/bin/x", "/bin/y"]) == ("/bin/x", "/bin/y")
    assert values.read_addresses("fd00::0:1") == ("fd00::1",)
    assert values.read_statuses(204) == (204,)


def test_reaction_has_its_number() -> None:
    """Only `priority` takes something off."""
    assert values.read_reaction("priority:-12") == ("priority", 12)
    assert values.read_reaction("veto") == ("veto", 0)


def test_accelerators_keep_the_order_of_the_list() -> None:
    """Two files that differ in the order alone are equal."""
    assert values.read_accelerators(["exiting_poll", "process_connector"]) == (
        "process_connector",
        "exiting_poll",
    )
    assert values.read_accelerators([]) == ()


def test_numbers_are_read_as_they_are_written() -> None:
    """A percentage as it is shown by `df`, a load as by `uptime`."""
    assert values.read_percent("92.5%") == 92.5
    assert values.read_load(8) == 8.0


def test_pattern_and_text_are_kept_as_they_are() -> None:
    """Lifecheck compiles the one and sends the other."""
    assert values.read_regex(r"^\d+ rows$") == r"^\d+ rows$"
    assert values.read_send("PING\r\n") == "PING\r\n"
    assert values.read_url("http://[::1]:8008/a?b=c") == "http://[::1]:8008/a?b=c"
