"""How a fault looks on a terminal."""

from watchdog.config.errors import ConfigError, Fault, dotted


def test_fault_says_where_what_why_and_what_to_do() -> None:
    """The first line is complete by itself; the others follow when there is something to say."""
    fault = Fault("f.conf:3", "is wrong", "it breaks", "mend it")
    assert str(fault) == "f.conf:3: is wrong\n    why: it breaks\n    do:  mend it"
    assert str(Fault("f.conf:3", "is wrong")) == "f.conf:3: is wrong"


def test_error_holds_all_faults_and_the_exit_code() -> None:
    """2 unless it says otherwise."""
    error = ConfigError([Fault("a", "b"), Fault("c", "d")])
    assert (len(error.faults), error.exit_code, str(error)) == (2, 2, "a: b\nc: d")
    assert dotted(("a", "b")) == "a.b"
