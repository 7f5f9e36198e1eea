//! What a recording holds of a kind: where a change could have happened.

use std::collections::{BTreeMap, BTreeSet};

use rpm_core::event::{Body, Event};
use rpm_core::insight::Owner;
use rpm_core::{Receipt, Timestamp};

use crate::cli;
use crate::draw::mixed;
use crate::host::Host;
use crate::progress::Progress;
use crate::run::Watch;

/// A place where readings are shifted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// Whose.
    pub owner: Owner,
    /// From when on.
    pub from: Timestamp,
}

/// When each patient was measured; looks on while the recording is replayed.
pub struct Seen<'a> {
    kind: &'a str,
    progress: Progress,
    times: BTreeMap<Owner, BTreeSet<Timestamp>>,
}

impl<'a> Seen<'a> {
    /// Nothing yet.
    pub fn new(kind: &'a str) -> Self {
        Self { kind, progress: Progress::new("replay"), times: BTreeMap::new() }
    }

    /// The patients with their times.
    pub fn times(&self) -> &BTreeMap<Owner, BTreeSet<Timestamp>> {
        &self.times
    }

    /// Removes the progress bar.
    pub fn done(&self) {
        self.progress.done();
    }

    /// Each patient's first places, each patient's second ones, and so on.
    pub fn places(&self, request: &cli::Sensitivity) -> Vec<Vec<Place>> {
        let mut rounds = vec![Vec::new(); request.places.get()];
        for (owner, times) in &self.times {
            for (round, from) in rounds.iter_mut().zip(drawn(owner, times, request)) {
                round.push(Place { owner: owner.clone(), from });
            }
        }
        rounds.retain(|round| !round.is_empty());
        rounds
    }
}

impl Watch for Seen<'_> {
    fn read(&mut self, rows: u64) {
        self.progress.read(rows);
    }

    fn replayed(&mut self, inputs: u64, all: u64) {
        self.progress.replayed(inputs, all);
    }

    fn event(&mut self, event: &Event, kind: Option<&str>, receipt: Receipt, _: &Host) {
        let reading = matches!(event.body, Body::Reading { value: Ok(_), .. });
        if receipt == Receipt::Accepted && reading && kind == Some(self.kind) {
            let owner = Owner { tenant: event.tenant.clone(), patient: event.patient.clone() };
            self.times.entry(owner).or_default().insert(event.observed_at);
        }
    }

    fn warn(&mut self, message: &str) {
        self.progress.warn(message);
    }
}

/// A patient's places in the order in which they are used. Each begins with a reading, late enough for
/// what has to be learned, and early enough to be seen to its end.
fn drawn(owner: &Owner, times: &BTreeSet<Timestamp>, request: &cli::Sensitivity) -> Vec<Timestamp> {
    let (Some(first), Some(last)) = (times.first(), times.last()) else {
        return Vec::new();
    };
    let settled = first.plus(request.settle);
    let whole = request.lasting.plus(request.later);
    let fits = |from: &&Timestamp| from.plus(whole) <= *last;
    let mut places: Vec<Timestamp> = times.range(settled..).take_while(fits).copied().collect();
    // FNV-1a of who it is, so that a patient's places depend on nobody else.
    let tenant = owner.tenant.as_ref().map_or("", |tenant| tenant.as_str());
    let name = tenant.bytes().chain([0]).chain(owner.patient.as_str().bytes());
    let who = name.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let whose = mixed(request.seed ^ who);
    places.sort_by_key(|at| mixed(whose ^ at.as_millis() as u64));
    places
}
