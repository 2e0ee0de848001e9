"""The kernel's command line."""

from hypothesis import given
from hypothesis import strategies as st

from lunix_init.cmdline import Options, known, parse


def test_the_words_for_lunix_are_read_and_all_others_left() -> None:
    line = (
        "root=/dev/vda ro quiet lunix.units=/u lunix.run=/r lunix.hostname=box lunix.shell "
        'lunix.fallback=/sbin/rescue lunix.watchdog_s=30 lunix.env.LANG="C UTF" init=/sbin/x'
    )
    assert parse(line) == Options(
        units="/u",
        run="/r",
        hostname="box",
        shell=True,
        fallback="/sbin/rescue",
        watchdog_s=30,
        env=(("LANG", "C UTF"),),
    )


def test_a_word_that_makes_no_sense_is_told_and_left_aside() -> None:
    line = "lunix.units=relative lunix.nosuch lunix.watchdog_s=x lunix.shell=2 lunix.env.=1"
    found = parse(line)
    assert found.told == tuple(line.split())
    assert found._replace(told=()) == Options()


def test_a_shell_can_be_refused() -> None:
    assert not parse("lunix.shell=0").shell


def test_an_open_quotation_mark_is_survived() -> None:
    assert parse('a="b lunix.shell').shell


@given(st.text(max_size=200))
def test_any_line_is_survived(line: str) -> None:
    assert parse(line).run.startswith("/")


def test_every_key_is_known() -> None:
    assert known()["units"] == "/etc/lunix/units"
