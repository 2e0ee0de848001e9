"""Who types a subject that the bus does not take is told why, and what to type instead."""

from typing import get_args

import pytest

from lunix_cli.hints import LAST_WORDS, refused, unknown
from lunix_common.schemas.hardware import TriggerRequest
from lunix_common.schemas.log import Severity
from lunix_common.subjects import TABLE

BOTH = ": of the hub's `lunix fleet operator`, of the machine's `lunix fleet join`"


@pytest.mark.parametrize(
    ("subject", "hint"),
    [
        ("tost.in", "nothing of that name is declared; did you mean toast.in?"),
        ("hardware.lst", "nothing of that name is declared; did you mean hardware.lost or hardware.list?"),
        ("hardwar.>", "nothing of that name is declared; did you mean hardware.>?"),
        ("hardware", "nothing of that name is declared; `lunix subjects hardware` shows what there is"),
        ("toast.qqqqqqqqqqqq", "nothing of that name is declared; `lunix subjects toast` shows what there is"),
        ("zzzz.qqqq", "nothing of that name is declared; `lunix subjects` shows what there is"),
    ],
)
def test_what_nobody_declared_is_told_with_what_is_near(subject: str, hint: str) -> None:
    assert unknown(subject, TABLE) == hint
    assert refused("send", subject, TABLE) == hint


@pytest.mark.parametrize(
    ("subject", "hint"),
    [
        ("hardware.usb.added", "nothing ends with added there: did you mean add?"),
        ("hardware.*.removed", "nothing ends with removed there: did you mean remove?"),
        ("log.*.error", "nothing ends with error there: did you mean err?"),
        ("log.kern.zz", "nothing ends with zz there: there are emerg, alert, crit, err, warning, notice, info, debug"),
    ],
)
def test_an_event_that_no_daemon_ever_tells_is_told_with_what_is_near(subject: str, hint: str) -> None:
    assert unknown(subject, TABLE) == hint


def test_the_words_that_end_a_subject_are_those_of_the_payloads() -> None:
    device, record = LAST_WORDS["hardware.<subsystem>.<action>"], LAST_WORDS["log.<facility>.<severity>"]
    assert record == get_args(Severity)
    assert {*device} == {*get_args(TriggerRequest.model_fields["action"].annotation)}


@pytest.mark.parametrize(
    "subject",
    [">", "hardware.usb.*", "hardware.*.online", "hardware.ready", "log.lost", "log.*.*", "log.>", "*.*.add",
     "hardware.>", "hardware.usb.add", "toast.in", "user.lamp", "host.box1.toast.in", "_INBOX.>",
     "$SRV.PING", "fleet.>", "mqtt.a.b"],
)  # fmt: skip
def test_what_could_be_heard_is_no_mistake(subject: str) -> None:
    assert unknown(subject, TABLE) == ""


@pytest.mark.parametrize(
    ("verb", "subject", "hint"),
    [
        ("send", "toast.shown", "it is an event, which toast alone tells: `lunix sub toast.shown` shows it"),
        ("see", "toast.shown", "it is for the role user; --role takes another one"),
        ("see", "hardware.*.*", "it is for the role observer; --role takes another one"),
        ("send", "toast.in", "it is for the role user; --role takes another one"),
        ("see", "toast.in", "it is a command: `lunix request toast.in` sends it"),
        ("send", "mqtt.lamp", "it is for the role user; --role takes another one"),
        (
            "send",
            "init.restart",
            "it is for the role admin, and a bridge needs `--grant init.restart` as well; --role takes another one",
        ),
        ("send", "wm.exec", "nobody may to whom it was not granted: `lunix access add NAME --grant wm.exec`"),
        (
            "send",
            "host.box1.toast.in",
            f"it takes `--role user`{BOTH}",
        ),
        (
            "send",
            "host.box1.init.restart",
            f"it takes `--role admin` and `--grant init.restart`{BOTH}",
        ),
        (
            "send",
            "host.box1.wm.exec",
            f"it takes `--grant wm.exec`{BOTH}",
        ),
        ("send", "host.box1.tea", "`lunix subjects` tells which role may; --role takes another one"),
    ],
)
def test_a_refusal_says_what_would_be_taken(verb: str, subject: str, hint: str) -> None:
    assert refused(verb, subject, TABLE) == hint


def test_the_key_of_a_daemon_is_told_from_that_of_a_role() -> None:
    hint = "tea is a daemon, which asks under its own name alone; a terminal without NATS_NKEY has a role's key"
    assert refused("see", "_inbox.lunix-request.k2.*", TABLE, "tea") == hint


def test_a_role_that_should_suffice_is_told_that_the_bus_is_older_than_the_declaration() -> None:
    assert "start it anew" in refused("send", "toast.in", TABLE, "admin")
    assert "start it anew" in refused("see", "toast.shown", TABLE, "user")
    assert refused("send", "toast.in", TABLE, "observer") == refused("send", "toast.in", TABLE, "dashboard")
