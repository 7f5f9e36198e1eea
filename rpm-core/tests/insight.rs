//! Folds over records of real runs: figures, service levels, queue and card, whole and in shards.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;
#[path = "insight/naive.rs"]
mod naive;
#[path = "insight/naive_trial.rs"]
mod naive_trial;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use common::{Run, With as _, cases, host, patient_id, policy, spo2};
use proptest::prelude::*;
use proptest::test_runner::Config;
use rpm_core::alert::DeliveryReport;
use rpm_core::insight::slo::{BurnPolicy, BurnWindows, Indicator, Latency, Miss, Objective};
use rpm_core::insight::trial::Question;
use rpm_core::insight::{Card, Histogram, Kpi, Owner, Queues, Slo, Trial};
use rpm_core::policy::Policy;
use rpm_core::record::{Body, DeliveryState, IntentKey, Record, Resolution};
use rpm_core::{
    Action, AlertId, Command, Duration, Engine, EngineConfig, HostTime, Output, PatientKey,
};
use serde_json::json;

const MINUTE: i64 = 60_000;

/// Low saturation of two levels and a missing probe; a second rule only records.
fn ward() -> Arc<Policy> {
    policy(&json!({
        "id": "ward", "version": 1, "title": "Ward", "lateness_horizon": "30 s",
        "signals": { "spo2": { "cadence": "1 s" } },
        "rules": [
            { "id": "low", "title": "Low oxygen", "signal": "spo2", "levels": [
                { "level": "review", "raise": { "below": 92 }, "clear": { "above": 93 } },
                { "level": "urgent", "raise": { "below": 88 }, "clear": { "above": 90 } },
            ] },
            { "id": "trial", "title": "On trial", "signal": "spo2", "mode": "shadow", "levels": [
                { "level": "review", "raise": { "below": 95 }, "clear": { "above": 96 } },
            ] },
            { "id": "lost", "title": "No oxygen reading", "signal": "spo2", "missing_for": "60 s" },
        ],
        "care": {
            "acknowledged_for": { "urgent": "5 min", "review": "30 min" },
            "reopen_within": "10 s", "reopen_resolved_after": "10 min", "stale_after": "1 h",
            "expire_after": "3 min", "group_within": "0 s",
            "inhibitions": [{ "by": "lost", "rules": ["low"] }],
            "routes": [
                { "id": "urgent", "levels": ["urgent"], "class": "physiological", "queue": "ward",
                  "escalation": "urgent" },
                { "id": "rest", "class": "physiological", "queue": "desk", "escalation": "calm" },
            ],
            "escalations": {
                "urgent": { "answer_within": "5 min", "steps": [
                    { "after": "0 s", "to": ["nurse"], "channels": ["push"],
                      "repeat": { "every": "2 min", "times": 1 } },
                ] },
                "calm": { "answer_within": "1 h", "steps": [
                    { "after": "0 s", "to": ["nurse"], "channels": ["inbox"] },
                ] },
            },
        },
    }))
}

/// An engine with three patients, and what people and channels do.
struct Ward {
    engine: Engine,
    records: Vec<Record>,
    intents: Vec<(PatientKey, IntentKey)>,
    now: i64,
}

/// What happens next, and how long after the last.
#[derive(Clone, Debug)]
enum Step {
    Reading(u8, i32),
    Quiet,
    Act(u8, u32, u8),
    Report(usize, u8),
}

impl Ward {
    fn new() -> Self {
        let engine = Engine::new(ward(), EngineConfig::default());
        Self { engine, records: Vec::new(), intents: Vec::new(), now: 0 }
    }

    fn drain(&mut self) {
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Record(sealed) => self.records.push(sealed.record),
                Output::Deliver(intent) => {
                    let key = self.engine.find_patient(None, &intent.patient).unwrap();
                    self.intents.push((key, intent.key));
                }
                _ => {}
            }
        }
    }

    fn step(&mut self, after: i64, step: &Step) {
        self.now += after;
        let now = host(self.now);
        match step {
            Step::Reading(patient, percent) => {
                let event = spo2(self.now, *percent).patient(*patient);
                self.engine.handle_event(event, now).unwrap();
            }
            Step::Quiet => self.engine.handle_timeout(now).unwrap(),
            Step::Act(patient, back, action) => {
                self.act(PatientKey((*patient).into()), *back, *action, now);
            }
            Step::Report(which, state) => self.report(*which, *state, now),
        }
        self.drain();
    }

    /// On one of the patient's latest alerts, as somebody who has looked at it.
    fn act(&mut self, patient: PatientKey, back: u32, action: u8, now: HostTime) {
        self.engine.handle_timeout(now).unwrap();
        let alerts = self.engine.alerts(patient).iter().map(|a| (a.id, a.revision));
        let latest = alerts.clone().map(|(id, _)| id.0).max().unwrap_or(0);
        let mut wanted = alerts.filter(|(id, _)| id.0 + back == latest);
        let Some((alert, seen_revision)) = wanted.next() else {
            return;
        };
        let resolve = |reason| Action::Resolve { reason, note: None };
        let shelve = |minutes: i64| Action::Shelve {
            until: HostTime::from_millis(now.as_millis() + minutes * MINUTE),
            reason: "bath".into(),
        };
        let action = match action % 9 {
            0 => Action::Acknowledge,
            1 => {
                let intervention = Some("oxygen".into());
                Action::StartRemediation { owner: None, due: None, intervention }
            }
            2 => Action::Unacknowledge,
            3 => resolve(Resolution::TrueActedOn),
            4 => resolve(Resolution::FalseArtifact),
            5 => shelve(7),
            6 => shelve(100_000),
            7 => resolve(Resolution::Duplicate),
            _ => Action::Unshelve,
        };
        let (actor, role) = ("ann".into(), "nurse".into());
        let command = Command { patient, alert, seen_revision, actor, role, action };
        let _ = self.engine.handle_command(&command, now).unwrap();
    }

    fn report(&mut self, which: usize, state: u8, now: HostTime) {
        use DeliveryState as S;
        let Some(&(patient, key)) = self.intents.get(which % self.intents.len().max(1)) else {
            return;
        };
        let state = [S::Handed, S::Delivered, S::Seen, S::Failed][usize::from(state) % 4];
        let _ = self.engine.handle_report(&DeliveryReport { patient, key, state }, now).unwrap();
    }
}

fn objectives() -> Vec<Objective> {
    let within = Duration::from_secs(90);
    let latencies = Latency::ALL.map(|of| (Indicator::Latency { of, within }, of.name()));
    let misses = Miss::ALL.map(|of| (Indicator::Miss { of }, of.name()));
    let all = latencies.into_iter().chain(misses);
    let objective = |(indicator, name): (Indicator, &str), critical| Objective {
        title: name.into(),
        indicator,
        critical,
        share_permille: 900,
    };
    all.flat_map(|of| [objective(of, true), objective(of, false)]).collect()
}

fn kpi<'a>(records: impl IntoIterator<Item = &'a Record>) -> Kpi {
    let mut kpi = Kpi::default();
    records.into_iter().for_each(|record| kpi.fold(record));
    kpi
}

fn burn() -> BurnPolicy {
    let minutes = |minutes: i64| Duration::from_secs(minutes * 60);
    let windows = |long, short, factor_permille| BurnWindows {
        long: minutes(long),
        short: minutes(short),
        factor_permille,
    };
    let windows = vec![windows(60, 5, 4000), windows(180, 30, 2000)];
    BurnPolicy { period: minutes(240), windows, min_events: 3, min_bad: 2 }
}

fn slo<'a>(records: impl IntoIterator<Item = &'a Record>) -> Slo {
    let mut slo = Slo::new(objectives(), burn());
    records.into_iter().for_each(|record| slo.fold(record));
    slo
}

/// The rule on trial beside the one in force, from the second minute to the fortieth.
fn question() -> Question {
    let question = Question::of(&ward(), "trial", "low").unwrap();
    let (apart, near) = (Duration::from_secs(90), Duration::from_secs(600));
    Question { apart, near, ..question }.between(host(2 * MINUTE), host(40 * MINUTE))
}

fn trial<'a>(records: impl IntoIterator<Item = &'a Record>) -> Trial {
    let mut trial = Trial::new(question());
    records.into_iter().for_each(|record| trial.fold(record));
    trial
}

fn steps() -> impl Strategy<Value = Vec<(i64, Step)>> {
    let value = prop_oneof![80..=100, Just(85), Just(90), Just(97)];
    let step = prop_oneof![
        12 => (0..3_u8, value).prop_map(|(patient, value)| Step::Reading(patient, value)),
        1 => Just(Step::Quiet),
        4 => (0..3_u8, 0..3_u32, any::<u8>()).prop_map(|(p, back, action)| Step::Act(p, back, action)),
        3 => (any::<usize>(), any::<u8>()).prop_map(|(which, state)| Step::Report(which, state)),
    ];
    let after = prop_oneof![6 => 0..3000_i64, 1 => Just(0), 1 => 0..40 * MINUTE];
    proptest::collection::vec((after, step), 1..150)
}

fn run(steps: &[(i64, Step)]) -> Ward {
    let mut ward = Ward::new();
    steps.iter().for_each(|(after, step)| ward.step(*after, step));
    ward
}

/// In which shard a record is, if each patient is in one.
fn shard(record: &Record, shards: u8) -> bool {
    (0..3_u8).any(|n| shards >> n & 1 == 1 && record.patient.as_ref() == Some(&patient_id(n)))
}

proptest! {
    #![proptest_config(Config { cases: 96, ..cases("tests/regressions/insight.txt", 0x1951) })]

    /// Every figure can be merged: two folds over the patients' streams are one over all of them,
    /// however the streams are interleaved.
    #[test]
    fn shards_are_one_fleet(steps in steps(), shards in 0..8_u8, later in 0..100 * MINUTE) {
        let ward = run(&steps);
        let until = host(ward.now + later);
        let part = |wanted: bool| ward.records.iter().filter(move |r| shard(r, shards) == wanted);
        let one_by_one = || part(true).chain(part(false));

        let (mut merged, other) = (kpi(part(true)), kpi(part(false)));
        merged.merge(other);
        let whole = kpi(&ward.records);
        prop_assert!(merged == whole && merged == kpi(one_by_one()));
        prop_assert!(merged.report(until) == whole.report(until));

        let (mut merged, other) = (slo(part(true)), slo(part(false)));
        merged.merge(other);
        let whole = slo(&ward.records);
        prop_assert!(merged == whole && merged == slo(one_by_one()));
        prop_assert!(merged.report(until) == whole.report(until));

        let (mut merged, other) = (trial(part(true)), trial(part(false)));
        merged.merge(other);
        let whole = trial(&ward.records);
        prop_assert!(merged == whole && merged == trial(one_by_one()));
        prop_assert!(merged.report() == whole.report());
    }

    /// A trial finds the episodes that somebody would find who writes down second by second what
    /// annunciates, and joins what is near.
    #[test]
    fn a_trial_is_that_of_the_seconds(steps in steps()) {
        let ward = run(&steps);
        let report = trial(&ward.records).report();
        let found: Vec<_> = report.found.iter().map(naive_trial::told).collect();
        prop_assert_eq!(found, naive_trial::episodes(&ward.records, &question()));
        let episodes = report.episodes;
        let count = |of: fn(&naive_trial::Told) -> bool| {
            report.found.iter().map(naive_trial::told).filter(of).count() as u64
        };
        prop_assert_eq!(episodes.both, count(|(_, _, _, c, a)| c.is_some() && a.is_some()));
        prop_assert_eq!(episodes.only_active, count(|(_, _, _, c, _)| c.is_none()));
        prop_assert!(serde_json::to_string(&report).is_ok());
    }

    /// The report is a function of the stream, and what it counts is in it.
    #[test]
    fn a_stream_gives_its_report(steps in steps()) {
        let ward = run(&steps);
        let (twice, until) = (run(&steps), host(ward.now));
        let report = kpi(&ward.records).report(until);
        prop_assert!(report == kpi(&twice.records).report(until));
        prop_assert!(slo(&ward.records).report(until) == slo(&twice.records).report(until));

        let opened = |shadow: bool| {
            let is = |r: &&Record| matches!(r.body, Body::AlertOpened { shadow: s, .. } if s == shadow);
            ward.records.iter().filter(is).count() as u64
        };
        let sum = |of: fn(&rpm_core::insight::kpi::QueueReport) -> u64| {
            report.queues.iter().map(of).sum::<u64>()
        };
        prop_assert_eq!(sum(|queue| queue.shadow), opened(true));
        prop_assert!(sum(|queue| queue.annunciated + queue.suppressed) >= opened(false));
        for queue in &report.queues {
            let shares: u32 = queue.mix.value.iter().map(|share| share.0).sum();
            prop_assert!(queue.annunciated == 0 || (999..=1001).contains(&shares));
            prop_assert!(queue.peak.value <= queue.annunciated);
        }
        prop_assert!(serde_json::to_string(&report).is_ok());
    }

    /// Budgets are those that somebody would find who reads each alert's story from its beginning;
    /// over all time they are the misses that are counted.
    #[test]
    fn budgets_are_those_of_the_stories(
        steps in steps(),
        later in prop_oneof![Just(0), 0..10 * MINUTE, 0..300 * MINUTE],
    ) {
        let ward = run(&steps);
        let until = host(ward.now + later);
        let report = slo(&ward.records).report(until);
        for found in &report.objectives {
            let wanted = naive::expected(&ward.records, &found.objective, &burn(), until);
            if let Some(wanted) = wanted {
                prop_assert_eq!(naive::figures(found), wanted, "{}", found.objective);
            }
        }
        let always = BurnPolicy { period: Duration::from_secs(366 * 24 * 3600), ..burn() };
        let mut slo = Slo::new(objectives(), always);
        ward.records.iter().for_each(|record| slo.fold(record));
        let report = slo.report(until);
        for found in &report.objectives {
            if let Indicator::Miss { of } = found.objective.indicator {
                let critical = found.objective.critical;
                let class = if critical { &report.critical } else { &report.non_critical };
                prop_assert_eq!(found.bad, class.misses.count(of));
            }
        }
    }

    /// The folds of those who only have records hold what the engine holds.
    #[test]
    fn queue_and_card_agree_with_the_engine(steps in steps()) {
        let mut ward = run(&steps);
        ward.step(0, &Step::Quiet);
        let mut queues = Queues::default();
        ward.records.iter().for_each(|record| queues.fold(record));
        let mut waiting: Vec<(&str, u32, u32)> = Vec::new();
        let mut told: Vec<(&str, u32, u32)> = Vec::new();
        for (queue, name) in [(None, "unrouted"), (Some("ward"), "ward"), (Some("desk"), "desk")] {
            let found = ward.engine.queue(queue, host(ward.now), usize::MAX);
            waiting.extend(found.iter().map(|w| (name, w.patient.0, w.alert.0)));
        }
        for name in queues.names() {
            told.extend(queues.of(name).iter().map(|entry| {
                let key = ward.engine.find_patient(None, &entry.owner.patient).unwrap();
                let alert = ward.engine.alerts(key).iter().find(|a| a.id == entry.alert).unwrap();
                assert_eq!((entry.revision, entry.status), (alert.revision, alert.status()));
                (name, key.0, entry.alert.0)
            }));
        }
        waiting.sort_unstable();
        told.sort_unstable();
        prop_assert_eq!(waiting, told);

        for key in 0..ward.engine.len() as u32 {
            let number = (0..3_u8).find(|n| {
                ward.engine.find_patient(None, &patient_id(*n)) == Some(PatientKey(key))
            });
            let owner = Owner { tenant: None, patient: patient_id(number.unwrap()) };
            let mut card = Card::new(owner);
            ward.records.iter().for_each(|record| card.fold(record));
            let alerts = ward.engine.alerts(PatientKey(key)).iter();
            let open: BTreeMap<AlertId, u32> =
                alerts.filter(|a| a.is_open()).map(|a| (a.id, a.revision)).collect();
            let shown: BTreeMap<AlertId, u32> =
                card.open().iter().map(|a| (a.alert, a.revision)).collect();
            prop_assert_eq!(open, shown);
            let queue = |alert| queues.names().into_iter().find(|name| {
                queues.of(name).iter().any(|e| (&e.owner, e.alert) == (card.owner(), alert))
            });
            for alert in card.open() {
                let queue = queue(alert.alert);
                prop_assert!(queue.is_none_or(|q| q == alert.queue.as_deref().unwrap_or("unrouted")));
            }
        }
    }

    /// A percentile is never below the exact one, and less than 1/64 above it.
    #[test]
    fn percentiles_are_close_to_the_exact_ones(
        mut values in proptest::collection::vec(
            prop_oneof![0..200_i64, 0..10_000_000_i64, 0..=i64::MAX], 1..300),
        permille in 0..=1000_u16,
        cut in any::<prop::sample::Index>(),
    ) {
        let of = |values: &[i64]| {
            let mut histogram = Histogram::default();
            values.iter().for_each(|ms| histogram.record(Duration::from_millis(*ms)));
            histogram
        };
        let (left, right) = values.split_at(cut.index(values.len()));
        let mut merged = of(left);
        merged.merge(&of(right));
        prop_assert_eq!(&merged, &of(&values));
        values.sort_unstable();
        let rank = (values.len() * usize::from(permille)).div_ceil(1000).max(1);
        let exact = i128::from(values[rank - 1]);
        let found = i128::from(merged.percentile(permille).unwrap().as_millis());
        prop_assert!(exact <= found && (found - exact) * 64 <= exact, "{} for {}", found, exact);
        prop_assert_eq!(merged.count(), values.len() as u64);
        let text = serde_json::to_string(&merged).unwrap();
        prop_assert_eq!(serde_json::from_str::<Histogram>(&text).unwrap(), merged);
    }
}

/// A desaturation that becomes urgent, is answered and resolved; another that nobody sees.
fn story() -> Ward {
    let mut ward = Ward::new();
    let reading = |ward: &mut Ward, patient, seconds: i64, percent| {
        for _ in 0..seconds {
            ward.step(1000, &Step::Reading(patient, percent));
        }
    };
    reading(&mut ward, 0, 10, 97);
    reading(&mut ward, 0, 20, 91);
    reading(&mut ward, 0, 30, 86);
    // Of the second message: it was handed over, and it arrived. Then somebody acknowledges.
    ward.step(0, &Step::Report(1, 0));
    ward.step(2000, &Step::Report(1, 1));
    ward.step(0, &Step::Act(0, 1, 0));
    reading(&mut ward, 0, 20, 97);
    ward.step(5000, &Step::Act(0, 1, 3));
    // Nobody looks after the second patient.
    reading(&mut ward, 1, 5, 97);
    reading(&mut ward, 1, 40, 86);
    ward.step(15 * MINUTE, &Step::Quiet);
    ward
}

#[test]
fn the_figures_of_a_story() {
    let ward = story();
    insta::assert_snapshot!("kpi", kpi(&ward.records).report(host(60 * MINUTE)));
}

#[test]
fn the_service_levels_of_a_story() {
    let ward = story();
    let wanted = |o: &Objective| {
        o.critical && ["acknowledged", "missed", "undelivered"].contains(&o.title.as_str())
    };
    let mut slo = Slo::new(
        objectives().into_iter().filter(wanted).collect(),
        BurnPolicy { min_events: 1, min_bad: 1, ..BurnPolicy::default() },
    );
    ward.records.iter().for_each(|record| slo.fold(record));
    insta::assert_snapshot!("slo", slo.report(host(ward.now)));
}

#[test]
fn the_card_and_the_queue_of_a_story() {
    let ward = story();
    let mut card = Card::new(Owner { tenant: None, patient: patient_id(1) });
    ward.records.iter().for_each(|record| card.fold(record));
    let mut queues = Queues::default();
    ward.records.iter().for_each(|record| queues.fold(record));
    let mut text = format!("{card}\n");
    for name in queues.names() {
        text.push_str(&format!("\n{name}\n"));
        queues.of(name).iter().for_each(|entry| text.push_str(&format!("{entry}\n")));
    }
    insta::assert_snapshot!("card_and_queue", text);
}

#[test]
fn nobody_is_named_by_debug() {
    let ward = story();
    let (kpi, slo) = (kpi(&ward.records), slo(&ward.records));
    let mut queues = Queues::default();
    let mut card = Card::new(Owner { tenant: None, patient: patient_id(1) });
    for record in &ward.records {
        queues.fold(record);
        card.fold(record);
    }
    let until = host(ward.now);
    let things: [&dyn Debug; 8] = [
        &kpi,
        &kpi.report(until),
        &slo,
        &slo.report(until),
        &queues,
        &queues.of("ward"),
        &card,
        &card.open(),
    ];
    for thing in things {
        let text = format!("{thing:?}");
        assert!(
            !text.contains("\"p1\"") && !text.contains("p0") && !text.contains("ann\""),
            "{text}"
        );
        assert!(!text.contains("86"), "{text}");
    }
}

/// A run of one patient needs no routes: all of it is in one queue.
#[test]
fn a_run_without_routes_is_unrouted() {
    let plain = policy(&json!({
        "id": "w", "version": 1, "title": "W", "signals": { "spo2": { "cadence": "1 s" } },
        "rules": [{ "id": "low", "title": "Low", "signal": "spo2",
                    "levels": [{ "level": "urgent", "raise": { "below": 88 } }] }],
    }));
    let mut run = Run::new(&plain);
    (0..10).for_each(|second| {
        run.live(spo2(second * 1000, 80));
    });
    run.tick(host(30_000));
    run.command(1, run.revision(1), Action::Acknowledge, host(30_000)).unwrap();
    let report = kpi(run.records.iter().map(|sealed| &sealed.record)).report(host(MINUTE));
    let queue = &report.queues[0];
    assert_eq!((queue.queue.as_str(), queue.annunciated), ("unrouted", 1));
    assert_eq!(queue.acknowledge.count, 1);
}
