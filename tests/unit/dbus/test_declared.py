"""What is declared of D-Bus, and the sentences about it. The connection itself: ``tests/bus/test_dbus.py``."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_dbus import DbusAway, Interface, Match, Method, Signal, resolve
from lunix_dbus.errors import silent, told
from lunix_dbus.interface import introspection

MATCH = Match("org.bluez", "org.bluez.Device1", "Gone", path_namespace="/org/bluez", arg0="x")


async def nothing(_call: object) -> list[object]:
    return []


NOTES = Interface("/org/example/Notes", "org.example.Notes", {"Add": Method("sa{sv}", "u", nothing)}, {"Added": "us"})


def test_a_rule_names_all_that_is_known() -> None:
    assert MATCH.rule == (
        "sender='org.bluez',interface='org.bluez.Device1',member='Gone',"
        "path_namespace='/org/bluez',arg0='x',type='signal'"
    )


@pytest.mark.parametrize(
    ("path", "interface", "member", "body", "taken"),
    [
        ("/org/bluez/hci0", "org.bluez.Device1", "Gone", ["x", 1], True),
        ("/org/bluez", "org.bluez.Device1", "Gone", ["x"], True),
        ("/org/bluezoo", "org.bluez.Device1", "Gone", ["x"], False),
        ("/org/bluez", "org.bluez.Adapter1", "Gone", ["x"], False),
        ("/org/bluez", "org.bluez.Device1", "Come", ["x"], False),
        ("/org/bluez", "org.bluez.Device1", "Gone", ["y"], False),
        ("/org/bluez", "org.bluez.Device1", "Gone", [], False),
    ],
)
def test_a_match_takes_what_its_rule_takes(
    path: str, interface: str, member: str, body: list[str], taken: bool
) -> None:
    assert MATCH.takes(Signal(path, interface, member, list(body))) is taken


def test_a_path_is_taken_as_it_is() -> None:
    match = Match("a.b", "a.b", "C", path="/d")
    assert match.takes(Signal("/d", "a.b", "C", []))
    assert not match.takes(Signal("/d/e", "a.b", "C", []))


def test_an_interface_describes_itself() -> None:
    assert introspection("/org/example/Notes", [NOTES]) == (
        '<node><interface name="org.example.Notes"><method name="Add"><arg type="s" direction="in"/>'
        '<arg type="a{sv}" direction="in"/><arg type="u" direction="out"/></method>'
        '<signal name="Added"><arg type="u"/><arg type="s"/></signal></interface></node>'
    )


def test_what_lies_above_an_object_leads_to_it() -> None:
    assert introspection("/", [NOTES]) == '<node><node name="org"/></node>'
    assert introspection("/org/example", [NOTES]) == '<node><node name="Notes"/></node>'
    assert introspection("/org/example/Other", [NOTES]) is None


def test_an_error_is_a_sentence_and_keeps_its_name() -> None:
    error = told("org.freedesktop.DBus.Error.ServiceUnknown", "The name is not activatable", "org.bluez", "Pair")
    assert error.name == "org.freedesktop.DBus.Error.ServiceUnknown"
    assert str(error).startswith("nobody on D-Bus is called org.bluez: it does not run (org.freedesktop.DBus.Error")


def test_an_error_that_nobody_knows_is_one_as_well() -> None:
    assert str(told("org.bluez.Error.Failed", "", "org.bluez", "Pair")) == (
        "org.bluez refused Pair (org.bluez.Error.Failed)"
    )


def test_silence_is_an_error() -> None:
    assert "org.bluez did not answer Pair" in str(silent("org.bluez", "Pair", 2.0))


@given(st.text(), st.text(), st.text(), st.text())
def test_no_error_is_too_strange(name: str, text: str, destination: str, member: str) -> None:
    assert str(told(name, text, destination, member))


def test_the_buses_have_addresses() -> None:
    assert resolve("system", {}) == "unix:path=/run/dbus/system_bus_socket"
    assert resolve("system", {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/x"}) == "unix:path=/x"
    assert resolve("session", {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/y"}) == "unix:path=/y"
    assert resolve("session", {"XDG_RUNTIME_DIR": "/run/user/7"}) == "unix:path=/run/user/7/bus"
    assert resolve("unix:path=/z", {}) == "unix:path=/z"
    with pytest.raises(DbusAway, match="no session bus"):
        resolve("session", {})
