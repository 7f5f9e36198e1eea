//! The command line: what can be asked, in clap's terms.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use rpm_core::{Duration, HostTime, Value};

use crate::run::parse_time;
use crate::sensitivity::shifts::Shifts;

/// Replays recordings of vital signs through a monitoring policy and shows every alert with its
/// reason.
///
/// Without a command it replays the recordings that come with the project and writes tables,
/// records and pictures to target/replay/.
#[derive(Parser, Debug)]
#[command(version, after_help = EXAMPLES, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do; the bundled recordings if absent.
    #[command(subcommand)]
    pub command: Option<Request>,
}

const EXAMPLES: &str = "\
Examples:
  replay                                            the bundled recordings, with pictures
  replay run --policy home.toml --readings march.csv.gz --out out/march
  replay check home.toml                            every mistake, or the policy in plain words
  replay test home.test.toml                        unit tests of a policy
  replay explain out/march p17/2                    why alert 2 of patient p17 was raised
  replay compare --policy a.toml --policy b.toml --readings march.csv.gz --out out
  replay suggest --policy a.toml --rule spo2-low --readings march.csv.gz --out out
  replay suggest --policy a.toml --bad-actors --readings march.csv.gz --out out
  replay score --policy a.toml --readings march.csv.gz --labels events.csv --out out
  replay sensitivity --policy a.toml --kind heart_rate --shift 5..30 --for \"1 h\" --readings march.csv.gz --out out
  replay diff out/march out/april                   what changed between two runs
  replay kpi out/march                              whether people could have kept up
  replay trial out/march                            what a version in shadow would have done

Exit codes: 0 all is well, 1 findings, differences or failed tests, 2 bad usage or bad input.";

/// A command.
#[derive(Subcommand, Debug)]
pub enum Request {
    /// Replay recordings of your own through a policy.
    #[command(after_help = RUN_HELP)]
    Run(Run),
    /// Check a policy: all its mistakes, or its warnings and what it says in plain words.
    #[command(after_help = "Example:\n  replay check testdata/policies/copd-home.json")]
    Check {
        /// The policy: TOML by its extension, else JSON.
        policy: PathBuf,
    },
    /// Run unit tests of policies, written as compact series of readings.
    #[command(after_help = "Example:\n  replay test policies/*.test.toml\n\n\
        The notation is described in examples/replay/README.md.")]
    Test {
        /// Files of test cases.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Tell why an alert was raised and what became of it, from the records alone.
    #[command(after_help = "Example:\n  replay explain target/replay bedside/bidmc_32/3\n\n\
        ALERT is PATIENT/NUMBER, or TENANT/PATIENT/NUMBER where several recordings were replayed.")]
    Explain {
        /// What `run` wrote.
        directory: PathBuf,
        /// PATIENT/NUMBER, as in the table of alerts.
        alert: String,
        /// Print the explanation as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Tell what another policy would change: alarms, lead times, load, episode by episode.
    #[command(after_help = COMPARE_HELP)]
    Compare(Compare),
    /// Sweep a rule's hold, dead band and coverage: what each would spare, and what it would cost;
    /// or suggest a hold or dead band for every bad actor.
    #[command(after_help = SUGGEST_HELP)]
    Suggest(Suggest),
    /// Write down a score hour by hour, and how well it tells the hours of an event from others.
    #[command(after_help = SCORE_HELP)]
    Score(Score),
    /// Tell how large a change of a signal a policy would have found: readings are shifted for a while,
    /// by more and more.
    #[command(after_help = SENSITIVITY_HELP)]
    Sensitivity(Sensitivity),
    /// Compare the alerts of two runs: new, gone, changed.
    #[command(after_help = "Example:\n  replay diff out/v3 out/v4")]
    Diff {
        /// What one `run` wrote.
        before: PathBuf,
        /// What another wrote.
        after: PathBuf,
    },
    /// Tell whether people could have kept up: alarm figures of ISA-18.2 for each queue, and the
    /// service levels by the objectives of the policy.
    #[command(after_help = "Example:\n  replay kpi target/replay --json\n\n\
        Each figure stands beside its guidance value, which is for one operator over thirty days.")]
    Kpi {
        /// What `run` wrote.
        directory: PathBuf,
        /// Print the reports as JSON: a list, one for each recording.
        #[arg(long)]
        json: bool,
    },
    /// Tell what a rule in shadow would have opened, missed, and how much earlier, beside the one in force:
    /// a report to be signed.
    #[command(after_help = TRIAL_HELP)]
    Trial(Trial),
    /// Tell whether what a model meets is still what it was trained on: devices, people measured, what is done.
    #[command(after_help = DRIFT_HELP)]
    Drift(Drift),
    /// Bring a version of a model to another stage, or tell what became of all of them.
    #[command(after_help = MODELS_HELP)]
    Models(Models),
    /// Check the hash chains of a run's records: nothing changed, nothing lost.
    Verify {
        /// What `run` wrote.
        directory: PathBuf,
    },
    /// Print a completion script for a shell.
    #[command(
        after_help = "Example:\n  replay completions bash > ~/.local/share/bash-completion/completions/replay"
    )]
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// What `run` needs.
#[derive(clap::Args, Debug)]
pub struct Run {
    /// The policy: TOML by its extension, else JSON.
    #[arg(long, value_name = "FILE")]
    pub policy: PathBuf,
    /// A recording, .csv or .jsonl, plain or gzipped; may be given several times.
    #[arg(long, required = true, value_name = "FILE")]
    pub readings: Vec<PathBuf>,
    /// What people did: JSON lines, see below.
    #[arg(long, value_name = "FILE")]
    pub commands: Option<PathBuf>,
    /// Who is on duty when: a JSON array of shifts, see README.
    #[arg(long, value_name = "FILE")]
    pub roster: Option<PathBuf>,
    /// A care team that is simulated: it answers messages after a while, see README.
    #[arg(long, value_name = "FILE")]
    pub team: Option<PathBuf>,
    /// A folder of models that score beside the rules: NAME.onnx, NAME.json, registry.jsonl.
    #[arg(long, value_name = "DIR")]
    pub models: Option<PathBuf>,
    /// Ask the models only for what was recorded, the scores of --commands, and tell where they say
    /// otherwise: exit code 1.
    #[arg(long, requires_all = ["models", "commands"])]
    pub recompute: bool,
    /// By so many thousandths a score may differ.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "recompute")]
    pub tolerance: u16,
    /// Write the rows that the policy's model sees, for training.
    #[arg(long, value_name = "FILE")]
    pub rows: Option<PathBuf>,
    /// What makes the keys of these rows: patients' names cannot be told from them without it.
    #[arg(long, value_name = "TEXT", default_value = "", requires = "rows")]
    pub salt: String,
    /// Let time pass up to here after the last input: RFC 3339, or seconds since 1970.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub until: Option<HostTime>,
    /// Expect each patient's kinds from the first to the last reading only: then the end of a
    /// recording is not a missing signal.
    #[arg(long)]
    pub enrol: bool,
    /// Where to write; files of an earlier run are replaced.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Megabytes of rows kept in memory while sorting; the rest waits in files below DIR.
    #[arg(long, value_name = "MB", default_value_t = 128, hide_short_help = true)]
    pub sort_memory: usize,
}

/// What `trial` needs.
#[derive(clap::Args, Debug)]
pub struct Trial {
    /// What `run` wrote.
    pub directory: PathBuf,
    /// The rule in shadow [default: the one that reads the scores of versions in shadow].
    #[arg(long, value_name = "RULE", requires = "active")]
    pub candidate: Option<String>,
    /// The rule in force [default: the one that reads the scores of the version in force].
    #[arg(long, value_name = "RULE", requires = "candidate")]
    pub active: Option<String>,
    /// When the period begins [default: with the first record].
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub from: Option<HostTime>,
    /// When it ends [default: with the last record].
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub until: Option<HostTime>,
    /// Alarms of a patient this far apart are of different episodes.
    #[arg(long, value_name = "TIME", default_value = "1 h")]
    pub apart: Duration,
    /// So long before and after an episode other alerts that people judged say something about it.
    #[arg(long, value_name = "TIME", default_value = "12 h")]
    pub near: Duration,
    /// What happened to the patients.
    #[command(flatten)]
    pub labels: Labels,
    /// The column of the labels from when on a patient was watched [default: the first record].
    #[arg(long, value_name = "NAME", requires_all = ["labels", "until_column"])]
    pub from_column: Option<String>,
    /// The column until when [default: the last record].
    #[arg(long, value_name = "NAME", requires_all = ["labels", "from_column"])]
    pub until_column: Option<String>,
    /// Where to write [default: DIRECTORY].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

impl Trial {
    /// The columns of a patient's stay, if they were named.
    pub fn stay(&self) -> Option<[&str; 2]> {
        Some([self.from_column.as_deref()?, self.until_column.as_deref()?])
    }
}

/// What `drift` needs.
#[derive(clap::Args, Debug)]
pub struct Drift {
    /// What `run` wrote.
    pub directory: PathBuf,
    /// The model's manifest, with the reference of its features.
    #[arg(long, value_name = "FILE")]
    pub manifest: PathBuf,
    /// What `run --rows` wrote: the rows that the model was to see.
    #[arg(long, value_name = "FILE")]
    pub rows: Option<PathBuf>,
    /// So long are features counted before they are compared with the reference.
    #[arg(long, value_name = "TIME", default_value = "30 d", requires = "rows")]
    pub period: Duration,
    /// When the model was trained, for how old it may become.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub trained: Option<HostTime>,
}

/// What `models` needs.
#[derive(clap::Args, Debug)]
pub struct Models {
    /// NAME.onnx, NAME.json, and registry.jsonl, which is written here.
    pub directory: PathBuf,
    /// What is to be done; nothing if absent.
    #[command(subcommand)]
    pub deed: Option<Deed>,
}

/// What people do about models.
#[derive(Subcommand, Debug)]
pub enum Deed {
    /// Take a model in as a candidate.
    Register {
        /// NAME of the folder's NAME.onnx.
        name: String,
        /// Who brings it.
        #[arg(long)]
        owner: String,
        /// When [default: with the step before].
        #[arg(long, value_name = "TIME", value_parser = parse_time)]
        at: Option<HostTime>,
    },
    /// Bring a version to a stage.
    Step {
        /// The model.
        model: String,
        /// Which version.
        version: u32,
        /// Where to.
        to: To,
        /// Of a canary: so many of a thousand patients.
        #[arg(long, value_name = "PERMILLE")]
        share: Option<u16>,
        /// Of a canary: those of these cohorts.
        #[arg(long, value_name = "COHORT", conflicts_with = "share")]
        cohorts: Vec<String>,
        /// Who, and why.
        #[command(flatten)]
        why: Grounds,
        /// When [default: with the step before].
        #[arg(long, value_name = "TIME", value_parser = parse_time)]
        at: Option<HostTime>,
    },
    /// Bring a version that was in shadow into force, on the grounds of a report of `trial`.
    Promote {
        /// The model.
        model: String,
        /// Which version.
        version: u32,
        /// The report, `trial.json`, which must be about this version; the step names it by its hash.
        #[arg(long, value_name = "FILE")]
        report: PathBuf,
        /// Who wants it.
        #[arg(long)]
        owner: String,
        /// Who else approves it.
        #[arg(long)]
        approver: String,
        /// Why.
        #[arg(long)]
        reason: String,
        /// When [default: at the end of the report's period].
        #[arg(long, value_name = "TIME", value_parser = parse_time)]
        at: Option<HostTime>,
    },
    /// Go back to the version that was active before, at once.
    Rollback {
        /// The model.
        model: String,
        /// Who, and why.
        #[command(flatten)]
        why: Grounds,
        /// When [default: with the step before].
        #[arg(long, value_name = "TIME", value_parser = parse_time)]
        at: Option<HostTime>,
    },
}

/// Who wants a step, who approves it, and on what grounds.
#[derive(clap::Args, Clone, Debug)]
pub struct Grounds {
    /// Who wants it.
    #[arg(long)]
    pub owner: String,
    /// Who else approves it.
    #[arg(long)]
    pub approver: String,
    /// Why.
    #[arg(long)]
    pub reason: String,
    /// Where what was found out can be read.
    #[arg(long)]
    pub evidence: String,
}

/// A stage to go to.
#[derive(clap::ValueEnum, Clone, Copy, Debug)]
pub enum To {
    /// Scores everybody, and is only watched.
    Shadow,
    /// Scores a part of the patients.
    Canary,
    /// Scores everybody else.
    Active,
    /// Scores nobody.
    Retired,
}

/// What happened to the patients.
#[derive(clap::Args, Debug)]
pub struct LabelFile {
    /// What happened to the patients: CSV with `patient` and a time of onset, empty if nothing did.
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// The column of the onset [default: onset, t_seconds or observed_at].
    #[arg(long, value_name = "NAME")]
    pub onset_column: Option<String>,
}

/// What happened to the patients, and which alarms belong to it.
#[derive(clap::Args, Debug)]
pub struct Labels {
    /// What happened.
    #[command(flatten)]
    pub file: LabelFile,
    /// How long before an onset an alarm still belongs to it.
    #[arg(long, value_name = "TIME", default_value = "12 h")]
    pub lead: Duration,
    /// How long after it.
    #[arg(long, value_name = "TIME", default_value = "3 h")]
    pub delay: Duration,
}

/// What `compare` needs.
#[derive(clap::Args, Debug)]
pub struct Compare {
    /// The two policies: given twice, first the one of now.
    #[arg(long, required = true, value_name = "FILE", num_args = 1)]
    pub policy: Vec<PathBuf>,
    /// A recording, as for `run`; may be given several times.
    #[arg(long, required = true, value_name = "FILE")]
    pub readings: Vec<PathBuf>,
    /// What happened to the patients.
    #[command(flatten)]
    pub labels: Labels,
    /// What people did, as for `run`.
    #[arg(long, value_name = "FILE")]
    pub commands: Option<PathBuf>,
    /// Who was on duty, as for `run`.
    #[arg(long, value_name = "FILE")]
    pub roster: Option<PathBuf>,
    /// Models that score beside the rules of a policy that names any, as for `run`.
    #[arg(long, value_name = "DIR")]
    pub models: Option<PathBuf>,
    /// Who answers, as for `run`: both policies meet the same people.
    #[arg(long, value_name = "FILE")]
    pub team: Option<PathBuf>,
    /// As for `run`.
    #[arg(long)]
    pub enrol: bool,
    /// Where to write.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// What `suggest` needs.
#[derive(clap::Args, Debug)]
pub struct Suggest {
    /// The policy.
    #[arg(long, value_name = "FILE")]
    pub policy: PathBuf,
    /// The rule to vary.
    #[arg(long, value_name = "RULE", required_unless_present = "bad_actors")]
    pub rule: Option<String>,
    /// Instead of one rule: a suggestion for each of the N rules of a patient that alarm most
    /// [default: 10].
    #[arg(
        long,
        value_name = "N",
        num_args = 0..=1,
        default_missing_value = "10",
        conflicts_with_all = ["rule", "labels"]
    )]
    pub bad_actors: Option<NonZeroUsize>,
    /// For bad actors the longest hold to suggest: what lasts so long is never given up.
    #[arg(long, value_name = "TIME", default_value = "1 min", conflicts_with = "rule")]
    pub longest_hold: Duration,
    /// For bad actors what people did, as for `run`: what they resolved as true is never given up.
    #[arg(long, value_name = "FILE", conflicts_with = "rule")]
    pub commands: Option<PathBuf>,
    /// A recording, as for `run`; may be given several times.
    #[arg(long, required = true, value_name = "FILE")]
    pub readings: Vec<PathBuf>,
    /// What happened to the patients.
    #[command(flatten)]
    pub labels: Labels,
    /// As for `run`.
    #[arg(long)]
    pub enrol: bool,
    /// Where to write.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// What `score` needs.
#[derive(clap::Args, Debug)]
pub struct Score {
    /// The policy.
    #[arg(long, value_name = "FILE")]
    pub policy: PathBuf,
    /// A recording, as for `run`; may be given several times.
    #[arg(long, required = true, value_name = "FILE")]
    pub readings: Vec<PathBuf>,
    /// The signal: a score, or any other of the policy.
    #[arg(long, value_name = "SIGNAL", default_value = "news2")]
    pub signal: String,
    /// What happened to the patients.
    #[command(flatten)]
    pub file: LabelFile,
    /// How long before an onset its hours begin; they last to the end of the stay.
    #[arg(long, value_name = "TIME", default_value = "6 h", requires = "labels")]
    pub lead: Duration,
    /// The column of the labels with the first hour of a stay [default: the first reading's].
    #[arg(long, value_name = "NAME", requires_all = ["labels", "until_column"])]
    pub from_column: Option<String>,
    /// The column with its last hour [default: the last reading's].
    #[arg(long, value_name = "NAME", requires_all = ["labels", "from_column"])]
    pub until_column: Option<String>,
    /// What an hour counts before anything was measured; such hours are left out if absent.
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    pub unmeasured: Option<Value>,
    /// Where to write.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// What `sensitivity` needs.
#[derive(clap::Args, Debug)]
pub struct Sensitivity {
    /// The policy.
    #[arg(long, value_name = "FILE")]
    pub policy: PathBuf,
    /// Only alarms of this rule count, be it in force or on trial [default: all rules in force].
    #[arg(long, value_name = "RULE")]
    pub rule: Option<String>,
    /// A recording, as for `run`; may be given several times.
    #[arg(long, required = true, value_name = "FILE")]
    pub readings: Vec<PathBuf>,
    /// The kind whose readings are shifted.
    #[arg(long, value_name = "KIND")]
    pub kind: String,
    /// By how much, in the kind's unit: `3..12` is each whole number of these, `-2,-4.5` a list.
    #[arg(long, value_name = "AMOUNTS", allow_hyphen_values = true)]
    pub shift: Shifts,
    /// For how long.
    #[arg(long = "for", value_name = "TIME")]
    pub lasting: Duration,
    /// What is found so much later still is told apart.
    #[arg(long, value_name = "TIME", default_value = "0 s")]
    pub later: Duration,
    /// From each patient's first reading up to the first shift: what baselines need to learn.
    #[arg(long, value_name = "TIME", default_value = "0 s")]
    pub settle: Duration,
    /// At most so many places for each patient, each in a replay of its own.
    #[arg(long, value_name = "N", default_value = "10")]
    pub places: NonZeroUsize,
    /// Another seed is other places.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// As for `run`.
    #[arg(long)]
    pub enrol: bool,
    /// Where to write.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

const TRIAL_HELP: &str = "\
Reads the records alone, as `kpi` does. Writes trial.json, trial.md and trial.html below --out: alarms of both rules,
who found what and how much earlier, what people said and what happened (--labels), agreement of the scores, how it
was counted, limitations, and lines to be signed. No share is told of too few.

Examples:
  replay trial out/shadow
  replay trial out/shadow --candidate low-spo2-next --active low-spo2 --from 2026-03-01T00:00:00Z

Exit codes: 0 written, 1 a hash chain is broken, 2 bad usage or bad input.";

const DRIFT_HELP: &str = "\
Devices (missing values, scores that fail), people measured (features against the manifest's reference) and what is
done (limits, routes, what nobody takes, resolutions, late labels) are kept apart: each asks for another person.
Writes drift.json beside the records.

Example:
  replay run --policy p.toml --readings may.csv --models models --rows out/rows.csv --out out
  replay drift out --manifest models/sepsis.json --rows out/rows.csv

Exit codes: 0 nothing drifted, 1 something did, or a hash chain is broken, 2 bad usage or bad input.";

const MODELS_HELP: &str = "\
Each step is one line of DIR/registry.jsonl, an input like those of --commands, with who wanted it, who approved
it, why and on what grounds. `run` and `compare` with --models DIR take each step in at its time, and record it.

Examples:
  replay models DIR register sepsis-vitals --owner dr.a
  replay models DIR step sepsis-vitals 1 shadow --owner dr.a --approver dr.b --reason \"card read\" --evidence MODEL_CARD.md
  replay models DIR promote sepsis-vitals 2 --report out/trial.json --owner dr.a --approver dr.b --reason \"found more\"
  replay models DIR rollback sepsis-vitals --owner dr.a --approver dr.b --reason worse --evidence shift-report
  replay models DIR";

const SCORE_HELP: &str = "\
The values are the engine's own: what it had at the end of the hour (the signal's pane). An hour
without a reading has the value of the one before, up to the last hour of the stay. Writes score.csv,
score.json, and the files of `run`; with labels score.html too, crossings against events reached.

Example:
  replay score --policy news2.toml --readings march.csv.gz --labels events.csv --lead \"12 h\" --out out";

const SENSITIVITY_HELP: &str = "\
At a place of each patient, drawn by the seed, every reading of the kind is shifted by the same amount
for a while, and the whole recording is replayed: once for every amount and place. A shift is found if an
alarm stands in that time; where one stands anyway, or just before, the place does not count. Says too how
many days have an alarm as it is. Writes sensitivity.json and sensitivity.html with the curve, and below
DIR/now what `run` writes for the recording as it is.

Example:
  replay sensitivity --policy testdata/policies/resting-heart-rate.toml --kind resting_heart_rate \\
      --shift 3..12 --for \"3 d\" --later \"1 d\" --settle \"28 d\" --enrol --out target/sensitivity \\
      --readings testdata/recordings/lifesnaps_daily/resting_heart_rate_38_people.csv.gz";

const SUGGEST_HELP: &str = "\
All variants are rules of one policy and are judged in one replay, by the engine itself. Writes
suggest.json and suggest.html, the curve of what is spared against what is found: labelled events with an
alarm in time, or without labels which of its own alarms the rule would keep.

With --bad-actors the recording tells which rules of which patients alarm most, as `replay kpi` counts.
For each it suggests the mildest dead band or hold that avoids nine tenths of what the best one does, and
gives up nothing that lasted --longest-hold or that people resolved as true: that is still heard of, at
its level, and no more than --longest-hold later. Every suggestion is replayed in the whole policy. Writes
bad-actors.json; below DIR/now what `run` writes, and below DIR/change-1 and so on the same for each
changed policy, with its policy.json. It is a back-test on this recording and not advice.

Examples:
  replay suggest --policy ward.toml --rule spo2-low --readings march.csv.gz --out out
  replay suggest --policy ward.toml --bad-actors --readings march.csv.gz --out out";

const COMPARE_HELP: &str = "\
Both policies run through the engine on the same readings. Writes compare.json and compare.html, and
what each run writes below DIR/a and DIR/b. Alarms of shadow rules are left out; for labels, alarms for
review and urgent ones count.

Example:
  replay compare --policy now.toml --policy next.toml --readings march.csv.gz --labels events.csv --out out

Exit codes: 0 no difference, 1 differences, 2 bad usage or bad input.";

const RUN_HELP: &str = "\
Readings are CSV with the columns patient, kind, value, unit and observed_at (RFC 3339) or t_seconds
(seconds since 1970), and optionally received_at, device, sequence, quality (0 to 1, or flags joined
by '|'); or one event in JSON a line. They are replayed in the order of their arrival: received_at,
else the observed time.

Commands are JSON lines:
  {\"at\":\"1970-01-01T00:05:00Z\",\"patient\":\"p17\",\"alert\":1,\"seen_revision\":1,\"by\":\"ann\",\"action\":\"acknowledge\"}
  (or \"action\":\"resolve\",\"reason\":\"true_acted_on\",\"note\":\"oxygen given\"; or any other
  action: see examples/replay/README.md; \"role\" where the policy has roles)

Writes records.jsonl, alerts.jsonl, messages.jsonl, models.jsonl, quarantine.jsonl and summary.json. Every row ends up
accepted, duplicate or quarantined; the summary adds up.

Example:
  replay run --policy testdata/policies/bedside.toml --readings monday.csv.gz --readings tuesday.csv --out out";
