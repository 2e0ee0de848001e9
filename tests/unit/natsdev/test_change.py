"""The payload of an event."""

import pytest

from lunix_common.schemas.hardware import DeviceEvent
from lunix_natsdev.table import Change, Table
from lunix_testing.uevents import DISK, event, found, names


@pytest.mark.parametrize("old_name", [None, 'sd"b'])
@pytest.mark.parametrize("flags", [(False, False), (True, False), (False, True)])
def test_it_is_the_declared_model_and_leaves_out_what_has_no_value(
    old_name: str | None, flags: tuple[bool, bool]
) -> None:
    table = Table(names, keeps_contents=True)
    (added,) = table.apply(event("add", DISK, "block", DEVTYPE="disk", DEVNAME="sda", X_LABEL='"\\'), found(5))
    change = Change(added.device, "change", old_name, *flags)
    payload = change.to_json()
    synthetic, resync = flags
    assert DeviceEvent.model_validate_json(payload) == DeviceEvent(
        **vars(added.device), action="change", old_name=old_name, synthetic=synthetic, resync=resync
    )
    assert b"null" not in payload
