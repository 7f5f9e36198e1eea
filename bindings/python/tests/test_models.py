"""Models beside rules: verified when they are loaded, asked when they are due."""

import math
import pathlib

import pytest

import rpmon

TRAINED = pathlib.Path(__file__).resolve().parents[3] / "examples" / "training"
HOUR = 3_600_000
WHY = rpmon.Why(owner="dr.a", reason="better", evidence="report 7")


@pytest.fixture
def model():
    onnx = (TRAINED / "sepsis-vitals" / "sepsis-vitals.onnx").read_bytes()
    manifest = (TRAINED / "sepsis-vitals" / "sepsis-vitals.json").read_bytes()
    with pytest.raises(rpmon.RpmonError.Invalid) as refused:
        rpmon.Model.load(onnx[:-1], manifest)
    assert refused.value.problem.code == rpmon.Code.MODEL_HASH
    return rpmon.Model.load(onnx, manifest)


def test_a_model_is_asked_about_a_row(model):
    assert (model.id(), model.version(), model.warnings()) == ("sepsis-vitals", 1, [])
    row = [float(i % 7 * 20) for i in range(model.inputs())]
    assert 0 <= model.score(row) <= 1000
    reasons = model.reasons(row)
    assert reasons.exact and len(reasons.terms) == len(row)
    assert abs(reasons.terms[0].added) >= abs(reasons.terms[1].added)
    unknown = model.reasons(row, [math.nan] * len(row))
    assert math.isnan(unknown.terms[0].usual)
    with pytest.raises(rpmon.RpmonError.Invalid) as refused:
        model.score(row[1:])
    assert refused.value.problem.code == rpmon.Code.BAD_ARGUMENT


def an_hour(engine, scorer, hour):
    """What models said in an hour of a patient."""
    for kind, value, unit in [
        ("heart_rate", 80, "/min"),
        ("spo2", 97, "%"),
        ("respiratory_rate", 14, "/min"),
        ("systolic_bp", 120, "mm[Hg]"),
        ("mean_bp", 90, "mm[Hg]"),
        ("diastolic_bp", 75, "mm[Hg]"),
    ]:
        body = rpmon.EventBody.READING(kind=kind, value=value, unit=unit)
        device = rpmon.Device(id="d1")
        event = rpmon.Event(patient="p1", device=device, observed_at=hour * HOUR, body=body)
        engine.handle_event(event, hour * HOUR)
    scorer.run(engine, engine.find_patient("p1"), hour * HOUR)
    records = (o.sealed.record for o in engine.drain_outputs() if isinstance(o, rpmon.Output.RECORD))
    said = (rpmon.RecordBody.RISK_SCORED, rpmon.RecordBody.RISK_FAILED)
    return [type(record.body) for record in records if isinstance(record.body, said)]


def test_the_version_that_counts_scores_and_a_rollback_leaves_rules_alone(model):
    policy = rpmon.Policy.from_toml((TRAINED / "icu-hybrid.toml").read_text())
    engine = rpmon.Engine(policy)
    scorer = rpmon.Scorer()
    assert an_hour(engine, scorer, 0) == [rpmon.RecordBody.RISK_FAILED]
    scorer.load(model)
    engine.handle_roll_out(rpmon.RollOut.REGISTER(model=model.reference(), owner="dr.a"), 0)

    def stage(to):
        step = rpmon.RollOut.STAGE(id="sepsis-vitals", version=1, to=to, why=WHY, approver="dr.b")
        engine.handle_roll_out(step, 0)

    with pytest.raises(rpmon.RpmonError.Invalid) as refused:
        stage(rpmon.ModelStage.ACTIVE())
    assert refused.value.problem.code == rpmon.Code.STAGE_ORDER
    stage(rpmon.ModelStage.SHADOW())
    stage(rpmon.ModelStage.CANARY(rpmon.CanaryPart.PERMILLE(1000)))
    stage(rpmon.ModelStage.ACTIVE())
    assert an_hour(engine, scorer, 1) == [rpmon.RecordBody.RISK_SCORED]

    # The registry is in the snapshot; models are not.
    engine = rpmon.Engine.restore(engine.snapshot(), [policy], HOUR)
    again = rpmon.Scorer()
    again.load(model)
    assert engine.scored_at("sepsis-vitals", "p1", HOUR).version == 1
    assert engine.scored_at("sepsis-vitals", "p1", -1) is None
    back = rpmon.RollOut.ROLLBACK(id="sepsis-vitals", why=WHY, approver="dr.b")
    engine.handle_roll_out(back, 2 * HOUR)
    assert an_hour(engine, again, 2) == [rpmon.RecordBody.RISK_FAILED]
    assert len(engine.model_history()) == 5
