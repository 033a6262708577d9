"""The process that the waiting programs of sandboxes are forked from, instead of each starting an interpreter.

It runs outside of every sandbox, as root, in a file system that looks like a sandbox's, and never sees anything of a
function. For each order it forks a child that enters a sandbox that stands ready (`enter_sandbox`), and tells how that
child has ended. Orders and answers are lines of JSON on a socket, which children do not have.
"""

import ctypes
import gc
import json
import os
import select
import signal
import site
import socket
import sys
import time

_CONTROL_FD = 3
# The descriptors of a sandbox's program that its first process has for it: output, the channel, log records.
_HELD_FDS = range(1, 5)
_HIGH_FD = 16
_FD_LIMIT = 1024

_PIDFD_OPEN, _CLOSE_RANGE, _PIDFD_GETFD = 434, 436, 438
_F_DUPFD_CLOEXEC = 1030
_NEWPID = 0x20000000
# User, mount, network, IPC, UTS and control group namespace.
_NAMESPACES = 0x10000000 | 0x00020000 | 0x40000000 | 0x08000000 | 0x04000000 | 0x02000000
_RLIMIT_CORE, _RLIMIT_NOFILE = 4, 7
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP = 1, 4, 22
_PR_CAPBSET_READ, _PR_CAPBSET_DROP = 23, 24
_PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 38, 47, 4
_SECCOMP_MODE_FILTER = 2
_CAPABILITY_VERSION_3 = 0x20080522
_CAPABILITIES = 64
# Steps of waiting for the sandbox to be built, which takes some milliseconds.
_STEP_SECONDS, _STEP_SHARE, _WAIT_SECONDS = 0.0005, 0.2, 10
_FAILED = 125

_libc = ctypes.CDLL(None, use_errno=True)
# Looked up here, once, and not in each child.
_syscall, _setns, _call_prctl, _capset = _libc.syscall, _libc.setns, _libc.prctl, _libc.capset
_setrlimit, _fcntl = _libc.setrlimit, _libc.fcntl
_call_prctl.argtypes = (ctypes.c_int,) + (ctypes.c_ulong,) * 4


def serve():
    """Take orders until the platform is gone; return in each child, when it is inside its sandbox."""
    control = _take_control()
    orders = _lines(control)
    settings = _Settings(json.loads(next(orders)))
    _seem_to_be(settings.uid)
    own_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    children = {}
    # What is there now is never looked at by the collector again, so that it is shared for good.
    gc.collect()
    gc.freeze()
    _send(control, {"ready": True, "sharedBytes": _own_memory_bytes()})
    while True:
        readable, _, _ = select.select([control, wake_read], [], [])
        if wake_read in readable:
            os.read(wake_read, 4096)
            _tell_ends(control, children)
        if control not in readable:
            continue
        for line in orders:
            if line is None:
                break
            order = json.loads(line)
            if "terminate" in order:
                _terminate(order["terminate"], children)
            elif not _fork(order, control, children, own_namespace):
                enter_sandbox(order, settings)
                return


class _Settings:
    """What is the same for every sandbox."""

    def __init__(self, told):
        self.uid, self.gid = told["uid"], told["gid"]
        self.oom_score_adjustment = str(told["oomScoreAdjustment"])
        self.library_fd, self.library_path = _find_library()
        code = bytes.fromhex(told["filter"])
        self._code = ctypes.create_string_buffer(code, len(code))
        # struct sock_fprog
        self._filter = _Filter(len(code) // 8, ctypes.addressof(self._code))
        self.filter_address = ctypes.addressof(self._filter)
        self.limits = [
            (limit, (ctypes.c_ulong * 2)(value, value))
            for limit, value in ((_RLIMIT_NOFILE, told["openFiles"]), (_RLIMIT_CORE, 0))
        ]
        self.no_capabilities = ((ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)())
        # Beyond the last one that this kernel knows it fails.
        self.capabilities = [each for each in range(_CAPABILITIES) if _prctl(_PR_CAPBSET_READ, each) >= 0]


def _find_library():
    """The descriptor that libffi keeps of its own file for the callbacks that `ctypes` makes, and its path.

    Distributions build it so or not; None for both where there is none.
    """
    for name in os.listdir("/proc/self/fd"):
        try:
            path = os.readlink("/proc/self/fd/" + name)
        except OSError:
            continue
        if os.path.basename(path).startswith("libffi"):
            return int(name), path
    return None, None


class _Filter(ctypes.Structure):
    _fields_ = [("count", ctypes.c_ushort), ("code", ctypes.c_void_p)]


def _take_control():
    """Move the socket away from where children will have their channel. Children close it."""
    control = socket.socket(fileno=_dup_high(_CONTROL_FD))
    os.close(_CONTROL_FD)
    control.setblocking(True)
    return control


def _lines(control):
    """Whole lines as they come; None when there is no other yet. Ends this process when the platform is gone."""
    received = b""
    while True:
        while b"\n" not in received:
            chunk = control.recv(65536)
            if not chunk:
                os._exit(0)
            received += chunk
        while b"\n" in received:
            line, _, received = received.partition(b"\n")
            yield line
        if not received:
            yield None


def _send(control, message):
    control.sendall(json.dumps(message).encode() + b"\n")


def _seem_to_be(uid):
    """What `site` has found out about the user is to be as in a program that was started as the sandbox's."""
    if not hasattr(site, "getusersitepackages"):
        return
    import pwd

    os.environ["HOME"] = pwd.getpwuid(uid).pw_dir
    site.USER_BASE = site.USER_SITE = None
    site.getusersitepackages()
    del os.environ["HOME"]


def _own_memory_bytes():
    """What children share with this process, apart from files."""
    for line in _read("/proc/self/status").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


def _fork(order, control, children, own_namespace):
    """Return False in the child, which is in the sandbox's namespace of processes, and in nothing else of it yet."""
    name = order["fork"]
    try:
        holder = _check(_syscall(_PIDFD_OPEN, order["holder"], 0))
        # The number may belong to another process by now: that one is in another group.
        if "/%s\n" % order["group"] not in _read("/proc/%d/cgroup" % order["holder"]):
            os.close(holder)
            raise ProcessLookupError("the sandbox is gone")
        order["holderFd"] = holder
        pid = _fork_into(holder, own_namespace)
    except OSError as error:
        _send(control, {"failed": name, "reason": str(error)})
        return True
    if pid == 0:
        control.detach()
        return False
    children[pid] = name
    _send(control, {"forked": name, "processId": pid})
    return True


def _fork_into(holder, own_namespace):
    error = None
    try:
        _check(_setns(holder, _NEWPID))
        pid = os.fork()
        if pid == 0:
            return 0
    except OSError as failure:
        error = failure
    os.close(holder)
    _check(_setns(own_namespace, _NEWPID))
    if error is not None:
        raise error
    return pid


def _tell_ends(control, children):
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        name = children.pop(pid, None)
        # A child can give this process children by CLONE_PARENT: nobody waits for those.
        if name is None:
            continue
        if os.WIFSIGNALED(status):
            _send(control, {"ended": name, "signal": os.WTERMSIG(status)})
        else:
            _send(control, {"ended": name, "code": os.WEXITSTATUS(status)})


def _terminate(name, children):
    # One that has not been waited for keeps its number.
    for pid, child in children.items():
        if child == name:
            os.kill(pid, signal.SIGTERM)


def enter_sandbox(order, settings):
    """Become the program of the sandbox whose first process the order names; end this process where that fails.

    First under the sandbox's limits, then into its namespaces, then without any right: each step takes away what only
    the steps before needed.
    """
    try:
        for path in order["groups"]:
            _write(path, "0")
        _write("/proc/self/oom_score_adj", settings.oom_score_adjustment)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if order["hasListeners"]:
            os.environ["LAMBENT_LISTEN"] = ""
        _await_sandbox(order["holder"], order["runs"])
        # The descriptors that the sandbox was built with: each a copy of the holder's own.
        held = [_check(_syscall(_PIDFD_GETFD, order["holderFd"], fd, 0)) for fd in _HELD_FDS]
        _check(_setns(order["holderFd"], _NAMESPACES))
        sources = [os.open("/dev/null", os.O_RDWR), *held]
        for fd, source in enumerate([_dup_high(source) for source in sources]):
            os.dup2(source, fd)
        _close_others(settings)
        _lose_rights(settings)
        _draw_own_key()
    except BaseException as error:
        os.write(2, ("the sandbox cannot be entered: %r\n" % error).encode())
        os._exit(_FAILED)


def _draw_own_key():
    """Where multiprocessing has been loaded, it has drawn the key that its connections ask for: one for all children."""
    process = sys.modules.get("multiprocessing.process")
    if process is not None:
        process.current_process().authkey = os.urandom(32)


def _close_others(settings):
    first = _HELD_FDS.stop
    if settings.library_fd is not None:
        # By its number the library knows it: it becomes the sandbox's own file.
        own = os.open(settings.library_path, os.O_RDONLY | os.O_CLOEXEC)
        if own != settings.library_fd:
            os.dup2(own, settings.library_fd, inheritable=False)
        _close(first, settings.library_fd - 1)
        first = settings.library_fd + 1
    _close(first, _FD_LIMIT)


def _close(first, last):
    # Interpreters before 3.10 would close them one by one.
    if first <= last and _syscall(_CLOSE_RANGE, first, last, 0) < 0:
        os.closerange(first, last + 1)


def _await_sandbox(holder, program):
    """When its first process runs the program that holds it, everything is in place: that is done last."""
    link = "/proc/%d/exe" % holder
    begun = time.monotonic()
    while os.readlink(link) != program:
        waited = time.monotonic() - begun
        if waited > _WAIT_SECONDS:
            raise TimeoutError("it was not built in time")
        # Where it takes long the processor is scarce: others have more use for it than a look each half millisecond.
        time.sleep(max(_STEP_SECONDS, waited * _STEP_SHARE))


def _lose_rights(settings):
    for limit, values in settings.limits:
        _check(_setrlimit(limit, values))
    for capability in settings.capabilities:
        _check(_call_prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0))
    # In the sandbox's user namespace: the host knows it by the number of this sandbox alone.
    os.setresgid(settings.gid, settings.gid, settings.gid)
    os.setresuid(settings.uid, settings.uid, settings.uid)
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    _check(_capset(*settings.no_capabilities))
    _check(_prctl(_PR_SET_NO_NEW_PRIVS, 1))
    # A change of user makes a process opaque even to itself; nobody else can see this one.
    _check(_prctl(_PR_SET_DUMPABLE, 1))
    # After the change of user, which undoes it.
    _check(_prctl(_PR_SET_PDEATHSIG, signal.SIGKILL))
    os.setsid()
    os.chdir("/var/task")
    _check(_prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, settings.filter_address))


def _dup_high(fd):
    return _check(_fcntl(fd, _F_DUPFD_CLOEXEC, ctypes.c_long(_HIGH_FD)))


def _prctl(option, value, second=0):
    return _call_prctl(option, value, second, 0, 0)


def _check(result):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def _read(path):
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := os.read(fd, 65536):
            parts.append(part)
        return b"".join(parts).decode("utf-8", "surrogateescape")
    finally:
        os.close(fd)


def _write(path, text):
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)
