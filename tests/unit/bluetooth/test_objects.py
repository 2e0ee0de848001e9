"""BlueZ's properties as items: wrong types, names that are too long, paths of no device; and its errors."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_bluetooth import objects, refusal
from lunix_bluetooth.names import adapter_of, device_or_adapter
from lunix_bluetooth.settings import Settings
from lunix_common.schemas.bluetooth import DeviceRequest

PHONE = "11:22:33:44:55:66"
DEVICE = "org.bluez.Device1"
HOSTILE = "<script>\x1b]52;c;x\x07../../\u202eevil"
ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(), st.binary(), st.floats(), st.lists(st.text() | st.integers())
)
PROPERTIES = ("Address", "AddressType", "Alias", "Name", "Icon", "Connected", "Paired", "RSSI", "UUIDs", "Percentage")


def device(**told: object) -> Any:
    return objects.device({DEVICE: {"Address": PHONE, **told}}, [], None)


def test_a_name_is_what_a_person_gave_or_its_own() -> None:
    assert device(Alias="Ada's", Name="phone").name == "Ada's"
    assert device(Alias="", Name="phone").name == "phone"
    assert device().name is None
    assert device(Alias=HOSTILE).name == HOSTILE, "texts are escaped by who shows them"
    assert len(device(Alias="x" * 10_000).name) == objects.MOST_CHARACTERS


def test_services_are_bounded_and_sorted() -> None:
    assert device(UUIDs=["b", "a", 5, "x" * 37]).services == ["a", "b"]
    assert len(device(UUIDs=[f"{number:04}" for number in range(1000)]).services) == objects.MOST_SERVICES
    assert device(UUIDs="no list").services is None


def test_numbers_are_bounded() -> None:
    assert device(RSSI=-400).rssi_dbm == -127
    assert device(RSSI=True).rssi_dbm is None


@pytest.mark.parametrize("interface", ["org.bluez.MediaControl1", "org.bluez.Network1"])
def test_several_signals_say_that_it_is_connected(interface: str) -> None:
    found = objects.device({DEVICE: {"Address": PHONE}, interface: {"Connected": True}}, [], None)
    assert found is not None
    assert found.connected


def test_nothing_is_made_of_no_views() -> None:
    assert objects.merged([]) is None


@given(st.dictionaries(st.sampled_from(PROPERTIES), ANYTHING), ANYTHING)
def test_whatever_is_told_is_an_item_or_none(told: dict[str, object], state: object) -> None:
    interfaces: objects.Interfaces = dict.fromkeys((DEVICE, "org.bluez.Adapter1", "org.bluez.Battery1"), told)
    objects.adapter(interfaces)
    found = objects.device(interfaces, [{"org.bluez.MediaTransport1": {"State": state}}], None)
    assert found is None or found.id == f"device:{found.address}"


@pytest.mark.parametrize(
    ("path", "base"),
    [
        ("/org/bluez/hci0", "/org/bluez/hci0"),
        ("/org/bluez/hci12/dev_11_22_33_44_55_66", "/org/bluez/hci12/dev_11_22_33_44_55_66"),
        ("/org/bluez/hci0/dev_11_22_33_44_55_66/fd3", "/org/bluez/hci0/dev_11_22_33_44_55_66"),
        ("/org/bluez/hci0/other", "/org/bluez/hci0"),
        ("/org/bluez", None),
        ("/", None),
        ("/org/bluez/hci0x", None),
    ],
)
def test_an_object_belongs_to_a_device_or_an_adapter(path: str, base: str | None) -> None:
    assert device_or_adapter(path) == base


def test_a_device_is_below_its_adapter() -> None:
    assert adapter_of("/org/bluez/hci0/dev_11_22_33_44_55_66") == "/org/bluez/hci0"


@given(st.text())
def test_any_text_is_a_path_or_none(text: str) -> None:
    base = device_or_adapter(text)
    assert base is None or text.startswith(base)


@pytest.mark.parametrize("text", [PHONE, f"device:{PHONE}", "0e:1b:dc:07:31:8a", "adapter:0E:1B:DC:07:31:8A"])
def test_a_device_is_named_by_its_address_or_its_id(text: str) -> None:
    assert DeviceRequest(device=text).device in (PHONE, "0E:1B:DC:07:31:8A")


def test_errors_have_codes() -> None:
    assert refusal.code("org.bluez.Error.DoesNotExist") == 404
    assert refusal.code("org.bluez.Error.Whatever") == 409
    assert refusal.is_done("Connect", "org.bluez.Error.AlreadyConnected")
    assert not refusal.is_done("Connect", "org.bluez.Error.Failed")
    assert not refusal.is_done("Trusted", "org.bluez.Error.Failed")


def test_the_thresholds_of_the_configuration_are_the_rules() -> None:
    rules = Settings(settle_s=1, signal_low_dbm=-90).rules
    assert (rules.settle_s, rules.low_dbm, rules.high_dbm) == (1, -90, -65)
