"""The subjects of natsdev: devices."""

from lunix_common.table import Domain, Kind, Role, Subject, event

DOMAINS = (
    Domain("hardware", "natsdev", "Devices of this machine.", item="hardware.Device", gone=frozenset({"remove"})),
)

SUBJECTS = (
    event(
        "hardware.<subsystem>.<action>",
        "natsdev",
        "hardware.DeviceEvent",
        "A device was added, removed, changed, moved, bound to a driver or unbound, or went online or offline.",
    ),
    Subject(
        "hardware.list",
        Kind.QUERY,
        "natsdev",
        "hardware.ListRequest",
        "The devices that are present, filtered and in pages.",
        reply="hardware.DeviceList",
        bare="subsystem",
    ),
    Subject(
        "hardware.get",
        Kind.QUERY,
        "natsdev",
        "hardware.GetRequest",
        "One device, by id, sysfs path or device node.",
        reply="hardware.Device",
        bare="device",
    ),
    Subject(
        "hardware.settle",
        Kind.QUERY,
        "natsdev",
        "hardware.SettleRequest",
        "Answered when every kernel event from before the request has been published.",
        reply="hardware.Settled",
        takes_s=120,
        waits="timeout_ms",
    ),
    Subject(
        "hardware.trigger",
        Kind.COMMAND,
        "natsdev",
        "hardware.TriggerRequest",
        "Ask the kernel to send a device's event again.",
        reply="hardware.Triggered",
        role=Role.ADMIN,
        bare="device",
    ),
)
