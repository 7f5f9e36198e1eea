"""Readings as bytes: what ``Feed`` and ``handle_batch`` take."""

import struct
from collections.abc import Iterable
from typing import NamedTuple

#: One packed reading: observed_at, received_at, sequence, patient, value, device, kind, quality, flags.
READING = struct.Struct("<qqQIiHHBBxx")

#: The same for numpy: ``numpy.zeros(count, rpmon.READING_FIELDS)`` is that many readings to fill in.
READING_FIELDS = [
    ("observed_at", "<i8"),
    ("received_at", "<i8"),
    ("sequence", "<u8"),
    ("patient", "<u4"),
    ("value", "<i4"),
    ("device", "<u2"),
    ("kind", "<u2"),
    ("quality", "u1"),
    ("flags", "u1"),
    ("zero", "<u2"),
]

_HAS_SEQUENCE = 1


class Reading(NamedTuple):
    """A reading with keys instead of names: ``Engine.patient``, ``Engine.device``, ``Policy.kind``."""

    kind: int
    """The kind's number."""
    value: int
    """Thousandths of the kind's canonical unit: ``Policy.measure``."""
    observed_at: int
    """When the body was measured, in milliseconds."""
    received_at: int
    """When the host got it, in milliseconds."""
    patient: int = 0
    """The patient's key; a monitor ignores it."""
    device: int = 0
    """The device's key."""
    quality: int = 0
    """``QualityFlag`` values, added up."""
    sequence: int | None = None
    """The device's own counter."""


def pack(readings: Iterable[Reading]) -> bytes:
    """The bytes of readings."""
    return b"".join(map(_pack_one, readings))


def _pack_one(reading: Reading) -> bytes:
    return READING.pack(
        reading.observed_at,
        reading.received_at,
        reading.sequence or 0,
        reading.patient,
        reading.value,
        reading.device,
        reading.kind,
        reading.quality,
        0 if reading.sequence is None else _HAS_SEQUENCE,
    )
