"""The socket to nf_tables: transactions, questions, and what a strange answer does."""

import errno
import socket
from collections.abc import Iterator

import pytest

from tests.shell.namespaces import private_network
from watchdog.guardian import netlink
from watchdog.guardian.nft import attributes as attribute
from watchdog.guardian.nft import batch, listing
from watchdog.guardian.nft.kernel import Kernel, RefusedError

pytestmark = pytest.mark.root
TABLE = batch.Request(batch.NEWTABLE, batch.NLM_F_CREATE, batch.INET, attribute.text(1, "t"))
CHAIN = batch.Request(
    batch.NEWCHAIN, batch.NLM_F_CREATE, batch.INET, attribute.text(1, "t") + attribute.text(3, "c")
)
GONE = batch.Request(batch.DELTABLE, 0, batch.INET, attribute.text(1, "never"))


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    """A socket in a network of its own."""
    with private_network():
        made = Kernel()
        yield made
        made.close()


def tables(kernel: Kernel) -> list[str]:
    """Names of all tables."""
    question = batch.Request(batch.GETTABLE, netlink.NLM_F_DUMP, batch.UNSPEC, b"")
    answers = kernel.ask(question)
    return [attribute.name(attribute.parse(answer.attributes)[0][1]) for answer in answers]


def test_a_transaction_is_done_when_the_call_returns(kernel: Kernel) -> None:
    """And a question is answered."""
    assert tables(kernel) == []
    kernel.do([TABLE])
    assert tables(kernel) == ["t"]
    assert len(kernel.ask(listing.table_question("t", batch.INET))) == 1


def test_one_fault_undoes_all_and_says_which_it_was(kernel: Kernel) -> None:
    """All of it or nothing."""
    with pytest.raises(RefusedError) as caught:
        kernel.do([TABLE, GONE, TABLE])
    assert caught.value.faults == [(2, errno.ENOENT)]
    assert caught.value.errno == errno.ENOENT
    assert tables(kernel) == []
    kernel.do([TABLE])


def test_what_is_not_there_is_an_error_of_its_kind(kernel: Kernel) -> None:
    """The kernel's errno, as everywhere."""
    with pytest.raises(FileNotFoundError):
        kernel.ask(listing.table_question("never", batch.INET))


def test_every_transaction_that_changes_something_is_one_generation(kernel: Kernel) -> None:
    """By which changes of others are noticed."""
    first = listing.generation(kernel.ask(listing.GENERATION))
    kernel.do([TABLE, CHAIN])
    kernel.do([GONE._replace(attributes=attribute.text(1, "t"))])
    kernel.do([TABLE])
    kernel.do([TABLE])  # is there, so nothing changes
    assert listing.generation(kernel.ask(listing.GENERATION)) == first + 3


def test_an_answer_left_by_somebody_else_ends_the_socket(kernel: Kernel) -> None:
    """It is thrown away with all that may come; the next call opens another."""
    kernel.do([TABLE])
    link = kernel._open()
    link.send(listing.GENERATION.pack(99))
    with pytest.raises(OSError, match="instead of an outcome") as caught:
        kernel.do([TABLE])
    assert caught.value.errno == errno.EBADMSG
    kernel._open().send(listing.GENERATION.pack(99))
    with pytest.raises(OSError, match="an answer to 99"):
        kernel.ask(listing.GENERATION)
    assert tables(kernel) == ["t"]


def test_an_acknowledgement_left_from_before_is_no_success(kernel: Kernel) -> None:
    """All that the kernel says is read: two of them say nothing of either."""
    kernel.do([TABLE])
    kernel._open().send(batch.batch([TABLE]))
    with pytest.raises(OSError, match="2 acknowledgements, not one"):
        kernel.do([TABLE])
    kernel.do([TABLE])


def test_bytes_that_are_no_batch_are_an_error(kernel: Kernel) -> None:
    """Whatever the kernel makes of them, it is not success."""
    with pytest.raises(OSError, match="No data"):
        kernel.transact(b"", 1)
    with pytest.raises(OSError, match="not one"):
        kernel.transact(batch.batch([TABLE, TABLE]), 1)


def test_without_the_right_it_is_an_error() -> None:
    """A user may ask nothing of nf_tables."""
    kernel = Kernel()
    kernel._open().close()
    kernel._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    with pytest.raises(OSError, match="nf_tables"):
        kernel.ask(listing.GENERATION)
    kernel.close()
