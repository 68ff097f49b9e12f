# SPDX-License-Identifier: MIT
"""shmquota for Python, by ctypes: what a pre-forking WSGI server needs of it.

Only what this file uses is declared; include/shmquota.h is the reference. Open the segment before workers are forked: a
handle that the master found is good in all of them.
"""
import ctypes
import math

STORAGE, MESSAGES, NETWORK, CPU, MEMORY = range(5)
WORK = 1  # enum shmq_access
DENIED = 1


class Verdict(ctypes.Structure):
    _fields_ = [
        ("resource", ctypes.c_int),
        ("component", ctypes.c_uint32),
        ("current", ctypes.c_uint64),
        ("requested", ctypes.c_uint64),
        ("limit", ctypes.c_uint64),
        ("remaining", ctypes.c_uint64),
        ("retry_after_ns", ctypes.c_uint64),
        ("period_ns", ctypes.c_uint64),
    ]


_lib = ctypes.CDLL("libshmquota.so.0")
_lib.shmq_strerror.restype = ctypes.c_char_p
_lib.shmq_segment_open.argtypes = [ctypes.POINTER(ctypes.c_void_p), ctypes.c_char_p, ctypes.c_int]
_lib.shmq_component_find.argtypes = [ctypes.POINTER(ctypes.c_void_p), ctypes.c_void_p, ctypes.c_char_p]
_lib.shmq_try_consume.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_uint64, ctypes.POINTER(Verdict)]
_lib.shmq_verdict_format.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(Verdict)]


class Error(OSError):
    """What the library returns below 0."""

    def __init__(self, result, name):
        super().__init__(-result, _lib.shmq_strerror(result).decode(), name)


class Denied(Exception):
    """Over quota; `retry_after` is in seconds, None where waiting does not help."""

    def __init__(self, verdict):
        text = ctypes.create_string_buffer(256)
        _lib.shmq_verdict_format(text, len(text), ctypes.byref(verdict))
        super().__init__(text.value.decode())
        never = verdict.retry_after_ns == 2**64 - 1
        self.retry_after = None if never else math.ceil(verdict.retry_after_ns / 1e9)


class Segment:
    def __init__(self, name):
        self._segment = ctypes.c_void_p()
        self._handles = {}
        result = _lib.shmq_segment_open(ctypes.byref(self._segment), name.encode(), WORK)
        if result < 0:
            raise Error(result, name)

    def component(self, name):
        """A component's handle. Keep only those that are there: clients choose what they ask for."""
        handle = self._handles.get(name)
        if handle is None:
            handle = ctypes.c_void_p()
            result = _lib.shmq_component_find(ctypes.byref(handle), self._segment, name.encode())
            if result < 0:
                raise Error(result, name)
            self._handles[name] = handle
        return handle

    def take(self, name, resource, amount):
        """Take an amount, or raise Denied. An unregistered component is an Error of errno ESTALE, then ENOENT."""
        verdict = Verdict()
        result = _lib.shmq_try_consume(self.component(name), resource, amount, ctypes.byref(verdict))
        if result == DENIED:
            raise Denied(verdict)
        if result < 0:
            self._handles.pop(name, None)
            raise Error(result, name)
