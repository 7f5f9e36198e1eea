//! A trial in words: what somebody reads before signing.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use super::report::{Counted, Quartiles, Side, TrialReport, Voice};
use super::{LEAST_FOR_QUARTILES, LEAST_FOR_SHARE};
use crate::insight::kpi::Verdicts;
use crate::time::Duration;

/// A piece of the page, for whatever it is made into.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Block {
    /// A heading; the first is the title.
    Heading(String),
    /// A paragraph.
    Text(String),
    /// Points.
    List(Vec<String>),
    /// A table: its head, and rows as long as that.
    Table(Vec<String>, Vec<Vec<String>>),
    /// What may be decided: a box to tick for each.
    Choices(Vec<String>),
    /// Lines to be filled in by hand.
    Lines(Vec<String>),
}

impl TrialReport {
    /// The page, piece by piece.
    pub fn page(&self) -> Vec<Block> {
        let mut page = vec![
            Block::Heading(format!("Trial in shadow: {}", self.subject())),
            Block::Text(self.period()),
            Block::Heading("To be decided".into()),
            Block::Text(self.asked()),
        ];
        page.extend(self.versions());
        page.extend(self.alarms());
        page.extend(self.who_found_what());
        page.extend(self.what_people_said());
        page.extend(self.what_happened());
        page.extend(self.whether_they_agree());
        page.extend(self.counting());
        page.extend(self.signatures());
        page
    }

    fn subject(&self) -> String {
        match &self.candidate.voices[..] {
            [] => format!("{} beside {}", self.candidate.rule, self.active.rule),
            voices => {
                let named: Vec<String> = voices.iter().map(|v| v.model.to_string()).collect();
                format!("{}, by {}", named.join(" and "), self.candidate.rule)
            }
        }
    }

    fn period(&self) -> String {
        let (from, until) = (self.question.from, self.question.until);
        let (patients, days) = (self.patients, self.patient_days);
        format!("From {from} until {until}: {patients} patients, {days} days of patients.")
    }

    fn asked(&self) -> String {
        let (candidate, active) = (&self.candidate, &self.active);
        match (&candidate.voices[..], &active.voices[..]) {
            ([new], [old]) => format!("Shall {} take the place of {}?", new.model, old.model),
            ([new], []) => format!("Shall {} be in force, beside {}?", new.model, active.rule),
            _ => format!("Shall {} take the place of {}?", candidate.rule, active.rule),
        }
    }

    fn versions(&self) -> Vec<Block> {
        let voice = |what: &str, side: &Side| {
            let row = |voice: &Voice| {
                let Voice { model, scores, failures } = voice;
                let failed: u64 = failures.values().sum();
                let hash = model.hash.to_string();
                vec![what.into(), model.to_string(), hash, scores.to_string(), failed.to_string()]
            };
            side.voices.iter().map(row).collect::<Vec<_>>()
        };
        let mut rows = voice("candidate, in shadow", &self.candidate);
        rows.extend(voice("in force", &self.active));
        let mut blocks = vec![Block::Heading("Versions and policies".into())];
        if !rows.is_empty() {
            let head = ["", "version", "SHA-256 of its manifest", "scores", "no score"];
            blocks.push(table(&head, rows));
        }
        let policies = self.policies.iter();
        let policies =
            policies.map(|p| format!("Policy {} v{}, SHA-256 {}", p.id, p.version, p.hash));
        let steps = self.roll_out.iter().map(|step| format!("{} {step}", step.at));
        blocks.push(Block::List(policies.chain(steps).collect()));
        blocks
    }

    fn alarms(&self) -> Vec<Block> {
        let (candidate, active) = (&self.candidate, &self.active);
        let row =
            |what: &str, of: &dyn Fn(&Side) -> String| vec![what.into(), of(candidate), of(active)];
        let few = || "too few days".to_string();
        let mut rows = vec![
            row("alarms", &|side| side.alarms.to_string()),
            row("for each day of a patient", &|side| {
                side.alarms_per_patient_day.map_or_else(few, |rate| rate.to_string())
            }),
        ];
        for level in candidate.by_level.keys() {
            rows.push(row(&format!("of them {level}"), &|side| {
                side.by_level.get(level).copied().unwrap_or_default().to_string()
            }));
        }
        rows.push(row("patients with an alarm", &|side| words(side.patients)));
        rows.push(row("suppressed as they opened", &|side| side.suppressed.to_string()));
        let head = ["", candidate.rule.as_str(), active.rule.as_str()];
        vec![Block::Heading("Alarms".into()), table(&head, rows)]
    }

    fn who_found_what(&self) -> Vec<Block> {
        let (episodes, lead) = (self.episodes, self.lead);
        let rows = [
            ("found by both", episodes.both),
            ("  the candidate was earlier", lead.earlier),
            ("  both at the same time", lead.same),
            ("  the candidate was later", lead.later),
            ("found by the candidate alone: it would have opened", episodes.only_candidate),
            ("found by the rule in force alone: it would have missed", episodes.only_active),
        ];
        let rows = rows.into_iter().map(|(what, n)| vec![what.into(), n.to_string()]).collect();
        let told = match lead.quartiles {
            Some(by) => format!(
                "How much earlier the candidate was, where both found an episode: {}.",
                spread(by)
            ),
            None => format!(
                "Both found {} episodes: how much earlier the candidate was is not told of fewer than \
                 {LEAST_FOR_QUARTILES}.",
                episodes.both
            ),
        };
        vec![Block::Heading("Episodes".into()), table(&["", "episodes"], rows), Block::Text(told)]
    }

    fn what_people_said(&self) -> Vec<Block> {
        let outcomes = &self.outcomes;
        let row = |what: &str, of: &Verdicts| {
            let share = Counted::new(of.correct, of.judged());
            let (no, nothing) = (of.wrong.to_string(), of.unknown.to_string());
            vec![what.into(), of.correct.to_string(), no, nothing, words(share)]
        };
        let rows = vec![
            row("found by both", &outcomes.both),
            row("found by the rule in force alone", &outcomes.only_active),
            row("found by the candidate alone (other alerts nearby)", &outcomes.only_candidate),
        ];
        let reasons =
            outcomes.reasons.iter().map(|(why, n)| format!("{} {n}", why.replace('_', " ")));
        let reasons: Vec<String> = reasons.collect();
        let told = match &reasons[..] {
            [] => "Nobody resolved an alert of the rule in force.".into(),
            reasons => {
                format!("Alerts of the rule in force were resolved as: {}.", reasons.join(", "))
            }
        };
        let head = ["episodes", "true", "false", "nothing said", "true of what was judged"];
        vec![Block::Heading("What people said".into()), table(&head, rows), Block::Text(told)]
    }

    fn what_happened(&self) -> Vec<Block> {
        let Some(events) = self.events else {
            return Vec::new();
        };
        let found = |alone: u64| words(Counted::new(events.both + alone, events.events));
        let lead = |by: Option<Quartiles>| by.map_or_else(|| "too few".into(), spread);
        let row =
            |what: &str, candidate: String, active: String| vec![what.into(), candidate, active];
        let rows = vec![
            row("events found", found(events.only_candidate), found(events.only_active)),
            row(
                "found by this one alone",
                events.only_candidate.to_string(),
                events.only_active.to_string(),
            ),
            row("before the onset", lead(events.candidate_lead), lead(events.active_lead)),
            row(
                "patients without an event, with an alarm",
                words(events.candidate_false),
                words(events.active_false),
            ),
        ];
        let head = ["", self.candidate.rule.as_str(), self.active.rule.as_str()];
        vec![Block::Heading("What happened".into()), table(&head, rows)]
    }

    fn whether_they_agree(&self) -> Vec<Block> {
        let Some(agreement) = self.agreement else {
            return Vec::new();
        };
        let thousandths = |n: i64| {
            let mut text = String::new();
            // Writing to a string cannot fail.
            let _ = crate::value::write_thousandths(n, &mut text);
            text
        };
        let gap = |n: u16| thousandths(n.into());
        let told = format!(
            "{} times both versions scored the same evidence. Half of the scores differ by at most {}, nine of ten \
             by at most {}, the most by {}; on average the candidate said {} more.",
            agreement.pairs,
            gap(agreement.median_gap),
            gap(agreement.p90_gap),
            gap(agreement.greatest_gap),
            thousandths(agreement.mean_difference)
        );
        vec![Block::Heading("Scores".into()), Block::Text(told)]
    }

    fn counting(&self) -> Vec<Block> {
        let q = &self.question;
        let mut counted = vec![
            "An alarm lasts as long as an alert is active and nothing suppresses it; it begins when the alert \
             opens, comes back or comes out of suppression."
                .to_string(),
            format!(
                "Alarms of a patient, of either rule, are one episode if less than {} lies between them. What had \
                 begun before the period is left out.",
                q.apart
            ),
            format!(
                "An episode is true if people resolved an alert of the rule in force in it as true; one that only \
                 the candidate found, if they so resolved any alert of the patient that opened in it or within {}.",
                q.near
            ),
            format!(
                "No share is told of fewer than {LEAST_FOR_SHARE}, no quartiles of fewer than \
                 {LEAST_FOR_QUARTILES}.",
            ),
        ];
        if self.events.is_some() {
            counted.push(format!(
                "An event is found by a rule with an alarm at some time from {} before its onset to {} after it; the \
                 time before the onset counts from there at most.",
                q.lead, q.delay
            ));
        }
        let mut blocks = vec![Block::Heading("How it was counted".into()), Block::List(counted)];
        if !self.limitations.is_empty() {
            blocks.push(Block::Heading("Limitations".into()));
            blocks.push(Block::List(self.limitations.clone()));
        }
        blocks
    }

    fn signatures(&self) -> Vec<Block> {
        let choices = [
            "in force for everybody",
            "in force for a part of the patients (canary): ____________",
            "on in shadow until: ____________",
            "retired",
        ];
        let lines = [
            "Decided by (name, function)",
            "Date and signature",
            "Approved by (name, function)",
            "Date and signature",
            "Reason",
        ];
        vec![
            Block::Heading("Decision".into()),
            Block::Choices(choices.map(String::from).into()),
            Block::Text(
                "Two people decide: whoever wants it, and somebody else who approves it.".into(),
            ),
            Block::Lines(lines.map(String::from).into()),
        ]
    }
}

fn table(head: &[&str], rows: Vec<Vec<String>>) -> Block {
    Block::Table(head.iter().map(|name| (*name).to_string()).collect(), rows)
}

/// `31 of 40, 77.5 %`; without the share if it would be of too few.
fn words(counted: Counted) -> String {
    let Counted { of, all, share } = counted;
    let share = share.map(|share| format!(", {share}"));
    format!("{of} of {all}{}", share.unwrap_or_default())
}

fn spread(by: Quartiles) -> String {
    let [first, median, third] = [by.first_ms, by.median_ms, by.third_ms].map(signed);
    format!("median {median}, middle half {first} to {third}")
}

/// A duration with its sign.
fn signed(ms: i64) -> String {
    let sign = if ms < 0 { "-" } else { "" };
    let size = i64::try_from(ms.unsigned_abs()).unwrap_or(i64::MAX);
    format!("{sign}{}", Duration::from_millis(size))
}

impl fmt::Display for TrialReport {
    /// In Markdown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, block) in self.page().iter().enumerate() {
            match block {
                Block::Heading(text) if place == 0 => writeln!(f, "# {text}\n")?,
                Block::Heading(text) => writeln!(f, "## {text}\n")?,
                Block::Text(text) => writeln!(f, "{text}\n")?,
                Block::List(points) => list(f, "- ", points)?,
                Block::Choices(choices) => list(f, "- [ ] ", choices)?,
                Block::Lines(lines) => {
                    lines
                        .iter()
                        .try_for_each(|line| writeln!(f, "{line}: ________________________\n"))?;
                }
                Block::Table(head, rows) => {
                    row(f, head)?;
                    row(f, &vec!["---".to_string(); head.len()])?;
                    rows.iter().try_for_each(|cells| row(f, cells))?;
                    writeln!(f)?;
                }
            }
        }
        Ok(())
    }
}

fn list(f: &mut fmt::Formatter<'_>, mark: &str, points: &[String]) -> fmt::Result {
    points.iter().try_for_each(|point| writeln!(f, "{mark}{point}"))?;
    writeln!(f)
}

fn row(f: &mut fmt::Formatter<'_>, cells: &[String]) -> fmt::Result {
    f.write_str("|")?;
    cells.iter().try_for_each(|cell| write!(f, " {} |", cell.replace('|', "\\|")))?;
    writeln!(f)
}
