"""Every wrong key, type and value: refused at its line, with a reason and a way out."""

from pathlib import Path

import pytest

from tests.unit.watchdog.config.samples import GOOD, examined, faults
from watchdog.config.options import OPTIONS, Option

CLUSTER = '[cluster]\nname = "c"\n{line}\n[nodes]\na = {{ address = "10.0.0.1" }}\n'


def with_option(path: tuple[str, ...], value: str) -> str:
    """A configuration that is good but for `path = value`."""
    table, key = path[0], ".".join(path[1:])
    extra = f"{key} = {value}"
    match table:
        case "nodes":
            lines = {"address": 'address = "10.0.0.1"', path[-1]: f"{path[-1]} = {value}"}
            return f'[cluster]\nname = "c"\n[nodes.a]\n{chr(10).join(lines.values())}\n'
        case "vip":
            lines = {
                "address": 'address = "10.0.0.9/24"',
                "interface": 'interface = "eth0"',
                path[-1]: f"{path[-1]} = {value}",
            }
            node = '[nodes]\na = { address = "10.0.0.1" }\n[vip.v]\n'
            return f'[cluster]\nname = "c"\n{node}{chr(10).join(lines.values())}\n'
        case "check":
            nodes = '[nodes]\na = { address = "10.0.0.1" }\n'
            return f'[cluster]\nname = "c"\n{nodes}{check_with(path, value)}'
        case "cluster":
            rest = "" if key == "name" else 'name = "c"\n'
            return f'[cluster]\n{extra}\n{rest}[nodes]\na = {{ address = "10.0.0.1" }}\n'
        case _:
            nodes = '[nodes]\na = { address = "10.0.0.1" }\n'
            return f'[cluster]\nname = "c"\n{nodes}[{table}]\n{extra}\n'


GOOD_PROBES = {
    "process": 'process = "/bin/x"',
    "tcp": 'tcp = "127.0.0.1:1"',
    "http": 'http = "http://127.0.0.1/"',
    "command": 'command = "/bin/true"',
    "log_growth": 'log_growth = "/l"',
    "log_match": 'log_match = "/l"\npattern = "x"',
    "file": 'file = "/f"',
    "ping": 'ping = "10.0.0.9"',
    "load": "load = 1_000_000",
    "memory": 'memory = "100%"',
    "disk": 'disk = "/"',
}


def check_with(path: tuple[str, ...], value: str) -> str:
    """A check that is good but for `value`; the tests of pace and check use a tcp probe."""
    key, line = path[-1], f"{path[-1]} = {value}"
    kind = path[2] if path[2] in GOOD_PROBES and len(path) == 4 else "tcp"
    good = [] if key in {"pidfile", "exe", "unit"} else GOOD_PROBES[kind].split("\n")
    rest = [row for row in good if not row.startswith(f"{key} =")]
    head = ["[check.c]"]
    if path[2] == "probe":
        head = ["[[check.c.probe]]", *([] if key == "kind" else ['kind = "tcp"'])]
    return "\n".join([*head, *rest, line]) + "\n"


WRONG_BY_KIND = {
    "integer": ["true", "1.5", '"5"', "[5]", "{ a = 1 }", "2020-01-01", "-1", "99999999"],
    "duration": ["5", "true", "1.5", '"5"', '"5 parsecs"', '"-1s"', '"25h"', '"0.1ms"', "[]"],
    "pair": ['"50ms"', '["50ms"]', '["1s", "2s", "3s"]', '["1s", 2]', "5", "{ a = 1 }"],
    "array": ["5", '"root"', '["root"]', "[-1]", "[true]", "[4294967295]", "{ a = 1 }"],
    "command": ["5", '""', '"relative"', "[]", '["relative"]', '["/x", 5]', '"/x with blanks"'],
    "path": ["5", '""', '"relative/path"', "[]", "true", '"/with\\u0000zero"'],
    "device": ["5", '"watchdog0"', "[]", "true", '"/with\\u0000zero"'],
    "address": ["5", '""', '"db.example.org"', '"10.0.0.256"', '"fe80::1%eth0"', '"224.0.0.1"'],
    "address/prefix": [
        "5", '""', '"10.0.0.9"', '"10.0.0.9/33"', '"10.0.0.0/24"', '"10.0.0.255/24"',
        '"0.0.0.0/0"', '"ff02::1/64"', '"x/24"',
    ],
    "interface": ["5", '""', '"eth 0"', '"sixteen-letters-"', '"a/b"', '".."'],
    "name": ["5", '""', '"Upper"', '"-x"', '"a b"', '"ä"', f'"{"a" * 64}"', "[]"],
    "string": ["5", "true", "[]", "{ a = 1 }", '"tab\\u0009"'],
    "host:port": [
        "5", '""', '"127.0.0.1"', '"::1:80"', '"[::1]"', '"a:0"', '"a:70000"', '"10.0.0.256:1"',
        '"a b:1"', '"[x]:1"', '["a:1"]', "{ a = 1 }",
    ],
    "address:port": ["5", '""', '"127.0.0.1"', '"localhost:80"', '"::1:80"', '"0.0.0.0:0"'],
    "URL": [
        "5", '""', '"127.0.0.1/x"', '"ftp://a/"', '"http:///x"', '"http://a b/"', '"http://[::1/"',
        '"http://u:p@a/"', '"http://a:0/"', '"http://a:99999/"', '"http://ä/"', '"http://a/#b"',
        f'"http://a/{"x" * 5000}"',
    ],
    "regular": ["5", '""', '"("', '"[a"', '"a{2,1}"', f'"{"a" * 1001}"', "[]", "true"],
    "text": ["5", '""', "true", "[]", f'"{"a" * 5000}"'],
    "string-or-array": ["5", '""', '" "', "[]", "[5]", '["/x", ""]', f"{['x'] * 17}", "{ a = 1 }"],
    "address-or-array": ["5", '""', "[]", '"db.example.org"', '"0.0.0.0"', '["10.0.0.1", 5]'],
    "integer-or-array": ["5", "true", '"200"', "[]", "[99]", "[true]", "[200, 600]", "{ a = 1 }"],
    "percentage": ["5", "0.9", '""', '"90"', '"0%"', '"101%"', '"-5%"', '"x%"', "true", "[]"],
    "number": ["0", "-1.5", "nan", "inf", "true", '"8"', "[]", "1e9"],
    "unit": ["5", '""', '"postgresql"', '"a.mount"', '"a b.service"', '"../x.service"', "[]"],
    "choice": ["5", "true", '""', '"nonsense"', '["rt"]'],
}  # fmt: skip


def kind_class(option: Option) -> str:
    """The row of WRONG_BY_KIND that fits the option."""
    if " | " in option.kind:
        return "choice"
    if option.kind.endswith(" or array"):
        return option.kind.replace(" ", "-")
    word = option.kind.split()[0]
    return word if word in WRONG_BY_KIND else option.kind


WRONG = [
    (path, value)
    for path, option in OPTIONS.items()
    if "pki" not in path
    for value in WRONG_BY_KIND[kind_class(option)]
]


@pytest.mark.parametrize(("path", "value"), WRONG, ids=str)
def test_wrong_value_is_refused_at_its_line(
    path: tuple[str, ...], value: str, tmp_path: Path
) -> None:
    """Every option against every class of value that it cannot have."""
    text = with_option(path, value)
    line = next(n for n, row in enumerate(text.split("\n"), 1) if row.startswith(path[-1]))
    found = faults(tmp_path, text)
    assert len(found) == 1, found
    assert found[0].startswith(f"{line}: `")
    assert path[-1] in found[0]


@pytest.mark.parametrize("path", [path for path in OPTIONS if "pki" not in path], ids=str)
def test_misspelt_key_is_refused_with_the_right_one(path: tuple[str, ...], tmp_path: Path) -> None:
    """A key that nobody reads would silently leave the default in force."""
    wrong = f"{path[-1]}x"
    text = with_option((*path[:-1], wrong), '"x"')
    found = faults(tmp_path, text)
    (fault,) = [fault for fault in found if "unknown key" in fault]
    assert f"unknown key `{wrong}` in [" in fault
    assert f"did you mean `{path[-1]}`?" in fault


@pytest.mark.parametrize(
    "path", [path for path, option in OPTIONS.items() if option.required], ids=str
)
def test_required_key_that_is_missing_is_named(path: tuple[str, ...], tmp_path: Path) -> None:
    """There is no default for who we are and where."""
    texts = {
        "cluster": '[cluster]\npki = {}\n[nodes]\na = { address = "10.0.0.1" }\n',
        "nodes": '[cluster]\nname = "c"\n[nodes.a]\n',
        "vip": '[cluster]\nname = "c"\n[nodes]\na = { address = "10.0.0.1" }\n[vip.v]\n',
        "check": f"{GOOD}[[check.c.probe]]\n"
        + ('tcp = "a:1"' if path[-1] == "kind" else f'kind = "{path[-2]}"'),
    }
    found = faults(tmp_path, texts[path[0]])
    assert any(f"{path[-1]}` is missing" in fault for fault in found)


SENTENCES = [
    ("port = 70000", "`cluster.port` must be less than or equal to 65535, found the integer 70000"),
    ('port = "9000"', "`cluster.port` needs an integer, found the string '9000'"),
    ('scheduling = "fifo"', '`cluster.scheduling` must be one of "rt", "nice", "normal"'),
    ("failback_delay = 60", 'write "60ms" or "60s"'),
    ('timing = "quick"', "choose one of default, fast, extreme, wan, watchdog"),
    ('gate = "pf"', '`cluster.gate` must be one of "auto", "nft", "none"'),
    ('watchdog_device = "watchdog0"', "`cluster.watchdog_device` is no absolute path"),
    ('watchdog_timeout = "1500ms"', "must be whole seconds from 1s to 5m: 1500ms"),
    ('watchdog_timeout = "0s"', "must be whole seconds from 1s to 5m: 0ms"),
    ('watchdog_timeout = "301s"', "the least that the device can do (`wdctl` shows it)"),
    ('self_fence = "stonith"', 'must be one of "off", "watchdog", "sysrq"'),
    ('pki = "x"', "`cluster.pki` needs a table, found the string 'x'"),
    ('pki = { ca = "/a", cert = "b", key = "/c" }', "`cluster.pki.cert` is no absolute path"),
    ('pki = { ca = "/a", cert = "/b", kay = "/c" }', "did you mean `key`?"),
    ('pki.ca = "/a"', "`cluster.pki.cert` is missing"),
    ("deesc = 5", "`de_escalation_timeout` in [hooks]"),
    ("priority = 5", "`priority` belongs to [nodes.*]"),
    ('authkey_file = "credential:../x"', "is no valid name: '../x'"),
    ('delegate_ip = "10.0.0.9"', "a virtual address is a [vip.NAME] table"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "sentence"), SENTENCES, ids=str)
def test_fault_says_what_to_type_instead(line: str, sentence: str, tmp_path: Path) -> None:
    """A message without a way out sends the reader to the source."""
    found = faults(tmp_path, CLUSTER.format(line=line))
    assert any(sentence in fault for fault in found), found
    assert all(fault.startswith("3: ") for fault in found)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("[check]\nprocess = '/bin/x'", "put `process` into one such as [check.db]"),
        ("[check.Upper]\nprocess = '/bin/x'", "the name of [check.Upper]"),
        ("[lifechek]", "did you mean `lifecheck`?"),
        ("[node.a]", "did you mean `nodes`?"),
        ("[[ipc]]\ngroup = 'x'", "`ipc` needs a table, found an array"),
        ("[vip]\naddress = '10.0.0.9/24'", "put `address` into one such as [vip.db]"),
        ("[vip.Upper]\naddress = '10.0.0.9/24'\ninterface = 'eth0'", "the name of [vip.Upper]"),
        ("[timing]\ndeesc = '1s'", "`de_escalation_timeout` in [hooks]"),
        ("[timing]\nsitout = '1s'", "it always equals `promise`"),
        ("[timing]\nfailback_delay = '1s'", "`failback_delay` belongs to [cluster]"),
    ],
)
def test_wrong_table_is_refused(table: str, sentence: str, tmp_path: Path) -> None:
    """Tables of later versions are known, others are guessed at."""
    found = faults(tmp_path, f"{GOOD}{table}\n")
    assert any(sentence in fault for fault in found), found


def test_last_resorts_may_be_said_to_be_off(tmp_path: Path) -> None:
    """What is left out may also be written."""
    text = GOOD.replace(
        "[nodes]", 'gate = "none"\nself_fence = "off"\nwatchdog_device = ""\n[nodes]'
    )
    assert examined(tmp_path, text).faults == ()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "[nodes] is missing or empty"),
        ("", "`cluster.name` is missing"),
        ('[cluster]\nname = "c"\nnodes = 5', "unknown key `nodes` in [cluster]"),
        ("nodes = 5", "`nodes` needs a table, found the integer 5"),
        ("cluster = 5", "`cluster` needs a table, found the integer 5"),
        ("[nodes]\na = 5", "`nodes.a` needs a table, found the integer 5"),
        ('[nodes]\na = "10.0.0.1"', 'write `a = { address = "10.0.0.11" }`'),
        ('[nodes]\nA = { address = "10.0.0.1" }', "the name of [nodes.A] is no valid name"),
        ('[nodes]\na.b = { address = "10.0.0.1" }', "unknown key `b` in [nodes.a]"),
        ('[nodes]\na = { address = "0.0.0.0" }', "`nodes.a.address` is no address of one machine"),
    ],
)
def test_wrong_shape_is_refused(text: str, sentence: str, tmp_path: Path) -> None:
    """Whatever stands at the top of the file, it ends in a fault and not in a traceback."""
    assert any(sentence in fault for fault in faults(tmp_path, text))


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    """One fault per run would mean a run per fault."""
    text = '[cluster]\nname = "X"\nport = "a"\nfoo = 1\n[nodes]\na = { address = "x", b = 1 }\n[x]'
    assert len(faults(tmp_path, text)) == 6


def test_more_nodes_than_a_message_holds_are_refused(tmp_path: Path) -> None:
    """Messages and records are bounded."""
    nodes = "\n".join(f'n{n} = {{ address = "10.0.0.{n + 1}" }}' for n in range(32))
    found = faults(tmp_path, f'[cluster]\nname = "c"\n[nodes]\n{nodes}\n')
    assert "[nodes] has 32 entries; there may be at most 31" in found[0]


@pytest.mark.parametrize("key", ["authkey", "password", "secret", "key", "psk"])
def test_secret_in_the_file_is_refused_and_never_shown(key: str, tmp_path: Path) -> None:
    """What stands in an error message ends in a terminal's history or a ticket."""
    found = faults(tmp_path, CLUSTER.format(line=f'{key} = "hunter2hunter2"'))
    assert "`authkey_file` names one" in found[0]
    assert "hunter2" not in "".join(found)


def test_key_written_into_authkey_file_is_never_shown(tmp_path: Path) -> None:
    """People mistake the option for the key itself."""
    found = faults(tmp_path, CLUSTER.format(line='authkey_file = "hunter2hunter2"'))
    assert "is no absolute path" in found[0]
    assert "hunter2" not in "".join(found)
