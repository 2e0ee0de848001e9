"""In the place of nats-py's JetStream, which no daemon uses and the board's server has not: its names alone."""

from nats.js import api as api


class JetStreamContext:
    """There is none."""

    def __init__(self, *_arguments: object, **_more: object) -> None:
        raise NotImplementedError("there is no JetStream on this machine")


class JetStreamManager(JetStreamContext):
    """There is none either."""
