"""Whose request it is: the account that the server names, and the least role for everything else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_common.access.roles import ROLES, Client, role_of
from lunix_common.subjects import Role

NAMES = st.from_regex(r"[A-Za-z0-9_-]{1,12}", fullmatch=True).filter(lambda name: name not in set(Role))


@pytest.mark.parametrize("client", ROLES)
def test_the_account_of_a_role_is_that_role(client: Client) -> None:
    assert role_of({"Nats-Request-Info": json.dumps({"acc": client.account, "user": "U"})}) is client.role


@given(name=NAMES, role=st.sampled_from([Role.OBSERVER, Role.USER, Role.ADMIN]))
def test_the_account_of_a_bridge_has_the_role_that_it_was_given(name: str, role: Role) -> None:
    account = Client(name, role).account
    assert role_of({"Nats-Request-Info": json.dumps({"acc": account})}) is role


@given(names=st.lists(NAMES, min_size=2, max_size=2, unique=True), roles=st.lists(st.sampled_from(ROLES), min_size=2))
def test_no_two_have_the_same_account(names: list[str], roles: list[Client]) -> None:
    one, other = (Client(name, role.role) for name, role in zip(names, roles[:2], strict=True))
    assert one.account != other.account
    assert {one.account, other.account}.isdisjoint(client.account for client in ROLES)


@pytest.mark.parametrize("account", [None, 7, "", "LUNIX", "GRANT", "GRANT-x", "ADMINISTRATOR", "-ADMIN", ["ADMIN"]])
def test_an_account_of_no_role_is_the_least_role(account: object) -> None:
    assert role_of({"Nats-Request-Info": json.dumps({"acc": account})}) is Role.OBSERVER


@pytest.mark.parametrize("said", ["", "{", "[]", "null", "7", '"ADMIN"', "{}", '{"user": "ADMIN"}', "[" * 5000])
def test_a_header_that_names_no_account_is_the_least_role(said: str) -> None:
    assert role_of({"Nats-Request-Info": said}) is Role.OBSERVER


@given(st.text())
def test_a_header_of_any_text_is_no_error(said: str) -> None:
    assert role_of({"Nats-Request-Info": said}) is Role.OBSERVER


def test_a_request_without_the_header_has_the_least_role() -> None:
    assert role_of({}) is Role.OBSERVER
    assert role_of(None) is Role.OBSERVER
    assert role_of({"nats-request-info": '{"acc": "ADMIN"}', "acc": "ADMIN"}) is Role.OBSERVER


def test_a_request_that_came_by_a_reply_subject_has_the_least_role() -> None:
    assert role_of({"Nats-Request-Info": '{"acc": "ADMIN", "svc": "ADMIN"}'}) is Role.OBSERVER


@pytest.mark.parametrize("name", ["", "a.b", "a b", "*", "ä", "../x"])
def test_a_name_that_could_be_more_than_a_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="use letters"):
        Client(name, Role.USER)


def test_a_grant_is_no_role_of_anybody() -> None:
    with pytest.raises(ValueError, match="name its patterns"):
        Client("x", Role.GRANT)


@pytest.mark.parametrize("name", ["admin", "grant", "observer"])
def test_nobody_is_named_as_a_role_that_it_has_not(name: str) -> None:
    with pytest.raises(ValueError, match="the name of a role"):
        Client(name, Role.USER)
