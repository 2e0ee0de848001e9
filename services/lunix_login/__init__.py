"""lunix-login: who logs in and out, and whose login is refused.

Publishes ``login.opened``, ``login.closed``, ``login.failed`` and, for admins, ``login.failed.name``; answers
``login.list``. Three sources tell: PAM by a helper of ours, systemd-logind where it runs, and utmp where it does not.

    pam_exec → pam_helper → os_pam_socket → pam_record ┐
    systemd-logind → logind                            ├→ sessions (one session, whoever tells it) → the bus
    utmp, btmp → os_watch → utmp                       ┘

Pure core: `pam_record`, `utmp`, `words`, `sessions`, `failures`.
"""
