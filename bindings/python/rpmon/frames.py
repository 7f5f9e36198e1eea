"""pandas in, pandas out: a recording through a policy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import _native as native
from .readings import READING, READING_FIELDS

if TYPE_CHECKING:
    import pandas as pd

#: The columns of a recording that must be there.
NEEDED = ("patient", "kind", "value", "observed_at")

#: The columns of the alerts.
ALERTS = (
    "tenant",
    "patient",
    "alert",
    "rule",
    "title",
    "level",
    "status",
    "onset",
    "opened_at",
    "cleared_at",
    "closed_at",
    "peak",
    "shadow",
    "text",
)


@dataclass
class Replay:
    """What a policy made of a recording."""

    alerts: pd.DataFrame
    """One row an alert."""
    records: list[str] = field(repr=False)
    """Every decision as its canonical line of JSON, in order."""
    quarantined: pd.DataFrame = field(repr=False)
    """The rows that were refused, with the ``reason``."""
    receipt: native.BatchReceipt
    """How many readings were accepted, duplicate, quarantined."""


def replay(readings: pd.DataFrame, policy: native.Policy, *, until: Any = None) -> pd.DataFrame:
    """The alerts that a policy raises on a recording, one row each.

    ``readings`` has a row for each reading: ``patient``, ``kind``, ``value``, ``observed_at``; and if
    known ``unit`` (else the kind's own), ``received_at`` (else when observed), ``device`` (else the
    kind), ``sequence``, ``quality`` (names, joined by ``|``), ``tenant``. A row without a value is no
    reading. Times are pandas timestamps with a time zone, or milliseconds since 1970. Time ends with
    the last reading, or at ``until``.
    """
    return run(readings, policy, until=until).alerts


def run(readings: pd.DataFrame, policy: native.Policy, *, until: Any = None) -> Replay:
    """As :func:`replay`, with everything that came out."""
    import pandas as pd

    engine = native.Engine(policy)
    packed = _prepare(readings, engine, policy)
    outputs: list[Any] = []
    total = native.BatchReceipt(consumed=0, accepted=0, duplicate=0, quarantined=0)
    while total.consumed * READING.size < len(packed):
        receipt = engine.handle_batch(packed[total.consumed * READING.size :])
        outputs += engine.drain_outputs()
        total.consumed += receipt.consumed
        total.accepted += receipt.accepted
        total.duplicate += receipt.duplicate
        total.quarantined += receipt.quarantined
    if until is not None:
        engine.handle_timeout(_millis(pd.Series([until]), "until").iloc[0].item())
        outputs += engine.drain_outputs()
    return Replay(
        alerts=_alerts(outputs),
        records=[o.sealed.line for o in outputs if isinstance(o, native.Output.RECORD)],
        quarantined=_quarantined(outputs),
        receipt=total,
    )


def _prepare(readings: pd.DataFrame, engine: native.Engine, policy: native.Policy) -> bytes:
    """The packed readings in the order in which they were received."""
    import numpy as np

    missing = [name for name in NEEDED if name not in readings.columns]
    if missing:
        raise ValueError(f"the recording has no column {', '.join(missing)}")
    kept = readings[readings["value"].notna()].reset_index(drop=True)
    observed = _millis(kept["observed_at"], "observed_at")
    received = observed
    if "received_at" in kept.columns:
        given = kept["received_at"]
        received = observed.where(given.isna(), _millis(given.fillna(kept["observed_at"]), "received_at"))
    order = np.argsort(received.to_numpy(), kind="stable")
    kept = kept.iloc[order]

    packed = np.zeros(len(kept), READING_FIELDS)
    packed["observed_at"] = observed.to_numpy()[order]
    packed["received_at"] = received.to_numpy()[order]
    _fill_values(packed, kept, policy)
    _fill_keys(packed, kept, engine)
    if "sequence" in kept.columns:
        known = kept["sequence"].notna().to_numpy()
        packed["sequence"] = kept["sequence"].fillna(0).astype("uint64").to_numpy()
        packed["flags"] = known
    if "quality" in kept.columns:
        packed["quality"] = kept["quality"].map(_quality).to_numpy()
    return packed.tobytes()


def _fill_values(packed: Any, rows: pd.DataFrame, policy: native.Policy) -> None:
    """Kinds and values, one call for each kind and unit."""
    own = {info.name: info.unit for info in native.kinds()}
    own |= {signal.name: signal.unit for signal in policy.signals()}
    units = rows["unit"] if "unit" in rows.columns else rows["kind"].map(own)
    for (kind, unit), group in rows.groupby([rows["kind"], units], sort=False, dropna=False):
        number = policy.kind(kind)
        if number is None:
            raise ValueError(f"no kind {kind!r}: neither built in nor declared by the policy")
        at = rows.index.get_indexer(group.index)
        values = group["value"].to_numpy(dtype="<f8").tobytes()
        packed["kind"][at] = number
        packed["value"][at] = _int32(policy.measure_column(kind, values, unit))


def _fill_keys(packed: Any, rows: pd.DataFrame, engine: native.Engine) -> None:
    """Patients and devices, one call for each."""
    import pandas as pd

    blank = pd.Series([None] * len(rows), index=rows.index, dtype=object)
    tenants = rows["tenant"] if "tenant" in rows.columns else blank
    devices = rows["device"] if "device" in rows.columns else rows["kind"]
    devices = devices.fillna(rows["kind"])
    by = [tenants, rows["patient"], devices]
    for (tenant, patient, device), group in rows.groupby(by, sort=False, dropna=False):
        key = engine.patient(str(patient), None if pd.isna(tenant) else str(tenant))
        at = rows.index.get_indexer(group.index)
        packed["patient"][at] = key
        packed["device"][at] = engine.device(key, str(device))


def _int32(column: bytes) -> Any:
    import numpy as np

    return np.frombuffer(column, dtype="<i4")


def _millis(times: pd.Series[Any], name: str) -> pd.Series[Any]:
    """Milliseconds since 1970."""
    import pandas as pd

    if pd.api.types.is_integer_dtype(times.dtype):
        return times.astype("int64")
    times = pd.to_datetime(times, utc=False)
    if getattr(times.dt, "tz", None) is None:
        raise ValueError(f"{name} has no time zone: which one is meant?")
    return times.dt.tz_convert("UTC").dt.as_unit("ms").astype("int64")


def _quality(names: Any) -> int:
    """The bits of `motion|low_perfusion`."""
    if not isinstance(names, str) or not names:
        return 0
    return sum({native.QualityFlag[name.strip().upper()].value for name in names.split("|")})


def _alerts(outputs: list[Any]) -> pd.DataFrame:
    """One row an alert, from its records."""
    import pandas as pd

    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for output in outputs:
        if isinstance(output, native.Output.RECORD):
            _fold(rows, output.sealed)
    frame = pd.DataFrame(list(rows.values()), columns=list(ALERTS))
    for name in ("onset", "opened_at", "cleared_at", "closed_at"):
        frame[name] = pd.to_datetime(frame[name].astype("Int64"), unit="ms", utc=True)
    return frame


def _fold(rows: dict[tuple[Any, ...], dict[str, Any]], sealed: native.SealedRecord) -> None:
    record, body = sealed.record, sealed.record.body
    if isinstance(body, native.RecordBody.ALERT_OPENED):
        note = native.notification(sealed.line)
        rows[record.tenant, record.patient, body.alert] = {
            "tenant": record.tenant,
            "patient": record.patient,
            "alert": body.alert,
            "rule": body.rule,
            "title": body.title,
            "level": body.level.name.lower(),
            "status": "new",
            "onset": body.onset,
            "opened_at": record.at,
            "shadow": body.shadow,
            "text": note.body if note else "",
        }
    elif isinstance(body, native.RecordBody.ALERT_CHANGED):
        row = rows[record.tenant, record.patient, body.alert]
        row["status"] = _word(body.status)
        row["peak"] = body.peak or row.get("peak")
        change = native.AlertChange
        if body.change == change.RAISED:
            row["level"] = _level(body.condition) or row["level"]
        elif body.change == change.CLEARED:
            row["cleared_at"] = record.at
        elif body.change in (change.REENTERED, change.REOPENED):
            row["cleared_at"] = row["closed_at"] = None
        if body.change in (change.CLOSED, change.RESOLVED, change.RETRACTED):
            row["closed_at"] = record.at


def _word(variant: Any) -> str:
    return type(variant).__name__.rpartition(".")[2].lower()


def _level(condition: Any) -> str | None:
    """A state's level; the variants that have one carry it alone."""
    values = getattr(condition, "_values", ())
    return values[0].name.lower() if values else None


def _quarantined(outputs: list[Any]) -> pd.DataFrame:
    import pandas as pd

    refused = [o for o in outputs if isinstance(o, native.Output.QUARANTINED)]
    return pd.DataFrame(
        {
            "reason": [native.code_name(o.reason) for o in refused],
            "event": [o.input.decode(errors="replace") for o in refused],
        }
    )
