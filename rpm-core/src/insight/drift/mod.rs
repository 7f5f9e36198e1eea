//! What a model was trained on and what it meets: three ways to differ, kept apart.
//!
//! - **Device**: what is measured, or how: values that are missing or refused, firmware, pairs of sensors that
//!   disagree.
//! - **Population**: who is measured: distributions of features against those of the manifest.
//! - **Protocol**: what people do: who gets alerts, how they are resolved, and how long that takes.
//!
//! Each asks for something else: a device for a technician, a population for training anew, a protocol for
//! a talk. What is found names what drifted, since when, and which models read it.

mod detector;
mod feeds;
mod population;

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::id::{AlertId, PatientId, TenantId};
use crate::policy::{Policy, Rule, RuleBody};
use crate::record::{Body, Record, ScoreFailure};
use crate::risk::Manifest;
use crate::time::{Duration, HostTime};

pub use detector::{Adwin, PageHinkley};
pub use population::{Distance, Sketch};

/// What has drifted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DriftKind {
    /// What is measured, or how.
    Device,
    /// Who is measured.
    Population,
    /// What people do.
    Protocol,
}

/// Something drifted.
#[derive(Clone, PartialEq, Debug)]
pub struct Finding {
    /// In which of the three ways.
    pub kind: DriftKind,
    /// What: a feature, or the name of a stream.
    pub what: String,
    /// Since when, as nearly as can be told.
    pub since: HostTime,
    /// When it was found.
    pub found_at: HostTime,
    /// The models that it touches.
    pub touches: Vec<String>,
    /// The rules that read their scores, if the fold knows the policy.
    pub rules: Vec<String>,
    /// What to do.
    pub action: &'static str,
}

/// A model should be trained anew.
#[derive(Clone, PartialEq, Debug)]
pub struct RetrainingDue {
    /// Which.
    pub model: String,
    /// Since when.
    pub since: HostTime,
    /// Why.
    pub reason: String,
}

/// How alarms about streams of yes and no are set.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct DriftConfig {
    /// Which change of a share is to be found, in its standard deviations.
    pub shift: f64,
    /// A false alarm of a stream once in so many observations.
    pub run_length: f64,
    /// From so many observations its share is learned first.
    pub learn: u32,
    /// What people call an alert later than this after it opened is late.
    pub label_within: Duration,
    /// A model is trained anew after this time, whatever was found.
    pub retrain_after: Duration,
}

impl Default for DriftConfig {
    fn default() -> Self {
        let (day, run_length) = (86_400, 20_000.0);
        let label_within = Duration::from_secs(day);
        let retrain_after = Duration::from_secs(180 * day);
        Self { shift: 0.5, run_length, learn: 500, label_within, retrain_after }
    }
}

/// A fold over records and rows that finds drift of what one model meets.
#[derive(Clone, Debug)]
pub struct Drift {
    config: DriftConfig,
    manifest: Manifest,
    trained_at: HostTime,
    features: Vec<Sketch>,
    since: Option<HostTime>,
    streams: BTreeMap<(DriftKind, String), Stream>,
    /// The alerts that nobody has called anything yet.
    opened: BTreeMap<(Option<TenantId>, Option<PatientId>, AlertId), Opened>,
    /// The rules that read the model's scores.
    rules: Vec<String>,
    findings: Vec<Finding>,
}

/// An open alert.
#[derive(Clone, Copy, Debug)]
struct Opened {
    at: HostTime,
    /// Whether somebody took it.
    taken: bool,
}

/// Yes and no over time: its share is learned, then watched.
#[derive(Clone, Debug)]
struct Stream {
    seen: u32,
    yes: u32,
    test: PageHinkley,
    /// When the last observations were made, the newest last: so many as a change is likely to be old.
    times: Vec<HostTime>,
}

/// Of so many observations the times are known.
const TIMES: usize = 512;
/// No observation is further from its share than so many standard deviations: a single one of what is rare is
/// no news, and a few of them are.
const FARTHEST: f64 = 4.0;

impl Drift {
    /// Of a model, which was trained at a time.
    pub fn new(manifest: Manifest, trained_at: HostTime, config: DriftConfig) -> Self {
        let features = manifest.reference.iter().map(Sketch::new).collect();
        let (streams, opened) = (BTreeMap::new(), BTreeMap::new());
        let (rules, findings) = (Vec::new(), Vec::new());
        let since = None;
        Self { config, manifest, trained_at, features, since, streams, opened, rules, findings }
    }

    /// Findings name the rules of this policy, too, that read the model's scores.
    #[must_use]
    pub fn beside(mut self, policy: &Policy) -> Self {
        let of_model = policy.risks().iter().filter(|risk| risk.model() == self.manifest.id);
        let signals: Vec<u16> =
            of_model.flat_map(|risk| [Some(risk.signal), risk.shadow]).flatten().collect();
        let reads = |rule: &&Rule| match &rule.body {
            RuleBody::Limits(limits) => limits.signals.iter().any(|s| signals.contains(s)),
            RuleBody::Missing(missing) => signals.contains(&missing.signal),
        };
        for rule in policy.rules().iter().filter(reads) {
            if !self.rules.iter().any(|id| id == rule.id()) {
                self.rules.push(rule.id().into());
            }
        }
        self
    }

    /// Takes in a row that the model was given.
    pub fn row(&mut self, row: &[f32], at: HostTime) {
        self.since = self.since.or(Some(at));
        let reference = &self.manifest.reference;
        for ((sketch, reference), value) in self.features.iter_mut().zip(reference).zip(row) {
            sketch.add(reference, *value);
        }
    }

    /// Takes in a record, of any patient.
    pub fn record(&mut self, record: &Record) {
        use DriftKind::Device;
        let at = record.at;
        match &record.body {
            Body::RiskScored { shadow: false, .. } => {
                self.observe(Device, "scores that fail for missing inputs", false, at);
            }
            Body::RiskFailed { shadow: false, reason, .. } => {
                let missing = *reason == ScoreFailure::MissingInputs;
                self.observe(Device, "scores that fail for missing inputs", missing, at);
            }
            _ => self.alert(record),
        }
    }

    /// Takes in a yes or no of any stream: whether a reading was refused, a suggestion was taken.
    pub fn observe(&mut self, kind: DriftKind, what: &str, yes: bool, at: HostTime) {
        let config = self.config;
        let fresh = || Stream::new(&config);
        let stream = self.streams.entry((kind, what.to_string())).or_insert_with(fresh);
        if let Some(since) = stream.observe(yes, at, config.learn) {
            self.found(kind, what, since, at);
        }
    }

    fn found(&mut self, kind: DriftKind, what: &str, since: HostTime, found_at: HostTime) {
        let (touches, rules) = (Vec::from([self.manifest.id.clone()]), self.rules.clone());
        let (what, action) = (what.to_string(), action(kind));
        self.findings.push(Finding { kind, what, since, found_at, touches, rules, action });
    }

    /// How far each feature is from its reference, by the name of the feature.
    pub fn distances(&self) -> impl Iterator<Item = (&str, Distance)> {
        let features = self.features.iter().zip(&self.manifest.reference);
        features.filter_map(|(sketch, reference)| {
            Some((reference.name.as_str(), sketch.distance(reference)?))
        })
    }

    /// Closes a period: features that are not those of the training are found, and counted anew from here.
    /// Missing values are the device's matter, all else the population's.
    pub fn close_period(&mut self, at: HostTime) {
        let since = self.since.take().unwrap_or(at);
        let mut found = Vec::new();
        for (sketch, reference) in self.features.iter_mut().zip(&self.manifest.reference) {
            if let Some(distance) = sketch.distance(reference) {
                let missing = distance.is_missing(reference);
                let other = distance.is_drift(reference.shares.len());
                let kinds = [(missing, DriftKind::Device), (other, DriftKind::Population)];
                let kinds = kinds.into_iter().filter(|(is_found, _)| *is_found);
                found.extend(kinds.map(|(_, kind)| (kind, reference.name.clone())));
            }
            *sketch = Sketch::new(reference);
        }
        for (kind, what) in found {
            self.found(kind, &what, since, at);
        }
    }

    /// What was found so far.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Whether the model is to be trained anew: because its population is another one, or because it is
    /// time.
    pub fn retraining(&self, now: HostTime) -> Option<RetrainingDue> {
        let model = self.manifest.id.clone();
        let population = self.findings.iter().filter(|f| f.kind == DriftKind::Population);
        let names: Vec<&str> = population.clone().map(|finding| finding.what.as_str()).collect();
        if let Some(since) = population.map(|finding| finding.since).min() {
            let reason = alloc::format!("other patients than in training: {}", names.join(", "));
            return Some(RetrainingDue { model, since, reason });
        }
        let is_time = now.since(self.trained_at) >= self.config.retrain_after;
        let reason = || alloc::format!("trained {} ago", now.since(self.trained_at));
        is_time.then(|| RetrainingDue { model, since: now, reason: reason() })
    }
}

impl Stream {
    fn new(config: &DriftConfig) -> Self {
        let test = PageHinkley::new(config.shift, config.run_length);
        Self { seen: 0, yes: 0, test, times: Vec::new() }
    }

    fn observe(&mut self, yes: bool, at: HostTime, learn: u32) -> Option<HostTime> {
        if self.times.len() == TIMES {
            self.times.remove(0);
        }
        self.times.push(at);
        if self.seen < learn {
            (self.seen, self.yes) = (self.seen + 1, self.yes + u32::from(yes));
            return None;
        }
        // Never quite none and never quite all.
        let share = (f64::from(self.yes) + 1.0) / (f64::from(self.seen) + 2.0);
        let x = if yes { 1.0 } else { 0.0 };
        let z = (x - share) / libm::sqrt(share * (1.0 - share));
        let back = self.test.observe(z.clamp(-FARTHEST, FARTHEST))?;
        let back = usize::try_from(back).unwrap_or(TIMES).clamp(1, self.times.len());
        let since = self.times[self.times.len() - back];
        // What is so from now on is learned anew.
        (self.seen, self.yes) = (0, 0);
        Some(since)
    }
}

fn action(kind: DriftKind) -> &'static str {
    match kind {
        DriftKind::Device => "look at devices and firmware; scores rest on what is missing",
        DriftKind::Population => "train anew, or keep the model to those whom it was trained on",
        DriftKind::Protocol => "ask the team what changed before the model is blamed",
    }
}
