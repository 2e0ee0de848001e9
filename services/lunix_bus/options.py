"""What a client says of itself in CONNECT."""

import json
from typing import Any, NamedTuple


class Options(NamedTuple):
    """What a client wants of the server, and who it says it is. Without CONNECT it gets these.

    The names are those of CONNECT, where ``password`` is ``pass``.
    """

    verbose: bool = True
    pedantic: bool = True
    echo: bool = True
    headers: bool = False
    no_responders: bool = False
    protocol: int = 0
    name: str = ""
    lang: str = ""
    version: str = ""
    user: str = ""
    password: str = ""
    auth_token: str = ""
    nkey: str = ""
    sig: str = ""
    account: str = ""
    new_account: bool = False

    def updated(self, text: bytes) -> "Options":
        """These with what the JSON of a CONNECT says; raise ``ValueError`` for what is none, or not of these types.

        Go takes the name of a field in any case, and null for a field that is not there.
        """
        try:
            found: dict[str, Any] = json.loads(text.decode("utf-8", "replace"))
            said = {name.lower(): one for name, one in found.items() if one is not None}
        except (AttributeError, RecursionError) as error:
            raise ValueError("no JSON object") from error
        known = {name: said[key] for name in self._fields if (key := _WRITTEN.get(name, name)) in said}
        for name, one in known.items():
            if type(one) is not type(self._field_defaults[name]):
                raise ValueError(f"a strange {name!r}")
        return self._replace(**known)


_WRITTEN = {"password": "pass"}
