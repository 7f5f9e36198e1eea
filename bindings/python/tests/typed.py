"""Read by mypy, never run: what an editor sees of the package."""

import pandas as pd

import rpmon

policy: rpmon.Policy = rpmon.Policy.from_toml("")
alerts: pd.DataFrame = rpmon.replay(pd.DataFrame(), policy)
packed: bytes = rpmon.pack([rpmon.Reading(kind=2, value=97_000, observed_at=0, received_at=0)])
receipt: rpmon.BatchReceipt = rpmon.Engine(policy).handle_batch(packed)
wakeup: int | None = rpmon.Monitor(policy, "p1").next_wakeup()
fed: rpmon.Fed = rpmon.Feed(rpmon.Engine(policy)).handle(bytearray(packed))
