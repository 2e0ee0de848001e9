"""What an installation does to each file: nothing of somebody else's is overwritten or removed."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lunix_cli.shipping import files, units_init, units_systemd
from lunix_cli.shipping.files import Action, Step
from lunix_cli.shipping.needs import ROWS, SESSION, SYSTEM, Needs

A, OLD, OTHER = "/etc/a", b"old", b"by hand"


def actions(wanted: dict[str, str], present: dict[str, bytes], ours: dict[str, str]) -> dict[str, Action]:
    return {step.path: step.action for step in files.install(wanted, present, ours)}


@pytest.mark.parametrize(
    ("present", "ours", "action"),
    [
        ({}, {}, Action.WRITE),
        ({A: b"new"}, {}, Action.SAME),
        ({A: OLD}, {A: files.digest(OLD)}, Action.WRITE),
        ({A: OTHER}, {A: files.digest(OLD)}, Action.KEEP),
        ({A: OTHER}, {}, Action.FOREIGN),
        ({}, {A: files.digest(OLD)}, Action.WRITE),
    ],
)
def test_a_file_is_written_where_nobody_else_s_is(
    present: dict[str, bytes], ours: dict[str, str], action: Action
) -> None:
    assert actions({A: "new"}, present, ours) == {A: action}


@pytest.mark.parametrize(
    ("present", "action"), [({}, Action.GONE), ({A: OLD}, Action.REMOVE), ({A: OTHER}, Action.KEEP)]
)
def test_a_file_is_removed_where_it_is_still_ours(present: dict[str, bytes], action: Action) -> None:
    assert files.uninstall({A: files.digest(OLD)}, present) == [Step(action, A)]
    assert actions({}, present, {A: files.digest(OLD)}) == {A: action}


_PATHS = st.sampled_from(["/a", "/b", "/c"])
_TEXTS = st.sampled_from(["one", "two", "three"])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.dictionaries(_PATHS, _TEXTS), max_size=4),
    st.lists(st.tuples(_PATHS, st.one_of(st.none(), _TEXTS)), max_size=4),
)
def test_what_is_installed_and_changed_by_turns_is_undone_but_for_what_others_wrote(
    versions: list[dict[str, str]], edits: list[tuple[str, str | None]]
) -> None:
    """Another's last writing is never lost; of ours nothing is left."""
    present: dict[str, bytes] = {}
    ours: dict[str, str] = {}
    for turn, wanted in enumerate([*versions, {}]):
        steps = files.install(wanted, present, ours)
        if not any(step.action is Action.FOREIGN for step in steps):
            for step in steps:
                if step.action is Action.WRITE:
                    assert step.path not in present or files.digest(present[step.path]) == ours[step.path]
                    present[step.path] = step.text.encode()
                elif step.action is Action.REMOVE:
                    assert files.digest(present.pop(step.path)) == ours[step.path]
            ours = files.owned(steps, ours)
        if turn < len(edits):
            path, text = edits[turn]
            present.pop(path, None)
            if text is not None:
                present[path] = f"by hand: {text}".encode()
    steps = files.uninstall(ours, present)
    left = {path for path in present if Step(Action.REMOVE, path) not in steps}
    assert all(present[path].startswith(b"by hand") for path in left)


def test_a_unit_says_what_its_row_says() -> None:
    row = Needs("x", "an x", ("lunix-x",), "lunix_x", user="lunix-x", capabilities={"CAP_SYSLOG": "why"}, run="lunix-x")
    text = units_systemd.service(row, "/usr/bin/lunix-x")
    assert "\nExecStart=/usr/bin/lunix-x\n" in text
    assert "\nUser=lunix-x\n" in text
    assert "\nAmbientCapabilities=CAP_SYSLOG\n" in text
    assert "\nLoadCredential=x.nk:/var/lib/lunix/keys/x.nk\n" in text
    assert "\nRuntimeDirectory=lunix-x\n" in text
    assert "\nPrivateDevices=yes\n" in text


def test_a_device_that_is_needed_is_the_only_one_that_is_seen() -> None:
    text = units_systemd.service(Needs("x", "an x", ("x",), "x", devices={"char-input r": "why"}), "/x")
    assert "PrivateDevices" not in text
    assert "\nDevicePolicy=closed\nDeviceAllow=char-input r\n" in text


def test_a_machine_s_service_looks_for_settings_in_no_home() -> None:
    """Homes are closed to it: root's, which it could not read, would be an error that no restart mends."""
    for row in SYSTEM:
        assert "\nEnvironment=XDG_CONFIG_HOME=/etc\n" in units_systemd.service(row, "/x")
    assert all("XDG_CONFIG_HOME" not in units_systemd.service(row, "/x") for row in SESSION)


def test_every_reason_is_a_reason() -> None:
    for row in ROWS.values():
        for reasons in (row.capabilities, row.devices, row.calls, row.opens):
            assert all(len(reason) > 5 for reason in reasons.values()), row.name


def test_what_a_row_opens_is_something_that_is_closed() -> None:
    filters = {"RestrictAddressFamilies", "SystemCallFilter"}
    for row in ROWS.values():
        assert set(row.opens) <= {*units_systemd.CLOSED, *filters}, row.name


def test_a_bridge_to_other_machines_waits_to_be_wanted() -> None:
    enabled = units_systemd.enabled()
    assert "lunix-bus.service" in enabled
    assert "lunix-mqtt.service" not in enabled


def test_only_what_faces_the_network_is_exec_d() -> None:
    assert 'exec = ["lunix-mqtt"]' in units_init.unit(ROWS["mqtt"])
    assert 'python = "lunix_ps"' in units_init.unit(ROWS["ps"])


def test_each_unprivileged_service_has_a_user_of_its_own() -> None:
    users = [row.user for row in SYSTEM if row.user != "root"]
    assert sorted(set(users)) == sorted(users)
    assert all(f"\nu {user} - " in files.sysusers() for user in users)


def test_a_session_is_not_the_machine() -> None:
    assert not {row.name for row in SESSION} & {row.name for row in SYSTEM}
