//! `replay diff`: what changed between the alerts of two runs.
//!
//! Alerts of the same patient and rule are the same if they began at the same time, else if they
//! overlap. What remains on one side is new or gone.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;

use crate::check::counted;
use crate::episode::{Episode, level_name};
use crate::failure::{Failure, Verdict};
use crate::input::lines::{Line, Lines};
use crate::table;

type Key = (String, String, String);
type ByRule = BTreeMap<Key, Vec<Episode>>;

/// Compares two runs.
pub fn run(before: &Path, after: &Path, out: &mut dyn Write) -> Result<Verdict, Failure> {
    let differences = differences(before, after)?;
    for line in &differences.lines {
        writeln!(out, "{line}")?;
    }
    writeln!(out, "{}", differences.counts)?;
    Ok(differences.verdict())
}

/// What differs between the alerts of two runs.
pub struct Differences {
    /// One line an alert: `-` gone, `+` new, `~` changed.
    pub lines: Vec<String>,
    /// How many.
    pub counts: Counts,
}

impl Differences {
    /// Whether there is any.
    pub fn verdict(&self) -> Verdict {
        if self.lines.is_empty() { Verdict::Clean } else { Verdict::Findings }
    }
}

/// Compares the directories of two runs.
pub fn differences(before: &Path, after: &Path) -> Result<Differences, Failure> {
    let (before, after) = (read(before)?, read(after)?);
    let keys: BTreeSet<&Key> = before.keys().chain(after.keys()).collect();
    let none = Vec::new();
    let (mut counts, mut lines) = (Counts::default(), Vec::new());
    for key in keys {
        let old = before.get(key).unwrap_or(&none);
        let new = after.get(key).unwrap_or(&none);
        lines.extend(compare(old, new, &mut counts));
    }
    Ok(Differences { lines, counts })
}

/// How many alerts are new, gone, changed and the same.
#[derive(Default)]
pub struct Counts {
    new: usize,
    gone: usize,
    changed: usize,
    same: usize,
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { new, gone, changed, same } = self;
        let all = counted(new + gone + changed, "difference");
        write!(f, "{all}: {new} new, {gone} gone, {changed} changed, {same} the same")
    }
}

/// The differences within one rule of one patient.
fn compare(old: &[Episode], new: &[Episode], counts: &mut Counts) -> Vec<String> {
    let mut lines = Vec::new();
    let pairs = matched(old, new);
    for (at, episode) in old.iter().enumerate() {
        let Some(other) = pairs.get(&at).and_then(|to| new.get(*to)) else {
            counts.gone += 1;
            lines.push(format!("- {}", told(episode)));
            continue;
        };
        let changes = changes(episode, other);
        if changes.is_empty() {
            counts.same += 1;
            continue;
        }
        counts.changed += 1;
        lines.push(format!("~ {}: {}", told(other), changes.join(", ")));
    }
    let taken: BTreeSet<usize> = pairs.into_values().collect();
    for episode in new.iter().enumerate().filter(|(at, _)| !taken.contains(at)).map(|(_, e)| e) {
        counts.new += 1;
        lines.push(format!("+ {}", told(episode)));
    }
    lines
}

/// Which new episode each old one is.
fn matched(old: &[Episode], new: &[Episode]) -> BTreeMap<usize, usize> {
    let same_onset = |a: &Episode, b: &Episode| a.onset == b.onset;
    let overlap = |a: &Episode, b: &Episode| {
        a.cleared_at.is_none_or(|end| b.onset < end) && b.cleared_at.is_none_or(|end| a.onset < end)
    };
    let mut pairs = BTreeMap::new();
    let mut taken = BTreeSet::new();
    for alike in [&same_onset as &dyn Fn(&Episode, &Episode) -> bool, &overlap] {
        for (from, episode) in old.iter().enumerate() {
            if pairs.contains_key(&from) {
                continue;
            }
            let free = |(to, _): &(usize, &Episode)| !taken.contains(to);
            let found =
                new.iter().enumerate().filter(free).find(|(_, other)| alike(episode, other));
            if let Some((to, _)) = found {
                pairs.insert(from, to);
                taken.insert(to);
            }
        }
    }
    pairs
}

fn changes(old: &Episode, new: &Episode) -> Vec<String> {
    let mut changes = Vec::new();
    if old.onset != new.onset {
        let (sign, by) = match new.onset >= old.onset {
            true => ("later", new.onset.since(old.onset)),
            false => ("earlier", old.onset.since(new.onset)),
        };
        changes.push(format!("onset {by} {sign}"));
    }
    if old.level != new.level {
        changes.push(format!("level {} -> {}", level_name(old.level), level_name(new.level)));
    }
    if old.duration() != new.duration() {
        let told = |e: &Episode| e.duration().map_or("open".into(), |d| table::span(d.as_millis()));
        changes.push(format!("duration {} -> {}", told(old), told(new)));
    }
    changes
}

fn told(episode: &Episode) -> String {
    let level = level_name(episode.level);
    format!("{} {} {level} from {}", episode.reference(), episode.rule, episode.onset)
}

fn read(directory: &Path) -> Result<ByRule, Failure> {
    let path = directory.join("alerts.jsonl");
    let fail = |e: std::io::Error| Failure::at(&path, &e);
    let mut lines = Lines::open(&path).map_err(fail)?;
    let mut found = ByRule::new();
    loop {
        let number = lines.number() + 1;
        let Some(line) = lines.next().map_err(fail)? else {
            return Ok(found);
        };
        let Line::Bytes(bytes) = line else {
            return Err(not_an_alert(&path, number));
        };
        let episode: Episode =
            serde_json::from_slice(bytes).map_err(|_| not_an_alert(&path, number))?;
        let tenant = episode.tenant.as_ref().map_or("", |t| t.as_str()).to_string();
        let key = (tenant, episode.patient.as_str().to_string(), episode.rule.clone());
        found.entry(key).or_default().push(episode);
    }
}

fn not_an_alert(path: &Path, line: u64) -> Failure {
    Failure::new(format!("{}:{line}: the line is not an alert", path.display()))
}
