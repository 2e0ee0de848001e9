"""The section ``[login]`` of the configuration."""

from pathlib import Path

from lunix_common.config import Settings as BaseSettings


class Settings(BaseSettings):
    """Where lunix-login hears of sessions."""

    pam_socket: Path = Path("/run/lunix-login.pam")
    """Where the helper of PAM tells us; the same path has to stand in PAM's configuration. Root alone can use it."""
    logind: bool = True
    """Listen to systemd-logind where it runs."""
    utmp: Path = Path("/run/utmp")
    """Who is logged in, where no logind runs."""
    btmp: Path = Path("/var/log/btmp")
    """Logins that were refused, for those that PAM does not tell."""
