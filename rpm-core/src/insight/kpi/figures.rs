//! From counts to figures.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Reverse;

use super::guidance as advice;
use super::report::{Actor, KpiReport, Predictive, QueueReport, Unauthorized};
use super::tally::{Pair, Tally};
use super::time::{Days, Load, Range};
use super::{Kpi, Owner, Place, Verdicts};
use crate::insight::measure::{Figure, Judgement, Rate, Share};
use crate::small_map::SmallMap;
use crate::time::HostTime;

const DAY_MS: u64 = 86_400_000;
const BINS_AN_HOUR: u64 = 6;

pub(super) fn report(kpi: &Kpi, until: HostTime) -> KpiReport {
    let latest = kpi.latest().unwrap_or(until);
    let until = until.max(latest);
    let from = kpi.span.map(|(from, _)| from);
    let range = Range::of(from.unwrap_or(until), until, latest);
    let days = from.map_or(0, |from| until.since(from).as_millis().unsigned_abs() / DAY_MS);
    let mut still = still_stale(kpi, until);
    let queue = |(place, tally): (&Place, &Tally)| {
        let open = still.remove(place).unwrap_or_default();
        queue(place, tally, range, open)
    };
    KpiReport {
        from,
        until,
        bins: range.len(),
        days,
        enough: days >= advice::DAYS,
        thresholds: kpi.thresholds,
        unauthorized: Unauthorized {
            refused: none(kpi.not_permitted + kpi.shelved_too_long),
            not_permitted: kpi.not_permitted,
            shelved_too_long: kpi.shelved_too_long,
        },
        queues: kpi.queues.iter().map(queue).collect(),
        rules: predictive(&kpi.rules),
        patients: predictive(&kpi.patients),
    }
}

/// Of all queues together.
pub(super) fn actors(kpi: &Kpi) -> Vec<Actor> {
    let pairs = || kpi.queues.values().flat_map(|tally| &tally.pairs);
    ranked(pairs(), pairs().map(|(_, pair)| pair.annunciated).sum())
}

/// Of each queue the alerts that are open and stale: how many, and by days.
fn still_stale(kpi: &Kpi, until: HostTime) -> SmallMap<Place, (u64, Days)> {
    let mut found: SmallMap<Place, (u64, Days)> = SmallMap::new();
    for (owner, episode) in kpi.episodes.open() {
        let since = episode.open_since.plus(kpi.thresholds.stale_after);
        if since < until {
            let place = (owner.tenant.clone(), episode.queue.clone());
            let (count, days) = found.get_or_insert_with(place, Default::default);
            *count += 1;
            days.span(since, until);
        }
    }
    found
}

fn queue(place: &Place, tally: &Tally, range: Range, open: (u64, Days)) -> QueueReport {
    let (tenant, queue) = place.clone();
    let load = tally.bins.load();
    let bins = range.len();
    let (stale_now, mut stale) = open;
    stale.merge(&tally.stale);
    let chatters = |pair: &&Pair| pair.chatter.bursts > 0;
    let (top, top_share) = top(tally, load.alarms);
    QueueReport {
        tenant,
        queue,
        annunciated: load.alarms,
        suppressed: tally.suppressed,
        shadow: tally.shadow,
        per_hour: per_hour(&load, bins),
        peak: Figure {
            value: load.peak.0,
            guidance: advice::PEAK,
            verdict: Judgement::of(load.peak.0 <= advice::FLOOD_ABOVE),
        },
        peak_at: (load.peak.0 > 0).then_some(load.peak.1),
        over_ten: share_of_time(load.over, bins),
        in_flood: share_of_time(load.in_flood, bins),
        floods: load.floods,
        stale: Figure {
            value: stale.most(),
            guidance: advice::STALE,
            verdict: Judgement::of(stale.most() < advice::STALE_BELOW),
        },
        stale_now,
        chattering: none(tally.pairs.values().filter(chatters).count() as u64),
        chatter_bursts: tally.pairs.values().map(|pair| pair.chatter.bursts).sum(),
        fleeting: none(tally.fleeting),
        top,
        top_share,
        mix: mix(tally.levels),
        acknowledge: (&tally.acknowledge).into(),
        resolve: (&tally.resolve).into(),
    }
}

fn per_hour(load: &Load, bins: u64) -> Figure<Rate> {
    let hourly = i128::from(load.alarms * BINS_AN_HOUR);
    let most = |limit: u64| hourly <= i128::from(limit) * i128::from(bins);
    let verdict = match (most(advice::PER_HOUR_ACCEPTABLE), most(advice::PER_HOUR_MOST)) {
        (true, _) => Judgement::Within,
        (false, true) => Judgement::Tolerable,
        (false, false) => Judgement::Beyond,
    };
    let value = Rate::of(hourly, bins.into()).unwrap_or(Rate(0));
    Figure { value, guidance: advice::PER_HOUR, verdict }
}

fn share_of_time(part: u64, bins: u64) -> Figure<Share> {
    Figure {
        value: Share::of(part, bins).unwrap_or(Share(0)),
        guidance: advice::FLOOD,
        verdict: Judgement::of(part * 1000 < advice::FLOOD_PERMILLE * bins),
    }
}

fn none(value: u64) -> Figure<u64> {
    Figure { value, guidance: advice::NONE, verdict: Judgement::of(value == 0) }
}

fn top(tally: &Tally, alarms: u64) -> (Vec<Actor>, Figure<Share>) {
    let mut top = ranked(tally.pairs.iter(), alarms);
    top.truncate(advice::TOP);
    let sum: u64 = top.iter().map(|actor| actor.annunciated).sum();
    let verdict = Judgement::of(sum * 1000 <= advice::TOP_TEN_PERMILLE * alarms);
    let value = Share::of(sum, alarms).unwrap_or(Share(0));
    (top, Figure { value, guidance: advice::TOP_TEN, verdict })
}

/// The most frequent first; of the same count by rule and patient.
fn ranked<'a>(
    pairs: impl Iterator<Item = (&'a (String, Owner), &'a Pair)>,
    alarms: u64,
) -> Vec<Actor> {
    let mut counts: BTreeMap<&(String, Owner), (u64, u64)> = BTreeMap::new();
    for (of, pair) in pairs.filter(|(_, pair)| pair.annunciated > 0) {
        let (annunciated, bursts) = counts.entry(of).or_default();
        *annunciated += pair.annunciated;
        *bursts += pair.chatter.bursts;
    }
    let actor = |((rule, owner), (annunciated, chatter_bursts)): (&(String, Owner), (u64, u64))| {
        let share = Share::of(annunciated, alarms).unwrap_or(Share(0));
        let (rule, owner) = (rule.clone(), owner.clone());
        Actor { rule, owner, annunciated, share, chatter_bursts }
    };
    let mut actors: Vec<Actor> = counts.into_iter().map(actor).collect();
    actors.sort_by_key(|actor| Reverse(actor.annunciated));
    actors
}

/// Beyond if more than the guidance is high, or more than it is medium or high.
fn mix(levels: [u64; 3]) -> Figure<[Share; 3]> {
    let all: u64 = levels.iter().sum();
    let [_, medium, high] = advice::MIX_PERMILLE;
    let most = |part: u64, permille: u64| part * 1000 <= permille * all;
    let within = most(levels[2], high) && most(levels[1] + levels[2], medium + high);
    Figure {
        value: levels.map(|count| Share::of(count, all).unwrap_or(Share(0))),
        guidance: advice::MIX,
        verdict: Judgement::of(within),
    }
}

fn predictive<T: Clone>(counts: &BTreeMap<T, Verdicts>) -> Vec<Predictive<T>> {
    let row = |(of, verdicts): (&T, &Verdicts)| Predictive {
        of: of.clone(),
        verdicts: *verdicts,
        value: Share::of(verdicts.correct, verdicts.correct + verdicts.wrong),
    };
    counts.iter().map(row).collect()
}
