//! The state diagrams of ARCHITECTURE.md are those of the code.
//!
//! The response and delivery regions are drawn from the tables that the engine steps by. The condition
//! region has no table; its drawing is compared with every step that conditions take over many
//! generated recordings. To write the diagrams again:
//!
//! ```text
//! UPDATE_DIAGRAMS=1 cargo test -p rpm-core --test architecture
//! ```

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use common::{Run, enrolment, host, policy, spo2};
use rpm_core::alert::{ResponseState, SuppressionState};
use rpm_core::event::Kind;
use rpm_core::record::{ConditionState, DeliveryState};
use rpm_core::{Action, Duration};
use serde_json::json;

/// What a condition may become: `(from, to, when)`.
const CONDITION: &[(&str, &str, &str)] = &[
    ("NeverSeen", "Normal", "evidence"),
    ("NeverSeen", "Pending", "raise limit crossed"),
    ("NeverSeen", "Active", "raise limit crossed, no hold"),
    ("Normal", "Pending", "raise limit crossed"),
    ("Normal", "Active", "raise limit crossed, no hold"),
    ("Pending", "Normal", "limit no longer crossed"),
    ("Pending", "Active", "held over covered time"),
    ("Active", "Clearing", "clear limit crossed"),
    ("Active", "Normal", "clear limit crossed, no hold"),
    ("Active", "ActiveUnverified", "data stopped"),
    ("Active", "Latched", "over, and a person has to look"),
    ("Clearing", "Active", "clear limit no longer crossed"),
    ("Clearing", "Normal", "held over covered time"),
    ("Clearing", "ActiveUnverified", "data stopped"),
    ("Clearing", "Latched", "over, and a person has to look"),
    ("ActiveUnverified", "Active", "data are back, and it holds"),
    ("ActiveUnverified", "Clearing", "data are back, and it may be over"),
    ("ActiveUnverified", "Normal", "data are back, and it is over"),
    ("ActiveUnverified", "Latched", "data are back, and it is over"),
    ("Latched", "Active", "it is back"),
    ("Latched", "Normal", "a person has looked"),
    ("Latched", "Pending", "a person has looked, limit crossed"),
];

fn document() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../ARCHITECTURE.md")
}

/// Compares, or writes, what stands between the two marks of a diagram.
fn check(name: &str, diagram: &str) {
    let text = fs::read_to_string(document()).unwrap();
    let (start, end) = (format!("<!-- {name}: from the code -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = text.split_once(&start).expect("the mark of the diagram");
    let (found, after) = rest.split_once(&end).expect("the end of the diagram");
    let wanted = format!("```mermaid\nstateDiagram-v2\n{diagram}```\n");
    if std::env::var_os("UPDATE_DIAGRAMS").is_some() {
        fs::write(document(), [before, &start, &wanted, &end, after].concat()).unwrap();
        return;
    }
    assert_eq!(found, wanted, "{name}: see this file's head for how to write it again");
}

fn words(name: &str) -> String {
    let mut words = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(c.to_lowercase());
    }
    words
}

/// One test, because the diagrams share a file that may be written.
#[test]
fn the_diagrams_are_those_of_the_code() {
    let mut response = String::from("    [*] --> Unowned\n");
    for (from, trigger, to) in ResponseState::TRANSITIONS {
        let trigger = words(&format!("{trigger:?}"));
        writeln!(response, "    {from:?} --> {to:?}: {trigger}").unwrap();
    }
    check("response", &response);
    let mut delivery = String::from("    [*] --> Planned\n");
    for (from, to) in DeliveryState::TRANSITIONS {
        writeln!(delivery, "    {from:?} --> {to:?}").unwrap();
    }
    check("delivery", &delivery);
    let mut suppression = String::from("    [*] --> None\n");
    for state in &SuppressionState::ALL[1..] {
        writeln!(suppression, "    None --> {state:?}: its cause appears").unwrap();
        writeln!(suppression, "    {state:?} --> None: no cause is left").unwrap();
    }
    check("suppression", &suppression);
    let mut condition = String::from("    [*] --> NeverSeen\n");
    for (from, to, when) in CONDITION {
        writeln!(condition, "    {from} --> {to}: {when}").unwrap();
    }
    check("condition", &condition);
}

fn name(state: ConditionState) -> &'static str {
    use ConditionState as C;
    match state {
        C::NeverSeen => "NeverSeen",
        C::Normal => "Normal",
        C::Pending => "Pending",
        C::Active(_) => "Active",
        C::Clearing(_) => "Clearing",
        C::ActiveUnverified(_) => "ActiveUnverified",
        C::Latched(_) => "Latched",
    }
}

/// A few thousand short stories of one rule, from a fixed seed: readings in order, gaps, and a person
/// who resolves what is latched.
#[test]
fn conditions_take_every_step_of_their_diagram_and_no_other() {
    let mut seen: BTreeSet<(&str, &str)> = BTreeSet::new();
    for (hold, clear_for, latch) in
        [("0 s", "0 s", false), ("2 s", "2 s", true), ("2 s", "0 s", true), ("0 s", "2 s", false)]
    {
        let ward = policy(&json!({
            "id": "w", "version": 1, "title": "W", "signals": { "spo2": { "cadence": "1 s" } },
            "rules": [{ "id": "low", "title": "Low", "signal": "spo2", "max_gap": "20 s",
                "abandon_after": "60 s", "unverified_after": "3 s", "levels": [{
                    "level": "urgent", "latch": latch, "raise": { "below": 90 }, "for": hold,
                    "clear": { "above": 92 }, "clear_for": clear_for }] }],
        }));
        for story in 1..300_u64 {
            tell(&mut seen, &ward, story);
        }
    }
    let drawn: BTreeSet<_> = CONDITION.iter().map(|(from, to, _)| (*from, *to)).collect();
    let missing: Vec<_> = seen.difference(&drawn).collect();
    let never: Vec<_> = drawn.difference(&seen).collect();
    assert!(missing.is_empty() && never.is_empty(), "not drawn {missing:?}, not taken {never:?}");
}

fn tell(
    seen: &mut BTreeSet<(&'static str, &'static str)>,
    ward: &std::sync::Arc<rpm_core::policy::Policy>,
    story: u64,
) {
    let mut random = story.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut run = Run::new(ward);
    run.live(enrolment(0, &[Kind::SPO2], Duration::from_secs(1), 0, None));
    let (mut before, mut ms) = (name(run.state("low")), 0);
    for _ in 0..24 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        ms += 1000;
        match random % 8 {
            0..=3 => {
                run.live(spo2(ms, 85));
            }
            4 | 5 => {
                run.live(spo2(ms, 97));
            }
            6 => {
                ms += 4000;
                run.tick(host(ms));
            }
            _ => {
                let latest = run.engine.alerts(rpm_core::PatientKey(0)).last().map(|a| a.id.0);
                if let (Some(alert), "Latched") = (latest, before) {
                    let reason = rpm_core::record::Resolution::Other;
                    let resolve = Action::Resolve { reason, note: None };
                    run.command(alert, run.revision(alert), resolve, host(ms)).unwrap();
                }
            }
        }
        let now = name(run.state("low"));
        if now != before {
            seen.insert((before, now));
            before = now;
        }
    }
}
