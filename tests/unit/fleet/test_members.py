"""A fleet's members and credentials: what is kept of them is all of them, and no seed."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_cli.fleet import members
from lunix_cli.fleet.members import Credential, Fleet, Machine, Operator
from lunix_common.errors import UsageError
from lunix_common.role import RANKED, up_to
from lunix_common.subjects import TABLE, Role, untoken

names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=16).filter(lambda name: len(name.encode()) <= 64)
roles = st.sampled_from(RANKED)


def machine(name: str = "box1", role: Role = Role.USER) -> Machine:
    return Machine(name, role, dict.fromkeys(up_to(role), "U"))


machines = st.builds(machine, names, roles)
operators = st.builds(
    Operator,
    st.from_regex(r"[a-zA-Z0-9_-]+", fullmatch=True),
    roles,
    st.just("U"),
    st.frozensets(st.sampled_from(["wm.exec", "init.restart"])),
    st.none() | st.frozensets(names),
)


@given(st.lists(machines), st.lists(operators))
def test_a_fleet_is_kept_whole(some: list[Machine], others: list[Operator]) -> None:
    fleet = Fleet({one.name: one for one in some}, {one.name: one for one in others})
    assert members.parse(json.dumps(fleet.to_json())) == fleet


@given(machines)
def test_a_machines_subjects_begin_with_two_tokens_that_are_its_own(one: Machine) -> None:
    host, name = one.prefix.split(".")
    assert (host, untoken(name).decode()) == ("host", one.name)
    assert len({one.account(role) for role in RANKED}) == 3


@given(roles, roles)
def test_an_operator_is_the_lesser_of_both_roles(mine: Role, there: Role) -> None:
    found = Operator("anna", mine, "U").on(machine(role=there))
    assert found is not None
    assert found in (mine, there)
    assert mine.includes(found)
    assert there.includes(found)


def test_an_operator_of_some_machines_is_nobody_on_others() -> None:
    operator = Operator("anna", Role.ADMIN, "U", machines=frozenset({"box1"}))
    assert (operator.on(machine()), operator.on(machine("box2"))) == (Role.USER, None)


def test_a_grant_follows_from_no_role() -> None:
    row = replace(next(iter(TABLE)), role=Role.GRANT)
    assert not Operator("anna", Role.ADMIN, "U").may(row, Role.ADMIN)
    assert Operator("anna", Role.OBSERVER, "U", frozenset({row.pattern})).may(row, Role.OBSERVER)


def test_members_come_and_go() -> None:
    fleet = Fleet().with_machine(machine()).with_operator(Operator("anna", Role.USER, "U"))
    assert fleet.with_machine(machine(role=Role.ADMIN)).machines["box1"].role is Role.ADMIN
    assert fleet.without_machine("box1").without_operator("anna") == Fleet()
    with pytest.raises(UsageError, match=r"has no machine 'x' \(it has: box1\)"):
        fleet.without_machine("x")
    with pytest.raises(UsageError, match=r"has no operator 'box1' \(it has: anna\)"):
        fleet.without_operator("box1")


@pytest.mark.parametrize("name", ["", "x" * 65, "é" * 33])
def test_a_machine_has_the_name_of_a_host(name: str) -> None:
    with pytest.raises(UsageError, match="1 to 64 bytes"):
        machine(name)


def test_a_machine_needs_a_key_for_each_role() -> None:
    with pytest.raises(ValueError, match="a key for each of observer, user"):
        Machine("box1", Role.USER, {Role.USER: "U"})


def test_an_operators_name_is_plain() -> None:
    with pytest.raises(UsageError, match="use letters"):
        Operator("a.b", Role.USER, "U")


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"machines": {}, "operators": {"a": {}}}', '{"machines": {"": {"role": "user", "keys": {}}}}'],
)
def test_what_describes_no_fleet_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no fleet|Expecting value"):
        members.parse(text)


def credential(kind: str = "machine", role: Role = Role.USER) -> Credential:
    seeds = dict.fromkeys(up_to(role) if kind == "machine" else (role,), "SU")
    return Credential(kind, "box 1", role, seeds, "PEM")


@given(st.sampled_from(["machine", "operator"]), roles)
def test_a_credential_is_read_as_it_was_written(kind: str, role: Role) -> None:
    assert members.credential(credential(kind, role).to_json(), kind) == credential(kind, role)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no credential of a fleet"),
        ("[" * 100_000, "no credential of a fleet"),
        ("[]", "no credential of a fleet"),
        ('{"lunix_fleet": "machine"}', "no credential of a fleet"),
        (credential("operator").to_json(), "of a fleet's operator, and this is for a machine"),
        (replace(credential(), role=Role.ADMIN).to_json(), "does not have the seeds"),
    ],
)
def test_what_is_no_credential_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        members.credential(text, "machine")
