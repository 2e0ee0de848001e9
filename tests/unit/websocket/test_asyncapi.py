"""The table as an AsyncAPI document; that it is valid is tested with the published schema."""

import re
from typing import Any

import pytest

from lunix_common.subjects import TABLE, Domain, Kind, Subject, Table
from lunix_websocket.asyncapi import document, name

GARDEN = Table(
    (
        Subject("garden.<bed>.dry", Kind.EVENT, "garden", "common.Anything", "A bed needs water."),
        Subject("garden.log.<path...>", Kind.EVENT, "garden", "common.Anything", "All it says."),
        Subject("garden.water", Kind.COMMAND, "garden", "common.Anything", "Water.", reply="common.Anything"),
    ),
    (Domain("garden", "garden", "The greenhouse."),),
)


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    return document(TABLE, "1.2.3")


def test_it_says_what_it_is(whole: dict[str, Any]) -> None:
    assert whole["asyncapi"] == "3.0.0"
    assert (whole["info"]["title"], whole["info"]["version"]) == ("lunix", "1.2.3")


def test_parameters_become_those_of_the_format() -> None:
    channels = document(GARDEN, "1")["channels"]
    assert channels["garden.bed.dry"]["address"] == "garden.{bed}.dry"
    assert list(channels["garden.bed.dry"]["parameters"]) == ["bed"]
    assert channels["garden.log.path"]["address"] == "garden.log.{path}"
    assert "parameters" not in channels["garden.water"]


def test_each_row_has_a_key_of_its_own() -> None:
    keys = [name(row) for row in TABLE]
    assert len(set(keys)) == len(keys)


def test_keys_of_components_are_as_the_format_demands(whole: dict[str, Any]) -> None:
    for kind in ("schemas", "messages"):
        assert all(re.fullmatch(r"[\w\-.]+", key) for key in whole["components"][kind])


def test_models_of_one_name_in_two_domains_do_not_meet(whole: dict[str, Any]) -> None:
    schemas = whole["components"]["schemas"]
    assert "subsystem" in schemas["hardware.ListRequest"]["properties"]
    assert "tag" in schemas["toast.ListRequest"]["properties"]


def test_events_have_the_headers_by_which_losses_are_seen(whole: dict[str, Any]) -> None:
    messages = whole["components"]["messages"]
    assert "Lunix-Prev" in messages["hardware.DeviceEvent"]["headers"]["properties"]
    assert "headers" not in messages["toast.ToastRequest"]


def test_an_answer_may_be_an_error(whole: dict[str, Any]) -> None:
    assert set(whole["channels"]["toast.in.reply"]["messages"]) == {"toast.ToastAccepted", "common.ErrorReply"}


def test_a_table_without_requests_has_no_answers() -> None:
    events = Table(GARDEN.subjects[:2], GARDEN.domains)
    assert set(document(events, "1")["components"]["messages"]) == {"common.Anything"}


def test_what_tells_items_apart_is_named_as_the_format_does(whole: dict[str, Any]) -> None:
    assert (
        whole["components"]["schemas"]["network.NetworkList"]["properties"]["items"]["items"]["discriminator"] == "kind"
    )
