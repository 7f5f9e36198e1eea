//! Suggestions as a table, for a terminal.

use std::io::Write;

use comfy_table::{ContentArrangement, Table, presets};

use super::actors::{Advice, Advised, Suggestion};
use crate::failure::Failure;
use crate::table;

/// What a suggestion is and what it is not.
pub const NOTE: &str = "a back-test on this recording with nobody answering, and not advice: other \
                        patients and other days may differ, and who answers for the policy decides";

/// One row a bad actor.
pub fn tell(advice: &Advice, out: &mut dyn Write) -> Result<(), Failure> {
    if advice.actors.is_empty() {
        writeln!(out, "no bad actors: no rule of a patient alarmed more than once")?;
        return Ok(());
    }
    let mut table = Table::new();
    table
        .load_preset(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(table::width())
        .set_header([
            "bad actor",
            "alarms",
            "suggestion",
            "avoided",
            "lost",
            "later",
            "all patients",
        ]);
    for Advised { actor, suggestion, none } in &advice.actors {
        let who = format!("{} of {}", actor.rule, actor.owner);
        let alarms = actor.annunciated.to_string();
        let rest = match (suggestion, none) {
            (Some(suggestion), _) => row(suggestion),
            (None, refusal) => {
                let why = refusal.as_ref().map_or(String::new(), |refusal| refusal.words());
                [why, String::new(), String::new(), String::new(), String::new()]
            }
        };
        table.add_row([who, alarms].into_iter().chain(rest));
    }
    writeln!(out, "{table}")?;
    writeln!(
        out,
        "Avoided: alarms that would not have been. Lost: episodes that nobody would have heard of, \
         all shorter than {}; the other avoided ones are merged. Later: by how much at most the \
         rest would have been told. Longer holds were not tried: see --longest-hold.",
        advice.longest_hold
    )?;
    for (suggestion, who) in noticed(&advice.actors) {
        let [now, then] = suggestion.other_rules;
        writeln!(
            out,
            "The change for {who} also takes the alarms of other rules from {now} to {then}."
        )?;
    }
    writeln!(out, "This is {NOTE}.")?;
    Ok(())
}

fn row(suggestion: &Suggestion) -> [String; 5] {
    let all = &suggestion.all_patients;
    let lost = match suggestion.lost_urgent {
        0 => suggestion.lost.to_string(),
        urgent => format!("{} ({urgent} urgent)", suggestion.lost),
    };
    [
        suggestion.change.words.clone(),
        suggestion.avoided.to_string(),
        lost,
        table::span(suggestion.delay_at_most.as_millis()),
        format!("{} to {}, {} lost", all.now, all.then, all.lost),
    ]
}

/// Suggestions that change what other rules do: those that the rule inhibits.
fn noticed(actors: &[Advised]) -> impl Iterator<Item = (&Suggestion, String)> {
    let suggested = actors.iter().filter_map(|advised| {
        let actor = &advised.actor;
        Some((advised.suggestion.as_ref()?, format!("{} of {}", actor.rule, actor.owner)))
    });
    suggested.filter(|(suggestion, _)| suggestion.other_rules[0] != suggestion.other_rules[1])
}
