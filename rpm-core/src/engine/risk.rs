//! Scores of models: what goes into one, and how what comes out of it is taken in.
//!
//! A model never runs inside a call that takes evidence in. What it said comes in as an input of its
//! own, like a reading: so nothing that a model does can block or delay a rule, a score is as much part
//! of the log as the readings are, and a replay takes the recorded one byte for byte.

use alloc::format;
use alloc::vec::Vec;

use super::monitor::MAX_DEVICES;
use super::patient::{Call, Patient};
use super::{Engine, Monitor, Reading};
use crate::error::{Code, Error};
use crate::event::Quality;
use crate::id::{DeviceId, PatientKey};
use crate::intake::{Receipt, check_time};
use crate::policy::Policy;
use crate::policy::risk::Scoring;
use crate::record::Hash;
use crate::redact::redacted;
use crate::risk::Scored;
use crate::risk::features::Known;
use crate::risk::registry::{Assigned, Registry, RollOut};
use crate::time::{Duration, HostTime, Timestamp};

/// The row that goes into a model, as of the latest evidence in it.
#[derive(Clone, PartialEq)]
pub struct FeatureRow {
    /// When that was observed.
    pub observed_at: Timestamp,
    /// A number for each feature, in the policy's order; NaN is missing.
    pub values: Vec<f32>,
    /// What is usual for the patient, where that is known; NaN where it is not.
    pub usual: Vec<f32>,
}

redacted!(FeatureRow);

impl FeatureRow {
    /// The SHA-256 of the numbers as little-endian 32-bit floats; all that are missing are the same one.
    pub fn hash(&self) -> Hash {
        let canonical = |x: &f32| if x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() };
        let bytes = self.values.iter().flat_map(|x| canonical(x).to_le_bytes());
        Hash::of(&bytes.collect::<Vec<u8>>())
    }

    /// How many are known.
    pub fn known(&self) -> usize {
        self.values.iter().filter(|x| !x.is_nan()).count()
    }
}

impl Engine {
    /// The row that goes into a model of the policy for a patient; none before there is any evidence.
    pub fn features(&self, patient: PatientKey, risk: &str) -> Option<FeatureRow> {
        let policy = &self.force.plan;
        let patient = self.patients.get(patient.0 as usize)?;
        patient.features(policy, policy.risk(risk)?)
    }

    /// Which versions of models there are, how far each has come, and who decided that.
    pub fn registry(&self) -> &Registry {
        &self.force.registry
    }

    /// Which versions of a model score a patient now.
    pub fn assigned(&self, patient: PatientKey, model: &str) -> Assigned {
        let patient = self.patients.get(patient.0 as usize);
        patient.map_or_else(Assigned::default, |p| p.assigned(&self.force.registry, model))
    }

    /// Takes in what people decided about a version of a model. It holds from the next score on, and
    /// each step is recorded.
    ///
    /// # Errors
    /// The outer error is [`Code::OutputQueueFull`]: nothing happened, call again. The inner one is that
    /// of [`Registry::take`]: nothing happened.
    pub fn handle_roll_out(
        &mut self,
        roll_out: &RollOut,
        now: HostTime,
    ) -> Result<Result<(), Error>, Error> {
        let now = self.advance(now)?;
        Ok(self.desk.roll_out(&mut self.force, roll_out, now))
    }

    /// Takes in what a model said.
    ///
    /// The score is recorded with its model, and is a reading of the signal that the policy names. Why
    /// there is none is recorded too; then rules go on by what they know.
    ///
    /// # Errors
    /// The outer error is [`Code::OutputQueueFull`]: nothing happened, call again. The inner one is
    /// [`Code::UnknownPatient`], [`Code::UnknownRisk`], [`Code::OutOfRange`], or [`Code::NotAssigned`] if
    /// the registry lets that version not score the patient: nothing happened.
    pub fn handle_score(
        &mut self,
        scored: &Scored,
        now: HostTime,
    ) -> Result<Result<Receipt, Error>, Error> {
        let now = self.advance(now)?;
        let most = usize::from(self.config.max_devices);
        let Some(patient) = self.patients.get_mut(scored.patient.0 as usize) else {
            return Ok(Err(Error::new(Code::UnknownPatient)));
        };
        let mut call = self.desk.call(&self.force, now);
        let receipt = patient.score(&mut call, &self.force.registry, scored, most);
        self.after(scored.patient.0, true, now);
        Ok(receipt)
    }
}

impl Monitor {
    /// As [`Engine::features`].
    pub fn features(&self, risk: &str) -> Option<FeatureRow> {
        let policy = self.policy();
        self.patient.features(policy, policy.risk(risk)?)
    }

    /// As [`Engine::registry`].
    pub fn registry(&self) -> &Registry {
        &self.force.registry
    }

    /// As [`Engine::assigned`].
    pub fn assigned(&self, model: &str) -> Assigned {
        self.patient.assigned(&self.force.registry, model)
    }

    /// As [`Engine::handle_roll_out`].
    ///
    /// # Errors
    /// As there.
    pub fn handle_roll_out(
        &mut self,
        roll_out: &RollOut,
        now: HostTime,
    ) -> Result<Result<(), Error>, Error> {
        let now = self.advance(now)?;
        Ok(self.desk.roll_out(&mut self.force, roll_out, now))
    }

    /// As [`Engine::handle_score`].
    ///
    /// # Errors
    /// As there.
    pub fn handle_score(
        &mut self,
        scored: &Scored,
        now: HostTime,
    ) -> Result<Result<Receipt, Error>, Error> {
        let now = self.advance(now)?;
        let mut call = self.desk.call(&self.force, now);
        let registry = &self.force.registry;
        let receipt = self.patient.score(&mut call, registry, scored, MAX_DEVICES);
        // The score is taken; what has no room yet happens with the next call.
        let _ = self.fire_due(now);
        Ok(receipt)
    }
}

impl Patient {
    pub fn features(&self, policy: &Policy, risk: &Scoring) -> Option<FeatureRow> {
        let known = self.known(policy);
        let at = known.newest(risk)?;
        Some(FeatureRow {
            observed_at: Timestamp::from_millis(at),
            values: known.row(risk, at),
            usual: known.usual_row(risk, at),
        })
    }

    fn assigned(&self, registry: &Registry, model: &str) -> Assigned {
        registry.assigned(model, &self.id, self.cohort())
    }

    fn cohort(&self) -> Option<&str> {
        self.lane.background.situation.profile()?.cohort.as_deref()
    }

    fn known<'a>(&'a self, policy: &'a Policy) -> Known<'a> {
        Known { policy, signals: &self.lane.signals, background: &self.lane.background }
    }

    fn score(
        &mut self,
        call: &mut Call<'_>,
        registry: &Registry,
        scored: &Scored,
        max_devices: usize,
    ) -> Result<Receipt, Error> {
        let policy = call.policy;
        let risk = policy.risk(&scored.risk).ok_or_else(|| Error::new(Code::UnknownRisk))?;
        let signal = if scored.shadow { risk.shadow } else { Some(risk.signal) };
        if scored.result.is_ok_and(|value| !(0..=1000).contains(&value.thousandths())) {
            return Err(Error::new(Code::OutOfRange).at("score"));
        }
        let model = scored.model.as_ref();
        let lets = |m| registry.lets(&risk.model, (m, scored.shadow), &self.id, self.cohort());
        if !model.is_none_or(lets) {
            return Err(Error::new(Code::NotAssigned).at("model"));
        }
        let device = format!("model:{}@{}", risk.model, model.map_or(0, |model| model.version));
        let device = self.device(&DeviceId::new(&device)?, max_devices)?;
        let name = signal.map(|signal| policy.signals()[usize::from(signal)].name().into());
        let body = scored.body(name);
        let (Ok(value), Some(signal)) = (scored.result, signal.map(usize::from)) else {
            // It is an input all the same, and the log has to say so.
            self.chain.inputs += 1;
            self.chain.checksum.feed(scored.observed_at.as_millis() as u64);
            self.chain.checksum.feed_text(scored.fingerprint().as_bytes());
            self.counts.count(Receipt::Accepted);
            self.record(call, body);
            return Ok(Receipt::Accepted);
        };
        let reading = Reading {
            patient: scored.patient,
            device,
            kind: policy.signals()[signal].kind(),
            value,
            quality: Quality::GOOD,
            sequence: None,
            observed_at: scored.observed_at,
            received_at: call.now,
        };
        self.note(&reading);
        if self.is_news(call, signal, &reading) {
            // Before what rules make of it.
            self.record(call, body);
        }
        let receipt = self.take(call, &reading);
        if let Receipt::Quarantined(code) = receipt {
            self.reject_reading(call, &reading, code);
        }
        Ok(receipt)
    }

    /// Whether a score is neither refused for its time nor one of which something is known already.
    fn is_news(&self, call: &Call<'_>, signal: usize, r: &Reading) -> bool {
        let sample = r.sample();
        let in_backlog = || self.backlog.as_ref()?.find(signal, &sample);
        let known = self.lane.find(signal, &sample).or_else(in_backlog);
        known.is_none() && check_time(call.policy, r.observed_at, call.now).is_ok()
    }

    /// What the patient's scores add to the priority of alerts at a time: up to 100 for a high one; where
    /// the policy lets it, down to -100 for a low one.
    pub fn risk_points(&self, policy: &Policy, now: HostTime) -> i32 {
        let points = policy.risks().iter().filter_map(|risk| {
            let (counts_until, score) = self.latest_score(risk)?;
            let points = if risk.lowers { (score - 500) / 5 } else { score / 10 };
            (now <= counts_until).then_some(points)
        });
        points.max_by_key(|points| points.abs()).unwrap_or(0).clamp(-100, 100)
    }

    /// When the first of the scores that count at a time counts no more, if an alert waits whose place in
    /// its queue may change by that.
    pub fn next_fade(&self, policy: &Policy, now: HostTime) -> Option<HostTime> {
        let waits = self.alerts.iter().any(|alert| alert.is_open() && !alert.shadow);
        let risks = policy.risks().iter().filter(|_| waits);
        let ends = risks.filter_map(|risk| Some(self.latest_score(risk)?.0));
        let next = ends.filter(|at| *at >= now).min()?;
        Some(next.plus(Duration::from_millis(1)))
    }

    /// Until when the latest score of a model counts, and what it is, in thousandths.
    fn latest_score(&self, risk: &Scoring) -> Option<(HostTime, i32)> {
        let ring = &self.lane.signals[usize::from(risk.signal)].ring;
        let (at, score) = ring.last_of(ring.good_before(i64::MAX)?);
        let observed = HostTime::assume_immediate(Timestamp::from_millis(at));
        Some((observed.plus(Duration::from_millis(risk.max_age)), score))
    }
}
