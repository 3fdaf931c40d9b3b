"""Opens what lifecheck needs and may not open itself, and then becomes it: `... -- ARGV`.

Rule: a process of its own, because these calls (tracing, netlink) may take long and a guardian
may not; it has our rights, reads nothing but the plan, and ends in one exec.  What cannot be had
is one line in the log: lifecheck works without, only later or without ping.
"""

import contextlib
import ctypes
import errno
import hmac
import json
import os
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any, Final

from watchdog.guardian import libc, memory
from watchdog.guardian.log import Log

PLAN_FD: Final = 3
KEY_FD: Final = 4
PLAN_SIZE_MAX: Final = 1 << 20
AUTHKEY_SIZE_MIN: Final = 32
AUTHKEY_SIZE_MAX: Final = 4096
EXIT_REFUSED: Final = 2
SALT: Final = b"quorumdog/v1"

NETLINK_CONNECTOR: Final = 11
CN_IDX_PROC: Final = 1
"""Number of the process connector, and of its multicast group."""
PROC_CN_MCAST_LISTEN: Final = 1
PROC_EVENTS: Final = 0x2 | 0x200 | 0x40000000
"""exec, comm, coredump."""
NLMSG_DONE: Final = 3
SO_RCVBUFFORCE: Final = 33
QUEUE_SIZE: Final = 4 << 20

SYS_FSOPEN: Final = 430
SYS_FSCONFIG: Final = 431
SYS_FSMOUNT: Final = 432
FLAG_CLOEXEC: Final = 1
FSCONFIG_CMD_CREATE: Final = 6
TRACEFS: Final = ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")
EXIT_EVENT: Final = "events/sched/sched_process_exit"
SYS_PERF_EVENT_OPEN: Final = {"x86_64": 298, "aarch64": 241}
PERF_TYPE_TRACEPOINT: Final = 2
PERF_ATTRIBUTES_SIZE: Final = 112
PERF_SAMPLE_TID: Final = 2
PERF_FLAG_FD_CLOEXEC: Final = 8
PERF_EVENT_IOC_SET_FILTER: Final = 0x40082406
CPUS_MAX: Final = 1024


def heartbeat_key(authkey: bytes, cluster_id: bytes) -> bytes:
    """HKDF-SHA256 (RFC 5869) as the wire's, which the guardian may not import."""
    prk = hmac.digest(SALT, authkey, "sha256")
    return hmac.digest(prk, b"heartbeat|" + cluster_id + b"\x00" + b"\x01", "sha256")


def main(argv: list[str]) -> int:
    """Open, and become `argv`; returns only when that cannot be."""
    plan = json.loads(os.pread(PLAN_FD, PLAN_SIZE_MAX, 0))
    log = Log(sys.stderr.fileno(), is_json=bool(plan.get("log_json")), node=plan["node"])
    authkey = os.pread(KEY_FD, AUTHKEY_SIZE_MAX, 0)
    if len(authkey) < AUTHKEY_SIZE_MIN:
        log.alarm("helper_refused", helper="lifecheck", why="cluster.authkey_file is too short")
        return EXIT_REFUSED
    key = heartbeat_key(authkey, bytes.fromhex(plan["cluster_id"]))
    os.dup2(memory.sealed("heartbeat-key", key), KEY_FD, inheritable=True)
    words = [*argv, *_arguments(plan["lifecheck"], log)]
    try:
        os.execv(words[0], words)
    except OSError as error:
        log.warning("helper_not_started", helper="lifecheck", why=f"{words[0]}: {error.strerror}")
    return 1


def _arguments(lifecheck: dict[str, Any], log: Log) -> list[str]:
    """Arguments that name what could be opened; only what the plan needs is tried."""
    kinds = {probe["kind"] for check in lifecheck["checks"] for probe in check["probes"]}
    wanted = set(lifecheck["accelerators"]) if "process" in kinds else set[str]()
    opened: list[tuple[str, list[int]]] = []
    if "ping" in kinds:
        opened += [
            ("--icmp-fd", _try("icmp", lambda: [open_icmp(socket.AF_INET)], log)),
            ("--icmp6-fd", _try("icmp6", lambda: [open_icmp(socket.AF_INET6)], log)),
        ]
    if "process_connector" in wanted:
        found = _try("process_connector", lambda: [open_process_connector()], log)
        opened.append(("--connector-fd", found))
    if "exit_tracepoint" in wanted:
        opened.append(("--perf-fds", _try("exit_tracepoint", open_exit_tracepoint, log)))
    for fd in (fd for _, fds in opened for fd in fds):
        os.set_inheritable(fd, True)
    pairs = ((name, ",".join(map(str, fds))) for name, fds in opened if fds)
    return [word for pair in pairs for word in pair]


def _try(what: str, opening: Callable[[], list[int]], log: Log) -> list[int]:
    try:
        return opening()
    except OSError as error:
        log.info("not_available", what=what, why=error.strerror or str(error))
        return []


def open_icmp(family: socket.AddressFamily) -> int:
    """Raw socket for echo requests and replies. Raises OSError."""
    is_6 = family == socket.AF_INET6
    protocol = socket.IPPROTO_ICMPV6 if is_6 else socket.IPPROTO_ICMP
    flags = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    return socket.socket(family, flags, protocol).detach()


def open_process_connector() -> int:
    """Netlink socket that hears of every exec; only in the first namespace. Raises OSError."""
    flags = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    connector = socket.socket(socket.AF_NETLINK, flags, NETLINK_CONNECTOR)
    try:
        connector.bind((0, CN_IDX_PROC))
        with contextlib.suppress(PermissionError):
            connector.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, QUEUE_SIZE)
        # The form with a mask is known since Linux 6.6; older kernels take the other one.
        for words in ((PROC_CN_MCAST_LISTEN,), (PROC_CN_MCAST_LISTEN, PROC_EVENTS)):
            body = struct.pack(f"={len(words)}I", *words)
            message = struct.pack("=IIIIHH", CN_IDX_PROC, 1, 0, 0, len(body), 0) + body
            connector.send(struct.pack("=IHHII", 16 + len(message), NLMSG_DONE, 0, 0, 0) + message)
    except OSError:
        connector.close()
        raise
    return connector.detach()


def open_exit_tracepoint() -> list[int]:
    """Perf events of exiting processes, one for each processor. Raises OSError."""
    call = SYS_PERF_EVENT_OPEN.get(os.uname().machine)
    if call is None:
        raise OSError(errno.ENOSYS, "not known for this kind of processor")
    attributes = _exit_attributes()
    fds: list[int] = []
    try:
        for cpu in range(min(os.cpu_count() or 1, CPUS_MAX)):
            buffer = ctypes.create_string_buffer(attributes, PERF_ATTRIBUTES_SIZE)
            fds.append(libc.syscall(call, buffer, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC))
            libc.ioctl(fds[-1], PERF_EVENT_IOC_SET_FILTER, ctypes.c_char_p(b"group_dead==1"))
    except OSError:
        for fd in fds:
            os.close(fd)
        raise
    return fds


def _exit_attributes() -> bytes:
    """The perf_event_attr: every exit, with the pid, a wake-up for each."""
    folder = _exit_event_folder()
    try:
        number, fields = int(_read(folder, "id")), _read(folder, "format")
    finally:
        os.close(folder)
    if b"group_dead" not in fields:
        raise OSError(errno.ENOTSUP, "this kernel's sched_process_exit comes too late to help")
    head = (PERF_TYPE_TRACEPOINT, PERF_ATTRIBUTES_SIZE, number, 1, PERF_SAMPLE_TID, 0, 0, 1, 0)
    return struct.pack("=IIQQQQQII", *head).ljust(PERF_ATTRIBUTES_SIZE, b"\0")


def _exit_event_folder() -> int:
    for root in TRACEFS:
        with contextlib.suppress(OSError):
            return os.open(f"{root}/{EXIT_EVENT}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    # Not mounted: a mount that is attached nowhere and ends with this descriptor.
    files = libc.syscall(SYS_FSOPEN, b"tracefs", FLAG_CLOEXEC)
    try:
        libc.syscall(SYS_FSCONFIG, files, FSCONFIG_CMD_CREATE, None, None, 0)
        mount = libc.syscall(SYS_FSMOUNT, files, FLAG_CLOEXEC, 0)
    finally:
        os.close(files)
    try:
        return os.open(EXIT_EVENT, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=mount)
    finally:
        os.close(mount)


def _read(folder: int, name: str) -> bytes:
    fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
    try:
        return os.read(fd, 8192)
    finally:
        os.close(fd)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
