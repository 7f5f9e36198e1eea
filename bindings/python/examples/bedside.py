"""Ten intensive care recordings through a policy: what a ward would have heard.

Cells begin with ``# %%``: an editor runs them one by one, ``python examples/bedside.py`` all of them.
"""

# %% The recording and the policy, as the project bundles them
import pathlib

import pandas as pd

import rpmon

testdata = pathlib.Path(__file__).resolve().parents[3] / "testdata"
policy = rpmon.Policy.from_toml((testdata / "policies/bedside.toml").read_text())
readings = pd.read_csv(testdata / "recordings/bidmc/samples.csv.gz")
readings["observed_at"] = pd.to_datetime(readings["t_seconds"], unit="s", utc=True)
print(f"{policy.title()}: {len(readings)} readings of {readings['patient'].nunique()} people")

# %% What the policy makes of it
found = rpmon.run(readings, policy)
alerts = found.alerts
print(alerts[["patient", "rule", "level", "opened_at", "cleared_at"]].to_string(index=False))

# %% Which rules are loudest
print(alerts.groupby(["rule", "level"]).size().sort_values(ascending=False).to_string())

# %% What a phone would show of the first urgent one
for line in found.records:
    note = rpmon.notification(line)
    if note and note.level == rpmon.Level.URGENT:
        print(f"{note.title}\n{note.body}")
        break

# %% And why, from the records alone
first = alerts[alerts["level"] == "urgent"].iloc[0]
stream = [line for line in found.records if f'"patient":"{first.patient}"' in line]
explained = rpmon.explain(stream, int(first.alert))
print(explained.text if explained else "nothing")

# %% Would a higher limit have been quieter?
quieter = rpmon.Policy.from_toml(
    (testdata / "policies/bedside.toml").read_text().replace("raise = { below = 92 }", "raise = { below = 90 }")
)
print(f"{len(alerts)} alerts, {len(rpmon.replay(readings, quieter))} with review below 90 %")
