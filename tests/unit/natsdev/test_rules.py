"""Rules: what matches, what they decide, and what is said about a mistake in one."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from lunix_natsdev.manage.link_names import Ancestor
from lunix_natsdev.manage.rules import Found, RuleError, Rules, Verdict, joined, parse

USERS = {"root": 0, "user": 1000}
GROUPS = {"root": 0, "disk": 6, "dialout": 20}


def rules(text: str, *, strict: bool = True) -> Rules:
    return parse(text, "a.toml", user=USERS.__getitem__, group=GROUPS.__getitem__, strict=strict)


def device(
    name: str = "sda1",
    subsystem: str = "block",
    attributes: Mapping[str, bytes] | None = None,
    **properties: str,
) -> Found:
    return Found(Ancestor(name, subsystem, "partition", "sd", attributes or {}), properties)


def test_what_matches_nothing_is_left_as_the_kernel_made_it() -> None:
    assert rules("").decide(device()) == Verdict()


def test_a_drivers_own_wish_counts_where_no_rule_says_otherwise() -> None:
    wish = device(DEVMODE="0666", DEVUID="5", DEVGID="6")
    assert rules("").decide(wish) == Verdict(uid=5, gid=6, mode=0o666)
    assert rules('[[rule]]\nmode = "0600"').decide(wish) == Verdict(uid=5, gid=6, mode=0o600)
    assert rules("").decide(device(DEVMODE="rw")) == Verdict()


@pytest.mark.parametrize(
    ("match", "does"),
    [
        ('name = "sd*"', True),
        ('name = ["vd*", "sd*"]', True),
        ('name = "vd*"', False),
        ('subsystem = "block"\ndevtype = "partition"\ndriver = "sd"', True),
        ('subsystem = "block"\ndevtype = "disk"', False),
        ('properties = { PARTN = "[12]" }', True),
        ('properties = { PARTN = "2" }', False),
        ('properties = { MISSING = "*" }', False),
        ('attributes = { size = "20??" }', True),
        ('attributes = { size = "20", ro = "1" }', False),
        ('attributes = { missing = "*" }', False),
    ],
)
def test_a_rule_matches_when_all_that_it_names_does(match: str, does: bool) -> None:
    found = device(attributes={"size": b"2048"}, PARTN="1")
    decided = rules(f'[[rule]]\n{match}\nmode = "0640"').decide(found)
    assert (decided.mode == 0o640) == does


def test_later_rules_override_and_links_add_up() -> None:
    first = rules('[[rule]]\ngroup = "disk"\nmode = "0660"\nsymlinks = ["one"]\nlink_priority = 5')
    second = rules('[[rule]]\nowner = "user"\nmode = "0600"\nsymlinks = "two"\nmodalias = false')
    expected = Verdict(1000, 6, 0o600, ("one", "two"), 5, False)
    assert joined([first, second]).decide(device()) == expected


def test_owners_are_names_or_numbers() -> None:
    assert rules("[[rule]]\nowner = 7\ngroup = 8").decide(device()) == Verdict(uid=7, gid=8)


def test_a_link_is_made_of_the_devices_values_which_make_no_folder() -> None:
    link = "my/{name}-{number}-{property.LABEL}-{attribute.size}-{major}:{minor}-{subsystem}-{driver}"
    text = f'[[rule]]\nsymlinks = ["{link}"]'
    found = device(attributes={"size": b"1"}, LABEL="../x", MAJOR="8", MINOR="1")
    assert rules(text).decide(found).symlinks == (r"my/sda1-1-..\x2fx-1-8:1-block-sd",)


def test_a_link_with_an_unknown_value_is_made_without_it() -> None:
    assert rules('[[rule]]\nsymlinks = "x{property.NO}{attribute.no}"').decide(device("loop")).symlinks == ("x",)


def test_a_group_that_is_not_there_is_a_warning_only_in_the_shipped_rules() -> None:
    text = '[[rule]]\ngroup = "plugdev"\nmode = "0660"'
    kept = rules(text, strict=False)
    assert kept.decide(device()) == Verdict(mode=0o660)
    assert kept.warnings == ("a.toml: rule 1: group 'plugdev' is not known on this system",)
    assert joined([kept, kept]).warnings == kept.warnings * 2
    with pytest.raises(RuleError, match=r"a\.toml: rule 1: group 'plugdev' is not known"):
        rules(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[rule]]\nmode = ", "a.toml: Invalid value"),
        ("[[rules]]\nmode = '0660'", "a.toml: unknown key 'rules'; did you mean 'rule'?"),
        ("rule = 3", r"a.toml: rule is an array of tables: \[\[rule\]\]"),
        ("rule = [3]", r"a.toml: rule is an array of tables: \[\[rule\]\]"),
        (
            "[[rule]]\nmode='0660'\n[[rule]]\nsubsytem='x'",
            "a.toml: rule 2: unknown key 'subsytem'; did you mean 'subsystem'?",
        ),
        ("[[rule]]\nzzz = 1", "a.toml: rule 1: unknown key 'zzz'; known are "),
        ("[[rule]]\nname = 'x'", "a.toml: rule 1: it sets nothing; it may set owner, group"),
        ("[[rule]]\nname = 3\nmode = '0660'", "a.toml: rule 1: name: a pattern such as"),
        ("[[rule]]\nname = []\nmode = '0660'", "a.toml: rule 1: name: a pattern such as"),
        ("[[rule]]\nproperties = 'x'\nmode = '0660'", "a.toml: rule 1: properties: a table of names and patterns"),
        ("[[rule]]\nattributes = {a = 1}\nmode = '0660'", "a.toml: rule 1: attributes.a: a pattern"),
        ("[[rule]]\nmode = 660", "a.toml: rule 1: mode: three octal digits in quotes, '0660'"),
        ("[[rule]]\nmode = '4755'", "a.toml: rule 1: mode: three octal digits"),
        ("[[rule]]\nowner = 1.5", "a.toml: rule 1: owner is a name or a number"),
        ("[[rule]]\nowner = true", "a.toml: rule 1: owner is a name or a number"),
        ("[[rule]]\nowner = -1", "a.toml: rule 1: owner is a name or a number"),
        ("[[rule]]\nowner = 'nobdy'", "a.toml: rule 1: owner 'nobdy' is not known on this system"),
        ("[[rule]]\nsymlinks = '/etc/x'", "a.toml: rule 1: symlinks: '/etc/x' is not a path below /dev"),
        ("[[rule]]\nsymlinks = '../x'", "a.toml: rule 1: symlinks: '../x' is not a path below /dev"),
        ("[[rule]]\nsymlinks = '{nam}'", "a.toml: rule 1: symlinks: unknown key 'nam'; did you mean 'name'?"),
        ("[[rule]]\nsymlinks = '{name.x}'", "a.toml: rule 1: symlinks: unknown key 'name.x'; did you mean 'name'?"),
        ("[[rule]]\nlink_priority = '1'", "a.toml: rule 1: link_priority: a whole number"),
        ("[[rule]]\nlink_priority = true", "a.toml: rule 1: link_priority: a whole number"),
        ("[[rule]]\nmodalias = 'no'", "a.toml: rule 1: modalias: true or false"),
    ],
)
def test_a_mistake_is_told_with_its_file_its_key_and_what_may_be_meant(text: str, message: str) -> None:
    with pytest.raises(RuleError, match=message):
        rules(text)


def test_the_shipped_rules_are_sound_and_widen_no_disk() -> None:
    import lunix_natsdev.manage.rules

    shipped = Path(lunix_natsdev.manage.rules.__file__).with_name("rules.toml").read_text()
    known = {"tty": 5, "disk": 6, "dialout": 20, "kmem": 15, "input": 101, "video": 44, "audio": 29}
    decided = parse(shipped, "rules.toml", user=USERS.__getitem__, group=known.__getitem__, strict=False)

    def of(name: str, subsystem: str) -> Verdict:
        return decided.decide(Found(Ancestor(name, subsystem), {}))

    assert of("sda", "block") == Verdict(gid=6, mode=0o660)
    assert of("sr0", "block").symlinks == ("cdrom",)
    assert of("null", "mem").mode == 0o666
    assert of("mem", "mem") == Verdict(gid=15, mode=0o640)
    assert of("ttyUSB0", "tty") == Verdict(gid=20, mode=0o660)
    assert of("ttyS0", "tty") == Verdict(gid=20, mode=0o660)
    assert of("tty1", "tty") == Verdict(gid=5, mode=0o620)
    assert of("tty", "tty") == Verdict(gid=5, mode=0o666)
    assert of("rtc0", "rtc").symlinks == ("rtc",)
    assert of("console", "tty") == Verdict()
