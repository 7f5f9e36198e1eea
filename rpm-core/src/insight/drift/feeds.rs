//! What is watched under a name of its own, so that the findings of every host read alike.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Drift, DriftKind, Opened, Stream};
use crate::event::Device;
use crate::record::{AlertChange, Body, Record, Resolution};
use crate::time::HostTime;
use crate::value::Value;

/// So many firmware versions of a model, or routes, are told apart.
const MOST: usize = 32;

impl Drift {
    /// Takes in what a device is: its firmware drifts where another version takes over. Once a day for each
    /// device: many readings of one device say no more than one.
    pub fn device(&mut self, device: &Device, at: HostTime) {
        let named = |name: &Option<String>| name.clone().unwrap_or_else(|| "unknown".into());
        let what = format!("firmware of {}: ", named(&device.model));
        self.one_of(DriftKind::Device, &what, &named(&device.firmware), at);
    }

    /// Takes in what a pair of sensors said of one thing at one time, and how far apart they may be. As
    /// [`device`](Self::device), not more often than pairs are independent of each other.
    pub fn pair(&mut self, signal: &str, values: [Value; 2], within: Value, at: HostTime) {
        let [one, other] = values.map(|value| i64::from(value.thousandths()));
        let apart = (one - other).abs() > i64::from(within.thousandths());
        self.observe(DriftKind::Device, &format!("pairs of {signal} that disagree"), apart, at);
    }

    /// Which limits are in force, which route takes an alert, whether anybody does, what people call it, and how
    /// long that takes.
    pub(super) fn alert(&mut self, record: &Record) {
        use DriftKind::Protocol;
        let at = record.at;
        let key = |alert| (record.tenant.clone(), record.patient.clone(), alert);
        match &record.body {
            Body::AlertOpened { alert, shadow: false, route, .. } => {
                let route = route.as_deref().unwrap_or("nobody");
                self.one_of(Protocol, "alerts routed to ", route, at);
                self.opened.insert(key(*alert), Opened { at, taken: false });
            }
            Body::AlertChanged {
                alert,
                change: AlertChange::Acknowledged | AlertChange::RemediationStarted,
                ..
            } => {
                if let Some(opened) = self.opened.get_mut(&key(*alert)) {
                    opened.taken = true;
                }
            }
            // No share that drifts: from now on alerts are others.
            Body::PolicyChanged { to, .. } => {
                self.found(Protocol, &format!("policy {} {} in force", to.id, to.version), at, at);
            }
            Body::AlertChanged { alert, change, reason, .. } => {
                let named = |r: &Resolution| Some(r.name()) == reason.as_deref();
                let resolution = Resolution::ALL.into_iter().find(named);
                let label = resolution.and_then(Resolution::is_true);
                let is_over = resolution.is_some() || *change == AlertChange::Closed;
                let opened = if is_over { self.opened.remove(&key(*alert)) } else { None };
                if let Some(opened) = opened {
                    let untaken = !opened.taken && resolution.is_none();
                    self.observe(Protocol, "alerts that nobody took", untaken, at);
                }
                if let Some(resolution) = resolution {
                    self.one_of(Protocol, "alerts resolved as ", resolution.name(), at);
                }
                if let (Some(_), Some(opened)) = (label, opened) {
                    let is_late = at.since(opened.at) > self.config.label_within;
                    self.observe(Protocol, "alerts labelled late", is_late, at);
                }
            }
            _ => {}
        }
    }

    /// Takes in which of several it was: each has a share. One that was never seen before had none so far.
    fn one_of(&mut self, kind: DriftKind, what: &str, which: &str, at: HostTime) {
        let from = (kind, String::from(what));
        let of_it = self
            .streams
            .range(from..)
            .take_while(|((k, name), _)| *k == kind && name.starts_with(what));
        let (mut names, mut seen) = (Vec::new(), 0);
        for ((_, name), stream) in of_it {
            names.push(name.clone());
            seen = seen.max(stream.seen);
        }
        let which = format!("{what}{which}");
        if !names.contains(&which) {
            if names.len() == MOST {
                return;
            }
            let stream = Stream { seen, ..Stream::new(&self.config) };
            self.streams.insert((kind, which.clone()), stream);
            names.push(which.clone());
        }
        for name in names {
            self.observe(kind, &name, name == which, at);
        }
    }
}
