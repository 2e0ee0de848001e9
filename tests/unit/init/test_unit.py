"""Unit files: what they say, and how a mistake in one is told."""

import signal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lunix_init.unit import (
    KEYS,
    MAX_LINES,
    TABLES,
    Backoff,
    Kind,
    Log,
    Ready,
    Restart,
    Stop,
    Unit,
    UnitError,
    line_of,
    parse,
)

FULL = """
description = "the bus"
exec = ["nats-server", "-c", "/etc/nats.conf"]
kind = "daemon"
autostart = false
needs = ["network"]
after = ["clock"]
ready = "notify"
restart = "on-failure"
final_codes = [100, 78]
start_timeout = "30s"
watchdog = "10s"
reload_signal = "USR1"
user = "nobody"
group = "nogroup"
cwd = "/tmp"
umask = "077"
nice = 5
capabilities = ["CAP_NET_ADMIN", "chown"]
stop = { signal = "INT", timeout = 2 }

[backoff]
first = "100ms"
factor = 3
cap = "10s"
give_up = 5
reset = "30s"

[log]
lines = 50

[limits]
memory = "64M"
nofile = 1024

[pressure]
cpu = 50

[env]
LANG = "C.UTF-8"
"""


def test_a_full_unit_is_read() -> None:
    assert parse("bus", FULL.encode()) == Unit(
        name="bus",
        description="the bus",
        exec=("nats-server", "-c", "/etc/nats.conf"),
        kind=Kind.DAEMON,
        autostart=False,
        needs=("network",),
        after=("clock",),
        ready=Ready.NOTIFY,
        restart=Restart.ON_FAILURE,
        final_codes=(100, 78),
        start_timeout=30.0,
        watchdog=10.0,
        reload_signal=signal.SIGUSR1,
        user="nobody",
        group="nogroup",
        cwd="/tmp",
        umask=0o77,
        nice=5,
        capabilities=("net_admin", "chown"),
        stop=Stop(signal.SIGINT, 2.0),
        backoff=Backoff(0.1, 3.0, 10.0, 5, 30.0),
        log=Log(50),
        limits=(("memory", 64 << 20), ("nofile", 1024)),
        pressure=(("cpu", 50),),
        env=(("LANG", "C.UTF-8"),),
    )


def test_the_command_is_all_that_a_unit_must_say() -> None:
    assert parse("a", b'exec = "sleep 1"') == Unit("a", exec=("sleep", "1"))


def test_a_python_unit_names_a_module() -> None:
    unit = parse("toast", b'python = "lunix_toast"\nargs = ["-v"]')
    assert (unit.python, unit.args, unit.exec) == ("lunix_toast", ("-v",), ())


def test_a_path_is_a_way_to_be_ready() -> None:
    unit = parse("a", b'exec = "a"\nready = "/run/a.sock"')
    assert (unit.ready, unit.ready_path) == (Ready.PATH, "/run/a.sock")


def test_a_oneshot_is_run_once_and_may_take_its_time() -> None:
    unit = parse("fsck", b'exec = "fsck"\nkind = "oneshot"')
    assert (unit.restart, unit.start_timeout) == (Restart.NEVER, 0.0)


def test_a_oneshot_may_be_retried_within_a_time() -> None:
    text = b'exec = "x"\nkind = "oneshot"\nrestart = "on-failure"\nstart_timeout = 3'
    unit = parse("fsck", text)
    assert (unit.restart, unit.start_timeout) == (Restart.ON_FAILURE, 3.0)


def test_equal_files_give_equal_units_whatever_the_order() -> None:
    one = b'exec = "a"\nnice = 1\n[env]\nA = "1"\nB = "2"'
    other = b'nice = 1\nexec = ["a"]\nenv = { B = "2", A = "1" }'
    assert parse("a", one) == parse("a", other)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ('\nexce = "a"', 2, "unknown key 'exce': did you mean 'exec'?"),
        ('exec = "a"\nqqqqq = 1', 2, "unknown key 'qqqqq'"),
        ('exec = "a"\n[stop]\nsingal = "TERM"', 3, "unknown key 'singal': did you mean 'signal'?"),
        ('exec = "a"\nstop = { singal = "X" }', 2, "unknown key 'singal'"),
        ('exec = "a"\nstop.singal = "X"', 2, "unknown key 'singal'"),
        ('exec = "a"\n\nstop = 3', 3, "stop: expected a table, got 3"),
        ('exec = "a"\nnice = 70', 2, "nice: 70 is not between -20 and 19"),
        ('exec = "a"\n[backoff]\ncap = "x"', 3, "backoff.cap: 'x' is not a duration"),
        ('exec = "a"\n[backoff]\nfirst = 9\ncap = 1', 4, "'cap' is below 'first'"),
        ('exec = "a"\n[env]\nA = 1', 2, "env: expected a string, got 1"),
        ("nice = 1", 1, "neither 'exec' nor 'python' says what to run"),
        ('exec = "a"\npython = "a"', 2, "'exec' and 'python' exclude each other"),
        ('exec = "a"\nargs = ["a"]', 2, "'args' belongs to 'python'"),
        ('python = "../a"', 1, "python: '../a' is not the name of a Python module"),
        ('exec = "a"\nneeds = ["me"]', 2, "a unit cannot depend on itself"),
        ('exec = "a"\nafter = ["me"]', 2, "a unit cannot depend on itself"),
        ('exec = "a"\nkind = "oneshot"\nrestart = "always"', 3, "would run for ever"),
        ('exec = "a"\nkind = "oneshot"\nready = "fd"', 3, "ready when it has ended well"),
        ('exec = "a"\nkind = "getty"', 1, "'tty' and kind = \"getty\" go together"),
        ('exec = "a"\ntty = "/dev/tty1"', 2, "'tty' and kind = \"getty\" go together"),
        ('exec = "a"\nready = "soon"', 2, "'soon' is none of 'notify', 'fd', 'none'"),
        ('exec = "a"\nfinal_codes = [256]', 2, "256 is not between 0 and 255"),
        ('exec = "a"\ncapabilities = ["net_admim"]', 2, "did you mean 'net_admin'?"),
        ('exec = "a"\nexec = "b"', 2, "Cannot overwrite a value"),
        ('exec = "a', 1, "at end of document|Expected|Illegal"),
        ("a = " + "[" * 5000, 1, "not TOML that can be read"),
        ("a = " + "9" * 5000, 1, "not TOML that can be read"),
    ],
)
def test_a_mistake_is_told_with_its_file_and_line(text: str, line: int, reason: str) -> None:
    with pytest.raises(UnitError, match=reason) as caught:
        parse("me", text.encode(), "/units/me.toml")
    assert caught.value.line == line
    assert str(caught.value).startswith(f"/units/me.toml:{line}: ")


def test_what_is_not_utf8_is_told_with_its_line() -> None:
    with pytest.raises(UnitError, match=r"a\.toml:2: not UTF-8"):
        parse("a", b'exec = "a"\n# \xff')


def test_a_unit_of_ten_thousand_lines_is_refused() -> None:
    with pytest.raises(UnitError, match=f"longer than {MAX_LINES} lines"):
        parse("a", b'exec = "a"\n' + b"# filler\n" * 10_000)


@pytest.mark.parametrize("name", ["", "../a", "a b", ".hidden", "a" * 65, "a\n"])
def test_a_name_that_could_harm_a_path_is_refused(name: str) -> None:
    with pytest.raises(UnitError, match="is not a unit name"):
        parse(name, b'exec = "a"')


def test_a_line_is_found_for_a_quoted_and_for_an_absent_key() -> None:
    assert line_of('a = 1\n[b]\nc = "x"', ("b", "c")) == 3
    assert line_of("a = 1", ("b", "c")) == 1
    assert line_of("a = 1\n[b]\n[c]\n", ("b", "missing")) == 2


_FRAGMENTS = st.sampled_from(
    [*KEYS, *TABLES, "=", "[", "]", "{", "}", '"', "\n", ".", ",", " ", "1", "-1", '"5s"', "true"]
)


def line_of_the_error(data: bytes) -> int:
    """Return the line that an error tells, 0 when the data is a unit."""
    try:
        unit = parse("fuzz", data)
    except UnitError as error:
        return error.line
    assert unit.exec or unit.python
    return 0


@given(st.lists(_FRAGMENTS | st.text(max_size=5), max_size=40).map("".join))
@example('exec="a"\nlog=[]')
@example('exec="a"\r\n[log]\rlines="x"')
def test_any_text_is_a_unit_or_a_unit_error(text: str) -> None:
    data = text.encode(errors="surrogatepass")
    assert 0 <= line_of_the_error(data) <= len(text.splitlines()) + 1


@given(st.binary(max_size=200))
def test_any_bytes_are_a_unit_error(data: bytes) -> None:
    assert line_of_the_error(data) >= 1
