"""One session, whoever tells of it; one refusal, whoever tells of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_common.schemas.login import FailedName, Session, Source
from lunix_login.failures import Failures
from lunix_login.logind import sighting as of_logind
from lunix_login.sessions import Sessions, Sighting

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SOON, LATER = AT + timedelta(seconds=2), AT + timedelta(minutes=5)


def pam(leader: int = 812, at: datetime = AT, **more: Any) -> Sighting:
    return Sighting("pam", f"{leader}:ada", "ada", at, service="sshd", leader_pid=leader)._replace(**more)


def logind(key: str = "4", leader: int = 812, at: datetime = SOON, **more: Any) -> Sighting:
    return Sighting("logind", key, "ada", at, leader_pid=leader, logind_id=key)._replace(**more)


def utmp(line: str = "pts/0", pid: int = 900, at: datetime = SOON) -> Sighting:
    return Sighting("utmp", f"{line}:{pid}", "ada", at, tty=line, leader_pid=pid)


@pytest.fixture
def sessions() -> Sessions:
    return Sessions()


def ids(sessions: Sessions) -> list[str]:
    return [one.id for one in sessions]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pam(logind_id="4"), logind(leader=77)),
        (pam(), logind()),
        (logind(), pam(logind_id="4")),
        (pam(tty="pts/0"), utmp()),
        (logind(tty="pts/0"), utmp()),
        (utmp(pid=812), pam()),
    ],
)
def test_two_sources_tell_one_session(sessions: Sessions, first: Sighting, second: Sighting) -> None:
    told = sessions.seen(first)
    assert isinstance(told, Session)
    assert sessions.seen(second) is None
    assert list(sessions) == [told]
    assert sessions.gone(second.source, second.key) == told
    assert sessions.gone(first.source, first.key) is None
    assert not list(sessions)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pam(logind_id="4"), logind("5")),
        (pam(leader=1), logind(leader=2)),
        (pam(), logind()._replace(user="eve")),
        (pam(tty="pts/0"), utmp("pts/1")),
        (pam(tty="pts/0", at=LATER), utmp()),
        (pam(1, tty="pts/0"), pam(2, tty="pts/0")),
        (logind("4", leader=1), logind("5", leader=1)),
    ],
)
def test_two_sessions_are_two(sessions: Sessions, first: Sighting, second: Sighting) -> None:
    assert sessions.seen(first)
    assert sessions.seen(second)
    assert len(list(sessions)) == 2


def test_what_was_seen_is_not_seen_again(sessions: Sessions) -> None:
    assert sessions.seen(pam())
    assert sessions.seen(pam()) is None


def test_a_session_is_as_it_was_told_first(sessions: Sessions) -> None:
    sessions.seen(pam(tty="pts/0"))
    sessions.seen(logind(seat="seat0"))
    (one,) = sessions
    assert (one.id, one.service, one.tty, one.seat, one.source) == ("pam:812:ada", "sshd", "pts/0", None, "pam")


def test_a_number_that_is_used_again_is_another_session(sessions: Sessions) -> None:
    """The first one's sighting is gone with logind's restart; the session is kept by another source."""
    sessions.seen(logind("4"))
    sessions.seen(pam(logind_id="4"))
    sessions.forget("logind")
    again = sessions.seen(logind("4", leader=1, at=LATER)._replace(user="eve"))
    assert again is not None
    assert ids(sessions) == ["logind:4", f"logind:4:{int(LATER.timestamp())}"]


def test_a_listing_tells_what_changed(sessions: Sessions) -> None:
    sessions.seen(logind("4"))
    sessions.seen(logind("5", leader=813))
    ended, new = sessions.listed("logind", [logind("5", leader=813), logind("6", leader=814)])
    assert [one.id for one in ended] == ["logind:4"]
    assert [one.id for one in new] == ["logind:6"]
    assert ids(sessions) == ["logind:5", "logind:6"]


def test_what_only_a_source_knew_ends_with_it(sessions: Sessions) -> None:
    sessions.seen(pam(tty="pts/0"))
    sessions.seen(utmp())
    sessions.seen(utmp("pts/9", 7))
    assert [one.id for one in sessions.forget("utmp")] == ["utmp:pts/9:7"]
    assert ids(sessions) == ["pam:812:ada"]


def test_a_session_ends_with_its_leader_where_logind_does_not_tell(sessions: Sessions) -> None:
    sessions.seen(pam())
    sessions.seen(utmp("tty1", 5))
    sessions.seen(logind("9", leader=6))
    assert [one.id for one in sessions.leader_ended(812)] == ["pam:812:ada"]
    assert sessions.leader_ended(6) == []
    assert sessions.leader_ended(1234) == []
    assert ids(sessions) == ["utmp:tty1:5", "logind:9"]


STEP = st.one_of(
    st.builds(pam, st.integers(1, 4), st.sampled_from([AT, LATER])),
    st.builds(logind, st.sampled_from("123"), st.integers(1, 4), st.sampled_from([AT, LATER])),
    st.builds(utmp, st.sampled_from(["pts/0", "pts/1"]), st.integers(1, 4)),
)


@given(st.lists(st.tuples(STEP, st.sampled_from(["seen", "gone", "listed", "forget", "leader"])), max_size=30))
def test_what_is_told_is_what_is_open(steps: list[tuple[Sighting, str]]) -> None:
    sessions, told = Sessions(), dict[str, Session]()
    for one, what in steps:
        ended: list[Session] = []
        new: list[Session | None] = []
        if what == "seen":
            new = [sessions.seen(one)]
        elif what == "gone":
            ended = [found] if (found := sessions.gone(one.source, one.key)) else []
        elif what == "listed":
            ended, found_new = sessions.listed(one.source, [one])
            new = [*found_new]
        elif what == "forget":
            ended = sessions.forget(one.source)
        else:
            ended = sessions.leader_ended(one.leader_pid or 0)
        for session in ended:
            del told[session.id]
        for opened in new:
            if opened is not None:
                assert opened.id not in told
                told[opened.id] = opened
        assert list(sessions) == list(told.values())


def refusal(source: Source, user: str = "ada", tty: str | None = None, at: datetime = AT) -> FailedName:
    return FailedName(user=user, tty=tty, failed_at=at, source=source)


def test_a_refusal_is_told_once() -> None:
    failures = Failures()
    assert failures.is_new(refusal("pam", tty="tty1"))
    assert failures.is_new(refusal("pam"))
    assert not failures.is_new(refusal("utmp", tty="tty1", at=SOON))
    assert not failures.is_new(refusal("utmp", tty="pts/0", at=SOON))
    assert failures.is_new(refusal("utmp", at=SOON))


@pytest.mark.parametrize(
    "other", [refusal("utmp", "eve"), refusal("utmp", tty="tty2"), refusal("utmp", tty="tty1", at=LATER)]
)
def test_another_refusal_is_another(other: FailedName) -> None:
    failures = Failures()
    failures.is_new(refusal("pam", tty="tty1"))
    assert failures.is_new(other)


def test_a_session_that_logind_cannot_describe_any_more_is_one() -> None:
    one = of_logind("c1", {})
    assert (one.key, one.user, one.leader_pid, one.uid) == ("c1", "", None, None)
