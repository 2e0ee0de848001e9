"""What a script's header asks for, and the identity that it gets."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_cli.script_header import LINES, granted, identity, uses
from lunix_common.access.accounts import covers, within
from lunix_common.access.roles import Client
from lunix_common.subjects import TABLE, Domain, Kind, Role, Subject

SUBJECTS = st.lists(st.sampled_from(("a", "b", "*")), min_size=1, max_size=4).map(".".join)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("#!/bin/sh\n# lunix: uses toast.in hardware.usb.add\n", ("toast.in", "hardware.usb.add")),
        ("// lunix: uses toast.in, mqtt.a.b\n// lunix: uses toast.in user.>", ("toast.in", "mqtt.a.b", "user.>")),
        ("/* lunix:   uses\ttoast.in\n */", ("toast.in",)),
        ("-- lunix: uses toast.in\r\n", ("toast.in",)),
        ("# lunix: uses", ()),
        ("# see lunix: uses toast.in", ()),
        ("print('lunix: uses toast.in')", ()),
        ("\n" * LINES + "# lunix: uses toast.in", ()),
        ("", ()),
    ],
)
def test_a_header_is_a_comment_in_any_language(text: str, found: tuple[str, ...]) -> None:
    assert uses(text) == found


@given(st.text())
def test_any_text_is_survived(text: str) -> None:
    for subject in uses("# lunix: uses " + text):
        try:
            identity("a", (subject,), TABLE)
        except ValueError as error:
            assert str(error)  # noqa: PT017 - either is well


@pytest.mark.parametrize(
    ("asked", "role"),
    [
        (("hardware.usb.add",), Role.OBSERVER),
        (("hardware.usb.add", "toast.in"), Role.USER),
        (("ps.calibre",), Role.USER),
        (("init.restart", "toast.in"), Role.ADMIN),
        (("hardware.>",), Role.ADMIN),
        (("user.lamp.on",), Role.USER),
        (("user.>",), Role.USER),
    ],
)
def test_the_least_role_that_suffices_is_taken(asked: tuple[str, ...], role: Role) -> None:
    client = identity("lamp", asked, TABLE)
    assert (client.name, client.role, client.only) == ("script-lamp", role, asked)
    assert not client.grants


def test_what_no_role_has_is_a_grant() -> None:
    danger = Subject("lamp.break", Kind.COMMAND, "lamp", "common.Anything", "Break it.", role=Role.GRANT)
    table = TABLE.joined([danger], [Domain("lamp", "lamp", "A lamp.")])
    client = identity("lamp", ("lamp.break", "hardware.usb.add"), table)
    assert (client.role, sorted(client.grants)) == (Role.OBSERVER, ["lamp.break"])


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        ("toast.inn", "did you mean 'toast.in'?"),
        ("zzzz.qqqq", "`lunix subjects` shows what there is"),
        ("toast in", "is no subject"),
        ("a..b", "is no subject"),
        ("$SYS.>", "is no subject"),
        ("user", "is not declared"),
        ("*.usb.add", "write them one by one"),
    ],
)
def test_what_nobody_declares_is_refused(subject: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        identity("lamp", (subject,), TABLE)


def test_a_grant_holds_for_as_much_as_it_says() -> None:
    client = Client("script-lamp", Role.USER, only=("toast.in", "hardware.*.add"))
    assert granted(("toast.in",), client)
    assert granted(("hardware.usb.add", "toast.in"), client)
    assert not granted(("hardware.usb.*",), client)
    assert not granted(("toast.in",), Client("script-lamp", Role.USER))
    assert not granted(("toast.in",), None)


@given(SUBJECTS, SUBJECTS)
def test_what_is_left_of_a_subject_is_never_more_than_either(wide: str, asked: str) -> None:
    assert within(wide, None) == [wide]
    for one in within(wide, [asked]):
        assert covers(wide, one)
        assert covers(asked, one)
