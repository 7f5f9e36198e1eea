//! What the documentation says of baselines, from the set of all readings, in floating point.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use crate::stay::text;

pub const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Learn {
    Mean { half_life: i64 },
    ByHour { half_life: i64 },
    Range { from: u16, to: u16, half_life: i64 },
    Median { panes: u16 },
}

/// A baseline and its signal.
#[derive(Clone, Debug)]
pub struct Plan {
    pub pane: i64,
    pub horizon: i64,
    pub learn: Learn,
    pub every: Option<i64>,
    pub warm_up: Option<i64>,
    pub fallback: Option<(i32, i32)>,
    /// Minutes.
    pub offset: i64,
    /// Above this in thousandths, a rule is active and nothing is learned.
    pub guard: i32,
    /// What a range rounds to, in thousandths.
    pub resolution: i64,
    /// What a deviation counts as at least, in thousandths; a beat if absent.
    pub least: Option<i32>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Point {
    /// Milliseconds since 1970.
    pub at: i64,
    pub value: i32,
    pub good: bool,
}

/// In thousandths.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Norm {
    /// The right value, or two between which it lies.
    pub low: (f64, f64),
    pub high: (f64, f64),
    pub spread: (f64, f64),
    pub samples: usize,
    pub since: Option<i64>,
}

impl Plan {
    /// Long enough ago for every reading to have come, and for every rule to have made of it what it
    /// will.
    pub fn certain_after(&self) -> i64 {
        self.horizon.max(self.pane) + 2 * self.pane
    }

    pub fn interval(&self) -> i64 {
        self.every.unwrap_or(HOUR_MS).max(self.certain_after())
    }

    pub fn baseline(&self) -> Json {
        let learn = match self.learn {
            Learn::Mean { half_life } => json!({ "mean": { "half_life": text(half_life) } }),
            Learn::ByHour { half_life } => json!({ "by_hour": { "half_life": text(half_life) } }),
            Learn::Range { from, to, half_life } => {
                let share = |permille: u16| format!("{}.{} %", permille / 10, permille % 10);
                let half_life = text(half_life);
                json!({ "range": { "from": share(from), "to": share(to), "half_life": half_life } })
            }
            Learn::Median { panes } => json!({ "median": { "panes": panes } }),
        };
        let mut baseline = json!({ "of": "heart_rate", "learn": learn });
        if let Some(every) = self.every {
            baseline["every"] = text(every).into();
        }
        if let Some(warm_up) = self.warm_up {
            baseline["warm_up"] = text(warm_up).into();
        }
        if let Some(least) = self.least {
            baseline["least_deviation"] = (f64::from(least) / 1000.0).into();
        }
        if let Some((low, high)) = self.fallback {
            baseline["fallback"] = json!({ "any": [low, high] });
        }
        baseline
    }

    /// So many panes must have been seen.
    fn least(&self) -> usize {
        let usually = match self.learn {
            Learn::Median { panes } => return self.least_of(panes),
            Learn::ByHour { .. } => HOUR_MS,
            _ => DAY_MS,
        };
        self.panes_of(self.warm_up.unwrap_or(usually))
    }

    fn least_of(&self, panes: u16) -> usize {
        self.warm_up.map_or(usize::from(panes).div_ceil(2), |span| self.panes_of(span))
    }

    fn panes_of(&self, span: i64) -> usize {
        usize::try_from((span + self.pane - 1) / self.pane).unwrap().max(1)
    }

    /// The mean of the good readings of each pane that has some.
    fn panes(&self, points: &[Point]) -> BTreeMap<i64, i64> {
        let mut sums: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
        for point in points.iter().filter(|point| point.good) {
            let sum = sums.entry(point.at.div_euclid(self.pane)).or_default();
            *sum = (sum.0 + i64::from(point.value), sum.1 + 1);
        }
        sums.into_iter().map(|(pane, (sum, count))| (pane, rounded(sum, count))).collect()
    }

    /// The panes whose latest good reading is above the limit of the rule that guards.
    fn guarded(&self, points: &[Point]) -> BTreeSet<i64> {
        let mut latest: BTreeMap<i64, (i64, i32)> = BTreeMap::new();
        for point in points.iter().filter(|point| point.good) {
            let last = latest.entry(point.at.div_euclid(self.pane)).or_insert((point.at, 0));
            if point.at >= last.0 {
                *last = (point.at, point.value);
            }
        }
        let above = latest.into_iter().filter(|(_, (_, value))| *value > self.guard);
        above.map(|(pane, _)| pane).collect()
    }

    /// By how much of a reading a weight may be off: it is kept to a part in 256, and rounded each time
    /// it decays.
    fn blur(&self, half_life: i64) -> f64 {
        let kept = (-(self.interval() as f64) / half_life as f64).exp2();
        (1.0 + 0.5 / (1.0 - kept)) / 256.0
    }

    /// What is usual for evidence in a pane.
    pub fn usual(&self, points: &[Point], pane: i64) -> Option<Norm> {
        let norm = self.found(points, pane)?;
        let least = self.least.map_or(self.resolution as f64, f64::from);
        let (low, high) = norm.spread;
        Some(Norm { spread: (low.max(least), high.max(least)), ..norm })
    }

    fn found(&self, points: &[Point], pane: i64) -> Option<Norm> {
        self.learned(points, pane).or_else(|| {
            let (low, high) = self.fallback?;
            let (low, high) = (f64::from(low) * 1000.0, f64::from(high) * 1000.0);
            let exact = |value: f64| (value, value);
            let spread = exact((high - low) / 4.0);
            let (low, high) = (exact(low), exact(high));
            Some(Norm { low, high, spread, samples: 0, since: None })
        })
    }

    fn learned(&self, points: &[Point], pane: i64) -> Option<Norm> {
        let panes = self.panes(points);
        if let Learn::Median { panes: of } = self.learn {
            return self.median(&panes, pane, of);
        }
        let offset = self.offset * 60_000;
        let local = |pane: i64| pane * self.pane + offset;
        // The interval of the evidence began here; what was certain then has been learned.
        let began = local(pane).div_euclid(self.interval()) * self.interval();
        let certain = |pane: &i64| local(pane + 1) <= began - self.certain_after();
        let guarded = self.guarded(points);
        let learned = panes.iter().filter(|(pane, _)| certain(pane) && !guarded.contains(pane));
        let learned: Vec<(i64, i64)> = learned.map(|(pane, value)| (*pane, *value)).collect();
        let weight = |pane: i64, half_life: i64| {
            let of = |time: i64| time.div_euclid(self.interval());
            let intervals = of(began) - of(local(pane));
            (-(intervals as f64) * self.interval() as f64 / half_life as f64).exp2()
        };
        let hour = |local: i64| local.div_euclid(HOUR_MS).rem_euclid(24);
        let weighed = |half_life: i64, only: Option<i64>| -> Vec<(f64, f64)> {
            let fits = |pane: i64| only.is_none_or(|only| hour(local(pane)) == only);
            let fitting = learned.iter().filter(|(pane, _)| fits(*pane));
            fitting.map(|(pane, value)| (*value as f64, weight(*pane, half_life))).collect()
        };
        let since = learned.first().map(|(pane, _)| pane * self.pane);
        let (seen, norm) = match self.learn {
            Learn::Mean { half_life } => {
                (learned.len(), around(&weighed(half_life, None), self.blur(half_life)))
            }
            Learn::ByHour { half_life } => {
                let values = weighed(half_life, Some(hour(began)));
                (values.len(), around(&values, self.blur(half_life)))
            }
            Learn::Range { from, to, half_life } => {
                let rounded = |value: f64| {
                    let whole = rounded(value as i64, self.resolution) * self.resolution;
                    whole as f64
                };
                let values = weighed(half_life, None).into_iter();
                let values = values.map(|(v, w)| (rounded(v), w)).collect();
                (learned.len(), range(values, self.blur(half_life), from, to))
            }
            Learn::Median { .. } => unreachable!(),
        };
        let norm = Norm { samples: learned.len(), since, ..norm };
        (seen >= self.least()).then_some(norm)
    }

    fn median(&self, panes: &BTreeMap<i64, i64>, pane: i64, of: u16) -> Option<Norm> {
        let before: Vec<(i64, i64)> =
            panes.range(pane - i64::from(of)..pane).map(|(pane, value)| (*pane, *value)).collect();
        if before.is_empty() || before.len() < self.least_of(of) {
            return None;
        }
        let center = middle(before.iter().map(|(_, value)| *value as f64).collect());
        let apart = before.iter().map(|(_, value)| (*value as f64 - center).abs()).collect();
        let near = |value: f64, by: f64| (value - by, value + by);
        Some(Norm {
            low: near(center, 1.0),
            high: near(center, 1.0),
            spread: near(middle(apart) * 1.4826, 3.0),
            samples: before.len(),
            since: before.first().map(|(pane, _)| pane * self.pane),
        })
    }
}

/// The quotient, half away from zero.
fn rounded(sum: i64, count: i64) -> i64 {
    let (size, sign) = (sum.abs(), sum.signum());
    sign * ((2 * size + count) / (2 * count))
}

/// `blur`: how far a weight may be off.
fn around(values: &[(f64, f64)], blur: f64) -> Norm {
    let total: f64 = values.iter().map(|(_, weight)| weight).sum();
    let mean = values.iter().map(|(v, w)| v * w).sum::<f64>() / total;
    let square = values.iter().map(|(v, w)| (v - mean) * (v - mean) * w).sum::<f64>() / total;
    let near = |value: f64, by: f64| (value - by, value + by);
    let deviation = square.sqrt();
    let furthest = values.iter().map(|(v, _)| (v - mean).abs()).fold(0.0, f64::max);
    let slack = 2.0 + furthest * (blur / total).min(1.0);
    let (low, spread) = (near(mean, slack), near(deviation, slack));
    Norm { low, high: low, spread, samples: 0, since: None }
}

fn range(mut values: Vec<(f64, f64)>, blur: f64, from: u16, to: u16) -> Norm {
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = values.iter().map(|(_, weight)| weight).sum();
    let quantile = |share: f64| {
        let mut below = 0.0;
        let reached = values.iter().find(|(_, weight)| {
            below += weight;
            below >= share * total
        });
        reached.or(values.last()).map_or(0.0, |(value, _)| *value)
    };
    let blur = 1e-6 + blur * values.len().min(26) as f64 / total;
    let at = |permille: u16| {
        let share = f64::from(permille) / 1000.0;
        (quantile(share - blur), quantile(share + blur))
    };
    let (first, third) = (at(250), at(750));
    let wide = |range: f64| range.max(0.0) / 1.349;
    let spread = (wide(third.0 - first.1) - 1.0, wide(third.1 - first.0) + 1.0);
    Norm { low: at(from), high: at(to), spread, samples: 0, since: None }
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (below, above) = ((values.len() - 1) / 2, values.len() / 2);
    (values[below] + values[above]) / 2.0
}
