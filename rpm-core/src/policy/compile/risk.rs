//! What goes into models, and where their scores go.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::super::risk::{Feature, FeatureSpec, Scoring, ScoringSpec, Source};
use super::super::spec::PolicySpec;
use super::{Compiler, MAX_PANES};
use crate::error::Code;
use crate::event::Kind;
use crate::record::Hash;
use crate::signal::Statistic;
use crate::signal::cursor::Window;
use crate::time::Duration;
use crate::value::Value;

const MAX_RISKS: usize = 20;
const MAX_FEATURES: usize = 400;
const MINUTE: Duration = Duration::from_secs(60);

impl Compiler {
    /// After the baselines have names, and before the rings are sized.
    pub(super) fn risks(&mut self, spec: &PolicySpec) -> Vec<Scoring> {
        if spec.risk.len() > MAX_RISKS {
            self.error(Code::TooManyItems, "risk");
            return Vec::new();
        }
        spec.risk.iter().filter_map(|(name, risk)| self.scoring(spec, name, risk)).collect()
    }

    fn scoring(&mut self, policy: &PolicySpec, name: &str, spec: &ScoringSpec) -> Option<Scoring> {
        let path = format!("risk.{name}");
        self.name(name, &path);
        self.title(&spec.title, &format!("{path}.title"));
        self.name(&spec.model, &format!("{path}.model"));
        let signal = self.score_goes_to(&spec.signal, &format!("{path}.signal"));
        let shadow_path = format!("{path}.shadow");
        let shadow = spec.shadow.as_ref().map(|name| self.score_goes_to(name, &shadow_path));
        if spec.shadow.as_ref() == Some(&spec.signal) {
            self.error(Code::DuplicateId, shadow_path);
        }
        let every = self.duration(&spec.every, &format!("{path}.every"));
        self.only_while(policy, spec, &path);
        let least_path = format!("{path}.at_least_every");
        let at_least_every = self.optional_duration(spec.at_least_every.as_ref(), &least_path);
        if at_least_every.is_some_and(|least| least < every || spec.only_while.is_empty()) {
            self.error(Code::AskedForm, least_path);
        }
        let age_path = format!("{path}.max_age");
        let max_age = self.optional_duration(spec.max_age.as_ref(), &age_path);
        let budget = self.optional_duration(spec.budget.as_ref(), &format!("{path}.budget"));
        let known_path = format!("{path}.known");
        let known = spec.known.as_ref().map_or(Some(500), |text| self.share(text, &known_path));
        if spec.features.is_empty() || spec.features.len() > MAX_FEATURES {
            self.error(Code::TooManyItems, format!("{path}.features"));
        }
        let features: Vec<Option<Feature>> = (spec.features.iter().enumerate())
            .map(|(i, feature)| self.feature(policy, feature, &format!("{path}.features[{i}]")))
            .collect();
        let features: Option<Vec<Feature>> = features.into_iter().collect();
        let features = features?;
        let declaration = serde_json::to_string(&spec.features).unwrap_or_default();
        Some(Scoring {
            name: name.to_string(),
            title: spec.title.clone(),
            model: spec.model.clone(),
            signal: signal?,
            shadow: match shadow {
                Some(shadow) => Some(shadow?),
                None => None,
            },
            least_known: (features.len() * known? as usize).div_ceil(1000),
            features,
            every,
            only_while: spec.only_while.clone(),
            at_least_every,
            budget,
            max_age: max_age.unwrap_or(every.times(2)).as_millis(),
            lowers: spec.lowers,
            hash: Hash::of(declaration.as_bytes()),
            declaration,
        })
    }

    /// Rules while which a model is asked: there, and not resting. See `asked` for what they wait for.
    fn only_while(&mut self, policy: &PolicySpec, spec: &ScoringSpec, path: &str) {
        for (i, name) in spec.only_while.iter().enumerate() {
            let path = format!("{path}.only_while[{i}]");
            match policy.rules.iter().find(|rule| rule.id == *name) {
                None => self.error(Code::UnknownRule, path),
                Some(rule) if rule.mode.as_deref() == Some("disabled") => {
                    self.error(Code::AskedForm, path);
                }
                Some(_) => {}
            }
        }
    }

    /// A signal that takes scores: nobody else's kind, from 0 to 1.
    fn score_goes_to(&mut self, name: &str, path: &str) -> Option<u16> {
        let index = self.signal_index(Some(name), path)?;
        let signal = &self.signals[index];
        let (zero, one) = (Value::ZERO, Value::from_thousandths(1000));
        let is_declared = signal.kind.0 >= Kind::FIRST_DECLARED && signal.derived.is_none();
        if !is_declared || signal.unit != "1" || signal.possible != (zero, one) {
            self.error(Code::ScoreSignal, path);
            return None;
        }
        Some(index as u16)
    }

    fn feature(&mut self, policy: &PolicySpec, spec: &FeatureSpec, path: &str) -> Option<Feature> {
        let sources = [spec.signal.is_some(), spec.age_band.is_some(), spec.condition.is_some()];
        let is_one = sources.into_iter().filter(|source| *source).count() == 1;
        let of_signal = [&spec.statistic, &spec.over, &spec.per, &spec.minus_usual];
        let is_stray = spec.signal.is_none() && of_signal.into_iter().any(Option::is_some);
        if !is_one || is_stray {
            self.error(Code::FeatureForm, path);
            return None;
        }
        let (source, name) = match (&spec.signal, &spec.age_band, &spec.condition) {
            (Some(signal), ..) => self.of_signal(policy, spec, signal, path)?,
            (_, Some(band), _) => (Source::AgeBand(band.clone()), format!("age band {band}")),
            (.., condition) => {
                let condition = condition.clone().unwrap_or_default();
                (Source::Condition(condition.clone()), condition)
            }
        };
        let name = if spec.missing { format!("{name} missing") } else { name };
        let name = spec.name.clone().unwrap_or(name);
        self.title(&name, &format!("{path}.name"));
        Some(Feature { name, source, missing: spec.missing })
    }

    fn of_signal(
        &mut self,
        policy: &PolicySpec,
        spec: &FeatureSpec,
        signal: &str,
        path: &str,
    ) -> Option<(Source, String)> {
        let index = self.signal_index(Some(signal), &format!("{path}.signal"))?;
        let word = spec.statistic.as_deref().unwrap_or(Statistic::Last.name());
        let Some(statistic) = Statistic::named(word) else {
            let known: Vec<_> = Statistic::names().collect();
            self.error_with(Code::UnknownStatistic, format!("{path}.statistic"), known.join(", "));
            return None;
        };
        let over_path = format!("{path}.over");
        let Some(over) = self.optional_duration(spec.over.as_ref(), &over_path) else {
            self.error(Code::WindowNeeded, over_path);
            return None;
        };
        let per = self.optional_duration(spec.per.as_ref(), &format!("{path}.per"));
        let def = &mut self.signals[index];
        let panes = over.as_millis() / def.pane_ms;
        let is_whole = over.as_millis() % def.pane_ms == 0 && panes > 0;
        // The ring has to keep what the window asks for.
        def.memory_ms = def.memory_ms.max(over.as_millis());
        let title = def.title.clone();
        if !is_whole || panes > MAX_PANES {
            let code = if is_whole { Code::WindowTooLong } else { Code::NotAMultiple };
            self.error(code, over_path);
            return None;
        }
        let baseline_path = format!("{path}.minus_usual");
        let baseline = match &spec.minus_usual {
            Some(name) => Some(self.usual_of(policy, name, signal, &baseline_path)?),
            None => None,
        };
        let less = if baseline.is_some() { " less what is usual" } else { "" };
        let name: String = format!("{title} {} over {over}{less}", word.replace('_', " "));
        let window = Window { panes: panes as u32, line: statistic.row().line };
        let per = per.unwrap_or(MINUTE).as_millis().max(1);
        Some((Source::Signal { signal: index as u16, statistic, window, per, baseline }, name))
    }

    fn usual_of(
        &mut self,
        policy: &PolicySpec,
        name: &str,
        signal: &str,
        path: &str,
    ) -> Option<u16> {
        let Some(index) = self.baseline_names.get(name).copied() else {
            self.error(Code::UnknownBaseline, path);
            return None;
        };
        if policy.baselines.get(name).is_some_and(|baseline| baseline.of != signal) {
            self.error(Code::UnlikeBaseline, path);
            return None;
        }
        Some(index)
    }
}
