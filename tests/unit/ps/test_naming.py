"""What a process is called, and by which names it is found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_common.subjects import TABLE, token
from lunix_ps import naming

ROW = TABLE["ps.<name...>"]


def asked(subject: str) -> bytes:
    parameters = ROW.match(subject)
    assert parameters is not None
    return naming.typed(parameters["name"])


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        ("ps.calibre", b"calibre"),
        ("ps.python3.11", b"python3.11"),
        ("ps.a%20b", b"a b"),
        ("ps.kworker%2f0:1", b"kworker/0:1"),
        ("ps.kworker/0:1", b"kworker/0:1"),
        ("ps.%", b""),
        ("ps.50%", b"50%"),
        ("ps.é", "é".encode()),
        ("ps.%FF", b"\xff"),
        ("ps.lost", b"lost"),
    ],
)
def test_a_name_is_typed_as_it_is(subject: str, name: bytes) -> None:
    assert asked(subject) == name


@given(st.binary(max_size=64))
def test_an_escaped_name_is_the_name(name: bytes) -> None:
    assert asked(f"ps.{token(name)}") == name


@given(st.binary(max_size=64))
def test_a_name_can_always_be_sent_and_stays_what_it_is_where_it_is_text(name: bytes) -> None:
    is_text = name.decode("utf-8", "replace").encode() == name
    assert (naming.text(name).encode() == name) == is_text


@pytest.mark.parametrize(
    ("comm", "command", "name"),
    [
        (b"bash", [b"-bash"], b"bash"),
        (b"gnome-session-b", [b"/usr/libexec/gnome-session-binary", b"--x"], b"gnome-session-binary"),
        (b"update-manager-", [b"/usr/bin/python3", b"/usr/bin/update-manager-daily"], b"update-manager-daily"),
        (b"fifteen-letters", [b"/bin/other"], b"fifteen-letters"),
        (b"fifteen-letters", [], b"fifteen-letters"),
        (b"short", [b"/bin/shorter"], b"short"),
        (b"fifteen-letters", [b"fifteen-letters" + b"!" * 240], b"fifteen-letters" + b"!" * 240),
        (b"fifteen-letters", [b"fifteen-letters" + b"!" * 241], b"fifteen-letters"),
    ],
)
def test_a_name_that_the_kernel_cut_is_made_whole(comm: bytes, command: list[bytes], name: bytes) -> None:
    assert naming.whole(comm, command) == name


@pytest.mark.parametrize(
    ("name", "comm", "command"),
    [
        (b"calibre", b"calibre", []),
        (b"calibre", b"python3", [b"python3", b"/usr/bin/calibre"]),
        (b"calibre", b"python3", [b"/usr/bin/python3.11", b"-Es", b"/usr/bin/calibre", b"book"]),
        (b"python3.11", b"python3", [b"/usr/bin/python3.11"]),
        (b"http.server", b"python3", [b"python3", b"-X", b"dev", b"-m", b"http.server", b"80"]),
        (b"tool", b"ruby", [b"ruby", b"-W", b"0", b"tool"]),
        (b"backup", b"sh", [b"/bin/sh", b"-e", b"/etc/backup"]),
        (b"", b"", [b"x"]),
        (b"gnome-session-binary", b"gnome-session-b", [b"/usr/libexec/gnome-session-binary"]),
    ],
)
def test_a_process_answers_to(name: bytes, comm: bytes, command: list[bytes]) -> None:
    assert naming.answers_to(name, comm, command)


@pytest.mark.parametrize(
    ("name", "comm", "command"),
    [
        (b"calibre", b"vim", [b"vim", b"/usr/bin/calibre"]),
        (b"calibre", b"sh", [b"sh", b"-c", b"calibre"]),
        (b"calibre", b"bash", [b"bash", b"-lc", b"calibre"]),
        (b"calibre", b"perl", [b"perl", b"-ne", b"calibre"]),
        (b"calibre", b"node", [b"node", b"--eval", b"calibre"]),
        (b"calibre", b"python3", [b"python3"]),
        (b"calibre", b"python3", [b"python3", b"-m"]),
        (b"calibre", b"calibre-server", [b"/usr/bin/calibre-server"]),
        (b"", b"sh", [b"", b"x"]),
        (b"", b"sh", [b"sh", b"/x/"]),
        (b"x", b"y", []),
    ],
)
def test_a_process_does_not_answer_to(name: bytes, comm: bytes, command: list[bytes]) -> None:
    assert not naming.answers_to(name, comm, command)
