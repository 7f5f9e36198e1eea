"""Trains a model on the rows that the engine makes, judges it as a ward would, and writes the artifact.

    cargo build --release -p replay
    python3 -m venv .venv && .venv/bin/pip install -r examples/training/requirements.txt
    .venv/bin/python examples/training/train.py

Without arguments it takes the twenty stays that come with the project, which is enough to see that all of
it works and far too few to learn from. See README.md for the run on the whole of training set B.
"""

import argparse
import csv
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import lightgbm
import numpy as np
import onnxmltools
from onnxmltools.convert.common.data_types import FloatTensorType
from skl2onnx import to_onnx
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import artifact

ROOT = Path(__file__).resolve().parents[2]
BUNDLED = ROOT / "testdata/recordings/cinc2019_setb"
SEED = 1
FOLDS = 5
# An alert ends the wish for another one for so long.
QUIET_HOURS = 12
NEWS2 = "NEWS2 without oxygen and consciousness"
BINS = 10


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--readings", default=BUNDLED / "samples_20_patients.csv.gz", type=Path)
    parser.add_argument("--labels", default=BUNDLED / "labels.csv", type=Path)
    parser.add_argument("--policy", default=ROOT / "examples/training/icu-hybrid.toml", type=Path)
    parser.add_argument("--replay", default=ROOT / "target/release/replay", type=Path)
    parser.add_argument("--rows", type=Path, help="rows that were exported before")
    parser.add_argument("--salt", default="", help="what makes the keys of the rows")
    parser.add_argument("--out", default=ROOT / "target/training", type=Path)
    parser.add_argument("--capacity", default=0.1, type=float, help="alerts a patient-day that a team can take")
    parser.add_argument("--version", default=1, type=int)
    parser.add_argument("--model", choices=[name for name, _ in candidates()], help="not the better one, but this")
    parser.add_argument("--resamples", default=200, type=int)
    return parser.parse_args()


def export(args):
    """The rows as the engine saw them, hour by hour."""
    rows = args.out / "rows.csv"
    command = [args.replay, "run", "--policy", args.policy, "--readings", args.readings, "--rows", rows]
    subprocess.run([*command, "--salt", args.salt, "--out", args.out / "run"], check=True)
    return rows


def read(args):
    """Features, names, keys of stays, labels of hours, and what is known of each stay."""
    path = args.rows or export(args)
    with open(path, newline="") as file:
        table = csv.reader(file)
        names = next(table)[2:]
        keys, times, values = [], [], []
        for row in table:
            keys.append(row[0])
            times.append(int(row[1]))
            values.append([float(x) if x else np.nan for x in row[2:]])
    declaration = path.with_suffix(".features.json").read_bytes()
    stays = {}
    with open(args.labels, newline="") as file:
        for stay in csv.DictReader(file):
            key = hashlib.sha256((args.salt + stay["patient"]).encode()).hexdigest()[:16]
            stays[key] = stay
    keys, times = np.array(keys), np.array(times)
    first = [stays[key]["label_first_1_t_seconds"] for key in keys]
    label = np.array([bool(at) and t >= float(at) for at, t in zip(first, times)])
    x = np.array(values, np.float32)
    return x, names, keys, times, label.astype(int), stays, hashlib.sha256(declaration).hexdigest()


def candidates():
    yield "logistic regression", make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(C=0.05, max_iter=2000),
    )
    yield "gradient boosting", lightgbm.LGBMClassifier(
        n_estimators=100,
        max_depth=4,
        num_leaves=15,
        learning_rate=0.05,
        min_child_samples=200,
        subsample=0.8,
        subsample_freq=1,
        colsample_bytree=0.5,
        reg_lambda=5.0,
        random_state=SEED,
        n_jobs=1,
        verbose=-1,
    )


def folds(keys, stays):
    """Whole stays, with as many septic ones in each fold."""
    unique = np.unique(keys)
    septic = np.array([stays[key]["septic"] == "1" for key in unique]).astype(int)
    count = max(2, min(FOLDS, septic.sum(), (1 - septic).sum()))
    split = StratifiedKFold(count, shuffle=True, random_state=SEED)
    for train, test in split.split(unique, septic):
        yield np.isin(keys, unique[train]), np.isin(keys, unique[test])


def out_of_fold(model, x, y, keys, stays):
    """What is said of each stay by a model that never saw it."""
    said = np.full(len(y), np.nan)
    for train, test in folds(keys, stays):
        said[test] = model.fit(x[train], y[train]).predict_proba(x[test])[:, 1]
    return said


def log_odds(p):
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return np.log(p / (1 - p))


def platt(said, y):
    """Slope and intercept over the log-odds, fitted to what was said out of fold."""
    fit = LogisticRegression(C=1e6).fit(log_odds(said)[:, None], y)
    slope, intercept = float(fit.coef_[0, 0]), float(fit.intercept_[0])
    # A curve that falls says that nothing was learned, and is none.
    return (slope, intercept) if slope > 0 else (1.0, 0.0)


def calibrated(said, slope, intercept):
    return np.round(1 / (1 + np.exp(-(slope * log_odds(said) + intercept))), 3)


def interval(measure, keys, resamples, *columns):
    """Of a figure its value, and 95 % of those over stays drawn anew."""
    random = np.random.default_rng(SEED)
    order = np.argsort(keys, kind="stable")
    unique, start = np.unique(keys[order], return_index=True)
    groups = np.split(order, start[1:])
    drawn = []
    for _ in range(resamples):
        picked = np.concatenate([groups[i] for i in random.integers(0, len(unique), len(unique))])
        if len(set(columns[0][picked])) > 1:
            drawn.append(measure(*(column[picked] for column in columns)))
    low, high = np.percentile(drawn, [2.5, 97.5]) if drawn else (np.nan, np.nan)
    return float(measure(*columns)), float(low), float(high)


def alerts(score, threshold, keys, times):
    """Each crossing that is not within the quiet time of one before: key and time."""
    found, last = [], {}
    for key, time, value in sorted(zip(keys, times, score)):
        if value >= threshold and time - last.get(key, -1e12) >= QUIET_HOURS * 3600:
            found.append((key, time))
            last[key] = time
    return found


def operating_point(score, keys, times, stays, days, capacity):
    """The lowest threshold at which alerts stay within capacity, and what they are worth there."""
    best = None
    for threshold in np.unique(np.quantile(score, np.linspace(0.5, 1, 101)))[::-1]:
        found = alerts(score, threshold, keys, times)
        if len(found) > capacity * days and best is not None:
            break
        best = threshold, found
    threshold, found = best
    right, leads, caught = 0, [], set()
    for key, time in found:
        stay = stays[key]
        if stay["septic"] != "1":
            continue
        first = float(stay["label_first_1_t_seconds"])
        # Within twelve hours before onset, or while it lasts.
        if time >= first - 6 * 3600:
            right += 1
            onset = stay["sepsis_onset_t_seconds"]
            if key not in caught and onset and stay["label_from_first_row"] != "1":
                leads.append((float(onset) - time) / 3600)
            caught.add(key)
    septic = sum(stays[key]["septic"] == "1" for key in set(keys))
    return {
        "threshold": float(threshold),
        "alerts_per_patient_day": len(found) / days,
        "ppv": right / max(1, len(found)),
        "sensitivity": len(caught) / max(1, septic),
        "median_lead_hours": float(np.median(leads)) if leads else None,
        "alerts": len(found),
    }


def calibration_table(p, y):
    rows = []
    edges = np.quantile(p, np.linspace(0, 1, BINS + 1))
    place = np.clip(np.searchsorted(edges, p, side="right") - 1, 0, BINS - 1)
    for i in range(BINS):
        held = place == i
        if held.any():
            rows.append((float(p[held].mean()), float(y[held].mean()), int(held.sum())))
    error = sum(n * abs(a - b) for a, b, n in rows) / len(p)
    return rows, error


def subgroups(p, y, keys, stays, threshold, times):
    """By age band and sex: hours, stays, and how well it tells."""
    age = np.array([float(stays[key]["age_years"] or np.nan) for key in keys])
    sex = np.array([stays[key]["sex"] for key in keys])
    groups = {"under 45": age < 45, "45 to 64": (age >= 45) & (age < 65),
              "65 to 79": (age >= 65) & (age < 80), "80 and over": age >= 80}
    groups |= {f"sex {value}": sex == value for value in sorted(set(sex))}
    table = []
    for name, held in groups.items():
        both = len(set(y[held])) > 1
        days = held.sum() / 24
        found = alerts(p[held], threshold, keys[held], times[held])
        table.append({
            "group": name,
            "stays": len(set(keys[held])),
            "auroc": float(roc_auc_score(y[held], p[held])) if both else None,
            "observed": float(y[held].mean()) if held.any() else None,
            "said": float(p[held].mean()) if held.any() else None,
            "alerts_per_patient_day": len(found) / days if held.any() else None,
        })
    return table


def reference(x, names):
    """What was usual of each feature in training: for contributions, and to notice drift."""
    found = []
    for name, column in zip(names, x.T):
        known = column[~np.isnan(column)]
        edges = sorted(set(np.float32(np.quantile(known, q)) for q in np.linspace(0, 1, 11)[1:-1])) if len(known) else []
        place = np.searchsorted(np.array(edges, np.float32), known, side="left")
        shares = np.bincount(place, minlength=len(edges) + 1) / max(1, len(known))
        found.append({
            "name": name,
            "usual": float(np.float32(np.median(known))) if len(known) else 0.0,
            "missing": float(1 - len(known) / len(column)),
            "edges": [float(edge) for edge in edges],
            "shares": [float(share) for share in shares] if len(known) else [1.0],
        })
    return found


def to_bytes(name, model, width):
    if name == "gradient boosting":
        kind = [("input", FloatTensorType([None, width]))]
        made = onnxmltools.convert_lightgbm(model, initial_types=kind, target_opset=15, zipmap=False)
    else:
        made = to_onnx(model, np.zeros((1, width), np.float32), options={id(model): {"zipmap": False}})
    return made.SerializeToString(), made.graph.input[0].name


def percent(x):
    return "-" if x is None else f"{100 * x:.1f} %"


def card(report):
    """The model card, in Markdown."""
    lines = [f"# {report['id']} version {report['version']}", "", report["intended_use"], ""]
    lines += [f"**Training data.** {report['training_data']}", "",
              f"{report['stays']} stays, {report['septic']} with sepsis, {report['hours']} hours with a reading. "
              f"An hour is positive from six hours before onset to the end of the stay. Every figure is of "
              f"stays that the model had not seen ({FOLDS}-fold cross-validation by stay); intervals are 95 % "
              f"over stays drawn anew. The better of two models was taken, and the two numbers of the "
              f"calibration and the thresholds were fitted, on the same scores: those figures flatter it a little.", "",
              "## Against NEWS2 of the same rows", "",
              "| | AUROC | average precision |", "|---|---|---|"]
    for name, (auroc, precision) in report["discrimination"].items():
        told = [f"{value:.3f} ({low:.3f} to {high:.3f})" for value, low, high in (auroc, precision)]
        lines.append(f"| {name} | {told[0]} | {told[1]} |")
    lines += ["", f"## At {report['capacity']} alerts a patient-day", "",
              f"An alert is a crossing with none in the {QUIET_HOURS} h before. It is right from twelve hours "
              f"before onset on.", "",
              "| | threshold | alerts a patient-day | of them right | septic stays found | median lead before onset |",
              "|---|---|---|---|---|---|"]
    for name, at in report["operating"].items():
        lead = "-" if at["median_lead_hours"] is None else f"{at['median_lead_hours']:.1f} h"
        lines.append(f"| {name} | {at['threshold']:.3f} | {at['alerts_per_patient_day']:.3f} | "
                     f"{percent(at['ppv'])} | {percent(at['sensitivity'])} | {lead} |")
    lines += ["", "## Calibration", "",
              f"Expected calibration error {report['calibration_error']:.4f}.", "",
              "| said | observed | hours |", "|---|---|---|"]
    lines += [f"| {percent(a)} | {percent(b)} | {n} |" for a, b, n in report["calibration"]]
    lines += ["", "## Subgroups", "", "| group | stays | AUROC | said | observed | alerts a patient-day |",
              "|---|---|---|---|---|---|"]
    for group in report["subgroups"]:
        auroc = "-" if group["auroc"] is None else f"{group['auroc']:.3f}"
        rate = group["alerts_per_patient_day"]
        lines.append(f"| {group['group']} | {group['stays']} | {auroc} | {percent(group['said'])} | "
                     f"{percent(group['observed'])} | {'-' if rate is None else f'{rate:.3f}'} |")
    return "\n".join(lines) + "\n"


def main():
    args = arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    x, names, keys, times, y, stays, features = read(args)
    if len(set(y)) < 2:
        sys.exit("the recording has no hours of both kinds")
    days = len(y) / 24
    news2 = np.nan_to_num(x[:, names.index(NEWS2)].astype(float))
    said, models = {}, {}
    for name, model in candidates():
        said[name] = out_of_fold(model, x, y, keys, stays)
        models[name] = model
    # How much of it is the patient, and how much that somebody charts more: without any count.
    vital = [i for i, name in enumerate(names) if "count" not in name and "charted" not in name]
    bare = out_of_fold(dict(candidates())["gradient boosting"], x[:, vital], y, keys, stays)
    scores = {"NEWS2, partial": news2, **said, "gradient boosting without any count of readings": bare}
    discrimination = {
        name: (interval(roc_auc_score, keys, args.resamples, y, score),
               interval(average_precision_score, keys, args.resamples, y, score))
        for name, score in scores.items()
    }
    chosen = args.model or max(models, key=lambda name: discrimination[name][0][0])
    slope, intercept = platt(said[chosen], y)
    p = calibrated(said[chosen], slope, intercept)
    operating = {
        name: operating_point(score, keys, times, stays, days, args.capacity)
        for name, score in {"NEWS2, partial": news2, chosen: p}.items()
    }
    threshold = operating[chosen]["threshold"]
    calibration, error = calibration_table(p, y)
    septic = sum(stays[key]["septic"] == "1" for key in set(keys))
    words = {
        "id": "sepsis-vitals",
        "version": args.version,
        "title": f"Sepsis within hours from charted vital signs, {chosen}",
        "training_data": "PhysioNet/CinC Challenge 2019, training set B (CC BY 4.0, doi:10.13026/v64v-d857): "
                         "hourly vital signs of intensive care stays in one hospital system; onset of sepsis by "
                         f"Sepsis-3. {len(set(keys))} stays, {septic} with sepsis.",
        "author": "the rpm contributors",
        "intended_use": "An example of a governed model: orders and opens review alerts beside rules in adult "
                        "intensive care. Not for diagnosis, not for children, not for wards without hourly "
                        "charts, and not validated outside its source.",
    }
    report = {
        **words, "chosen": chosen, "stays": len(set(keys)), "septic": septic, "hours": len(y),
        "capacity": args.capacity, "discrimination": discrimination, "operating": operating,
        "calibration": calibration, "calibration_error": error,
        "subgroups": subgroups(p, y, keys, stays, threshold, times),
    }
    final = models[chosen].fit(x, y)
    onnx_bytes, input_name = to_bytes(chosen, final, x.shape[1])
    random = np.random.default_rng(SEED)
    rows = x[random.choice(len(x), size=min(len(x), 20), replace=False)]
    artifact.write(
        args.out / "sepsis-vitals", onnx_bytes, **words, features=features,
        calibration={"platt": {"slope": slope, "intercept": intercept}},
        thresholds={"review": round(threshold, 3)}, reference=reference(x, names),
        input_name=input_name, input_shape=[1, x.shape[1]],
        output_name="probabilities", output_shape=[1, 2], rows=rows,
    )
    (args.out / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    (args.out / "MODEL_CARD.md").write_text(card(report))
    print(card(report))
    print(f"written to {args.out}")


if __name__ == "__main__":
    main()
