"""How long readings take through this binding: ``bench.py POLICY.toml PACKED PATIENTS``.

``cargo run --release -p rpm-benches --bin bindings`` writes the file and compares with Rust.
"""

import pathlib
import sys
import time

import rpmon

STRIDE = rpmon.READING.size
BATCHES = (256, 4096)
EVENTS = 5_000
ROUNDS = 3


def ward(policy: rpmon.Policy, patients: int) -> rpmon.Engine:
    engine = rpmon.Engine(policy)
    for patient in range(patients):
        engine.device(engine.patient(f"P{patient:06d}"), "bedside")
    return engine


def batches(engine: rpmon.Engine, packed: bytes, size: int) -> tuple[float, int]:
    """Nanoseconds a reading, and how many outputs there were."""
    outputs = 0
    start = time.thread_time_ns()
    feed = rpmon.Feed(engine)
    for at in range(0, len(packed), size * STRIDE):
        outputs += len(feed.handle(packed[at : at + size * STRIDE]).lines)
    return (time.thread_time_ns() - start) / (len(packed) / STRIDE), outputs


def reading(engine: rpmon.Engine, policy: rpmon.Policy) -> float:
    """Nanoseconds for one reading by keys."""
    feed, kind = rpmon.Feed(engine), policy.kind("spo2")
    start = time.thread_time_ns()
    for second in range(EVENTS):
        feed.handle(rpmon.READING.pack(second * 1000, second * 1000, 0, 0, 97_000, 0, kind, 0, 0))
    return (time.thread_time_ns() - start) / EVENTS


def single(engine: rpmon.Engine) -> float:
    """Nanoseconds for one event with types."""
    body = rpmon.EventBody.READING(kind="spo2", value=97, unit="%")
    device = rpmon.Device(id="bedside")
    start = time.thread_time_ns()
    for second in range(EVENTS):
        event = rpmon.Event(
            patient="P000000", device=device, observed_at=second * 1000, body=body
        )
        engine.handle_event(event, second * 1000)
    return (time.thread_time_ns() - start) / EVENTS


policy = rpmon.Policy.from_toml(pathlib.Path(sys.argv[1]).read_text())
packed = pathlib.Path(sys.argv[2]).read_bytes()
patients = int(sys.argv[3])
for size in BATCHES:
    print("batch", size, *min(batches(ward(policy, patients), packed, size) for _ in range(ROUNDS)))
print("reading", min(reading(ward(policy, 1), policy) for _ in range(ROUNDS)))
print("event", min(single(ward(policy, 1)) for _ in range(ROUNDS)))
