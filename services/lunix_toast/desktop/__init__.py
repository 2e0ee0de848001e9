"""The desktop's notifications: lunix-toast is their server, or speaks to the one that is.

    a program → Notify → server → notify → the service → facts → server → NotificationClosed, ActionInvoked
    the service → forward → Notify of another server → its signals → the service

Source of names and signatures: https://specifications.freedesktop.org/notification-spec/1.3/
"""

NAME = INTERFACE = "org.freedesktop.Notifications"
PATH = "/org/freedesktop/Notifications"
