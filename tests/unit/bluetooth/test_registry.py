"""What is told of adapters and devices: flapping, outages, thresholds, two adapters that know one device."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_bluetooth.registry import Fact, Registry, Rules
from lunix_common.schemas.bluetooth import Part

PHONE, HEADSET = "11:22:33:44:55:66", "AA:BB:CC:DD:EE:FF"
ADAPTERS = {"hci0": "00:01:02:03:04:05", "hci1": "01:02:03:04:05:06"}
DEVICE, ADAPTER = "org.bluez.Device1", "org.bluez.Adapter1"
Objects = dict[str, dict[str, dict[str, Any]]]


def at(address: str = PHONE, adapter: str = "hci0") -> str:
    return f"/org/bluez/{adapter}/dev_{address.replace(':', '_')}"


def adapter(name: str = "hci0", **more: object) -> Objects:
    return {f"/org/bluez/{name}": {ADAPTER: {"Address": ADAPTERS[name], "Alias": "box", "Powered": True, **more}}}


def device(address: str = PHONE, name: str = "hci0", **more: object) -> Objects:
    return {at(address, name): {DEVICE: {"Address": address, "Alias": "phone", **more}}}


def registry(*found: Objects, rules: Rules | None = None) -> Registry:
    """One that has told all of this."""
    made = Registry(rules or Rules())
    made.replace({path: interfaces for one in found for path, interfaces in one.items()})
    made.facts(0)
    return made


def heard(made: Registry, now_s: float = 1.0, *, resync: bool = False) -> list[str]:
    return [fact.event for fact in made.facts(now_s, resync=resync)]


def set_(made: Registry, address: str = PHONE, name: str = "hci0", **values: object) -> None:
    made.changed(at(address, name), DEVICE, values, [])


def test_what_appears_is_added_and_may_be_connected_and_near() -> None:
    made = registry(adapter())
    for path, interfaces in device(Connected=True, RSSI=-40).items():
        made.added(path, interfaces)
    assert heard(made) == ["added", "high", "connected"]
    assert not heard(made)
    told = made.told(f"device:{PHONE}")
    assert told is not None
    assert (told.signal, told.adapter) == ("high", ADAPTERS["hci0"])
    assert made.seen_at(at()) is not None
    assert made.seen_at("/org/bluez") is None


def test_other_objects_are_passed_over() -> None:
    made = registry(adapter(), device())
    made.added(f"{at()}/service0001/char0002", {"org.bluez.GattCharacteristic1": {"Value": b"1"}})
    made.added("/org/elsewhere", {DEVICE: {"Address": PHONE}})
    made.changed("/org/bluez/hci7", ADAPTER, {"Powered": True}, [])
    made.reason("/org/bluez/hci7", "remote")
    made.removed("/org/bluez/hci7", [ADAPTER])
    assert not heard(made)


def test_a_disconnection_is_told_when_it_has_lasted() -> None:
    made = registry(adapter(), device(Connected=True))
    set_(made, Connected=False)
    assert not heard(made, 10)
    assert (made.next_s or 0) == 12
    assert not heard(made, 11)
    (fact,) = made.facts(12)
    assert (fact.event, fact.reason, fact.part.connected) == ("disconnected", "unknown", False)
    assert not made.next_s
    set_(made, Connected=True)
    assert heard(made, 13) == ["connected"]


def test_what_flaps_is_told_once() -> None:
    made = registry(adapter(), device())
    events: list[str] = []
    for second in range(20):
        set_(made, Connected=second % 2 == 0)
        events += heard(made, second)
    assert events == ["connected"]
    assert heard(made, 30) == ["disconnected"]


def test_other_changes_of_a_device_that_flaps_are_told_at_once() -> None:
    made = registry(adapter(), device(Connected=True))
    set_(made, Connected=False, Paired=True, Alias="Ada's")
    facts = made.facts(1)
    assert [fact.event for fact in facts] == ["paired", "changed"]
    assert all(fact.part.connected for fact in facts)


def test_a_disconnection_that_was_asked_for_is_told_at_once() -> None:
    made = registry(adapter(), device(Connected=True))
    made.asked(f"device:{PHONE}", True)
    set_(made, Connected=False)
    (fact,) = made.facts(1)
    assert (fact.event, fact.reason) == ("disconnected", "local")
    set_(made, Connected=True)
    made.facts(2)
    made.asked(f"device:{PHONE}", True)
    made.asked(f"device:{PHONE}", False)
    set_(made, Connected=False)
    assert not heard(made, 3)


@pytest.mark.parametrize("before", [True, False])
def test_the_reason_may_come_before_or_after(before: bool) -> None:
    made = registry(adapter(), device(Connected=True))
    if before:
        made.reason(at(), "remote")
    set_(made, Connected=False)
    made.facts(1)
    if not before:
        made.reason(at(), "remote")
    assert made.facts(9)[0].reason == "remote"


def test_the_reason_of_an_earlier_end_is_not_that_of_the_next() -> None:
    made = registry(adapter(), device(Connected=True))
    made.reason(at(), "timeout")
    set_(made, Connected=False)
    made.facts(1)
    set_(made, Connected=True)
    made.facts(2)
    set_(made, Connected=False)
    made.facts(3)
    assert made.facts(9)[0].reason == "unknown"


def test_a_device_that_plays_is_connected_whatever_bluez_says() -> None:
    made = registry(adapter(), device(Connected=True))
    made.added(f"{at()}/fd0", {"org.bluez.MediaTransport1": {"State": "active"}})
    set_(made, Connected=False)
    assert not heard(made, 99)
    made.removed(f"{at()}/fd0", ["org.bluez.MediaTransport1"])
    made.facts(100)
    assert heard(made, 110) == ["disconnected"]


def test_a_removed_device_was_disconnected_before() -> None:
    made = registry(adapter(), device(Connected=True), device(HEADSET))
    made.removed(at(), [DEVICE])
    made.removed(at(HEADSET), [DEVICE])
    facts = made.facts(1)
    assert [(fact.event, fact.reason) for fact in facts] == [
        ("disconnected", "removed"), ("removed", None), ("removed", None),
    ]  # fmt: skip
    assert [part.kind for part in made] == ["adapter"]


def test_an_adapter_takes_its_devices_along() -> None:
    made = registry(adapter(), adapter("hci1"), device(), device(HEADSET, "hci1"))
    made.removed("/org/bluez/hci1", [ADAPTER])
    assert {(fact.event, fact.part.address) for fact in made.facts(1)} == {
        ("removed", HEADSET), ("removed", ADAPTERS["hci1"]),
    }  # fmt: skip
    assert made.adapter_paths() == {ADAPTERS["hci0"]: "/org/bluez/hci0"}


def test_one_device_of_two_adapters_is_one_item() -> None:
    made = registry(adapter(), adapter("hci1"), device(RSSI=-80), device(PHONE, "hci1", Paired=True, RSSI=-70))
    assert sorted(part.kind for part in made) == ["adapter", "adapter", "device"]
    told = made.told(f"device:{PHONE}")
    assert told is not None
    assert (told.adapter, told.paired, told.rssi_dbm) == (ADAPTERS["hci1"], True, -70)
    assert made.paths(f"device:{PHONE}") == [at(PHONE, "hci1"), at()]
    set_(made, Connected=True)
    assert heard(made) == ["changed", "connected"]
    assert made.paths(f"device:{PHONE}") == [at(), at(PHONE, "hci1")]
    made.removed(at(), [DEVICE])
    assert not [one for one in heard(made, 5) if one == "removed"]


def test_an_address_that_changes_is_another_item() -> None:
    """As when a pairing tells whose random address it was."""
    made = registry(adapter(), device(AddressType="random"))
    set_(made, Address=HEADSET, AddressType="public")
    assert {(fact.event, fact.part.id) for fact in made.facts(1)} == {
        ("removed", f"device:{PHONE}"), ("added", f"device:{HEADSET}"),
    }  # fmt: skip


def test_between_the_thresholds_nothing_is_told() -> None:
    made = registry(adapter(), device(), rules=Rules(low_dbm=-85, high_dbm=-65))
    told: list[tuple[int, str]] = []
    for rssi in (-75, -66, -65, -70, -84, -64, -85, -75, -90, -65):
        set_(made, RSSI=rssi)
        told += [(rssi, event) for event in heard(made)]
    assert told == [(-65, "high"), (-85, "low"), (-65, "high")]
    made.changed(at(), DEVICE, {}, ["RSSI"])
    assert not heard(made)
    set_(made, RSSI=-60)
    assert not heard(made), "it is as near as before nobody looked"


def test_a_battery_and_an_adapter_that_change_are_told() -> None:
    made = registry(adapter(), device())
    made.added(at(), {"org.bluez.Battery1": {"Percentage": 80}})
    assert heard(made) == ["battery"]
    made.removed(at(), ["org.bluez.Battery1"])
    assert not heard(made)
    made.changed("/org/bluez/hci0", ADAPTER, {"Powered": False}, [])
    assert heard(made) == ["changed"]
    set_(made, Trusted=True, Paired=True)
    assert heard(made) == ["paired", "trusted"]
    set_(made, Trusted=False, Paired=False)
    assert heard(made) == ["unpaired", "untrusted"]


def test_a_bluez_that_comes_back_with_everything_tells_nothing() -> None:
    objects = [adapter(), device(Connected=True)]
    made = registry(*objects)
    made.away(5)
    assert not heard(made, 5)
    assert made.next_s == 15
    assert len(list(made)) == 2
    made.replace({})
    assert not heard(made, 6, resync=True)
    for one in objects:
        for path, interfaces in one.items():
            made.added(path, interfaces)
    assert not heard(made, 8)
    assert made.next_s is None


def test_what_a_bluez_lacks_that_came_back_is_gone_a_little_later() -> None:
    made = registry(adapter(), device(Connected=True), device(HEADSET))
    set_(made, Connected=False)
    made.facts(4)
    made.away(5)
    made.replace({**adapter(), **device(Connected=False)})
    assert not heard(made, 6, resync=True)
    facts = made.facts(8)
    assert [(fact.event, fact.resync, fact.reason) for fact in facts] == [("disconnected", True, "unknown")]
    facts = made.facts(15)
    assert [(fact.event, fact.resync, fact.part.address) for fact in facts] == [("removed", True, HEADSET)]
    assert made.next_s is None


def test_a_bluez_that_stays_away_takes_everything_along() -> None:
    made = registry(adapter(), device(Connected=True))
    made.away(5)
    assert not heard(made, 14.9)
    facts = made.facts(15)
    assert {(fact.event, fact.reason) for fact in facts} == {
        ("disconnected", "bluez"), ("removed", None),
    }  # fmt: skip
    assert all(fact.resync for fact in facts)
    assert not list(made)
    made.replace(adapter())
    assert [(fact.event, fact.resync) for fact in made.facts(20, resync=True)] == [("added", True)]


# --- whatever happens -------------------------------------------------------------------------------------------------

ADDRESSES = st.sampled_from((PHONE, HEADSET))
NAMES = st.sampled_from(("hci0", "hci1"))
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "Connected": st.booleans(),
        "Paired": st.booleans(),
        "Trusted": st.booleans(),
        "RSSI": st.integers(-128, 30),
        "Alias": st.text(max_size=4),
        "Address": ADDRESSES | st.none() | st.just("x"),
        "UUIDs": st.lists(st.text(max_size=3) | st.integers(), max_size=2) | st.none(),
    },
)
STEPS = st.one_of(
    st.tuples(st.just("device"), ADDRESSES, NAMES, VALUES),
    st.tuples(st.just("change"), ADDRESSES, NAMES, VALUES),
    st.tuples(st.just("remove"), ADDRESSES, NAMES, st.none()),
    st.tuples(st.just("adapter"), st.none(), NAMES, st.none()),
    st.tuples(st.just("unplug"), st.none(), NAMES, st.none()),
    st.tuples(st.just("away"), st.none(), st.none(), st.none()),
    st.tuples(st.just("back"), st.none(), st.none(), st.none()),
)


def take(made: Registry, step: tuple[str, Any, Any, Any], now_s: float) -> None:
    what, address, name, values = step
    if what == "device":
        made.added(at(address, name), {DEVICE: {"Address": address, **values}})
    elif what == "change":
        set_(made, address, name, **values)
    elif what == "remove":
        made.removed(at(address, name), [DEVICE])
    elif what == "adapter":
        made.added(f"/org/bluez/{name}", adapter(name)[f"/org/bluez/{name}"])
    elif what == "unplug":
        made.removed(f"/org/bluez/{name}", [ADAPTER])
    elif what == "away":
        made.away(now_s)
    else:
        made.replace({**adapter(), **device(Connected=True)})


def follow(mirror: dict[str, Part], facts: list[Fact]) -> None:
    """As a subscriber does, who sees the events alone."""
    for fact in facts:
        before = mirror.get(fact.part.id)
        assert (before is None) == (fact.event == "added"), fact
        if fact.event == "connected":
            assert before is not None
            assert fact.part.connected
        if fact.event == "disconnected":
            assert before is not None
            assert before.connected
            assert not fact.part.connected
            assert fact.reason is not None
        if fact.event == "removed":
            del mirror[fact.part.id]
        else:
            mirror[fact.part.id] = fact.part


@given(st.lists(st.tuples(STEPS, st.floats(0, 4)), max_size=40))
def test_who_sees_the_events_alone_knows_the_listing(steps: list[tuple[tuple[str, Any, Any, Any], float]]) -> None:
    made, mirror, now_s = Registry(Rules()), dict[str, Part](), 0.0
    for step, later_s in steps:
        now_s += later_s
        take(made, step, now_s)
        follow(mirror, made.facts(now_s))
        assert mirror == {part.id: part for part in made}
        assert made.next_s is None or made.next_s > now_s
    follow(mirror, made.facts(now_s + 100))
    assert made.next_s is None
    for part in made:
        seen = made.seen_at(made.paths(part.id)[0])
        assert seen is not None
        assert bool(seen.connected) == bool(part.connected), "what has lasted is told"
