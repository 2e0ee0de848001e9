"""The settings of lunix-mount."""

import os
import pwd

import pytest
from pydantic import ValidationError

from lunix_mount.policy import Owner
from lunix_mount.settings import Settings


def test_owners_are_named_or_numbered() -> None:
    me = pwd.getpwuid(os.geteuid())
    assert Settings(uid=me.pw_name, gid="100", umask="027").owner == Owner(me.pw_uid, 100, 0o027)
    assert Settings(uid=7, gid=8).owner == Owner(7, 8, 0o022)
    assert Settings(gid="root").owner.gid == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"uid": "no-such-user"}, {"gid": "no-such-group"}, {"umask": "8"}, {"umask": "01777"}, {"media": "media"},
        {"media": "/"}, {"allow_where": ["/mnt/.."]}, {"run": "here"},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(wrong)
