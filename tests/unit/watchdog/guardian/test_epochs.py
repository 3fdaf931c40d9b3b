"""Which epochs may be claimed, and when they are durable."""

from watchdog.guardian import actions as act
from watchdog.guardian.epochs import Epochs


def test_an_epoch_below_the_last_one_is_refused() -> None:
    """It would let an older tenure in after a newer one."""
    epochs = Epochs(act.Ledger(7, False))
    assert epochs.fault(6, 1) == "epoch 6 is below the last one, 7"
    assert epochs.fault(8, 1) == ""


def test_an_epoch_belongs_to_the_tenure_that_claimed_it_first() -> None:
    """Two tenures with one fencing token could not be told apart."""
    epochs = Epochs(act.Ledger(0, False))
    epochs.claim(5, 1, owes_hook=False)
    assert epochs.fault(5, 1) == ""
    assert epochs.fault(5, 2) == "epoch 5 belongs to another tenure"


def test_one_save_is_in_flight_and_the_next_says_what_changed_meanwhile() -> None:
    """An older record must not come after a newer one."""
    epochs = Epochs(act.Ledger(0, False))
    epochs.claim(5, 1, owes_hook=True)
    assert epochs.save() == [act.SaveLedger(act.Ledger(5, True))]
    epochs.claim(6, 2, owes_hook=False)
    assert epochs.save() == []
    assert epochs.saved(ok=True) == [act.SaveLedger(act.Ledger(6, True))]
    assert not epochs.is_durable
    assert epochs.saved(ok=True) == []
    assert epochs.is_durable


def test_after_a_failed_save_nothing_is_believed_to_be_durable() -> None:
    """The file may hold anything now; the next save is asked for by whoever needs it."""
    epochs = Epochs(act.Ledger(0, False))
    epochs.claim(5, 1, owes_hook=False)
    epochs.save()
    assert epochs.saved(ok=False) == []
    assert epochs.durable is None
    assert epochs.save() == [act.SaveLedger(act.Ledger(5, False))]
