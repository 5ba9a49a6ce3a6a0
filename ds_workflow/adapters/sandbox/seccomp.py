"""A system-call filter that lets a process compute, talk over one descriptor, and nothing else.

Default deny: what is not listed fails with EPERM, opens of any kind with ENOENT, so that imports of absent modules end
as ModuleNotFoundError. It can't be taken off again, and children would inherit it (there are none: clone is denied).
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
ALLOW, ERRNO, KILL = 0x7FFF0000, 0x00050000, 0x80000000
LOAD, JUMP_EQUAL, JUMP_AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
NUMBER_AT, ARCHITECTURE_AT, FIRST_ARGUMENT_AT = 0, 4, 16
X32_BIT = 0x40000000


def _words(*lines: str) -> tuple[str, ...]:
    return tuple(" ".join(lines).split())


# system calls by name for each machine; a name that a machine lacks is left out
NUMBERS: dict[str, tuple[int, dict[str, int]]] = {
    "x86_64": (
        0xC000003E,
        {
            "read": 0, "write": 1, "open": 2, "close": 3, "stat": 4, "fstat": 5, "lstat": 6, "lseek": 8, "mmap": 9,
            "mprotect": 10, "munmap": 11, "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15,
            "access": 21, "sched_yield": 24, "mremap": 25, "madvise": 28, "nanosleep": 35, "getpid": 39, "exit": 60,
            "getcwd": 79, "readlink": 89, "gettimeofday": 96, "getuid": 102, "getgid": 104, "geteuid": 107,
            "getegid": 108, "sigaltstack": 131, "gettid": 186, "time": 201, "futex": 202, "clock_gettime": 228,
            "clock_getres": 229, "clock_nanosleep": 230, "exit_group": 231, "openat": 257, "newfstatat": 262,
            "readlinkat": 267, "faccessat": 269, "set_robust_list": 273, "getrandom": 318, "statx": 332, "rseq": 334,
            "openat2": 437, "faccessat2": 439,
        },
    ),
    "aarch64": (
        0xC00000B7,
        {
            "getcwd": 17, "faccessat": 48, "openat": 56, "close": 57, "lseek": 62, "read": 63, "write": 64,
            "readlinkat": 78, "newfstatat": 79, "fstat": 80, "exit": 93, "exit_group": 94, "futex": 98,
            "set_robust_list": 99, "nanosleep": 101, "clock_gettime": 113, "clock_getres": 114, "clock_nanosleep": 115,
            "sched_yield": 124, "sigaltstack": 132, "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139,
            "gettimeofday": 169, "getpid": 172, "getuid": 174, "geteuid": 175, "getgid": 176, "getegid": 177,
            "gettid": 178, "brk": 214, "munmap": 215, "mremap": 216, "mmap": 222, "mprotect": 226, "madvise": 233,
            "getrandom": 278, "statx": 291, "rseq": 293, "openat2": 437, "faccessat2": 439,
        },
    ),
}  # fmt: skip
ABSENT = _words(
    "open openat openat2 stat lstat newfstatat statx access faccessat faccessat2 readlink readlinkat",
    "getcwd",
)
ONE_DESCRIPTOR = ("read", "write")
FREE = _words(
    "close fstat lseek mmap mprotect munmap brk mremap madvise rt_sigaction rt_sigprocmask rt_sigreturn",
    "sigaltstack sched_yield nanosleep clock_nanosleep clock_gettime clock_getres gettimeofday time",
    "getpid gettid getuid getgid geteuid getegid futex set_robust_list rseq getrandom exit exit_group",
)


class NoSandbox(OSError):
    """This machine can't confine a process, so nothing untrusted is run on it."""


def unavailable() -> str:
    """Why a process can't be confined here, or ""."""
    if not sys.platform.startswith("linux"):
        return f"the filter is Linux's, and this is {sys.platform}"
    machine = platform.machine()
    return "" if machine in NUMBERS else f"the machine {machine} is not among {', '.join(NUMBERS)}"


def confine(descriptor: int) -> None:
    """Put the filter on this process; `descriptor` is all that it may read from and write to. Raises NoSandbox."""
    why = unavailable()
    if why:
        raise NoSandbox(f"Untrusted code is not run here: {why}.")
    code = program(platform.machine(), descriptor)
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(code, len(code))
    head = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer)))
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, head, 0, 0):
        raise NoSandbox(
            f"The kernel refused the filter (errno {ctypes.get_errno()}), so untrusted code is not run here."
        )


def program(machine: str, descriptor: int) -> bytes:
    """The filter as classic BPF, 8 bytes an instruction."""
    architecture, numbers = NUMBERS[machine]
    body: list[tuple[int, int, int, int]] = [
        (LOAD, 0, 0, ARCHITECTURE_AT),
        (JUMP_EQUAL, 1, 0, architecture),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER_AT),
        (JUMP_AT_LEAST, 0, 1, X32_BIT),
        (RETURN, 0, 0, KILL),
    ]
    for name in FREE:
        if name in numbers:
            body += [(JUMP_EQUAL, 0, 1, numbers[name]), (RETURN, 0, 0, ALLOW)]
    for name in ABSENT:
        if name in numbers:
            body += [(JUMP_EQUAL, 0, 1, numbers[name]), (RETURN, 0, 0, ERRNO | errno.ENOENT)]
    for name in ONE_DESCRIPTOR:
        body += [
            (JUMP_EQUAL, 0, 4, numbers[name]),
            (LOAD, 0, 0, FIRST_ARGUMENT_AT),
            (JUMP_EQUAL, 0, 1, descriptor),
            (RETURN, 0, 0, ALLOW),
            (RETURN, 0, 0, ERRNO | errno.EPERM),
        ]
    body.append((RETURN, 0, 0, ERRNO | errno.EPERM))
    return b"".join(struct.pack("HBBI", *step) for step in body)
