"""The shared cases: the same records here as in every other host, byte for byte."""

import json
import pathlib

import pytest

import rpmon

CASES = sorted((pathlib.Path(__file__).resolve().parents[3] / "testdata/conformance").glob("*.json"))


def verbatim(item) -> bytes:
    text = item if isinstance(item, str) else json.dumps(item, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def named(problem: rpmon.Problem) -> str:
    name = rpmon.code_name(problem.code)
    return f"{name} {problem.path}" if problem.path else name


def word(answer: rpmon.Answer) -> str:
    if answer.is_EVENT():
        receipt = answer.receipt
        if receipt.is_QUARANTINED():
            return f"quarantined {rpmon.code_name(receipt[0])}"
        return "accepted" if receipt.is_ACCEPTED() else "duplicate"
    if answer.is_REFUSED():
        return f"refused {rpmon.code_name(answer.problem.code)}"
    return "taken"


def play(case):
    """What the Rust engine's runner does, through the binding."""
    policies, errors = [], []
    for policy in [case["policy"], *case.get("more_policies", [])]:
        try:
            policies.append(rpmon.Policy.from_json(verbatim(policy)))
        except rpmon.RpmonError.Policy as wrong:
            errors += map(named, wrong.problems)
    if errors:
        return {"policy_errors": errors}
    config = rpmon.Config(**case.get("config", {}))
    engine = rpmon.Engine(policies[0], config)
    found = {"answers": [], "wakeups": [], "outputs": []}
    if policies[0].warnings():
        found["policy_warnings"] = [named(problem) for problem in policies[0].warnings()]
    for item in case.get("inputs", []):
        if isinstance(item, dict) and "restore" in item:
            engine = rpmon.Engine.restore(engine.snapshot(), policies, item["restore"], config)
            r = engine.restore_report()
            found["answers"].append(
                f"restored gap={r.gap} patients={r.patients} open_alerts={r.open_alerts} "
                f"timers_due={r.timers_due} readings_missed={r.readings_missed}"
            )
            found["wakeups"].append(engine.next_wakeup())
            continue
        full = True
        while full:
            full = False
            try:
                found["answers"].append(word(engine.handle_input(verbatim(item))))
            except rpmon.RpmonError.Invalid as error:
                found["answers"].append(f"error {named(error.problem)}")
                full = error.problem.code == rpmon.Code.OUTPUT_QUEUE_FULL
            found["outputs"] += engine.drain_lines()
            found["wakeups"].append(engine.next_wakeup())
    return found


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path):
    case = json.loads(path.read_text())
    assert play(case) == case["expected"]


def test_there_are_cases():
    assert len(CASES) >= 40
