//! From a score as written to a score as counted, with every mistake at once.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::spec::{BandSpec, ParameterSpec, ParametersSpec, RiskSpec, ScoreSpec, WhenSpec};
use super::{Band, IfMissing, Parameter, Read, Risk, Score, Table, Trigger};
use crate::error::{Code, Error};
use crate::event::Kind;
use crate::policy::PolicyErrors;
use crate::policy::compile::Compiler;
use crate::record::Monitoring;
use crate::signal::SignalDef;
use crate::time::Duration;
use crate::value::Value;

const MAX_PARAMETERS: usize = 32;
const MAX_BANDS: usize = 64;
const MAX_NOTES: usize = 16;
const DEFAULT_MAX_AGE: Duration = Duration::from_secs(12 * 3600);
const UNLIMITED: &str = "unlimited";
/// Codes have the values 0, 1, 2, ...
const CODE_STEP: i32 = 1000;
const ANYTHING: Value = Value::from_thousandths(i32::MAX);

pub(super) fn alone(
    name: &str,
    spec: &ScoreSpec,
    signals: &[SignalDef],
) -> Result<Score, PolicyErrors> {
    let mut compiler = Compiler::default();
    compiler.signals = signals.to_vec();
    let score = compiler.score(name, spec);
    score.ok_or(PolicyErrors(compiler.errors))
}

/// A signal or kind that a parameter names.
struct Source {
    /// Index of the policy's signals, if it has one.
    signal: Option<u16>,
    kind: Kind,
    unit: String,
    step: Value,
    possible: (Value, Value),
    codes: &'static [&'static str],
}

impl Compiler {
    /// One score of the policy; nothing if it has a mistake.
    pub fn score(&mut self, name: &str, spec: &ScoreSpec) -> Option<Score> {
        let failed_before = self.errors.len();
        let path = format!("scores.{name}");
        self.name(name, &path);
        let (written, named) = (self.written(spec, &path)?, spec.chart.is_some());
        let title = written.title.unwrap_or_default();
        self.title(&title, &format!("{path}.title"));
        let max_age = self.max_age(written.max_age.as_deref(), &format!("{path}.max_age"));
        let mut score = Score {
            name: name.to_string(),
            title,
            if_missing: self.if_missing(written.if_missing.as_deref(), &path),
            parameters: Vec::new(),
            signals: Vec::new(),
            risk: Vec::new(),
            declared_missing: written.declared_missing,
            warnings: Vec::new(),
        };
        let ParametersSpec::Own(parameters) = written.parameters else { return None };
        if parameters.len() > MAX_PARAMETERS || score.declared_missing.len() > MAX_NOTES {
            self.error(Code::TooManyItems, path);
            return None;
        }
        let mut seen = BTreeSet::new();
        for (index, parameter) in parameters.iter().enumerate() {
            let path = if named {
                format!("{path}.parameters.{}", parameter.name)
            } else {
                format!("{path}.parameters[{index}]")
            };
            if !seen.insert(parameter.name.as_str()) {
                self.error(Code::DuplicateId, format!("{path}.name"));
            }
            if let Some(built) = self.parameter(parameter, max_age, &mut score.signals, &path) {
                self.check_monitored(&built, &mut score, &path);
                score.parameters.push(built);
            }
        }
        if score.signals.is_empty() && self.errors.len() == failed_before {
            self.error(Code::UnmonitoredParameter, format!("{path}.parameters"));
        }
        if self.errors.len() == failed_before {
            score.risk = self.risk(&written.risk, &score, &format!("{path}.risk"));
        }
        (self.errors.len() == failed_before).then_some(score)
    }

    /// The score with a chart in full, so that there is one way from here.
    fn written(&mut self, spec: &ScoreSpec, path: &str) -> Option<ScoreSpec> {
        let Some(name) = spec.chart.as_deref() else {
            let own = matches!(&spec.parameters, ParametersSpec::Own(list) if !list.is_empty());
            if !own {
                let hint = "write a list of parameters, or name a chart".to_string();
                self.error_with(Code::ScoreForm, format!("{path}.parameters"), hint);
            }
            return own.then(|| spec.clone());
        };
        let Some(mut chart) = ScoreSpec::built_in(name) else {
            let charts: Vec<_> = ScoreSpec::charts().collect();
            self.error_with(Code::UnknownChart, format!("{path}.chart"), charts.join(", "));
            return None;
        };
        let extra = spec.title.is_some() || !spec.risk.is_empty();
        if extra || !spec.declared_missing.is_empty() || !self.change(&mut chart, spec, path) {
            let hint = "beside a chart stand max_age, if_missing and parameters.NAME.max_age";
            self.error_with(Code::ScoreForm, path, hint.to_string());
        }
        chart.max_age = spec.max_age.clone().or(chart.max_age);
        chart.if_missing = spec.if_missing.clone();
        Some(chart)
    }

    /// Puts what differs into a chart; false if that is written as a list.
    fn change(&mut self, chart: &mut ScoreSpec, spec: &ScoreSpec, path: &str) -> bool {
        let (ParametersSpec::Changed(changes), ParametersSpec::Own(parameters)) =
            (&spec.parameters, &mut chart.parameters)
        else {
            return spec.parameters == ParametersSpec::default();
        };
        for (name, change) in changes {
            match parameters.iter_mut().find(|parameter| parameter.name == *name) {
                Some(parameter) => parameter.max_age = change.max_age.clone(),
                None => {
                    let known: Vec<_> = parameters.iter().map(|p| p.name.as_str()).collect();
                    let (path, hint) = (format!("{path}.parameters.{name}"), known.join(", "));
                    self.error_with(Code::UnknownParameter, path, hint);
                }
            }
        }
        true
    }

    /// Anything, if absent.
    fn max_age(&mut self, text: Option<&str>, path: &str) -> Option<Duration> {
        match text {
            None => Some(DEFAULT_MAX_AGE),
            Some(UNLIMITED) => None,
            Some(text) => Some(self.some_time(text, path)),
        }
    }

    /// A duration other than none at all.
    fn some_time(&mut self, text: &str, path: &str) -> Duration {
        let failed_before = self.errors.len();
        let time = self.duration(text, path);
        if time.is_zero() && self.errors.len() == failed_before {
            self.error(Code::BadDuration, path);
        }
        time
    }

    fn if_missing(&mut self, name: Option<&str>, path: &str) -> IfMissing {
        match name {
            None | Some("partial") => IfMissing::Partial,
            Some("normal") => IfMissing::Normal,
            Some("refuse") => IfMissing::Refuse,
            Some(_) => {
                let hint = "partial, normal or refuse".to_string();
                self.error_with(Code::UnknownCode, format!("{path}.if_missing"), hint);
                IfMissing::Partial
            }
        }
    }

    /// What no signal feeds is missing for every patient, and a score that refuses to be counted
    /// without it never is. Oxygen may also be told by context.
    fn check_monitored(&mut self, parameter: &Parameter, score: &mut Score, path: &str) {
        if parameter.reads.is_empty() && parameter.kind != Kind::ON_OXYGEN {
            match score.if_missing {
                IfMissing::Refuse => self.error(Code::UnmonitoredParameter, path),
                _ => score.warnings.push(Error::new(Code::UnmonitoredParameter).at(path)),
            }
        }
    }

    fn parameter(
        &mut self,
        spec: &ParameterSpec,
        max_age: Option<Duration>,
        inputs: &mut Vec<u16>,
        path: &str,
    ) -> Option<Parameter> {
        self.name(&spec.name, &format!("{path}.name"));
        let title = spec.title.as_ref().unwrap_or(&spec.name);
        self.title(title, &format!("{path}.title"));
        let max_age = match &spec.max_age {
            Some(text) => self.max_age(Some(text), &format!("{path}.max_age")),
            None => max_age,
        };
        let source = self.source(Some(&spec.signal), &format!("{path}.signal"))?;
        let or = self.source(spec.or.as_ref(), &format!("{path}.or"));
        let divided_by = self.source(spec.divided_by.as_ref(), &format!("{path}.divided_by"));
        if let Some(or) = &or {
            if !says_the_same(&source, or) {
                self.error(Code::UnitMismatch, format!("{path}.or"));
            }
        }
        let coded = |source: &Source| !source.codes.is_empty();
        if divided_by.as_ref().is_some_and(|by| coded(by) || coded(&source)) {
            self.error(Code::UnitMismatch, format!("{path}.divided_by"));
        }
        let (reads, divisor) = reads(&source, or.as_ref(), divided_by.as_ref(), inputs);
        let source = if divided_by.is_some() { ratio(source) } else { source };
        let step = self.resolution(spec, &source, path);
        Some(Parameter {
            name: spec.name.clone(),
            title: title.clone(),
            unit: source.unit.clone(),
            kind: source.kind,
            step,
            max_age,
            reads,
            divisor,
            tables: self.tables(spec, &source, step, path),
        })
    }

    /// A signal by its name, or by that of its kind; a kind that is not monitored is known too.
    fn source(&mut self, name: Option<&String>, path: &str) -> Option<Source> {
        let name = name?;
        let kind = Kind::named(name);
        let named = self.signals.iter().position(|s| s.name == *name);
        let of_kind = || self.signals.iter().position(|s| Some(s.kind) == kind);
        let found = named.or_else(of_kind);
        let signal = found.and_then(|index| self.signals.get(index));
        let info = signal.map_or(kind, |s| Some(s.kind)).and_then(Kind::info);
        let step = info.map_or(Value::from_thousandths(1), |info| info.resolution);
        let codes = info.map_or(&[][..], |info| info.codes);
        match (signal, kind, info) {
            (Some(s), ..) => Some(Source {
                signal: found.map(|index| index as u16),
                kind: s.kind,
                unit: s.unit.clone(),
                step,
                possible: s.possible,
                codes,
            }),
            (None, Some(kind), Some(info)) => Some(Source {
                signal: None,
                kind,
                unit: info.unit.code().to_string(),
                step,
                possible: info.possible,
                codes,
            }),
            _ => {
                let known: Vec<_> = self.signals.iter().map(|s| s.name.clone()).collect();
                self.error_with(Code::UnknownSignal, path, known.join(", "));
                None
            }
        }
    }

    fn resolution(&mut self, spec: &ParameterSpec, source: &Source, path: &str) -> Value {
        let Some(written) = &spec.resolution else { return source.step };
        let path = format!("{path}.resolution");
        let step = self.number(written, &path);
        if step <= Value::ZERO || !source.codes.is_empty() {
            let hint = "a positive number; codes have none".to_string();
            self.error_with(Code::BadLimit, path, hint);
        }
        step
    }

    fn tables(
        &mut self,
        spec: &ParameterSpec,
        source: &Source,
        step: Value,
        path: &str,
    ) -> Vec<Table> {
        let mut tables = Vec::new();
        for (index, alternative) in spec.alternatives.iter().take(MAX_BANDS).enumerate() {
            let path = format!("{path}.alternatives[{index}]");
            let WhenSpec { spo2_scale, on_oxygen } = alternative.when;
            let known = spo2_scale.is_none_or(|scale| scale == 1 || scale == 2);
            if !known || alternative.when == WhenSpec::default() {
                let hint = "spo2_scale is 1 or 2; on_oxygen is true or false".to_string();
                self.error_with(Code::UnknownCircumstance, format!("{path}.when"), hint);
            }
            let bands = self.bands(&alternative.bands, source, step, &format!("{path}.bands"));
            tables.push(Table { spo2_scale, on_oxygen, bands });
        }
        let bands = self.bands(&spec.bands, source, step, &format!("{path}.bands"));
        tables.push(Table { spo2_scale: None, on_oxygen: None, bands });
        // Two facts with two values each: every patient there can be.
        let first = |scale, oxygen| tables.iter().position(|t: &Table| t.applies(scale, oxygen));
        let used = [first(1, false), first(1, true), first(2, false), first(2, true)];
        for index in (0..tables.len()).filter(|index| !used.contains(&Some(*index))) {
            let path = if index + 1 == tables.len() {
                format!("{path}.bands")
            } else {
                format!("{path}.alternatives[{index}].when")
            };
            self.error(Code::UnreachableBand, path);
        }
        tables
    }

    fn bands(&mut self, specs: &[BandSpec], source: &Source, step: Value, path: &str) -> Vec<Band> {
        if specs.is_empty() || specs.len() > MAX_BANDS {
            self.error(Code::BandOrder, path);
            return Vec::new();
        }
        if source.codes.is_empty() {
            self.limit_bands(specs, source, step, path)
        } else {
            self.code_bands(specs, source.codes, path)
        }
    }

    fn limit_bands(
        &mut self,
        specs: &[BandSpec],
        source: &Source,
        step: Value,
        path: &str,
    ) -> Vec<Band> {
        let range = (source.possible.0.round_to(step), source.possible.1.round_to(step));
        let mut before: Option<Value> = None;
        let mut bands = Vec::new();
        for (index, spec) in specs.iter().enumerate() {
            let path = format!("{path}[{index}]");
            let at_most = self.limit(spec, step, &path);
            if let Ok(limit) = at_most {
                if let Some(code) = misplaced(limit, before, index + 1 == specs.len(), range) {
                    self.error(code, path.as_str());
                }
                before = limit.or(before);
            }
            let at_most = at_most.ok().flatten().unwrap_or(ANYTHING);
            bands.push(Band { at_most, points: spec.points });
        }
        bands
    }

    /// The end of a band, if it has one; the error is told already.
    fn limit(&mut self, spec: &BandSpec, step: Value, path: &str) -> Result<Option<Value>, ()> {
        let failed_before = self.errors.len();
        if !spec.is.is_empty() {
            self.error(Code::BandForm, format!("{path}.is"));
        }
        let path = format!("{path}.at_most");
        let limit = spec.at_most.as_ref().map(|limit| self.number(limit, &path));
        if limit.is_some_and(|limit| limit.round_to(step) != limit) {
            let hint = format!("values are rounded to {step} first");
            self.error_with(Code::BadLimit, path, hint);
        }
        if self.errors.len() == failed_before { Ok(limit) } else { Err(()) }
    }

    /// One band a code, so that codes are looked up like all values.
    fn code_bands(&mut self, specs: &[BandSpec], codes: &[&str], path: &str) -> Vec<Band> {
        let mut points: Vec<Option<u8>> = codes.iter().map(|_| None).collect();
        for (index, spec) in specs.iter().enumerate() {
            let path = format!("{path}[{index}]");
            if spec.at_most.is_some() {
                self.error(Code::BandForm, format!("{path}.at_most"));
            }
            if spec.is.is_empty() {
                self.rest(&mut points, spec.points, index + 1 == specs.len(), &path);
            }
            for (at, code) in spec.is.iter().enumerate() {
                let path = format!("{path}.is[{at}]");
                let place = codes.iter().position(|known| known == code);
                match place.and_then(|place| points.get_mut(place)) {
                    None => self.error_with(Code::UnknownCode, path, codes.join(", ")),
                    Some(Some(_)) => self.error(Code::DuplicateId, path),
                    Some(free) => *free = Some(spec.points),
                }
            }
        }
        if points.contains(&None) {
            let hint = format!("every code needs points: {}", codes.join(", "));
            self.error_with(Code::BandOrder, path, hint);
        }
        let last = points.len();
        let band = |(index, points): (usize, Option<u8>)| {
            let own = Value::from_thousandths(CODE_STEP * index as i32);
            let at_most = if index + 1 == last { ANYTHING } else { own };
            Band { at_most, points: points.unwrap_or(0) }
        };
        points.into_iter().enumerate().map(band).collect()
    }

    /// A band without codes takes those that are left.
    fn rest(&mut self, points: &mut [Option<u8>], rest: u8, is_last: bool, path: &str) {
        if !is_last {
            self.error(Code::BandOrder, path);
        } else if !points.contains(&None) {
            self.error(Code::UnreachableBand, path);
        }
        for free in points.iter_mut().filter(|points| points.is_none()) {
            *free = Some(rest);
        }
    }

    fn risk(&mut self, specs: &[RiskSpec], score: &Score, path: &str) -> Vec<Risk> {
        if specs.len() > MAX_BANDS {
            self.error(Code::TooManyItems, path);
            return Vec::new();
        }
        let highest_single = score.parameters.iter().map(Parameter::highest).max().unwrap_or(0);
        let lowest = score.parameters.iter().map(|p| u16::from(p.lowest())).sum();
        let range = (lowest, score.highest_total());
        let last_total = specs.iter().rposition(|spec| spec.single.is_none());
        let mut before: Option<u16> = None;
        let mut rows = Vec::new();
        for (index, spec) in specs.iter().enumerate() {
            let path = format!("{path}[{index}]");
            self.title(&spec.level, &format!("{path}.level"));
            let trigger = match (spec.single, spec.at_most) {
                (Some(single), None) => {
                    if single == 0 || single > highest_single {
                        self.error(Code::UnreachableBand, format!("{path}.single"));
                    }
                    Trigger::Single(single)
                }
                (Some(_), Some(_)) => {
                    self.error(Code::BandOrder, path.as_str());
                    continue;
                }
                (None, at_most) => {
                    if let Some(code) = misplaced(at_most, before, Some(index) == last_total, range)
                    {
                        self.error(code, path.as_str());
                    }
                    before = at_most.or(before);
                    Trigger::Total(at_most.unwrap_or(u16::MAX))
                }
            };
            rows.push(Risk {
                trigger,
                level: spec.level.clone(),
                monitoring: self.monitoring(spec.monitoring.as_deref(), &path),
                response: spec.response.clone(),
            });
        }
        if !specs.is_empty() && last_total.is_none() {
            self.error(Code::BandOrder, path);
        }
        rows
    }

    fn monitoring(&mut self, text: Option<&str>, path: &str) -> Option<Monitoring> {
        let path = format!("{path}.monitoring");
        match text? {
            Monitoring::CONTINUOUS => Some(Monitoring::Continuous),
            text => Some(Monitoring::Every(self.some_time(text, &path))),
        }
    }
}

/// What is wrong with the end of a band, after the one before, where values lie in this range.
fn misplaced<T: Ord + Copy>(
    limit: Option<T>,
    before: Option<T>,
    is_last: bool,
    (lowest, highest): (T, T),
) -> Option<Code> {
    let ordered = limit.is_none_or(|limit| before.is_none_or(|before| before < limit));
    let reached = limit.is_none_or(|limit| limit >= lowest);
    if limit.is_none() != is_last || !ordered {
        Some(Code::BandOrder)
    } else if !reached || before.is_some_and(|before| before >= highest) {
        Some(Code::UnreachableBand)
    } else {
        None
    }
}

/// Whether the second may stand for the first.
fn says_the_same(first: &Source, second: &Source) -> bool {
    let oxygen = first.kind == Kind::ON_OXYGEN && second.kind == Kind::OXYGEN_FLOW;
    oxygen || (first.unit == second.unit && first.codes.is_empty() && second.codes.is_empty())
}

/// Where a parameter is read from. A ratio without its divisor reads nothing.
fn reads(
    source: &Source,
    or: Option<&Source>,
    divided_by: Option<&Source>,
    inputs: &mut Vec<u16>,
) -> (Vec<Read>, Option<u16>) {
    let sources = [Some(source), or].into_iter().flatten();
    let found: Vec<_> = sources.filter_map(|s| Some((s.signal?, s.kind))).collect();
    let divisor = divided_by.map(|by| by.signal);
    if found.is_empty() || divisor == Some(None) {
        return (Vec::new(), None);
    }
    // A flow means oxygen where oxygen is asked for; elsewhere it is a number like any other.
    let is_flow = |kind| source.kind == Kind::ON_OXYGEN && kind == Kind::OXYGEN_FLOW;
    let read = |(signal, kind)| Read { input: index_of(signal, inputs), is_flow: is_flow(kind) };
    let reads = found.into_iter().map(read).collect();
    (reads, divisor.flatten().map(|signal| index_of(signal, inputs)))
}

/// Each signal is one input, whoever reads it.
fn index_of(signal: u16, inputs: &mut Vec<u16>) -> u16 {
    let known = inputs.iter().position(|input| *input == signal);
    let index = known.unwrap_or_else(|| {
        inputs.push(signal);
        inputs.len() - 1
    });
    index as u16
}

/// What a ratio has of what it is a ratio of: nothing but its kind, for the record.
fn ratio(source: Source) -> Source {
    Source {
        unit: "1".to_string(),
        step: Value::from_thousandths(1),
        possible: (Value::from_thousandths(i32::MIN), ANYTHING),
        ..source
    }
}
