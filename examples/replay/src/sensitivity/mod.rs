//! `replay sensitivity`: how large a change of a signal a policy would have found.
//!
//! A recording of people to whom nothing happened tells what a policy costs. Readings that are shifted
//! for a while tell what it is worth. Both come from the engine itself.
//!
//! | module | holds |
//! |---|---|
//! | [`shifts`] | by how much, as it is written |
//! | [`seen`] | where a change could have happened, and the places drawn |
//! | [`alarms`] | when alarms stood |
//! | [`told`] | the curve, for a terminal and as a page |

mod alarms;
mod seen;
pub mod shifts;
mod told;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rpm_core::event::{Body, Event};
use rpm_core::insight::Owner;
use rpm_core::policy::Policy;
use rpm_core::record::PolicyRef;
use rpm_core::{Duration, Timestamp, Value};
use serde::Serialize;

use crate::cli;
use crate::failure::{Failure, Verdict};
use crate::host::{self, Host, Units};
use crate::progress::Progress;
use crate::run::journal::{Journal, write_json};
use crate::run::summary::Summary;
use crate::run::{self, Alter, Job, Watch};
use alarms::Alarms;
use seen::{Place, Seen};

/// `sensitivity.json`.
#[derive(Serialize)]
pub struct Sensitivity {
    /// What decided.
    pub policy: PolicyRef,
    /// The only rule that counts, if it is one.
    pub rule: Option<String>,
    /// The files.
    pub readings: Vec<PathBuf>,
    /// What was shifted.
    pub kind: String,
    /// In which unit.
    pub unit: String,
    /// For how long.
    #[serde(rename = "for")]
    pub lasting: Duration,
    /// What was found so much later is told apart.
    pub later: Duration,
    /// From a patient's first reading to the first shift.
    pub settle: Duration,
    /// What drew the places.
    pub seed: u64,
    /// The recording as it is.
    pub now: Now,
    /// Places at which nothing stood as it is, and so what shares are of.
    pub places: u64,
    /// Places that do not count: an alarm stood there, or just before, without any shift.
    pub alarmed_anyway: u64,
    /// From the lowest amount to the highest.
    pub curve: Vec<Point>,
}

/// What the policy costs those to whom nothing happened.
#[derive(Serialize)]
pub struct Now {
    /// With a reading of the kind.
    pub patients: u64,
    /// Days of a patient with a reading of the kind.
    pub days: u64,
    /// Of these, with an alarm that stood.
    pub alarm_days: u64,
    /// In a hundred.
    pub alarm_days_in_100: f64,
    /// How many alarms.
    pub alarms: u64,
}

/// What became of one amount.
#[derive(Serialize)]
pub struct Point {
    /// The amount.
    pub shift: f64,
    /// Found while it lasted.
    pub found: u64,
    /// The share of all places.
    pub share: f64,
    /// Found later, but not too late.
    pub found_later: u64,
    /// The share with these.
    pub share_with_later: f64,
    /// From the first shifted reading to the alarm, median of all that were found, in seconds.
    pub median_delay_s: Option<i64>,
}

/// Replays as it is, then once for every amount and place.
pub fn run(request: &cli::Sensitivity, out: &mut dyn Write) -> Result<Verdict, Failure> {
    let path = &request.policy;
    let policy = host::load_policy(path).map_err(|p| p.into_failure(path))?;
    let unit = checked(request, &policy)?;
    let session = Session { request, policy: &policy };
    let mut seen = Seen::new(&request.kind);
    let now = session.replay(None, &mut seen, &request.out.join("now"))?;
    seen.done();
    let rounds = seen.places(request);
    if rounds.is_empty() {
        let kind = &request.kind;
        let needed = request.settle.plus(request.lasting).plus(request.later);
        return Err(Failure::new(format!("no patient has readings of {kind} over {needed}")));
    }
    let (calm, alarmed_anyway) = session.calm(rounds, &now);
    let (days, alarm_days) = now.days(seen.times());
    let sensitivity = Sensitivity {
        policy: policy.reference(),
        rule: request.rule.clone(),
        readings: request.readings.clone(),
        kind: request.kind.clone(),
        unit,
        lasting: request.lasting,
        later: request.later,
        settle: request.settle,
        seed: request.seed,
        now: Now {
            patients: seen.times().len() as u64,
            days,
            alarm_days,
            alarm_days_in_100: share(100 * alarm_days, days),
            alarms: now.count,
        },
        places: calm.iter().map(|round| round.len() as u64).sum(),
        alarmed_anyway,
        curve: session.curve(&calm)?,
    };
    write_json(&request.out.join("sensitivity.json"), &sensitivity)?;
    let page = request.out.join("sensitivity.html");
    std::fs::write(&page, told::html(&sensitivity)).map_err(|e| Failure::at(&page, &e))?;
    told::tell(&sensitivity, out)?;
    writeln!(out, "as a picture: {}", page.display())?;
    Ok(Verdict::Clean)
}

/// The unit of the kind, if what is asked for makes sense.
fn checked(request: &cli::Sensitivity, policy: &Arc<Policy>) -> Result<String, Failure> {
    let kind = &request.kind;
    if let Some(rule) = request.rule.as_ref().filter(|rule| policy.rule(rule).is_none()) {
        return Err(Failure::new(format!("the policy has no rule {rule}")));
    }
    if request.lasting.is_zero() {
        return Err(Failure::new("--for takes some time, such as \"3 d\""));
    }
    let monitored = policy.kind_named(kind).and_then(|kind| policy.signal_of(kind));
    let unit = monitored.and_then(|_| Units::new(policy).unit_of(kind));
    unit.ok_or_else(|| Failure::new(format!("no signal of the policy is of kind {kind}")))
}

fn share(part: u64, of: u64) -> f64 {
    part as f64 / of.max(1) as f64
}

struct Session<'a> {
    request: &'a cli::Sensitivity,
    policy: &'a Arc<Policy>,
}

impl Session<'_> {
    /// The recording, altered or as it is.
    fn replay(
        &self,
        alter: Option<Alter>,
        watch: &mut dyn Watch,
        directory: &Path,
    ) -> Result<Alarms, Failure> {
        let request = self.request;
        let job = Job::new(Arc::clone(self.policy), request.readings.clone());
        let job = Job { alter, enrol: request.enrol, ..job };
        let mut journal = Journal::create(directory)?;
        let tally = run::replay(&job, &mut journal, watch)?;
        let mut alarms = Alarms::default();
        let finished = journal.finish(|e| alarms.see(e, request.rule.as_deref()))?;
        let summary = Summary::new(self.policy, &tally, &finished.classes, finished.records);
        finished.summarise(&summary)?;
        Ok(alarms)
    }

    /// The places where nothing stood anyway, and how many others there are.
    fn calm(&self, rounds: Vec<Vec<Place>>, now: &Alarms) -> (Vec<Vec<Place>>, u64) {
        let all: usize = rounds.iter().map(Vec::len).sum();
        let calm = |Place { owner, from }: &Place| {
            // An alarm that ends with the first shifted reading would not have ended.
            let before = from.minus(Duration::from_millis(1));
            now.first(owner, before, self.end(*from)).is_none()
        };
        let rounds = rounds.into_iter().map(|round| round.into_iter().filter(calm).collect());
        let rounds: Vec<Vec<Place>> =
            rounds.filter(|round: &Vec<Place>| !round.is_empty()).collect();
        let left: usize = rounds.iter().map(Vec::len).sum();
        (rounds, (all - left) as u64)
    }

    /// Up to when something counts as found.
    fn end(&self, from: Timestamp) -> Timestamp {
        from.plus(self.request.lasting).plus(self.request.later)
    }

    fn curve(&self, rounds: &[Vec<Place>]) -> Result<Vec<Point>, Failure> {
        let scratch = self.request.out.join(".sensitivity");
        let mut curve = Vec::new();
        for shift in &self.request.shift.0 {
            let mut delays = Vec::new();
            for places in rounds {
                let mut quiet = Quiet(Progress::new(&format!("shifted by {shift}")));
                let found =
                    self.replay(Some(self.shifting(*shift, places)), &mut quiet, &scratch)?;
                quiet.0.done();
                let delay =
                    |place: &Place| found.first(&place.owner, place.from, self.end(place.from));
                delays.extend(places.iter().map(delay));
            }
            curve.push(point(*shift, self.request.lasting, &delays));
        }
        if scratch.exists() {
            std::fs::remove_dir_all(&scratch).map_err(|e| Failure::at(&scratch, &e))?;
        }
        Ok(curve)
    }

    /// Moves the readings of each place.
    fn shifting(&self, shift: Value, places: &[Place]) -> Alter {
        let (policy, kind) = (Arc::clone(self.policy), self.request.kind.clone());
        let lasting = self.request.lasting;
        let from: BTreeMap<Owner, Timestamp> =
            places.iter().map(|place| (place.owner.clone(), place.from)).collect();
        Box::new(move |event: &mut Event| {
            let owner = Owner { tenant: event.tenant.clone(), patient: event.patient.clone() };
            let within = |from: &&Timestamp| {
                event.observed_at >= **from && event.observed_at < from.plus(lasting)
            };
            if from.get(&owner).filter(within).is_none()
                || run::kind_name(&policy, event) != Some(&kind)
            {
                return;
            }
            if let Body::Reading { value: Ok(value), .. } | Body::Correction { value, .. } =
                &mut event.body
            {
                let moved = value.thousandths().saturating_add(shift.thousandths());
                *value = Value::from_thousandths(moved);
            }
        })
    }
}

fn point(shift: Value, lasting: Duration, delays: &[Option<Duration>]) -> Point {
    let mut found: Vec<Duration> = delays.iter().flatten().copied().collect();
    found.sort_unstable();
    let in_time = found.iter().filter(|delay| **delay < lasting).count() as u64;
    let (all, places) = (found.len() as u64, delays.len() as u64);
    Point {
        shift: f64::from(shift.thousandths()) / 1000.0,
        found: in_time,
        share: share(in_time, places),
        found_later: all - in_time,
        share_with_later: share(all, places),
        median_delay_s: found.get(found.len() / 2).map(|delay| delay.as_millis() / 1000),
    }
}

/// Shows how far it is. What is odd about the files was said the first time.
struct Quiet(Progress);

impl Watch for Quiet {
    fn read(&mut self, rows: u64) {
        self.0.read(rows);
    }

    fn replayed(&mut self, inputs: u64, all: u64) {
        self.0.replayed(inputs, all);
    }

    fn event(&mut self, _: &Event, _: Option<&str>, _: rpm_core::Receipt, _: &Host) {}

    fn warn(&mut self, _: &str) {}
}
