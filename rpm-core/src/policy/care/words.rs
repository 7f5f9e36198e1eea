//! The part about people in plain words.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write as _;

use super::{AlertClass, Care, Circumstance, Escalation, Hours, PerLevel, Route, Send};
use crate::policy::spec::PolicySpec;
use crate::record::Level;
use crate::record::explain::name_of;

pub(crate) fn describe(care: &Care, spec: &PolicySpec, out: &mut String) {
    if spec.care == super::spec::CareSpec::default() {
        return;
    }
    out.push_str("\nAbout people\n");
    for line in lines(care) {
        let _ = writeln!(out, "  {line}");
    }
    for suppression in care.suppressions.iter().map(suppression_words) {
        let _ = writeln!(out, "  {suppression}");
    }
    for inhibition in &care.inhibitions {
        let rules = inhibition.rules.join(", ");
        let _ =
            writeln!(out, "  While {} is open, {rules} annunciates nothing new.", inhibition.by);
    }
    for route in &care.routes {
        let _ = writeln!(out, "  {}", route_words(care, route));
    }
    if !care.routes.is_empty() {
        out.push_str("  What no route takes waits in no queue, and nobody is told.\n");
    }
    for objective in &care.objectives {
        let _ = writeln!(out, "  Objective: {objective}.");
    }
    if !care.objectives.is_empty() {
        let _ = writeln!(out, "  An error budget is for {}.", care.burn);
    }
}

fn lines(care: &Care) -> Vec<String> {
    let mut lines = Vec::new();
    for (role, may) in &care.roles {
        let may: Vec<String> = may.iter().map(name_of).collect();
        lines.push(format!("A {role} may {}.", may.join(", ")));
    }
    lines.extend(per_level(&care.acknowledged_for, "An acknowledgement stands for"));
    lines.extend(per_level(&care.remediation_for, "A remediation should help within"));
    if !care.reopen_within.is_zero() {
        lines.push(format!("What comes back within {} continues its episode.", care.reopen_within));
    }
    if let Some(after) = care.reopen_resolved_after {
        lines.push(format!("What is resolved and still there after {after} opens again."));
    }
    lines.push(format!("What is open for {} is brought up for review.", care.stale_after));
    lines.push(format!("Nothing is shelved for more than {}.", care.shelve_at_most));
    if let Some(quiet) = care.quiet_hours {
        lines.push(format!("From {}, only what is urgent is told.", hours_words(quiet)));
    }
    lines
}

fn per_level(spans: &PerLevel, what: &str) -> Option<String> {
    let named = Level::ALL
        .into_iter()
        .zip(spans)
        .filter_map(|(level, span)| Some(format!("{} ({})", (*span)?, level.name())));
    let named: Vec<String> = named.collect();
    (!named.is_empty()).then(|| format!("{what} {}.", named.join(", ")))
}

fn suppression_words(suppression: &Circumstance) -> String {
    let when = &suppression.when;
    let text = |name: &str, value: &Option<String>| value.as_ref().map(|v| format!("{name} {v}"));
    let flag = |name: &str, value: Option<bool>| {
        value.map(|v| if v { name.to_string() } else { format!("not {name}") })
    };
    let parts = [
        text("in care phase", &when.care_phase),
        text("activity", &when.activity),
        text("posture", &when.posture),
        flag("asleep", when.asleep),
        flag("on oxygen", when.on_oxygen),
        text("device", &when.device_class),
        flag("worn", when.worn),
        flag("linked", when.link_up),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    format!(
        "{}: when {}, {} annunciates nothing up to {}.",
        suppression.id,
        parts.join(", "),
        suppression.rules.join(", "),
        suppression.at_most.name()
    )
}

fn route_words(care: &Care, route: &Route) -> String {
    let levels: Vec<&str> = route.levels.iter().map(|level| level.name()).collect();
    let class = route.class.map(|class| match class {
        AlertClass::Physiological => "about the patient".to_string(),
        AlertClass::Technical => "about the equipment".to_string(),
    });
    let of = |what: &str, names: &[String]| {
        (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")))
    };
    let hours = route.hours.map(|hours| format!("from {}", hours_words(hours)));
    let digest: Vec<String> = route.digest_at.iter().map(|minute| time_words(*minute)).collect();
    let parts = [
        (!levels.is_empty()).then(|| levels.join(" or ")),
        class,
        of("of", &route.rules),
        of("of patients in", &route.cohorts),
        hours,
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let what = if parts.is_empty() { "everything else".to_string() } else { parts.join(", ") };
    let digest = of(", told at", &digest).unwrap_or_default();
    let escalation = route.escalation.and_then(|e| care.escalations.get(usize::from(e)));
    let told = escalation.map_or("nobody is told.".to_string(), escalation_words);
    format!("{}: {what}: waits in {}{digest}; {told}", route.id, route.queue)
}

fn escalation_words(escalation: &Escalation) -> String {
    let send = |send: &Send| {
        let when = if send.after.is_zero() {
            "at once".to_string()
        } else {
            format!("after {}", send.after)
        };
        let to = send.to.join(" and ").replace('_', " ");
        format!("{when} {} to {to}", send.channels.join(" and "))
    };
    let sends: Vec<String> = escalation.sends.iter().map(send).collect();
    format!("{}; exhausted after {}.", sends.join("; "), escalation.exhausted_after)
}

fn hours_words(hours: Hours) -> String {
    format!("{} to {}", time_words(hours.from), time_words(hours.until))
}

fn time_words(minute: i64) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}
