"""The engine itself, as a host drives it."""

import array
import json
import threading
from datetime import datetime, timedelta, timezone

import pytest

import rpmon

POLICY = b"""{
  "id": "home", "version": 1, "title": "Oxygen at home",
  "signals": { "spo2": { "cadence": "1 s" } },
  "rules": [
    { "id": "spo2-low", "title": "Low oxygen saturation", "signal": "spo2",
      "levels": [{ "level": "urgent", "raise": { "below": 88 }, "for": "2 s" }] },
    { "id": "spo2-missing", "title": "No oxygen saturation", "signal": "spo2", "missing_for": "1 min" }
  ],
  "care": {
    "routes": [{ "id": "all", "queue": "ward", "escalation": "page" }],
    "escalations": { "page": { "answer_within": "5 min", "steps": [
      { "after": "0 s", "to": ["nurse"], "channels": ["pager"] }
    ] } }
  }
}"""


@pytest.fixture
def policy():
    return rpmon.Policy.from_json(POLICY)


def reading(second, value, unit="%", kind="spo2"):
    return rpmon.Event(
        patient="p1",
        device=rpmon.Device(id="d1"),
        observed_at=second * 1000,
        body=rpmon.EventBody.READING(kind=kind, value=value, unit=unit),
    )


def desaturate(engine):
    """Three seconds of low saturation, and what came out."""
    outputs = []
    for second in range(3):
        engine.handle_event(reading(second, 86.5), second * 1000 + 200)
        outputs += engine.drain_outputs()
    return outputs


def bodies(outputs, kind):
    records = (o.sealed.record.body for o in outputs if isinstance(o, rpmon.Output.RECORD))
    return [body for body in records if isinstance(body, kind)]


def test_low_saturation_opens_an_alert_and_asks_for_a_message(policy):
    engine = rpmon.Engine(policy)
    outputs = desaturate(engine)
    (opened,) = bodies(outputs, rpmon.RecordBody.ALERT_OPENED)
    assert (opened.rule, opened.level) == ("spo2-low", rpmon.Level.URGENT)
    (deliver,) = [o for o in outputs if isinstance(o, rpmon.Output.DELIVER)]
    assert deliver.intent.target.function == "nurse"
    assert deliver.intent.parts[0].alert == opened.alert


def test_an_acknowledgement_takes_the_message_back(policy):
    engine = rpmon.Engine(policy)
    outputs = desaturate(engine)
    (opened,) = bodies(outputs, rpmon.RecordBody.ALERT_OPENED)
    patient = engine.find_patient("p1")
    alert = engine.alert(patient, opened.alert)
    command = rpmon.Command(
        patient=patient,
        alert=alert.id,
        seen_revision=alert.revision,
        actor="ann",
        role="nurse",
        action=rpmon.Action.ACKNOWLEDGE(),
    )
    engine.handle_command(command, 5_000)
    assert any(isinstance(o, rpmon.Output.CANCEL) for o in engine.drain_outputs())
    assert engine.alert(patient, alert.id).status == rpmon.Status.ACKNOWLEDGED()

    # The same again has seen an earlier revision.
    with pytest.raises(rpmon.RpmonError.Refused) as refused:
        engine.handle_command(command, 6_000)
    assert refused.value.code == rpmon.Code.STALE_REVISION
    assert rpmon.code_number(refused.value.code) == 501
    assert refused.value.revision > alert.revision


def test_a_batch_decides_what_events_decide(policy):
    one, many = rpmon.Engine(policy), rpmon.Engine(policy)
    values = [97.1, 86.5, 86.25, 85.0, 96.999, 94.0, 80.0]
    for second, value in enumerate(values):
        one.handle_event(reading(second, value), second * 1000 + 200)
    patient = many.patient("p1")
    device = many.device(patient, "d1")
    batch = rpmon.pack(
        rpmon.Reading(
            kind=policy.kind("spo2"),
            value=policy.measure("spo2", value, "%"),
            observed_at=second * 1000,
            received_at=second * 1000 + 200,
            patient=patient,
            device=device,
        )
        for second, value in enumerate(values)
    )
    receipt = many.handle_batch(batch)
    assert (receipt.consumed, receipt.accepted) == (7, 7)
    lines = one.drain_lines()
    assert lines and lines == many.drain_lines()


def test_a_feed_says_what_batches_and_drained_lines_say(policy):
    numpy = pytest.importorskip("numpy")
    values = [97_100, 86_500, 86_250, 85_000, 96_999, 250_000]
    batch = numpy.zeros(len(values), rpmon.READING_FIELDS)
    batch["kind"], batch["value"] = policy.kind("spo2"), values
    batch["observed_at"] = numpy.arange(len(values)) * 1000
    batch["received_at"] = batch["observed_at"] + 200
    engine = rpmon.Engine(policy)
    engine.device(engine.patient("p1"), "d1")
    receipt, lines = engine.handle_batch(batch.tobytes()), engine.drain_lines()
    assert lines and (receipt.accepted, receipt.quarantined) == (5, 1)
    frozen = batch.copy()
    frozen.flags.writeable = False
    every_second = numpy.repeat(batch, 2)[::2]
    for form in (batch, frozen, batch.tobytes(), bytearray(batch), memoryview(batch.tobytes())):
        engine = rpmon.Engine(policy, rpmon.Config(max_outputs=1))
        engine.device(engine.patient("p1"), "d1")
        feed = rpmon.Feed(engine)
        assert feed.handle(form) == (receipt, lines)
        assert feed.handle(form).receipt.duplicate == 5
        assert feed.handle(b"") == feed.handle(bytearray())
        assert feed.handle(b"").receipt.consumed == 0 and feed.handle(b"").lines == []
        with pytest.raises(TypeError):
            feed.handle(every_second)


def test_a_feed_is_of_an_engine_alone(policy):
    for other in (rpmon.Monitor(policy, "p1"), policy, None):
        with pytest.raises(TypeError):
            rpmon.Feed(other)


def test_numbers_are_no_readings(policy):
    with pytest.raises(TypeError, match="items of 8 bytes"):
        rpmon.Feed(rpmon.Engine(policy)).handle(array.array("d", [0.0] * 5))


def test_a_feed_may_be_shared(policy):
    engine = rpmon.Engine(policy)
    engine.device(engine.patient("p1"), "d1")
    feed, accepted = rpmon.Feed(engine), []
    kind = policy.kind("spo2")

    def work(offset):
        for second in range(500):
            at = second * 4000 + offset * 1000
            batch = rpmon.READING.pack(at, at, 0, 0, 97_000, 0, kind, 0, 0)
            accepted.append(feed.handle(batch).receipt.accepted)

    threads = [threading.Thread(target=work, args=(offset,)) for offset in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = engine.counts(0)
    assert len(accepted) == 2000 and sum(accepted) == counts.accepted


def test_a_batch_that_is_no_whole_number_of_readings_is_refused(policy):
    with pytest.raises(rpmon.RpmonError.Invalid) as wrong:
        rpmon.Engine(policy).handle_batch(b"\0" * 41)
    assert wrong.value.problem.code == rpmon.Code.BAD_LENGTH
    with pytest.raises(rpmon.RpmonError.Invalid) as wrong:
        rpmon.Feed(rpmon.Engine(policy)).handle(bytearray(39))
    assert wrong.value.problem.code == rpmon.Code.BAD_LENGTH


def test_a_monitor_decides_what_an_engine_decides(policy):
    engine, monitor = rpmon.Engine(policy), rpmon.Monitor(policy, "p1")
    for second in range(90):
        if second < 20:
            engine.handle_event(reading(second, 86.5), second * 1000)
            monitor.handle_event(reading(second, 86.5), second * 1000)
        engine.handle_timeout(second * 1000 + 500)
        monitor.handle_timeout(second * 1000 + 500)
    lines = engine.drain_lines()
    assert any("spo2-missing" in line for line in lines)
    assert monitor.drain_lines() == lines
    assert monitor.next_wakeup() == engine.next_wakeup()


def test_a_restored_engine_goes_on_as_if_nothing_had_happened(policy):
    whole, first = rpmon.Engine(policy), rpmon.Engine(policy)
    before = [desaturate(whole), desaturate(first)]
    assert len(before[0]) == len(before[1])
    second = rpmon.Engine.restore(first.snapshot(), [policy], 3_000)
    report = second.restore_report()
    assert (report.patients, report.open_alerts) == (1, 1)
    for engine in (whole, second):
        engine.handle_event(reading(3, 99), 3_200)
        engine.handle_timeout(600_000)
    assert whole.drain_lines() == second.drain_lines()


def test_a_snapshot_needs_drained_outputs_and_its_policy(policy):
    engine = rpmon.Engine(policy)
    for second in range(3):
        engine.handle_event(reading(second, 80), second * 1000)
    with pytest.raises(rpmon.RpmonError.Invalid) as undrained:
        engine.snapshot()
    assert undrained.value.problem.code == rpmon.Code.UNDRAINED_OUTPUTS
    engine.drain_outputs()
    with pytest.raises(rpmon.RpmonError.Invalid) as foreign:
        rpmon.Engine.restore(engine.snapshot(), [], 3_000)
    assert foreign.value.problem.code == rpmon.Code.SNAPSHOT_POLICY


def test_a_policy_tells_all_its_mistakes_with_their_places():
    text = POLICY.replace(b'"spo2-missing"', b'"spo2-low"').replace(b"88", b'"x"')
    with pytest.raises(rpmon.RpmonError.Policy) as wrong:
        rpmon.Policy.from_json(text)
    problems = wrong.value.problems
    assert all(problem.path and problem.text for problem in problems)


def test_explain_and_why(policy):
    engine = rpmon.Engine(policy)
    outputs = desaturate(engine)
    lines = [o.sealed.line for o in outputs if isinstance(o, rpmon.Output.RECORD)]
    explained = rpmon.explain(lines, 1)
    assert explained.explanation.rule == "spo2-low"
    assert "86.5" in explained.text
    assert rpmon.explain(lines, 2) is None
    why = engine.why(engine.find_patient("p1"), "spo2-missing")
    assert why.silent_since == 2_200 and why.text.startswith("spo2-missing")
    note = next(filter(None, map(rpmon.notification, lines)))
    assert note.title == "Urgent: Low oxygen saturation"
    assert "p1" not in note.title + note.body


def test_nothing_that_is_no_number_becomes_a_value(policy):
    engine = rpmon.Engine(policy)
    for value in (float("nan"), float("inf")):
        with pytest.raises(rpmon.RpmonError.Invalid) as wrong:
            engine.handle_event(reading(0, value), 0)
        assert wrong.value.problem.code == rpmon.Code.NOT_A_NUMBER
    receipt = engine.handle_event(reading(0, 250), 0)
    assert receipt == rpmon.Receipt.QUARANTINED(rpmon.Code.IMPOSSIBLE)
    back = [o for o in engine.drain_outputs() if isinstance(o, rpmon.Output.QUARANTINED)]
    assert json.loads(back[0].input)["reading"]["value"] == 250


def test_bytes_that_are_no_text_come_out_again_whole(policy):
    engine = rpmon.Engine(policy)
    receipt = engine.handle_json(b"\xff\xfe no text", 0)
    assert receipt == rpmon.Receipt.QUARANTINED(rpmon.Code.BAD_ENCODING)
    back = [o for o in engine.drain_outputs() if isinstance(o, rpmon.Output.QUARANTINED)]
    assert back[0].input == b"\xff\xfe no text"


def test_every_kind_of_event_goes_in(policy):
    engine = rpmon.Engine(policy)
    body = rpmon.EventBody
    for number, what in enumerate([
        body.READING(kind="spo2", value=97, unit="%"),
        body.CODED(kind="consciousness", code="A"),
        body.ABSENT(kind="spo2", reason=rpmon.AbsentReason.ERROR),
        body.CORRECTION(kind="spo2", value=96, unit="%"),
        body.VOID(kind="spo2"),
        body.DEVICE_STATUS(
            status=rpmon.DeviceStatus(worn=True, battery_percent=80, link_up=None)
        ),
        body.CONTEXT(
            context=rpmon.Context(
                activity="walking", asleep=False, on_oxygen=None, posture=None, care_phase=None
            )
        ),
        body.ENROLMENT(signals=[rpmon.Expected(kind="spo2", cadence=1000, _from=0, until=None)]),
        body.PROFILE(
            profile=rpmon.Profile(
                age_band="adult", conditions=["copd"], cohort=None, spo2_scale=2,
                utc_offset_min=60, consent=True, declined_channels=["sms"],
            )
        ),
    ]):
        event = rpmon.Event(
            patient="p1",
            device=rpmon.Device(id="d1", model="m"),
            observed_at=number * 1000 if number not in (3, 4) else 0,
            body=what,
            quality=[rpmon.QualityFlag.MOTION] if number == 0 else [],
        )
        assert engine.handle_event(event, 10_000) == rpmon.Receipt.ACCEPTED(), what


def test_threads_may_share_an_engine(policy):
    engine = rpmon.Engine(policy)

    def feed(number):
        for second in range(200):
            event = reading(second, 97)
            event.patient = f"p{number}"
            engine.handle_event(event, second * 1000)

    threads = [threading.Thread(target=feed, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = [engine.counts(engine.find_patient(f"p{n}")) for n in range(4)]
    assert [c.accepted for c in counts] == [200] * 4


def test_times_convert_exactly():
    at = datetime(2026, 3, 1, 2, 13, 5, 7000, tzinfo=timezone.utc)
    assert rpmon.instant(rpmon.millis(at)) == at
    assert rpmon.millis(at.astimezone(timezone(timedelta(hours=1)))) == rpmon.millis(at)
    with pytest.raises(ValueError, match="time zone"):
        rpmon.millis(datetime(2026, 3, 1))


def test_an_identifier_that_is_none_is_a_typed_error(policy):
    engine = rpmon.Engine(policy)
    for name in ("", "x" * 257, "a\nb"):
        with pytest.raises(rpmon.RpmonError.Invalid) as wrong:
            engine.patient(name)
        assert wrong.value.problem.code == rpmon.Code.BAD_IDENTIFIER
