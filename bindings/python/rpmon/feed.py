"""Many readings into an engine, and lines out, in one call without objects in between."""

from __future__ import annotations

import ctypes
import threading
import weakref
from typing import TYPE_CHECKING, NamedTuple

from . import _native
from .readings import READING

if TYPE_CHECKING:
    from typing_extensions import Buffer


class _Answer(ctypes.Structure):
    _fields_ = [
        ("accepted", ctypes.c_uint64),
        ("duplicate", ctypes.c_uint64),
        ("quarantined", ctypes.c_uint64),
        ("len", ctypes.c_uint64),
        ("lines", ctypes.c_void_p),
    ]


_new = _native._UniffiLib.rpmon_feed_new
_new.argtypes, _new.restype = (ctypes.c_uint64,), ctypes.c_void_p
_free = _native._UniffiLib.rpmon_feed_free
_free.argtypes, _free.restype = (ctypes.c_void_p,), None
_handle = _native._UniffiLib.rpmon_feed_handle
_handle.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_void_p)
_handle.restype = ctypes.c_uint32


class Fed(NamedTuple):
    """What became of a batch: the counts, and what came out."""

    receipt: _native.BatchReceipt
    """All of the batch was consumed."""
    lines: list[str]
    """As of ``Engine.drain_lines``: a record's line is its canonical one; store that."""


class Feed:
    """Takes readings in and gives lines out, in one call.

    The decisions and lines are those of ``Engine.handle_batch`` and ``Engine.drain_lines``, byte for byte.
    The engine goes on without its feed, and other calls may be made to it all the time.
    """

    def __init__(self, engine: _native.Engine) -> None:
        # Another object's handle would be taken for an engine's.
        _native._UniffiFfiConverterTypeEngine.check_lower(engine)
        self._engine = engine
        self._feed = _new(engine._uniffi_clone_handle())  # type: ignore[no-untyped-call]
        self._answer = _Answer()
        self._answer_at = ctypes.byref(self._answer)
        # The interpreter's lock is free while a call runs.
        self._turn = threading.Lock()
        # Not as the interpreter ends: a daemon thread may still be in a call.
        weakref.finalize(self, _free, self._feed).atexit = False

    def handle(self, readings: bytes | Buffer) -> Fed:
        """Takes readings in, 40 bytes each, each at its own ``received_at``: all of them.

        ``readings`` are what ``pack`` makes, or any contiguous buffer of the same layout: a ``bytearray``, a
        ``memoryview``, a numpy array of ``READING_FIELDS``. What can be written to is read where it lies: leave
        it alone until the call is over.
        """
        at: object = readings
        if isinstance(readings, bytes):
            size = len(readings)
        else:
            view = memoryview(readings)
            if view.itemsize not in (1, READING.size):
                raise TypeError(f"items of {view.itemsize} bytes are neither bytes nor readings")
            if view.readonly or not view.nbytes:
                return self.handle(view.tobytes())
            size, at = view.nbytes, ctypes.byref(ctypes.c_char.from_buffer(view))
        answer = self._answer
        with self._turn:
            status = _handle(self._feed, at, size, self._answer_at)
            if status:
                # Nothing was taken. The usual call says why, with types.
                self._engine.handle_batch(bytes(readings))
                raise _native.InternalError(f"status {status}")
            taken = size // READING.size
            receipt = _native.BatchReceipt(
                consumed=taken,
                accepted=answer.accepted,
                duplicate=answer.duplicate,
                quarantined=answer.quarantined,
            )
            if not answer.len:
                return Fed(receipt, [])
            text = ctypes.string_at(answer.lines, answer.len)
        return Fed(receipt, text.decode().split("\n")[:-1])
