"""Requests: known fields are checked, unknown ones ignored, faults named, reasons cleaned."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipc.framing import Frame, FramingError, parse_body
from ipc.messages import (
    Answer,
    BadRequestError,
    CheckReset,
    CheckSet,
    Form,
    Inform,
    Judgement,
    Native,
    NodeList,
    Own,
    Ping,
    Register,
    Report,
    Request,
    Status,
    StatusChange,
    Switchover,
    Variable,
    Verb,
)
from ipc.requests import body_of, parse_request, parse_verb

REPORT = {
    "verb": "report",
    "own": {"verdict": "dead", "reason": "db is down", "epoch": 7, "veto": "", "handicap": 30},
    "peers": {"beta": {"verdict": "alive"}, "gamma": {"verdict": "unknown", "reason": "new"}},
    "valid_ms": 9000,
}


@pytest.mark.parametrize(
    ("body", "verb"),
    [
        ({"verb": "status"}, Status()),
        ({"VERB": "ping", "unknown": [1]}, Ping()),
        ({"verb": "form"}, Form()),
        ({"verb": "switchover"}, Switchover(None, "operator", dry_run=False)),
        (
            {"verb": "switchover", "to": "beta", "reason": "kernel update", "dry_run": True},
            Switchover("beta", "kernel update", dry_run=True),
        ),
        (
            {"verb": "switchover", "to": "", "dry_run": 0},
            Switchover(None, "operator", dry_run=False),
        ),
        ({"verb": "inform", "node": "beta", "verdict": "dead"}, Inform("beta", "dead", "")),
        (
            {"verb": "inform", "node": "beta", "verdict": "alive", "message": "back\nagain"},
            Inform("beta", "alive", "back again"),
        ),
        (
            REPORT,
            Report(
                Own("dead", "db is down", 7, "", 30),
                {"beta": Judgement("alive", ""), "gamma": Judgement("unknown", "new")},
                9000,
            ),
        ),
        (
            {"verb": "report", "own": {"verdict": "alive"}},
            Report(Own("alive", "", 0, "", 0), {}, 15_000, mute=False),
        ),
        (
            {"verb": "answer", "rid": 3, "ok": 1, "body": {"a": 1}},
            Answer(3, ok=True, body={"a": 1}),
        ),
        ({"verb": "answer", "rid": 3}, Answer(3, ok=False, body={})),
        (
            {"verb": "check_set", "name": "db", "settings": {"every": "1s"}},
            CheckSet("db", {"every": "1s"}),
        ),
        ({"verb": "check_reset", "name": "db"}, CheckReset("db")),
    ],
)
def test_verb_is_read_with_its_fields(body: dict[str, object], verb: Verb) -> None:
    """Field names are found in any case, as pgpool's are; booleans may be 0 and 1."""
    assert parse_verb(body) == verb


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ({}, "no verb given"),
        ({"verb": "reboot"}, "unknown verb"),
        ({"verb": ["status"]}, "unknown verb"),
        ({"verb": "switchover", "to": 3}, "to must be"),
        ({"verb": "switchover", "reason": "a\nevent=forged"}, "reason must be"),
        ({"verb": "switchover", "reason": "x" * 201}, "reason must be"),
        ({"verb": "switchover", "dry_run": "yes"}, "dry_run must be"),
        ({"verb": "switchover", "dry_run": 1.0}, "dry_run must be"),
        ({"verb": "inform", "verdict": "dead"}, "node must be"),
        ({"verb": "inform", "node": "b\n", "verdict": "dead"}, "node must be"),
        ({"verb": "inform", "node": "b", "verdict": "DEAD"}, 'verdict must be "dead" or "alive"'),
        ({"verb": "inform", "node": "b", "verdict": "unknown"}, "verdict must be"),
        ({"verb": "inform", "node": "b", "verdict": ["dead"]}, "verdict must be"),
        ({"verb": "inform", "node": "b", "verdict": "dead", "message": 1}, "message must be"),
        ({"verb": "report"}, "verdict must be"),
        ({"verb": "report", "own": []}, "own must be an object"),
        ({"verb": "report", "own": {"verdict": "alive", "epoch": -1}}, "epoch must be"),
        ({"verb": "report", "own": {"verdict": "alive", "epoch": True}}, "epoch must be"),
        ({"verb": "report", "own": {"verdict": "alive", "handicap": "3"}}, "handicap must be"),
        ({**REPORT, "peers": {"beta": "dead"}}, "peers must be"),
        ({**REPORT, "peers": {"beta\n": {"verdict": "dead"}}}, "the name of a peer must be"),
        ({**REPORT, "peers": {f"n{i}": {"verdict": "dead"} for i in range(65)}}, "at most 64"),
        ({**REPORT, "valid_ms": 0}, "valid_ms must be"),
        ({**REPORT, "valid_ms": 10**9}, "valid_ms must be"),
        ({"verb": "answer", "ok": True}, "rid must be"),
        ({"verb": "answer", "rid": 1, "body": 3}, "body must be an object"),
        ({"verb": "check_set", "name": "db"}, "settings must hold"),
        ({"verb": "check_set", "name": "db", "settings": {"every": 1}}, "the setting every must"),
        ({"verb": "check_set", "name": "db", "settings": {"e\n": "1"}}, "a setting must be"),
        ({"verb": "check_set", "settings": {"every": "1s"}}, "name must be"),
        ({"verb": "check_reset", "name": ""}, "name must be"),
    ],
)
def test_bad_verb_says_what_is_wrong(body: dict[str, object], what: str) -> None:
    """A client's author reads nothing else."""
    with pytest.raises(BadRequestError, match=what):
        parse_verb(body)


@pytest.mark.parametrize(
    ("kind", "body", "request_"),
    [
        ("3", {"NodeID": -1}, NodeList(-1)),
        ("2", {"NodeID": 1, "NodeStatus": 2}, StatusChange(1, 2, "")),
        ("2", {"NodeID": 1, "NodeStatus": 3, "Message": None}, StatusChange(1, 3, "")),
        ("v", {"VARNAME": "WDState"}, Variable("WDState")),
        ("0", {}, Register("client", native=False)),
        ("0", {"Name": "", "Native": 0}, Register("client", native=False)),
        ("0", {"name": "lifecheck", "native": True}, Register("lifecheck", native=True)),
        ("q", {"verb": "ping"}, Native(Ping())),
    ],
)
def test_each_type_is_its_own_request(
    kind: str, body: dict[str, object], request_: Request
) -> None:
    """One dataclass for each, so that a handler's match is complete."""
    assert parse_request(kind, body) == request_


@pytest.mark.parametrize("kind", ["", "Z", "4", "7", "s", "qq", "\xff"])
def test_unknown_type_is_refused_in_pgpools_words(kind: str) -> None:
    """Its own replies are no requests either."""
    with pytest.raises(BadRequestError, match="unknown IPC command type"):
        parse_request(kind, {})


@pytest.mark.parametrize("name", ["x" * 64, "a\x00b", "a\nb", ["x"], 3])
def test_name_of_a_registration_is_a_short_line(name: object) -> None:
    """It stands in the log and in status."""
    with pytest.raises(BadRequestError, match="Name must be a printable text of 1 to 63"):
        parse_request("0", {"Name": name})


def test_only_a_registration_may_come_without_a_body() -> None:
    """The other types have something to say."""
    assert body_of(Frame("0", b"")) == body_of(Frame("0", b"\0")) == {}
    with pytest.raises(FramingError):
        body_of(Frame("3", b""))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    [
        "verb",
        "NodeID",
        "NodeStatus",
        "Message",
        "VarName",
        "Name",
        "Native",
        "to",
        "reason",
        "dry_run",
        "node",
        "verdict",
        "own",
        "peers",
        "valid_ms",
        "rid",
        "ok",
        "body",
        "settings",
        "epoch",
        "handicap",
        "veto",
    ]
)
VERBS = st.sampled_from(
    ["status", "switchover", "inform", "report", "answer", "check_set", "check_reset"]
)


@given(st.sampled_from("023vqdfrci"), VERBS, st.dictionaries(FIELDS, JSON, max_size=8))
def test_any_object_is_a_request_or_a_sentence(
    kind: str, verb: str, fields: dict[str, object]
) -> None:
    """Nothing that a client can write raises anything else."""
    body = parse_body(json.dumps({"verb": verb, **fields}).encode())
    sentence = "none"
    try:
        parse_request(kind, body)
    except BadRequestError as error:
        sentence = str(error)
    assert 0 < len(sentence) < 400
