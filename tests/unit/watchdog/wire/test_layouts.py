"""The table of messages is complete and without clashes."""

from dataclasses import fields as dataclass_fields
from typing import cast, get_args

import pytest

from watchdog.core.messages import Message, Transfer
from watchdog.wire import layouts
from watchdog.wire.fields import NAME, TENURE
from watchdog.wire.layouts import LAYOUTS, REQUIRED


def test_every_message_has_one_layout_and_one_number() -> None:
    """A message without a layout could be sent by the core and by nobody else."""
    assert {layout.make for layout in LAYOUTS} == set(get_args(Message))
    assert [layout.number for layout in LAYOUTS] == list(range(1, len(LAYOUTS) + 1))


def test_keys_are_the_attributes_of_the_message_in_order() -> None:
    """The codec builds the message from the values in this order."""
    for layout in LAYOUTS:
        names = [field.name for field in dataclass_fields(cast("type[Message]", layout.make))]
        assert [key for key, _, _ in layout.fields] == names
        assert [key for key, _, _ in layout.readers] == names


def test_only_fields_with_a_default_may_be_missing() -> None:
    """Their defaults are those of the class."""
    optional = {
        (layout.name, key): default
        for layout in LAYOUTS
        for key, _, default in layout.fields
        if default is not REQUIRED
    }
    assert optional == {
        ("Hello", "verdicts"): (),
        ("Hello", "alarms"): (),
        ("Hello", "config_digests"): (),
        ("Hello", "unfit"): "",
        ("Hello", "vetoed"): False,
        ("Hello", "unwatched"): False,
        ("Vote", "transfer"): None,
        ("Release", "was_on"): False,
        ("Release", "reason"): "",
    }


def test_a_layout_that_differs_from_its_class_stops_the_import() -> None:
    """So that nobody adds a field to a message and forgets its bytes."""
    with pytest.raises(AssertionError, match="Transfer"):
        layouts._layout(99, Transfer, tenure=TENURE, more=NAME)
