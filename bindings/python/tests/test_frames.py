"""pandas in, pandas out."""

import json
from decimal import ROUND_HALF_UP, Decimal

import pytest

import rpmon

pd = pytest.importorskip("pandas")


@pytest.fixture
def bedside(testdata):
    policy = rpmon.Policy.from_toml((testdata / "policies/bedside.toml").read_text())
    frame = pd.read_csv(testdata / "recordings/bidmc/samples.csv.gz")
    frame["observed_at"] = pd.to_datetime(frame["t_seconds"], unit="s", utc=True)
    return frame, policy


def test_a_recording_becomes_alerts(bedside):
    frame, policy = bedside
    alerts = rpmon.replay(frame, policy)
    assert list(alerts.columns) == list(rpmon.frames.ALERTS)
    assert len(alerts) > 5
    assert set(alerts["rule"]) <= {rule.id for rule in policy.rules()}
    assert str(alerts["opened_at"].dtype).startswith("datetime64")
    assert alerts["opened_at"].dt.tz is not None


def test_the_frame_decides_what_lines_of_json_decide(bedside):
    frame, policy = bedside
    frame = frame[frame["patient"].isin(frame["patient"].unique()[:3])]
    replayed = rpmon.run(frame, policy)
    lines = []
    for row in frame.sort_values("t_seconds", kind="stable").itertuples():
        if pd.isna(row.value):
            continue
        event = {
            "v": "1.0",
            "patient": row.patient,
            "device": row.kind,
            "observed_at": int(row.t_seconds * 1000),
            "reading": {"kind": row.kind, "value": row.value, "unit": row.unit},
        }
        lines.append(json.dumps({"at": event["observed_at"], "event": event}))
    tested = rpmon.back_test(policy, "\n".join(lines).encode())
    records = [line for line in tested.lines if line.startswith('{"hash"')]
    assert replayed.receipt.accepted == tested.accepted > 1000
    assert replayed.records == records


def test_order_of_arrival_is_that_of_received_at():
    policy = rpmon.Policy.from_json(
        b'{"id":"p","version":1,"title":"P","signals":{"spo2":{"cadence":"1 s"}},'
        b'"rules":[{"id":"low","title":"Low","signal":"spo2",'
        b'"levels":[{"level":"urgent","raise":{"below":88}}]}]}'
    )
    frame = pd.DataFrame(
        {
            "patient": "p1",
            "kind": "spo2",
            "value": [80.0, 99.0, None],
            "observed_at": [2000, 1000, 3000],
            "received_at": [2100, 2500, 3000],
            "quality": ["", "motion|low_perfusion", ""],
        }
    )
    replayed = rpmon.run(frame, policy)
    assert replayed.receipt.consumed == 2
    (row,) = replayed.alerts.to_dict("records")
    assert (row["level"], row["status"]) == ("urgent", "new")
    assert row["opened_at"] == pd.Timestamp(2100, unit="ms", tz="UTC")


def test_values_are_converted_as_decimals_are():
    """Half away from zero, of the shortest decimal that the float is."""
    policy = rpmon.Policy.from_json(
        b'{"id":"p","version":1,"title":"P","signals":{"body_temperature":{"cadence":"1 s"}},'
        b'"rules":[{"id":"h","title":"H","signal":"body_temperature",'
        b'"levels":[{"level":"urgent","raise":{"above":40}}]}]}'
    )
    numbers = [36.6, 0.0005, 1.0005, 2.0005, -0.0005, 71.7016, 0.1 + 0.2, 1e-9, 37.0004999]
    for number in numbers:
        exact = (Decimal(repr(number)) * 1000).quantize(Decimal(1), ROUND_HALF_UP)
        assert policy.measure("body_temperature", number, "Cel") == int(exact), number
    fahrenheit = policy.measure("body_temperature", 100.4, "degF")
    assert fahrenheit == 38_000


def test_a_frame_that_lacks_something_says_what(bedside):
    frame, policy = bedside
    with pytest.raises(ValueError, match="observed_at"):
        rpmon.replay(frame.drop(columns="observed_at"), policy)
    naive = frame.assign(observed_at=frame["observed_at"].dt.tz_localize(None))
    with pytest.raises(ValueError, match="time zone"):
        rpmon.replay(naive, policy)
    with pytest.raises(ValueError, match="no kind"):
        rpmon.replay(frame.assign(kind="mood"), policy)


def test_an_empty_recording_has_no_alerts(bedside):
    frame, policy = bedside
    alerts = rpmon.replay(frame.head(0), policy)
    assert len(alerts) == 0 and list(alerts.columns) == list(rpmon.frames.ALERTS)
