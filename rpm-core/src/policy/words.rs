//! The policy in plain words, for whoever signs it.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write as _;

use super::plan::{Derivation, Derived, Expr, Leaf, LevelDef, Limits, Missing, Mode, RuleBody};
use super::risk::Scoring;
use super::spec::{HoldChangeSpec, LimitChangeSpec, ModifierSpec};
use super::{Policy, SignalDef};
use crate::record::Distance;
use crate::signal::drift::DriftDef;
use crate::signal::statistic::UnitOf;
use crate::signal::summary::SummaryDef;
use crate::time::Duration;
use crate::value::write_thousandths;

pub(super) fn describe(policy: &Policy) -> String {
    let mut out = format!("{} (version {}): {}\n", policy.id(), policy.version(), policy.title());
    let _ = writeln!(
        out,
        "Readings up to {} late count as current; older ones give dated findings, never a page.",
        policy.lateness_horizon()
    );
    for score in policy.scores() {
        let parameters: Vec<_> = score.parameters().collect();
        let _ = writeln!(out, "{}: {}, of {}.", score.name(), score.title(), parameters.join(", "));
    }
    for (derived, summary) in policy.summaries() {
        let _ = writeln!(out, "{}", summary_words(policy, derived, summary));
    }
    for derived in policy.derived() {
        if let Derivation::Drift(def) = &derived.how {
            let _ = writeln!(out, "{}", drift_words(policy, derived, def));
        }
    }
    for risk in policy.risks() {
        let _ = writeln!(out, "{}", risk_words(policy, risk));
    }
    for rule in policy.rules() {
        let mode = match rule.mode {
            Mode::Active => "",
            Mode::Shadow => " [shadow: recorded, alerts nobody]",
            Mode::Disabled => " [disabled]",
        };
        let _ = writeln!(out, "\n{} - {}{mode}", rule.id(), rule.title());
        match &rule.body {
            RuleBody::Limits(limits) => describe_limits(policy, limits, &mut out),
            RuleBody::Missing(missing) => describe_missing(policy, missing, &mut out),
        }
    }
    for (modifier, spec) in policy.modifiers.iter().zip(&policy.spec.modifiers) {
        let _ = writeln!(out, "\n{}", modifier_words(&modifier.title, spec));
    }
    super::care::describe(&policy.care, &policy.spec, &mut out);
    out
}

/// `sepsis: Sepsis within 6 h, by the model sepsis-vitals of 45 features; asked after new evidence, every 1 h at
/// most, while screening is pending or active, and every 6 h all the same; its score is sepsis_risk, in shadow
/// sepsis_risk_next.`
fn risk_words(policy: &Policy, risk: &Scoring) -> String {
    let signal = |signal: u16| policy.signals[usize::from(signal)].name.as_str();
    let (name, title, model, n) = (risk.name(), risk.title(), risk.model(), risk.features.len());
    let mut said = format!("{name}: {title}, by the model {model} of {n} features; ");
    let _ = write!(said, "asked after new evidence, every {} at most", risk.every());
    if !risk.only_while().is_empty() {
        let _ = write!(said, ", while {} is pending or active", risk.only_while().join(" or "));
    }
    if let Some(least) = risk.at_least_every() {
        let _ = write!(said, ", and every {least} all the same");
    }
    let _ = write!(said, "; its score is {}", signal(risk.signal));
    if let Some(shadow) = risk.shadow {
        let _ = write!(said, ", in shadow {}", signal(shadow));
    }
    said + "."
}

/// `night-hr: the mean of heart_rate from 00:00 until 07:00 by the patient's clock, if readings cover 50 %
/// of it.`
fn summary_words(policy: &Policy, derived: &Derived, def: &SummaryDef) -> String {
    let name = |signal: u16| policy.signals[usize::from(signal)].name.as_str();
    let clock = |ms: i64| format!("{:02}:{:02}", ms / 3_600_000 % 24, ms / 60_000 % 60);
    let mut share = String::new();
    let _ = write_thousandths(def.coverage_permille * 100, &mut share);
    let (statistic, of) = (def.what.name(), name(def.of));
    let from = clock(def.until - def.length + 86_400_000);
    format!(
        "{}: the {statistic} of {of} from {from} until {} by the patient's clock, if readings cover \
         {share} % of it.",
        name(derived.signal),
        clock(def.until)
    )
}

/// `rise: how far night-hr lies above earlier-nights, in deviations less 0.5 each time, added up.`
fn drift_words(policy: &Policy, derived: &Derived, def: &DriftDef) -> String {
    let name = |signal: u16| policy.signals[usize::from(signal)].name.as_str();
    let baseline = &policy.baselines[usize::from(def.baseline)];
    let side = if def.up { "above" } else { "below" };
    let mut allowance = String::new();
    let _ = write_thousandths(def.allowance.into(), &mut allowance);
    let state = if def.by_sleep { " asleep or awake, whichever is known" } else { "" };
    format!(
        "{}: how far {} lies {side} {}{state}, in deviations less {allowance} each time, added up.",
        name(derived.signal),
        name(baseline.signal),
        baseline.id
    )
}

/// What circumstances change, as written.
fn modifier_words(title: &str, spec: &ModifierSpec) -> String {
    let mut changes = Vec::new();
    match &spec.limit {
        Some(LimitChangeSpec::To(n)) => changes.push(format!("the limit is {}", n.as_str())),
        Some(LimitChangeSpec::Plus(n)) => {
            changes.push(format!("the limit moves by {}", n.as_str()))
        }
        None => {}
    }
    match &spec.hold {
        Some(HoldChangeSpec::To(hold)) => changes.push(format!("it must hold for {hold}")),
        Some(HoldChangeSpec::Plus(more)) => changes.push(format!("it must hold for {more} longer")),
        None => {}
    }
    if let Some(severity) = &spec.severity {
        changes.push(format!("it counts as {severity}"));
    }
    if let Some(mode) = &spec.mode {
        changes.push(match mode.as_str() {
            "shadow" => "it is only recorded and alerts nobody".to_string(),
            "active" => "it alerts".to_string(),
            _ => "it is disabled".to_string(),
        });
    }
    if spec.rests {
        changes.push("it is not judged".to_string());
    }
    let levels =
        if spec.levels.is_empty() { String::new() } else { spec.levels.join(", ") + " of " };
    format!("{} - {title}: of {levels}{}, {}.", spec.id, spec.rules.join(", "), changes.join(", "))
}

fn describe_limits(policy: &Policy, limits: &Limits, out: &mut String) {
    for level in limits.levels.iter().rev() {
        let _ = writeln!(out, "  {}", level_words(policy, level));
    }
    let gap = Duration::from_millis(limits.max_gap);
    let abandon = Duration::from_millis(limits.abandon_after);
    let _ = writeln!(
        out,
        "  A gap over {gap} pauses a hold, one over {abandon} ends it. Without good readings for {} \
         an open alert is marked unverified.",
        limits.unverified_after
    );
}

fn level_words(policy: &Policy, def: &LevelDef) -> String {
    let mut text = format!("{}: when {}", level_name(def), expr_words(policy, &def.raise));
    if let Some(times) = def.times {
        let within = Duration::from_millis(times.within);
        let _ = write!(text, ", {} times within {within}", times.count);
    } else if def.hold > 0 {
        let _ = write!(text, " for {}", Duration::from_millis(def.hold));
    }
    let _ = match &def.clear {
        Some(clear) => write!(text, "; over when {}", expr_words(policy, clear)),
        None => write!(text, "; over when that is no longer so"),
    };
    if def.clear_hold > 0 {
        let _ = write!(text, " for {}", Duration::from_millis(def.clear_hold));
    }
    if def.latch {
        text.push_str("; stays open until a person resolves it");
    }
    text.push('.');
    text
}

fn level_name(def: &LevelDef) -> &'static str {
    match def.level {
        crate::record::Level::Informational => "Informational",
        crate::record::Level::Review => "Review",
        crate::record::Level::Urgent => "Urgent",
    }
}

fn expr_words(policy: &Policy, expr: &Expr) -> String {
    let list = |parts: &[Expr], glue: &str| {
        let words: Vec<_> = parts.iter().map(|p| expr_words(policy, p)).collect();
        words.join(glue)
    };
    match expr {
        Expr::Leaf(leaf) => leaf_words(policy, leaf),
        Expr::All(parts) => format!("({})", list(parts, " and ")),
        Expr::Any(parts) => format!("({})", list(parts, " or ")),
        Expr::AtLeast(k, parts) => format!("at least {k} of ({})", list(parts, "; ")),
        Expr::Not(part) => format!("not ({})", expr_words(policy, part)),
        Expr::Recently(recently) => {
            let within = Duration::from_millis(recently.within);
            format!("within the last {within} {}", expr_words(policy, &recently.of))
        }
    }
}

fn leaf_words(policy: &Policy, leaf: &Leaf) -> String {
    let signal = &policy.signals[usize::from(leaf.signal)];
    let mut text = format!("{} {}", signal.name, leaf.statistic.name());
    if leaf.windowed {
        let panes = i64::from(signal.windows[usize::from(leaf.window)].panes);
        let _ = write!(text, " over {}", signal.pane().times(panes));
    }
    let comparison = leaf.comparison.name().replace('_', " ");
    let _ = write!(text, " is {comparison} {}", limit_words(policy, signal, leaf));
    if leaf.coverage_permille > 0 {
        let mut share = String::new();
        let _ = write_thousandths(leaf.coverage_permille * 100, &mut share);
        let _ = write!(text, " (with {share} % of the window covered)");
    }
    text
}

/// `120 /min`, `5`, or `usual-hr + 3 deviations`.
fn limit_words(policy: &Policy, signal: &SignalDef, leaf: &Leaf) -> String {
    let mut text = String::new();
    let Some(from) = leaf.from else {
        let _ = write_thousandths(leaf.limit, &mut text);
        return with_unit(text, &unit_text(signal, leaf));
    };
    let sign = if leaf.limit < 0 { '-' } else { '+' };
    let _ = write_thousandths(leaf.limit.abs(), &mut text);
    let unit = match from.distance {
        Distance::Absolute => unit_text(signal, leaf),
        Distance::Percent => String::from("%"),
        Distance::Deviations => String::from("deviations"),
    };
    let def = &policy.baselines[usize::from(from.baseline)];
    let limit = with_unit(format!("{} {sign} {text}", def.id), &unit);
    if from.distance != Distance::Deviations || def.least_spread == 0 {
        return limit;
    }
    let mut least = String::new();
    let _ = write_thousandths(def.least_spread.into(), &mut least);
    format!("{limit} of at least {}", with_unit(least, &unit_text(signal, leaf)))
}

/// Points and ratios have no unit that anybody would say.
fn with_unit(text: String, unit: &str) -> String {
    if unit == "1" { text } else { format!("{text} {unit}") }
}

/// The unit of a comparison's value and limit, as printed.
pub(crate) fn unit_text(signal: &SignalDef, leaf: &Leaf) -> String {
    match leaf.statistic.row().unit {
        UnitOf::Signal => signal.unit.clone(),
        UnitOf::SignalPerTime => {
            let per = Duration::from_millis(leaf.per).to_string();
            // "1 min" reads as "min"; Duration prints one minute as 60 s.
            let per = match leaf.per {
                1000 => "s",
                60_000 => "min",
                3_600_000 => "h",
                86_400_000 => "d",
                _ => per.as_str(),
            };
            format!("{} per {per}", signal.unit)
        }
        UnitOf::Own(unit) => unit.to_string(),
    }
}

fn describe_missing(policy: &Policy, missing: &Missing, out: &mut String) {
    let signal = &policy.signals[usize::from(missing.signal)];
    let _ = writeln!(
        out,
        "  When {} is expected and nothing came for {} that counts: as severe as the worst rule that it hides.",
        signal.name, missing.after
    );
}
