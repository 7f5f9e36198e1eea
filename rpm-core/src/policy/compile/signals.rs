//! Kinds and signals: what is monitored, and how much of it is kept.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::super::SignalDef;
use super::super::spec::{Number, PolicySpec, SignalSpec};
use super::{Compiler, MAX_PANES};
use crate::error::Code;
use crate::event::{Kind, Quality};
use crate::time::Duration;
use crate::value::Value;

const MAX_SIGNALS: usize = 200;
const MAX_KINDS: usize = 200;
const MAX_PANE_MS: i64 = 86_400_000;

/// What a signal needs to know of its kind, whether of the table or declared.
#[derive(Clone)]
pub(super) struct KindFacts {
    pub kind: Kind,
    pub title: String,
    pub unit: String,
    pub possible: (Value, Value),
    pub plausible: (Value, Value),
    pub resolution: Value,
}

impl Compiler {
    pub(super) fn kinds(&mut self, spec: &PolicySpec) {
        if spec.kinds.len() > MAX_KINDS {
            return self.error(Code::TooManyItems, "kinds");
        }
        for (name, kind) in &spec.kinds {
            let path = format!("kinds.{name}");
            self.name(name, &path);
            self.title(&kind.title, &format!("{path}.title"));
            if Kind::named(name).is_some() {
                self.error(Code::DuplicateId, path.as_str());
            }
            let range = |c: &mut Self, ends: &[Number; 2], field: &str| {
                let path = format!("{path}.{field}");
                let (low, high) = (c.number(&ends[0], &path), c.number(&ends[1], &path));
                if low >= high {
                    c.error(Code::OutOfRange, path);
                }
                (low, high)
            };
            let possible = range(self, &kind.possible, "possible");
            let plausible = match &kind.plausible {
                Some(ends) => range(self, ends, "plausible"),
                None => possible,
            };
            let number = Kind(Kind::FIRST_DECLARED + self.kinds.len() as u16);
            let (title, unit) = (kind.title.clone(), kind.unit.clone());
            self.kinds.push((name.clone(), kind.unit.clone()));
            // Nobody said how finely it is charted.
            let resolution = Value::from_thousandths(1);
            let facts = KindFacts { kind: number, title, unit, possible, plausible, resolution };
            self.declared.push(facts);
        }
    }

    pub(super) fn signals(&mut self, spec: &PolicySpec) {
        if spec.signals.len() > MAX_SIGNALS {
            return self.error(Code::TooManyItems, "signals");
        }
        let mut kinds = BTreeSet::new();
        for (name, signal) in spec.signals.iter().filter(|(_, signal)| !signal.is_derived()) {
            let path = format!("signals.{name}");
            self.name(name, &path);
            if signal.part.is_some() {
                self.error(Code::UnknownScore, format!("{path}.score"));
            }
            if let Some(def) = self.signal(name, signal, &path) {
                if !kinds.insert(def.kind) {
                    self.error(Code::DuplicateId, format!("{path}.kind"));
                }
                self.names.insert(name.clone(), self.signals.len());
                self.signals.push(def);
            }
        }
    }

    fn signal(&mut self, name: &str, spec: &SignalSpec, path: &str) -> Option<SignalDef> {
        let accept = self.accept(&spec.accept, path);
        let kind_name = spec.kind.as_deref().unwrap_or(name);
        let Some(facts) = self.kind(kind_name) else {
            self.error(Code::UnknownKind, format!("{path}.kind"));
            return None;
        };
        self.signal_of(name, spec, facts, accept, path)
    }

    /// A signal of which everything but its times is known.
    pub(super) fn signal_of(
        &mut self,
        name: &str,
        spec: &SignalSpec,
        facts: KindFacts,
        accept: Quality,
        path: &str,
    ) -> Option<SignalDef> {
        let cadence = self.duration(&spec.cadence, &format!("{path}.cadence"));
        let pane_path = format!("{path}.pane");
        let pane = self.optional_duration(spec.pane.as_ref(), &pane_path).unwrap_or(cadence);
        let accuracy_path = format!("{path}.accuracy");
        let accuracy = spec.accuracy.as_ref().map(|n| self.number(n, &accuracy_path).thousandths());
        if accuracy.is_some_and(|accuracy| accuracy < 0) {
            self.error(Code::OutOfRange, accuracy_path);
        }
        let pane_ms = pane.as_millis();
        if pane_ms == 0 || pane_ms > MAX_PANE_MS || cadence.is_zero() {
            self.error_with(Code::OutOfRange, pane_path, "1 ms to 1 d".to_string());
            return None;
        }
        let horizon_panes = self.horizon.in_panes(pane_ms).max(1);
        Some(SignalDef {
            name: name.to_string(),
            title: facts.title,
            unit: facts.unit,
            kind: facts.kind,
            cadence,
            pane_ms,
            cover: cover(cadence, pane_ms),
            ring_panes: 0,
            reach_ms: 0,
            memory_ms: 0,
            settles_ms: 0,
            horizon_panes,
            horizon_ms: horizon_panes * pane_ms,
            derived_panes: 0,
            accept,
            possible: facts.possible,
            plausible: facts.plausible,
            resolution: facts.resolution,
            accuracy: accuracy.map_or(0, i64::from),
            windows: Vec::new(),
            watchers: Vec::new(),
            twins: Vec::new(),
            derived: None,
            feeds: Vec::new(),
            summaries: Vec::new(),
        })
    }

    fn accept(&mut self, names: &[String], path: &str) -> Quality {
        let mut accept = Quality::GOOD;
        for (index, name) in names.iter().enumerate() {
            match Quality::named(name) {
                Some(flag) => accept = accept.with(flag),
                None => self.error(Code::UnknownCode, format!("{path}.accept[{index}]")),
            }
        }
        accept
    }

    fn kind(&self, name: &str) -> Option<KindFacts> {
        let Some(kind) = Kind::named(name) else {
            return self.declared.get(self.kinds.iter().position(|(k, _)| k == name)?).cloned();
        };
        let info = kind.info()?;
        Some(KindFacts {
            kind,
            title: info.title.to_string(),
            unit: info.unit.code().to_string(),
            possible: info.possible,
            plausible: info.plausible,
            resolution: info.resolution,
        })
    }

    pub(super) fn size_rings(&mut self) {
        let mut too_long = Vec::new();
        for signal in &mut self.signals {
            let longest = signal.windows.iter().map(|w| i64::from(w.panes)).max().unwrap_or(1);
            // From a late pane the evaluation before is looked for as far back as a hold survives.
            let memory = Duration::from_millis(signal.memory_ms).in_panes(signal.pane_ms);
            let longest = longest.max(memory.saturating_add(2));
            // Late evidence of another signal in the same rule may reach back one pane more.
            let reach = Duration::from_millis(signal.reach_ms).in_panes(signal.pane_ms);
            signal.derived_panes = signal.horizon_panes.saturating_add(reach);
            let panes = longest.saturating_add(signal.derived_panes);
            if panes > 2 * MAX_PANES {
                too_long.push(format!("signals.{}.pane", signal.name));
            }
            signal.ring_panes = panes.clamp(1, 2 * MAX_PANES) as u32;
        }
        for path in too_long {
            let hint = "the lateness horizon has too many panes: widen the pane".to_string();
            self.error_with(Code::WindowTooLong, path, hint);
        }
    }
}

/// Panes that one reading covers at this cadence.
pub(crate) fn cover(cadence: Duration, pane_ms: i64) -> u32 {
    cadence.in_panes(pane_ms).clamp(1, MAX_PANES) as u32
}
