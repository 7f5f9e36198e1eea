//! The main job: the recordings that come with the project, through the policies that come with it.
//!
//! Each recording is replayed as a tenant of its own, for two recordings may both know a patient "1".

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rpm_core::event::{Body, Event};
use rpm_core::policy::Policy;
use rpm_core::{Receipt, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::check::counted;
use crate::episode::Episode;
use crate::failure::{Failure, Verdict};
use crate::host::{self, Host};
use crate::picture::chart::Chart;
use crate::picture::layout;
use crate::picture::page::{self, Figure, Section};
use crate::picture::trace::Point;
use crate::progress::Progress;
use crate::run::journal::Journal;
use crate::run::summary::{Classes, Summary};
use crate::run::tally::{Fates, Tally};
use crate::run::{Job, Watch, replay};
use crate::table;

/// The workspace: recordings are below it, results too.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// An entry of `testdata/recordings/index.json`.
#[derive(Deserialize)]
struct Entry {
    name: String,
    title: String,
    readings: PathBuf,
    policy: PathBuf,
    first_screen: bool,
}

/// `summary.json` of the main job: the sum, and each recording.
#[derive(Serialize)]
struct Total {
    events: Fates,
    records: u64,
    recordings: BTreeMap<String, Summary>,
}

/// One recording, replayed.
struct Played {
    entry: Entry,
    policy: Arc<Policy>,
    tally: Tally,
    records: u64,
    points: Points,
}

/// Replays everything, prints the tables, writes the files and pictures.
pub fn run(out: &mut dyn Write) -> Result<Verdict, Failure> {
    let root = fs::canonicalize(ROOT).unwrap_or_else(|_| PathBuf::from(ROOT));
    let target = root.join("target").join("replay");
    let mut journal = Journal::create(&target)?;
    let mut played = Vec::new();
    for entry in index(&root)? {
        played.push(play(entry, &root, &mut journal)?);
    }
    let mut episodes: Vec<Episode> = Vec::new();
    let finished = journal.finish(|episode| episodes.push(episode.clone()))?;
    let mut total =
        Total { events: Fates::default(), records: finished.records, recordings: BTreeMap::new() };
    let mut sections = Vec::new();
    clear_pictures(&target)?;
    for recording in &played {
        let own: Vec<&Episode> = episodes.iter().filter(|e| recording.owns(e)).collect();
        let summary = recording.summary(&own);
        total.events.add(&summary.events);
        recording.tell(&own, &summary, out)?;
        sections.push(recording.section(&own, &target)?);
        total.recordings.insert(recording.entry.name.clone(), summary);
    }
    finished.summarise(&total)?;
    write(&target.join("index.html"), &page::html("Replayed recordings", &sections))?;
    let shown = target.strip_prefix(std::env::current_dir()?).unwrap_or(&target).display();
    let pictures = sections.iter().map(|s| s.patients.len()).sum();
    writeln!(
        out,
        "{}, {} events. {} in {shown}/index.html; records, alerts, quarantine beside it.",
        counted(episodes.len(), "alert"),
        total.events.total,
        counted(pictures, "picture")
    )?;
    if let Some(first) = episodes.first() {
        writeln!(
            out,
            "Why? cargo run --release -p replay -- explain {shown} {}",
            first.reference()
        )?;
    }
    Ok(Verdict::Clean)
}

fn index(root: &Path) -> Result<Vec<Entry>, Failure> {
    let path = root.join("testdata/recordings/index.json");
    let text = fs::read(&path).map_err(|e| Failure::at(&path, &e))?;
    let entries: Result<Vec<Entry>, _> = serde_json::from_slice(&text);
    let mut entries = entries.map_err(|e| Failure::new(format!("{}: {e}", path.display())))?;
    entries.sort_by_key(|entry| !entry.first_screen);
    Ok(entries)
}

fn play(entry: Entry, root: &Path, journal: &mut Journal) -> Result<Played, Failure> {
    let path = root.join("testdata/policies").join(&entry.policy);
    let policy = host::load_policy(&path).map_err(|p| p.into_failure(&path))?;
    let readings = root.join("testdata/recordings").join(&entry.readings);
    let tenant = TenantId::new(&entry.name).map_err(|e| Failure::new(e.to_string()))?;
    let job = Job {
        tenant: Some(tenant),
        // Relative, so that results are the same on every machine.
        names: vec![entry.readings.clone()],
        enrol: true,
        ..Job::new(Arc::clone(&policy), vec![readings])
    };
    let mut watch = Collector { progress: Progress::new(&entry.name), points: Points::default() };
    let before = journal.records();
    let tally = replay(&job, journal, &mut watch)?;
    watch.progress.done();
    let records = journal.records() - before;
    Ok(Played { entry, policy, tally, records, points: watch.points })
}

impl Played {
    fn owns(&self, episode: &Episode) -> bool {
        episode.tenant.as_ref().is_some_and(|t| t.as_str() == self.entry.name)
    }

    fn summary(&self, episodes: &[&Episode]) -> Summary {
        let mut classes = Classes::default();
        for episode in episodes {
            classes.count(episode);
        }
        Summary::new(&self.policy, &self.tally, &classes, self.records)
    }

    /// The last reading of a patient.
    fn end_of(&self, patient: &str) -> Timestamp {
        let end = self.points.end(patient);
        end.or(self.tally.span().map(|(_, last)| last)).unwrap_or_default()
    }

    fn tell(
        &self,
        episodes: &[&Episode],
        summary: &Summary,
        out: &mut dyn Write,
    ) -> Result<(), Failure> {
        writeln!(out, "{}: {}", self.entry.name, self.entry.title)?;
        writeln!(out, "{}", self.note(summary))?;
        let told: Vec<&Episode> = episodes.iter().copied().filter(|e| !e.shadow).collect();
        if told.is_empty() {
            writeln!(out, "no alerts\n")?;
        } else {
            writeln!(
                out,
                "{}\n",
                table::alerts(&told, |episode| self.end_of(episode.patient.as_str()))
            )?;
        }
        Ok(())
    }

    fn note(&self, summary: &Summary) -> String {
        let Fates { total, accepted, duplicate, quarantined, .. } = &summary.events;
        let rates: Vec<String> = summary
            .alarms_per_patient_day
            .iter()
            .filter(|(_, rate)| **rate > 0.0)
            .map(|(class, rate)| format!("{rate} {class}"))
            .collect();
        let rates = if rates.is_empty() { "none".to_string() } else { rates.join(", ") };
        format!(
            "policy {} v{}; {total} readings: {accepted} accepted, {duplicate} duplicate, \
             {quarantined} quarantined; alerts a patient and day: {rates}",
            self.policy.id(),
            self.policy.version()
        )
    }

    fn section(&self, episodes: &[&Episode], target: &Path) -> Result<Section, Failure> {
        let mut patients: BTreeMap<&str, Vec<&Episode>> = BTreeMap::new();
        for episode in episodes.iter().filter(|e| !e.shadow) {
            patients.entry(episode.patient.as_str()).or_default().push(episode);
        }
        let mut figures = Vec::new();
        for (patient, own) in patients {
            figures.push(self.figure(patient, &own, target)?);
        }
        Ok(Section {
            title: self.entry.title.clone(),
            note: self.note(&self.summary(episodes)),
            patients: figures,
        })
    }

    fn figure(
        &self,
        patient: &str,
        episodes: &[&Episode],
        target: &Path,
    ) -> Result<Figure, Failure> {
        let heading = (
            format!("Patient {patient}"),
            format!(
                "{}. Policy {} v{}: {}",
                self.entry.title,
                self.policy.id(),
                self.policy.version(),
                self.policy.title()
            ),
        );
        let until = self.end_of(patient);
        let chart = Chart::new(&self.policy, heading, episodes, until, |signal| {
            self.points.of(&self.policy, patient, signal)
        });
        let file = format!("{}-{}.svg", file_name(&self.entry.name), file_name(patient));
        write(&target.join(&file), &layout::draw(&chart))?;
        let episodes = episodes.iter().map(|e| (*e).clone()).collect();
        Ok(Figure { patient: patient.to_string(), file, episodes, until })
    }
}

/// Keeps readings for the pictures while the progress is shown.
struct Collector {
    progress: Progress,
    points: Points,
}

/// Readings by patient and kind.
#[derive(Default)]
struct Points {
    by_patient: BTreeMap<String, BTreeMap<String, Vec<Point>>>,
}

impl Points {
    fn of(&self, policy: &Policy, patient: &str, signal: usize) -> Vec<Point> {
        let definition = policy.signals().get(signal);
        let kind = definition.and_then(|s| policy.kind_name(s.kind()));
        let own = self.by_patient.get(patient).zip(kind).and_then(|(own, kind)| own.get(kind));
        let mut points = own.cloned().unwrap_or_default();
        points.sort_by_key(|p| p.at);
        points
    }

    fn end(&self, patient: &str) -> Option<Timestamp> {
        let points = self.by_patient.get(patient)?.values().flatten();
        points.map(|p| p.at).max().map(Timestamp::from_millis)
    }
}

impl Watch for Collector {
    fn read(&mut self, rows: u64) {
        self.progress.read(rows);
    }

    fn replayed(&mut self, inputs: u64, all: u64) {
        self.progress.replayed(inputs, all);
    }

    fn event(&mut self, event: &Event, kind: Option<&str>, receipt: Receipt, _: &Host) {
        let (Some(kind), Receipt::Accepted) = (kind, receipt) else {
            return;
        };
        let Body::Reading { value: Ok(value), .. } = &event.body else {
            return;
        };
        let at = event.observed_at.as_millis();
        let point = Point { at, value: value.thousandths(), good: event.quality.is_good() };
        let patient = event.patient.as_str();
        if !self.points.by_patient.contains_key(patient) {
            self.points.by_patient.insert(patient.to_string(), BTreeMap::new());
        }
        let Some(own) = self.points.by_patient.get_mut(patient) else {
            return;
        };
        match own.get_mut(kind) {
            Some(points) => points.push(point),
            None => drop(own.insert(kind.to_string(), vec![point])),
        }
    }

    fn warn(&mut self, message: &str) {
        self.progress.warn(message);
    }
}

/// Pictures of an earlier run, which this one may not draw again.
fn clear_pictures(directory: &Path) -> Result<(), Failure> {
    let entries = fs::read_dir(directory).map_err(|e| Failure::at(directory, &e))?;
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        if path.extension().is_some_and(|e| e == "svg") {
            fs::remove_file(&path).map_err(|e| Failure::at(&path, &e))?;
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|e| Failure::at(path, &e))
}

/// A name as part of a file's name: letters, digits, `-`, `_`; others by their number, so that two
/// names never meet.
fn file_name(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    name.chars()
        .map(|c| if plain(c) { c.to_string() } else { format!(".{:x}.", u32::from(c)) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_harmless_and_distinct() {
        assert_eq!(file_name("bidmc_01"), "bidmc_01");
        assert_eq!(file_name("../a b"), ".2e..2e..2f.a.20.b");
        assert_ne!(file_name("a/b"), file_name("a b"));
    }
}
