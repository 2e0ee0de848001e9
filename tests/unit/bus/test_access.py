"""Rules, and who is who."""

import pytest

from lunix_bus.access import CACHED, Rules, User, Users, rules
from lunix_bus.options import Options
from lunix_testing.hub import signed

KEYED, NAMED = User("A", nkey="UX"), User("B", name="bob", password="pw")


def users(**more: object) -> Users:
    return Users([KEYED, NAMED], identities={"daemon": "UX"}, verify=signed, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("allow", "subject", "queue", "allowed"),
    [
        (None, b"a", b"", True),
        ([], b"a", b"", False),
        (["a.*"], b"a.b", b"", True),
        (["a.*"], b"a.*", b"", True),
        (["a.*"], b"a.>", b"", False),
        (["a.>"], b"a.>", b"", True),
        (["a.>"], b"a", b"", False),
        (["a.b"], b"a.*", b"", False),
        (["a"], b"a.b", b"", False),
        (["a.b"], b"a", b"", False),
        (["a v1"], b"a", b"", False),
        (["a v1"], b"a", b"v1", True),
        (["a v1"], b"a", b"v2", False),
        (["a v.*"], b"a", b"v.2", True),
        (["a"], b"a", b"any", True),
        (["a", "a v1"], b"a", b"v2", False),
    ],
)
def test_what_is_allowed(allow: list[str] | None, subject: bytes, queue: bytes, allowed: bool) -> None:
    assert rules({"allow": allow}).allows(subject, queue) is allowed


def test_what_is_denied_counts_more() -> None:
    found = rules({"allow": "a.>", "deny": ["a.b", "a.q g"]})
    assert [found.allows(one) for one in (b"a.c", b"a.b", b"a.>")] == [True, False, True]
    assert [found.allows(b"a.q", queue) for queue in (b"", b"g", b"h")] == [True, False, True]


def test_a_list_is_what_is_allowed_and_nothing_is_everything() -> None:
    assert rules(["a", "b"]).allows(b"b")
    assert not rules("a").allows(b"b")
    assert rules(None).allows(b"anything")


def test_what_was_asked_is_not_kept_without_bound() -> None:
    found = Rules()
    for number in range(CACHED + 10):
        found.allows(b"%d" % number)
    assert len(found._known) <= CACHED


@pytest.mark.parametrize(
    ("shown", "nonce", "user"),
    [
        (Options(nkey="UX", sig="UXn"), b"n", KEYED),
        (Options(nkey="UX", sig="UXm"), b"n", None),
        (Options(nkey="UY", sig="UYn"), b"n", None),
        (Options(user="bob", password="pw"), b"", NAMED),
        (Options(user="bob", password="no"), b"", None),
        (Options(user="bob"), b"", None),
        (Options(user="eve", password="pw"), b"", None),
        (Options(), b"", None),
        (Options(user="daemon"), b"", None),
    ],
)
def test_who_somebody_is(shown: Options, nonce: bytes, user: User | None) -> None:
    assert users().identify(shown, nonce) is user


@pytest.mark.parametrize(
    ("name", "vouched", "user"),
    [
        ("daemon", "other", None),
        ("daemon", "daemon", KEYED),
        ("UX", "UX", KEYED),
        ("other", "other", None),
        ("", "", None),
    ],
)
def test_who_somebody_is_for_whom_the_kernel_vouches(name: str, vouched: str, user: User | None) -> None:
    assert users().identify(Options(user=name), b"", [vouched].__contains__) is user


def test_a_token_lets_everybody_in_who_has_it() -> None:
    only = Users(token="t", verify=signed)
    assert only.required
    assert only.identify(Options(auth_token="t")) == User("$G")
    assert only.identify(Options(auth_token="\ud800")) is None


def test_who_shows_nothing_may_be_somebody() -> None:
    open_to_all = users(nobody="bob")
    assert open_to_all.nobody is NAMED
    assert open_to_all.identify(Options()) is NAMED


def test_a_user_is_found_again_by_key_or_name() -> None:
    found = users()
    assert found.signs
    assert found.again(User("C", nkey="UX")) is KEYED
    assert found.again(User("C", name="bob")) is NAMED
    assert found.again(User("C", name="eve")) is None
    assert found.again(User("$G")) == User("$G")


def test_without_users_nobody_has_to_show_anything() -> None:
    assert not Users(verify=signed).required
