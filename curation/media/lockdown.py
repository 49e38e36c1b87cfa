"""Takes from a process what decoding never needs: other processes, the network, other files.

Two mechanisms that need no privilege: a seccomp filter refuses system calls, Landlock (Linux 5.13,
where enabled) refuses files. What is gone stays gone, in threads and after `execve`.
Sources: seccomp(2), landlock(7), include/uapi/linux/{filter,seccomp,landlock}.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterable
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)

_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_ALLOW = 0x7FFF0000
_REFUSE = 0x00050000

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCH, _FIRST_ARGUMENT = 0, 4, 16
_CLONE_THREAD = 0x00010000
_X32_BIT = 0x40000000

_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

_CLONE = {"x86_64": 56, "aarch64": 220}
_CLONE3 = 435
"""glibc falls back to clone, whose flags a filter can see, when clone3 does not exist."""

_REFUSED: dict[str, tuple[int, ...]] = {
    "x86_64": (
        *(41, 42, 53),  # socket connect socketpair
        *(57, 58),  # fork vfork
        *(62, 129, 200, 297, 424),  # kill rt_sigqueueinfo tkill rt_tgsigqueueinfo pidfd_send_signal
        *(101, 310, 311, 438),  # ptrace process_vm_readv process_vm_writev pidfd_getfd
        *(155, 165, 166, 272, 304, 308, 428, 429, 430, 432),  # mounts, unshare, open_by_handle_at, setns
        *(175, 246, 248, 249, 250, 298, 313, 320, 321, 323),  # modules, kexec, keys, perf, bpf, userfaultfd
        *(425, 426, 427),  # io_uring, which would go around this filter
    ),
    "aarch64": (
        *(198, 203, 199),
        *(129, 138, 130, 240, 424),
        *(117, 270, 271, 438),
        *(41, 40, 39, 97, 265, 268, 428, 429, 430, 432),
        *(105, 104, 217, 218, 219, 241, 273, 294, 280, 282),
        *(425, 426, 427),
    ),
}

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG = 1
_PATH_BENEATH = 1
_READ_FILE, _READ_FOLDER = 1 << 2, 1 << 3
_FILE_RIGHTS_BY_VERSION = ((1, 13), (2, 14), (3, 15), (5, 16))
"""(Landlock version, number of file system rights known from it on)."""


def refuse_system_calls() -> bool:
    """Refuse sockets, new processes, signals to others and the kernel's rarer interfaces; threads may start.

    Says whether it is so: not on an architecture whose system calls are not listed, nor on a kernel
    without filters.

    Raises:
        OSError: the kernel refuses the filter.
    """
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        return False
    program = b"".join(_filter(machine))
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or _libc.prctl(
        _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, header, 0, 0
    ):
        code = ctypes.get_errno()
        if code == errno.EINVAL:
            return False
        raise OSError(code, "prctl(PR_SET_SECCOMP)")
    return True


def allow_reading(file: Path, folders: Iterable[str]) -> bool:
    """Refuse to open anything but this file and what lies below these folders, for reading.

    Says whether the kernel can.

    Raises:
        OSError: the file is not there, or the kernel fails in what it claims to know.
    """
    version = _libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG)
    if version < 1:
        return False
    rights = max(count for known_from, count in _FILE_RIGHTS_BY_VERSION if known_from <= version)
    network, scopes = (3 if version >= 4 else 0), (3 if version >= 6 else 0)
    attributes = struct.pack("QQQ", (1 << rights) - 1, network, scopes)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = _checked(_libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(size), 0))
    try:
        _allow(ruleset, str(file), _READ_FILE)
        for folder in folders:
            _allow(ruleset, folder, _READ_FILE | _READ_FOLDER)
        _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        _checked(_libc.syscall(_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)
    return True


def _allow(ruleset: int, path: str, rights: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = struct.pack("=Qi", rights, place)
        _checked(_libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0))
    finally:
        os.close(place)


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), "landlock")
    return result


def _filter(machine: str) -> list[bytes]:
    """The program: foreign architectures and listed calls are refused, clone only makes threads."""
    refuse_eperm, refuse_enosys = _REFUSE | errno.EPERM, _REFUSE | errno.ENOSYS
    lines = [
        _line(_LOAD, _ARCH),
        _line(_JUMP_EQUAL, _ARCHITECTURES[machine], 1, 0),
        _line(_RETURN, refuse_eperm),
        _line(_LOAD, _NUMBER),
        _line(_JUMP_AT_LEAST, _X32_BIT, 0, 1),
        _line(_RETURN, refuse_eperm),
        _line(_JUMP_EQUAL, _CLONE3, 0, 1),
        _line(_RETURN, refuse_enosys),
    ]
    for number in _REFUSED[machine]:
        lines += [_line(_JUMP_EQUAL, number, 0, 1), _line(_RETURN, refuse_eperm)]
    return [
        *lines,
        _line(_JUMP_EQUAL, _CLONE[machine], 0, 3),
        _line(_LOAD, _FIRST_ARGUMENT),
        _line(_JUMP_BITS, _CLONE_THREAD, 1, 0),
        _line(_RETURN, refuse_eperm),
        _line(_RETURN, _ALLOW),
    ]


def _line(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, operand)
