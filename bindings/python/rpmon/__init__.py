"""Turns wearable and bedside telemetry into explained clinician alerts.

``Policy``, ``Engine`` and ``Monitor`` are the engine itself: give it events, commands and time, drain
outputs. ``replay`` takes a pandas ``DataFrame`` of readings and returns one of alerts.

Times are whole milliseconds since 1970-01-01T00:00:00Z; ``millis`` and ``instant`` convert.
"""

from datetime import datetime, timezone

from . import _native
from ._native import *  # noqa: F403
from .feed import Fed, Feed
from .frames import Replay, replay, run
from .readings import READING, READING_FIELDS, Reading, pack

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def millis(at: datetime) -> int:
    """Milliseconds since 1970 of a moment. It must say its time zone."""
    if at.tzinfo is None:
        raise ValueError("a time without a time zone: which one is meant?")
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def instant(ms: int) -> datetime:
    """The moment so many milliseconds after 1970, in UTC."""
    seconds, rest = divmod(ms, 1000)
    return datetime.fromtimestamp(seconds, timezone.utc).replace(microsecond=rest * 1000)


__version__ = _native.version()
__all__ = [
    *_native.__all__,
    "READING",
    "READING_FIELDS",
    "Fed",
    "Feed",
    "Reading",
    "Replay",
    "instant",
    "millis",
    "pack",
    "replay",
    "run",
]
