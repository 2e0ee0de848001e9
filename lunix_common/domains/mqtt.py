"""The subjects of mqtt: what an MQTT broker and this bus tell each other."""

from lunix_common.table import Domain, Kind, Role, Subject

DOMAINS = (Domain("mqtt", "mqtt", "Messages of an MQTT broker, both ways."),)

SUBJECTS = (
    Subject(
        "mqtt.<topic...>",
        Kind.EVENT,
        "mqtt",
        "mqtt.Message",
        "A message on a topic of the broker, its levels as tokens; whoever publishes here publishes at the broker.",
        role=Role.USER,
        bare="bytes",
        senders=Role.USER,
    ),
    Subject(
        "mqtt.list",
        Kind.QUERY,
        "mqtt",
        "mqtt.ListRequest",
        "The last retained value of each topic, as far as there is room to keep them.",
        reply="mqtt.RetainedList",
        role=Role.USER,
        bare="topic",
    ),
)
