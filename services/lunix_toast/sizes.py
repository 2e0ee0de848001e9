"""How much a toast weighs: pure."""

from lunix_common.schemas.toast import ToastRequest

MOST_CHARACTERS = 1_000_000
"""Of all toasts together: a thousand of the longest would take more memory than a small device has."""


def characters(toast: ToastRequest) -> int:
    """How many characters a toast has, all its texts and its picture together."""
    actions = sum(len(action.key) + len(action.label) for action in toast.actions)
    others = (toast.icon, toast.image, toast.tag, toast.app)
    return len(toast.summary) + len(toast.body) + sum(len(text or "") for text in others) + actions
