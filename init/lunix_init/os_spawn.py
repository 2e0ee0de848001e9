"""How a process is made, so that no race loses it and no failure is silent.

The child is forked with every signal blocked (else a signal that arrives before its handlers are
reset would run init's own in the child), leads a session of its own, and becomes what the recipe
says step by step. A pipe that closes on exec tells init what became of it: end of file means that
the program runs, anything else is the errno and the step that failed. Init waits for neither.
"""

import atexit
import errno
import fcntl
import os
import resource
import signal
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple, NoReturn

from lunix_init import os_libc
from lunix_init.capabilities import CAPABILITIES

_EVERY_SIGNAL = signal.valid_signals()  # looked up once: it makes 62 enumeration members
_HIGH = 200  # descriptors that the child still needs are kept above those that the program gets


class Recipe(NamedTuple):
    """What a child becomes before it runs its program."""

    argv: tuple[str, ...]
    env: Mapping[str, str]  # what init hands on
    own: Mapping[str, str]  # what the unit says; it wins over what the user's entry says
    output: int  # the descriptor that becomes stdout and stderr
    cwd: str = "/"
    umask: int = 0o022
    nice: int = 0
    user: str = ""
    group: str = ""
    files: int = 0  # the soft limit of open files, 0: as it is
    limits: tuple[tuple[str, int], ...] = ()
    capabilities: tuple[str, ...] | None = None
    tty: str = ""
    cgroup: str = ""  # the folder of a cgroup to join
    born: bool = False  # it may be made in there, see `Group.bears`
    keep: tuple[tuple[int, int], ...] = ()  # (number in the child, descriptor here)


class Born(NamedTuple):
    """A new child: its pid, a pidfd, and the pipe on which it tells how its exec went."""

    pid: int
    pidfd: int
    report: int


class StepError(Exception):
    """A step of becoming that failed: its name and the error."""

    def __init__(self, step: str, error: Exception) -> None:
        super().__init__(f"{step}: {error}")
        self.step, self.error = step, error


def spawn(recipe: Recipe) -> Born:
    """Make a process; raises `OSError` when there can be none (EAGAIN, ENOMEM, EMFILE)."""
    changed_signals()  # once for all children
    read, write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _EVERY_SIGNAL)
    try:
        pid, pidfd, to_join = _fork(recipe.cgroup, born=recipe.born)
        if not pid:
            _child(recipe._replace(cgroup=to_join), write)
    except OSError:
        os.close(read)
        raise
    finally:
        # In the parent alone: the child never comes here.
        os.close(write)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    # Not a race: nobody but this process reaps the child, and it is not reaping now.
    return Born(pid, pidfd if pidfd >= 0 else os.pidfd_open(pid), read)


def _fork(cgroup: str, *, born: bool) -> tuple[int, int, str]:
    """Fork; returns the pid, a pidfd or -1, and the cgroup that the child has yet to join.

    Moving a process into a cgroup waits until every processor has passed through the scheduler: 8 to 15 ms on a quiet
    machine, more than all the rest of a restart. A child that is made in its cgroup waits for nothing.
    """
    if cgroup and born:
        try:
            folder = os.open(cgroup, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                return *os_libc.clone3(folder), ""
            finally:
                os.close(folder)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.ENOMEM):
                raise
            # Linux before 5.7, or a sandbox that knows no clone3: the child joins by itself.
    return os.fork(), -1, cgroup


def _child(recipe: Recipe, report: int) -> NoReturn:
    try:
        report = above(report)
        become(recipe)
        _run(recipe)
    except BaseException as error:  # noqa: BLE001 (nothing may return into init's own loop)
        tell(report, error)
    finally:
        os._exit(127)


def _run(recipe: Recipe) -> None:
    env = environment(recipe)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    try:
        os.execvpe(recipe.argv[0], recipe.argv, env)  # noqa: S606
    except OSError as error:
        raise StepError(f"exec {recipe.argv[0]}", error) from None


def tell(report: int, error: BaseException) -> None:
    """Write to the report pipe why there will be no program."""
    cause = error.error if isinstance(error, StepError) else error
    number = cause.errno if isinstance(cause, OSError) else 0
    step = error.step if isinstance(error, StepError) else "spawn"
    text = os.strerror(number) if number else f"{cause}"
    os.write(report, f"{number or errno.EINVAL} {step}: {text}"[:500].encode(errors="replace"))


def above(fd: int) -> int:
    """Move a descriptor out of the way of the numbers that a program gets."""
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _HIGH)


def parse_report(data: bytes) -> tuple[int, str]:
    """Read what `tell` wrote: errno and a sentence."""
    number, _, text = data.decode(errors="replace").partition(" ")
    return (int(number) if number.isdecimal() else errno.EINVAL), text


def become(recipe: Recipe) -> None:
    """Take on all that the recipe says, short of running the program. Raises `StepError`."""
    steps = (
        ("session", os.setsid),
        ("signals", reset_signals),
        ("cgroup", lambda: _join(recipe.cgroup)),
        ("tty" if recipe.tty else "stdio", lambda: _stdio(recipe)),
        ("nice", lambda: recipe.nice and os.nice(recipe.nice)),
        ("limits", lambda: _limit(recipe)),
        ("umask", lambda: os.umask(recipe.umask)),
        ("user", lambda: _user(recipe)),
        ("cwd", lambda: os.chdir(recipe.cwd)),
    )
    for name, step in steps:
        try:
            step()
        except (OSError, ValueError, KeyError) as error:
            raise StepError(name, error) from None


def reset_signals() -> None:
    """Give every signal its default: what init ignores or handles must not be inherited."""
    for number in changed_signals():
        signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)


@cache
def changed_signals() -> tuple[int, ...]:
    """Return the signals that do not have their default here (looked up once: it costs 0.4 ms)."""
    bits = 0
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:  # no proc: then all that can be reset
        return tuple(_EVERY_SIGNAL - {signal.SIGKILL, signal.SIGSTOP})
    for line in lines:
        if line.startswith(("SigIgn:", "SigCgt:")):
            bits |= int(line.split()[1], 16)
    # The C library keeps the first two real-time signals to itself.
    return tuple(x for x in _EVERY_SIGNAL if bits >> (x - 1) & 1)


def _join(cgroup: str) -> None:
    if cgroup:
        fd = os.open(f"{cgroup}/cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)
        os.write(fd, b"0")
        os.close(fd)


def _stdio(recipe: Recipe) -> None:
    # First out of the way, then to their places: source and target numbers may overlap.
    parked = [(target, fcntl.fcntl(source, fcntl.F_DUPFD_CLOEXEC, _HIGH)) for target, source in recipe.keep]
    tty = -1
    if recipe.tty:
        import termios  # only gettys need it

        tty = os.open(recipe.tty, os.O_RDWR | os.O_NOCTTY)
        fcntl.ioctl(tty, termios.TIOCSCTTY, 0)
        parked += [(0, tty), (1, tty), (2, tty)]
    else:
        null = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        parked += [(0, null), (1, recipe.output), (2, recipe.output)]
    for target, source in parked:
        os.dup2(source, target, inheritable=True)
    if tty > 2:
        os.close(tty)


def _limit(recipe: Recipe) -> None:
    if recipe.files:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (recipe.files, hard))
    for name, value in recipe.limits:
        number = getattr(resource, f"RLIMIT_{name.upper()}")
        resource.setrlimit(number, (value, value))


def _user(recipe: Recipe) -> None:
    if not (recipe.user or recipe.group or recipe.capabilities is not None):
        return
    bits = None
    if recipe.capabilities is not None:
        bits = sum(1 << CAPABILITIES.index(name) for name in recipe.capabilities)
        for number in range(len(CAPABILITIES)):
            if not bits >> number & 1:
                _drop_from_bounding_set(number)
        os_libc.prctl(os_libc.PR_SET_KEEPCAPS, 1)
    switch_user(recipe.user, recipe.group)
    if bits is not None:
        os_libc.capset(bits)
        for number in range(len(CAPABILITIES)):
            if bits >> number & 1:
                os_libc.prctl(os_libc.PR_CAP_AMBIENT, os_libc.PR_CAP_AMBIENT_RAISE, number)


def _drop_from_bounding_set(number: int) -> None:
    try:
        os_libc.prctl(os_libc.PR_CAPBSET_DROP, number)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a capability that this kernel does not know
            raise


def switch_user(user: str, group: str) -> None:
    """Become a user and a group, by name or number. The lookup happens here, in the child:
    a name service may block, and must not block init.
    """  # noqa: D205
    if not user and not group:
        return
    import grp
    import pwd

    entry = None
    if user:
        entry = pwd.getpwuid(int(user)) if user.isdecimal() else pwd.getpwnam(user)
    gid = entry.pw_gid if entry else os.getgid()
    if group:
        gid = int(group) if group.isdecimal() else grp.getgrnam(group).gr_gid
    if entry and entry.pw_uid == os.getuid() and gid == os.getgid():
        return  # already that user; an ordinary one may not even try
    if entry:
        os.initgroups(entry.pw_name, gid)
    else:
        os.setgroups([])
    os.setgid(gid)
    if entry:
        os.setuid(entry.pw_uid)


def environment(recipe: Recipe) -> dict[str, str]:
    """Return the child's variables. Called in the child: looking up the user may block."""
    found = dict(recipe.env)
    if recipe.user:
        import pwd

        user = recipe.user
        entry = pwd.getpwuid(int(user)) if user.isdecimal() else pwd.getpwnam(user)
        shell = entry.pw_shell or "/bin/sh"
        found |= {"HOME": entry.pw_dir, "SHELL": shell}
        found |= {"USER": entry.pw_name, "LOGNAME": entry.pw_name}
    return found | dict(recipe.own)


def raise_file_limit() -> int:
    """Allow init as many descriptors as it may have; returns the soft limit as it was."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    return before[0]


def program() -> list[str]:
    """Return the command that this process was started with, for running it again."""
    return [sys.executable, *sys.orig_argv[1:]]


def run_exit_functions() -> None:
    """Run what was registered with `atexit` (logging, coverage): neither exec nor `os._exit` does."""
    name = "_run_exitfuncs"  # the only way there is, since 3.0
    getattr(atexit, name)()
