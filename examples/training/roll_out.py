"""A new version of a model from training to promotion and back, as a site would do it.

    cargo build --release -p replay
    .venv/bin/python examples/training/roll_out.py

Every second stay trains two versions: a logistic regression, and gradient boosting. The other stays come to a
ward one after another, version 1 in force and version 2 in shadow: that period ends in a report. On its grounds
version 2 is promoted by command; the stays of the training come to the same ward, and half way through it is
rolled back. Everything is in the records, and `replay explain` tells it of an alert of each time.

Without arguments it takes the twenty stays that come with the project: enough to see that all of it works.
"""

import argparse
import csv
import gzip
import json
import shutil
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUNDLED = ROOT / "testdata/recordings/cinc2019_setb"
POLICY = ROOT / "examples/training/icu-hybrid.toml"
MODEL = "sepsis-vitals"
VERSIONS = {1: "logistic regression", 2: "gradient boosting"}
# The columns of the labels that are times.
TIMES = ["first_row_t_seconds", "last_row_t_seconds", "label_first_1_t_seconds", "sepsis_onset_t_seconds"]
HOUR = 3600


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--readings", default=BUNDLED / "samples_20_patients.csv.gz", type=Path)
    parser.add_argument("--labels", default=BUNDLED / "labels.csv", type=Path)
    parser.add_argument("--replay", default=ROOT / "target/release/replay", type=Path)
    parser.add_argument("--apart", default=2, type=int, help="hours from one admission to the next")
    parser.add_argument("--resamples", default=20, type=int)
    parser.add_argument("--out", default=ROOT / "target/roll-out", type=Path)
    return parser.parse_args()


def table(path):
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", newline="") as file:
        return list(csv.DictReader(file))


def write(path, rows):
    with open(path, "w", newline="") as file:
        out = csv.DictWriter(file, rows[0], lineterminator="\n")
        out.writeheader()
        out.writerows(rows)
    return path


def admitted(stays, start, apart):
    """When each stay's clock begins, one after another."""
    return {stay["patient"]: start + i * apart * HOUR for i, stay in enumerate(stays)}


def moved(row, clock, columns):
    return row | {name: f"{float(row[name]) + clock[row['patient']]:.0f}" for name in columns if row[name]}


def train(args, readings, labels, version):
    """One version, of its own folder into that of the models."""
    out = args.out / f"version-{version}"
    command = [sys.executable, ROOT / "examples/training/train.py", "--readings", readings, "--labels", labels]
    command += ["--replay", args.replay, "--model", VERSIONS[version], "--version", str(version)]
    command += ["--resamples", str(args.resamples), "--out", out]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    for ending in ["onnx", "json"]:
        shutil.copy(out / f"{MODEL}.{ending}", args.out / "models" / f"version-{version}.{ending}")


def main():
    args = arguments()
    shutil.rmtree(args.out, ignore_errors=True)
    (args.out / "models").mkdir(parents=True)
    readings, stays = table(args.readings), table(args.labels)
    halves = [stays[::2], stays[1::2]]
    known = {stay["patient"] for stay in halves[0]}
    train_readings = write(args.out / "train.csv", [row for row in readings if row["patient"] in known])
    train_labels = write(args.out / "train-labels.csv", halves[0])
    for version in VERSIONS:
        train(args, train_readings, train_labels, version)

    # The ward: first the stays that no version has seen, then the others.
    clock = admitted(halves[1], 0, args.apart)
    end = int(max(clock[stay["patient"]] + float(stay["last_row_t_seconds"]) for stay in halves[1])) + HOUR
    clock |= admitted(halves[0], end, args.apart)
    back = end + len(halves[0]) * args.apart * HOUR // 2
    ward = write(args.out / "ward.csv", [moved(row, clock, ["t_seconds"]) for row in readings])
    labels = write(args.out / "labels.csv", [moved(stay, clock, TIMES) for stay in halves[1]])

    def replay(*command, check=True):
        said = subprocess.run([args.replay, *map(str, command)], check=check, capture_output=True, text=True)
        return said.stdout

    def models(*command):
        return replay("models", args.out / "models", *command)

    def run(name, *more):
        models_of = ["--models", args.out / "models", "--out", args.out / name]
        replay("run", "--policy", POLICY, "--readings", ward, *models_of, *more)
        return args.out / name

    two = ["--owner", "dr.a", "--approver", "dr.b"]
    card = ["--reason", "card read", "--evidence", "MODEL_CARD.md"]
    for version in VERSIONS:
        models("register", f"version-{version}", "--owner", "dr.a", "--at", 0)
        models("step", MODEL, version, "shadow", *two, *card, "--at", 0)
        if version == 1:
            models("step", MODEL, 1, "active", *two, *card, "--at", 0)
    shadow = run("shadow", "--commands", judged(args.out, run("unanswered"), table(labels)))
    stay = ["--from-column", TIMES[0], "--until-column", TIMES[1], "--onset-column", TIMES[3]]
    print(replay("trial", shadow, "--labels", labels, *stay, "--from", 0, "--until", end, "--out", args.out))
    reason = ["--reason", "the report, as signed"]
    models("promote", MODEL, 2, "--report", args.out / "trial.json", *two, *reason)
    rollback = ["--reason", "a rehearsal of the way back", "--evidence", "roll-out plan"]
    print(models("rollback", MODEL, *two, *rollback, "--at", back))
    after = run("after")

    # An alert of each time: in shadow, promoted, rolled back.
    alerts = [json.loads(line) for line in open(after / "alerts.jsonl")]
    opened = {}
    for alert in alerts:
        if alert["rule"] == "sepsis-likely":
            opened.setdefault(stage(alert["explanation"]), f"{alert['patient']}/{alert['alert']}")
    for name, alert in opened.items():
        print(f"-- {name}: replay explain {after} {alert}")
        print(replay("explain", after, alert))


def judged(out, run, labels):
    """What somebody would have said who knew the outcome, a minute after each alert of the rule in force."""
    onset = {stay["patient"]: stay["sepsis_onset_t_seconds"] for stay in labels}
    path = out / "commands.jsonl"
    with open(path, "w") as file:
        for alert in map(json.loads, open(run / "alerts.jsonl")):
            if alert["rule"] != "sepsis-likely" or alert["patient"] not in onset:
                continue
            opened = datetime.fromisoformat(alert["opened_at"])
            at = onset[alert["patient"]]
            true = at and opened.timestamp() >= float(at) - 12 * HOUR
            command = {"patient": alert["patient"], "alert": alert["alert"], "seen_revision": 1, "by": "dr.c"}
            command |= {"action": "resolve", "reason": "true_acted_on" if true else "false_limit"}
            time = (opened + timedelta(minutes=1)).isoformat().replace("+00:00", "Z")
            file.write(json.dumps({"at": time, "command": command}) + "\n")
    return path


def stage(explanation):
    if "rolled back: " in explanation.split("\n")[2]:
        return "after the rollback"
    return "promoted" if f"{MODEL}@2 said" in explanation else "in shadow"


if __name__ == "__main__":
    main()
