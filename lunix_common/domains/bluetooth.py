"""The subjects of bluetooth: adapters, devices, and who confirms a pairing."""

from lunix_common.table import Domain, Kind, Role, Subject, event

DOMAINS = (
    Domain(
        "bluetooth",
        "bluetooth",
        "Bluetooth adapters and devices, and who confirms a pairing.",
        item="bluetooth.Part",
        gone=frozenset({"removed"}),
        passing=frozenset({"requested", "ended"}),
    ),
)


def _command(name: str, payload: str, doc: str, reply: str, bare: str | None = "device", takes_s: float = 0) -> Subject:
    return Subject(
        f"bluetooth.{name}",
        Kind.COMMAND,
        "bluetooth",
        f"bluetooth.{payload}",
        doc,
        reply=f"bluetooth.{reply}",
        role=Role.USER,
        bare=bare,
        takes_s=takes_s,
    )


SUBJECTS = (
    event("bluetooth.connected", "bluetooth", "bluetooth.PartEvent", "A device connected.", Role.USER),
    event(
        "bluetooth.disconnected",
        "bluetooth",
        "bluetooth.Disconnected",
        "A device is not connected any more, and why; told when that has lasted.",
        Role.USER,
    ),
    event(
        "bluetooth.device.<event>",
        "bluetooth",
        "bluetooth.PartEvent",
        "A device was `added` or `removed`, is `paired`, `unpaired`, `trusted` or `untrusted`, "
        "has another charge (`battery`), or something else of it `changed`.",
        Role.USER,
    ),
    event(
        "bluetooth.adapter.<event>",
        "bluetooth",
        "bluetooth.PartEvent",
        "An adapter was `added` or `removed`, or `changed`: it is powered, scans, can be found.",
        Role.USER,
    ),
    event(
        "bluetooth.signal.<level>",
        "bluetooth",
        "bluetooth.PartEvent",
        "A device came near (`high`), or is about to be out of reach (`low`); known while somebody scans.",
        Role.USER,
    ),
    event(
        "bluetooth.pair.requested",
        "bluetooth",
        "bluetooth.PairRequested",
        "A device pairs, or uses a service: somebody has to confirm it, or to type what is shown.",
        Role.USER,
    ),
    event(
        "bluetooth.pair.ended",
        "bluetooth",
        "bluetooth.PairEnded",
        "What was requested needs no answer any more, and what became of it.",
        Role.USER,
    ),
    Subject(
        "bluetooth.list",
        Kind.QUERY,
        "bluetooth",
        "bluetooth.ListRequest",
        "Adapters and devices, as they were told last, and what waits for an answer.",
        reply="bluetooth.PartList",
        role=Role.USER,
        bare="kind",
    ),
    _command("scan", "ScanRequest", "Look for devices for a while; answered when that has begun.", "Scanning", None),
    # A device may have to be woken; a person has to read, to compare, and to type.
    _command("connect", "DeviceRequest", "Connect a device; answered when it is.", "Done", takes_s=60),
    _command("disconnect", "DeviceRequest", "Disconnect a device.", "Done"),
    _command(
        "pair", "DeviceRequest", "Pair with a device; answered when that is done, by people too.", "Done", takes_s=90
    ),
    _command("trust", "TrustRequest", "Let a device connect and use services without a question, or not.", "Done"),
    _command("remove", "DeviceRequest", "Forget a device, and the pairing with it.", "Done"),
    _command("power", "PowerRequest", "Switch adapters on or off.", "Powered", "powered"),
    _command("pair.answer", "PairAnswer", "Answer what `bluetooth.pair.requested` asked.", "PairEnded", None),
)
