"""Clients of one hub, without sockets: what one sends, others hear."""

import gc
import json
import re
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_bus import accounts
from lunix_bus.accounts import build
from lunix_testing.hub import HELLO, Room, made, said, unhurried

QUIET = b'CONNECT {"verbose":false,"pedantic":false}\r\n'
FORGED = b'NATS/1.0\r\nNats-Request-Info: {"acc":"ADMIN"}\r\n\r\n'
EXCHANGE = {
    "accounts": {
        "LUNIX": {
            "users": [{"user": "daemon", "password": "x"}],
            "exports": [
                {"stream": "event.>", "accounts": ["USER"]},
                {"service": "do.*", "accounts": ["USER"]},
                {"service": "many", "response_type": "stream"},
            ],
        },
        "USER": {
            "users": [{"user": "user", "password": "x"}, {"user": "second", "password": "x"}],
            "mappings": {"up.>": "do.>"},
            "imports": [
                {"stream": {"account": "LUNIX", "subject": "event.>"}, "to": "seen.>"},
                {"service": {"account": "LUNIX", "subject": "do.*"}, "share": True},
                {"service": {"account": "LUNIX", "subject": "many"}},
            ],
        },
    }
}


def login(name: str) -> bytes:
    return HELLO.replace(b"{", b'{"user":"%b","pass":"x",' % name.encode())


def test_a_line_that_comes_again_is_delivered_again() -> None:
    room = Room()
    ear, mouth = room.enter(), room.enter()
    ear.receive(b"SUB a.* 7\r\n")
    for _ in range(3):
        mouth.receive(b"PUB a.b 1\r\nx\r\n")
    assert said(ear) == b"MSG a.b 7 1\r\nx\r\n" * 3
    assert said(mouth) == b""


@pytest.mark.parametrize("change", [b"UNSUB 7\r\n", b"UNSUB 7 1\r\n", b"PUB\r\n"])
def test_a_known_line_follows_what_changes(change: bytes) -> None:
    room = Room()
    ear, mouth = room.enter(), room.enter()
    ear.receive(b"SUB a 7\r\n")
    mouth.receive(b"PUB a 1\r\nx\r\n")
    ear.receive(change)
    said(ear)
    mouth.receive(b"PUB a 1\r\ny\r\n")
    assert said(ear) == b""


def test_who_has_left_is_held_by_no_known_line() -> None:
    room = Room()
    mouth, ear = room.enter(), room.enter()
    ear.receive(b"SUB a.* 7\r\n")
    for number in (1, 2, 3):
        mouth.receive(b"PUB a.%d 1\r\nx\r\n" % number)
    ear.end("client closed")
    room.clients.remove(ear)
    room.hub.touched.clear()
    gone = weakref.ref(ear)
    del ear
    mouth.receive(b"PUB a.1 1\r\nx\r\n")
    gc.collect()
    assert gone() is None


def test_a_queue_takes_turns_and_passes_over_who_may_not_hear() -> None:
    room = Room()
    first, second, deaf = room.enter(), room.enter(), room.enter(HELLO.replace(b"{", b'{"echo":false,'))
    for client in (first, second, deaf):
        client.receive(b"SUB a g 1\r\n")
    for _ in range(12):
        deaf.receive(b"PUB a 0\r\n\r\n")
    heard = [said(client).count(b"MSG") for client in room.clients]
    assert sum(heard) == 12
    assert min(heard[:2]) >= 4
    assert heard[2] == 0


def test_headers_are_taken_off_for_who_does_not_know_them() -> None:
    room = Room()
    plain, mouth = room.enter(QUIET), room.enter()
    plain.receive(b"SUB a 1\r\n")
    mouth.receive(b"HPUB a r 12 13\r\nNATS/1.0\r\n\r\nx\r\n")
    assert said(plain) == b"MSG a 1 r 1\r\nx\r\n"
    mouth.receive(b"HPUB a 12 13\r\nNATS/1.0\r\n\r\nx\r\n")
    assert said(plain) == b"MSG a 1 1\r\nx\r\n"


def test_an_imported_stream_is_heard_under_its_name_here_and_counted() -> None:
    room = Room(EXCHANGE)
    daemon, user = room.enter(login("daemon")), room.enter(login("user"))
    user.receive(b"SUB seen.* 1\r\nSUB > 2\r\nUNSUB 1 2\r\nSUB other 3\r\n")
    for _ in range(3):
        daemon.receive(b"PUB event.a 1\r\nx\r\nPUB private 1\r\ny\r\n")
    heard = said(user)
    assert (heard.count(b"MSG seen.a 1 "), heard.count(b"MSG seen.a 2 "), heard.count(b"private")) == (2, 3, 0)
    daemon.receive(b"PUB event.a r 1\r\nx\r\n")
    assert said(user) == b"MSG seen.a 2 r 1\r\nx\r\n"


def ask(room: Room, subject: bytes, reply: bytes = b"_INBOX.1") -> bytes:
    """Have the user ask; return the reply subject that the daemon is given."""
    daemon, user = room.clients[:2]
    user.receive(b"HPUB %b %b %d %d\r\n%bx\r\n" % (subject, reply, len(FORGED), len(FORGED) + 1, FORGED))
    heard = said(daemon)
    found = re.match(rb"HMSG \S+ \d+ (_R_\.\S+) ", heard)
    assert found is not None, heard
    return found[1]


@pytest.fixture
def room() -> Room:
    """A daemon that serves and a user with an inbox."""
    made_ = Room(EXCHANGE)
    made_.enter(login("daemon") + b"SUB do.* 1\r\nSUB many 2\r\n")
    made_.enter(login("user") + b"SUB _INBOX.* 9\r\n")
    return made_


def test_a_request_tells_who_asks_and_its_answer_comes_back_once(room: Room) -> None:
    daemon, user = room.clients
    user.receive(b"HPUB up.it _INBOX.1 %d %d\r\n%bx\r\n" % (len(FORGED), len(FORGED) + 1, FORGED))
    heard = said(daemon)
    info = json.loads(heard[heard.index(b"{") : heard.index(b"}") + 1])
    assert (info["acc"], info["user"], info["id"], info["rtt"], info["kind"]) == ("USER", "user", 2, 5, "Client")
    assert heard.startswith(b"HMSG do.it 1 _R_.")
    way = heard.split()[3]
    daemon.receive(b"PUB %b 1\r\ny\r\n" % way * 2)
    assert said(user) == b"MSG _INBOX.1 9 1\r\ny\r\n"


def test_a_service_of_many_answers_answers_until_an_empty_one(room: Room) -> None:
    daemon, user = room.clients
    way = ask(room, b"many")
    daemon.receive(b"PUB %b 1\r\ny\r\n" % way * 2 + b"PUB %b 0\r\n\r\n" % way + b"PUB %b 1\r\nz\r\n" % way)
    assert said(user) == b"MSG _INBOX.1 9 1\r\ny\r\n" * 2 + b"MSG _INBOX.1 9 0\r\n\r\n"
    assert room.hub.accounts["USER"].waiting == {}


def test_what_is_not_shared_tells_the_account_alone(room: Room) -> None:
    daemon, user = room.clients
    user.receive(b"PUB many 1\r\nx\r\n")
    assert b'{"acc":"USER","rtt":5}' in said(daemon)


@pytest.mark.parametrize("end", [b"UNSUB 9\r\n", b"nonsense\r\n"])
def test_nobody_waits_for_an_answer_that_nobody_would_hear(room: Room, end: bytes) -> None:
    ask(room, b"do.it")
    ask(room, b"do.it", b"elsewhere")
    assert len(room.hub.accounts["LUNIX"].replies) == 2
    room.clients[1].receive(end)
    assert [reply for _, reply in room.hub.accounts["USER"].waiting.values()] == [b"elsewhere"]


def test_an_answer_is_waited_for_while_another_would_hear_it(room: Room) -> None:
    room.enter(login("second") + b"SUB _INBOX.> 1\r\n")
    ask(room, b"do.it")
    room.clients[1].receive(b"UNSUB 9\r\n")
    assert len(room.hub.accounts["USER"].waiting) == 1


def test_requests_are_not_waited_for_without_bound(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "MOST_REPLIES", 3)
    first, *_, last = [ask(room, b"do.it") for _ in range(4)]
    daemon, user = room.clients
    daemon.receive(b"PUB %b 1\r\nx\r\n" % first)
    assert said(user) == b""
    daemon.receive(b"PUB %b 1\r\nx\r\n" % last)
    assert said(user) == b"MSG _INBOX.1 9 1\r\nx\r\n"


def test_a_request_that_names_a_service_as_its_reply_is_told_as_a_chain_and_ends(room: Room) -> None:
    daemon, _user = room.clients
    way = ask(room, b"many", b"do.other")
    daemon.receive(b"HPUB %b %d %d\r\n%bx\r\n" % (way, len(FORGED), len(FORGED) + 1, FORGED))
    heard = said(daemon)
    assert heard.startswith(b"HMSG do.other 1 ")
    assert b'{"acc":"ADMIN","svc":"USER","server":"lunix"}' in heard
    way = ask(room, b"do.it", b"do.other")
    daemon.receive(b"PUB %b 1\r\nx\r\n" % way)
    assert said(daemon) == b""


def test_a_chain_without_a_header_is_told_as_who_answered(room: Room) -> None:
    daemon, _user = room.clients
    daemon.receive(b"PUB %b 1\r\nx\r\n" % ask(room, b"many", b"do.other"))
    assert b'"acc":"LUNIX"' in said(daemon)


def test_a_chain_that_was_shared_stays_so(room: Room) -> None:
    daemon, _user = room.clients
    way = ask(room, b"do.it", b"many")
    daemon.receive(b"HPUB %b %d %d\r\n%bx\r\n" % (way, len(FORGED), len(FORGED) + 1, FORGED))
    assert b'{"acc":"ADMIN","svc":"USER"}' in said(daemon)


def test_what_a_service_brings_in_is_no_event() -> None:
    changed = json.loads(json.dumps(EXCHANGE))
    changed["accounts"]["LUNIX"]["exports"].append({"service": "event.ask"})
    changed["accounts"]["USER"]["imports"].append({"service": {"account": "LUNIX", "subject": "event.ask"}})
    room = Room(changed)
    daemon, user = room.enter(login("daemon") + b"SUB event.ask 1\r\n"), room.enter(login("user"))
    user.receive(b"SUB seen.> 1\r\nPUB event.ask 1\r\nx\r\n")
    assert b"HMSG event.ask 1 " in said(daemon)
    assert said(user) == b""


def test_a_message_with_a_reply_is_kept_from_who_may_not_hear_it() -> None:
    deaf = {"user": "deaf", "password": "x", "permissions": {"subscribe": {"deny": "a.b"}}}
    room = Room({"authorization": {"users": [deaf, {"user": "user", "password": "x"}]}})
    ear, mouth = room.enter(login("deaf") + b"SUB a.* 1\r\n"), room.enter(login("user"))
    mouth.receive(b"PUB a.b r 1\r\nx\r\nPUB a.c r 1\r\nx\r\n")
    assert said(ear) == b"MSG a.c 1 r 1\r\nx\r\n"


def test_that_nobody_answers_is_told_to_the_one_who_asked_alone(room: Room) -> None:
    other = room.enter(login("second") + b"SUB _INBOX.> 1\r\n")
    third = room.enter(login("user") + b"SUB _INBOX.1 5\r\n")
    third.receive(b"PUB nobody.here _INBOX.1 1\r\nx\r\n")
    assert said(third).startswith(b"HMSG _INBOX.1 5 ")
    assert (said(other), said(room.clients[1])) == (b"", b"")
    third.receive(b"UNSUB 5\r\nPUB nobody.here _INBOX.1 1\r\nx\r\n")
    assert said(third) == b""


def test_what_is_not_waited_for_can_be_forgotten(room: Room) -> None:
    room.hub.accounts["USER"].forget(b"_R_.unknown")


def test_a_request_that_nobody_serves_is_answered_by_the_server(room: Room) -> None:
    daemon, user = room.clients
    daemon.receive(b"UNSUB 1\r\n")
    user.receive(b"PUB do.it _INBOX.1 1\r\nx\r\n")
    assert said(user) == b"HMSG _INBOX.1 9 37 37\r\nNATS/1.0 503\r\nNats-Subject: do.it\r\n\r\n\r\n"
    assert room.hub.accounts["LUNIX"].replies == {}


def test_a_renewed_configuration_keeps_who_may_stay_and_what_is_under_way(room: Room) -> None:
    daemon, user = room.clients
    stranger = room.enter(login("second"))
    user.receive(b"SUB seen.> 3\r\nSUB secret 4\r\n")
    way = ask(room, b"do.it")
    changed = json.loads(json.dumps(EXCHANGE))
    changed["accounts"]["USER"]["users"] = [
        {"user": "user", "password": "x", "permissions": {"subscribe": {"deny": ["secret"]}}}
    ]
    changed["accounts"]["NEW"] = {}
    older, new = room.hub.accounts, made(changed)
    room.hub.users, room.hub.accounts = new.users, new.accounts
    for name, account in room.hub.accounts.items():
        if name in older:
            account.adopt(older[name], room.hub.accounts)
    for client in room.clients:
        client.renew()
    assert said(stranger) == b"-ERR 'Authorization Violation'\r\n"
    assert stranger.ended
    assert said(user) == b"-ERR 'Permissions Violation for Subscription to \"secret\"'\r\n"
    daemon.receive(b"PUB %b 1\r\nx\r\nPUB event.a 1\r\ny\r\n" % way)
    assert said(user) == b"MSG _INBOX.1 9 1\r\nx\r\nMSG seen.a 3 1\r\ny\r\n"
    stranger.renew()


def test_an_answer_to_an_account_that_is_gone_is_not_waited_for(room: Room) -> None:
    ask(room, b"do.it")
    new = build({"USER": {}})
    new["USER"].adopt(room.hub.accounts["USER"], new)
    assert new["USER"].waiting == {}


def test_a_server_that_becomes_closed_ends_who_showed_nothing_and_one_that_stays_open_nobody() -> None:
    room = Room()
    client = room.enter()
    client.receive(b"SUB a 1\r\n")
    room.hub.accounts = build({})
    client.renew()
    room.enter().receive(b"PUB a 1\r\nx\r\n")
    assert said(client) == b"MSG a 1 1\r\nx\r\n"
    room.hub.users = made(EXCHANGE).users
    client.renew()
    assert client.ended


def test_who_shows_nothing_may_be_somebody() -> None:
    room = Room(
        {"accounts": {"A": {"users": [{"user": "guest", "password": "x", "permissions": {"publish": "a"}}]}}}
        | {"no_auth_user": "guest"}
    )
    client = room.enter(b"PUB b 1\r\nx\r\n")
    assert client.account.name == "A"
    client.receive(QUIET + b"PUB b 1\r\nx\r\n")
    assert said(client) == b"-ERR 'Permissions Violation for Publish to \"b\"'\r\n"


def test_a_greeting_tells_what_is_known() -> None:
    room = Room()
    client = room.enter(b"", host="", nonce=b"abc")
    assert json.loads(client.greeting(ldm=True)[5:]) == {
        "server_id": "N",
        "server_name": "lunix",
        "version": "1",
        "client_id": 1,
        "nonce": "abc",
        "ldm": True,
    }
    assert b'"client_ip":"h"' in room.enter().greeting()


def test_who_answers_is_asked_again_and_who_does_not_is_stale() -> None:
    client = Room().enter()
    for answer in (b"PONG\r\n", b"PONG\r\n", b"", b""):
        client.probe(2)
        client.receive(answer)
    assert said(client) == b"PING\r\n" * 4
    client.probe(2)
    assert said(client) == b"-ERR 'Stale Connection'\r\n"
    assert client.ended == "stale"


def test_a_client_ends_once() -> None:
    client = Room().enter()
    client.end("first", "First")
    client.end("second", "Second")
    assert (client.ended, said(client)) == ("first", b"-ERR 'First'\r\n")


@unhurried
@given(
    st.lists(
        st.sampled_from(
            [
                b"SUB a.* 1\r\n",
                b"SUB > 2\r\n",
                b"UNSUB 1\r\n",
                b"UNSUB 2 3\r\n",
                b"PUB a.b 1\r\nx\r\n",
                b"PUB seen.c r 1\r\nx\r\n",
                b"SUB seen.* q 3\r\n",
            ]
        ),
        max_size=20,
    ),
    st.data(),
)
def test_in_which_pieces_it_comes_makes_no_difference(lines: list[bytes], data: st.DataObject) -> None:
    sent = b"".join(lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=5)))
    whole, pieces = Room(EXCHANGE).enter(login("user")), Room(EXCHANGE).enter(login("user"))
    whole.receive(sent)
    for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True):
        pieces.receive(sent[start:end])
    assert said(pieces) == said(whole)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"A": {"imports": [{"service": {"account": "B", "subject": "x"}}]}, "B": {}}, "does not export it"),
        (
            {"A": {"imports": [{"service": {"account": "B", "subject": "x"}}]}, "B": {"exports": [{"service": "y"}]}},
            "does not export it",
        ),
        ({"A": {"imports": [{"stream": {"account": "Z", "subject": "x"}}]}}, "does not export it"),
        ({"A": {"mappings": {"a.*": "b"}}}, "cannot become"),
        ({"A": {"mappings": {"a..b": "b"}}}, "cannot become"),
        ({"A": {"mappings": {"a": [{"destination": "b", "weight": 50}]}}}, "only one to a single subject"),
    ],
)
def test_accounts_that_cannot_be_are_refused(wrong: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        build(wrong)


def test_the_very_export_counts_more_than_a_wider_one() -> None:
    found = build(
        {
            "A": {"imports": [{"service": {"account": "B", "subject": "a.b"}}]},
            "B": {"exports": [{"service": "a.>"}, {"stream": "a.b"}, {"service": "a.b", "response_type": "stream"}]},
        }
    )
    (entry,) = found["A"].entries.match(b"a.b")
    assert entry.service is not None
    assert entry.service.stream
