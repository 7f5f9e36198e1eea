//! Replaying recordings: rows in, records out, every input counted once.
//!
//! | module | holds |
//! |---|---|
//! | [`journal`] | the files of an output directory |
//! | [`tally`] | what became of each input |
//! | [`summary`] | `summary.json` |
//! | [`commands`] | what people did, at which time |
//! | [`models`] | models beside the rules, and rows to train them on |
//! | [`recompute`] | recorded scores, asked for again |
//! | [`team`] | people who are not there, and answer all the same |
//! | [`enrolment`] | who is expected to send what, from when to when |

pub mod commands;
pub mod enrolment;
pub mod journal;
pub mod models;
pub mod recompute;
pub mod summary;
pub mod tally;
pub mod team;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use rpm_core::event::{Body, Event, KindRef};
use rpm_core::input::InputBody;
use rpm_core::policy::Policy;
use rpm_core::record::SealedRecord;
use rpm_core::{
    Code, Command, DeliveryIntent, HostTime, Input, Output, Receipt, Rejected, Roster, Scorer,
    TenantId, Timestamp,
};

use crate::failure::{Failure, Verdict};
use crate::host::{self, Host, Outputs, Units};
use crate::input::item::Item;
use crate::input::names::Names;
use crate::input::recording::{Recording, Refused, Sink};
use crate::input::row::Row;
use crate::input::sort::{BUDGET, Sorter};
use crate::progress::Progress;
use enrolment::Stays;
use journal::{Finished, Journal, Place};
use models::{Moment, Rows, models_of, roll_outs_of};
use recompute::Recompute;
use summary::Summary;
use tally::{Fates, Tally};
use team::{Team, TeamSpec};

/// What to replay.
pub struct Job {
    /// The policy that decides.
    pub policy: Arc<Policy>,
    /// Distinguishes recordings that share patients' names.
    pub tenant: Option<TenantId>,
    /// Files, in the order of the command line.
    pub readings: Vec<PathBuf>,
    /// What outputs call them, one for each.
    pub names: Vec<PathBuf>,
    /// What people did, in the order of time.
    pub orders: Vec<Input<'static>>,
    /// Who is on duty when.
    pub roster: Option<Roster>,
    /// People who answer, if nobody else does.
    pub team: Option<TeamSpec>,
    /// The folder of models that score beside the rules.
    pub models: Option<PathBuf>,
    /// Whether those models only say again what was recorded, and by how many thousandths that may differ.
    pub recompute: Option<u16>,
    /// Where rows for training go, and what makes their keys.
    pub rows: Option<(PathBuf, String)>,
    /// Up to when time passes after the last input.
    pub until: Option<HostTime>,
    /// Whether each patient is enrolled from the first to the last reading, so that the end of a
    /// recording is no missing signal.
    pub enrol: bool,
    /// What is done to each event on its way in.
    pub alter: Option<Alter>,
    /// Bytes of rows kept in memory while sorting.
    pub budget: usize,
}

impl Job {
    /// A replay of files through a policy, and nothing else.
    pub fn new(policy: Arc<Policy>, readings: Vec<PathBuf>) -> Self {
        Self {
            policy,
            tenant: None,
            names: readings.clone(),
            readings,
            orders: Vec::new(),
            roster: None,
            team: None,
            models: None,
            recompute: None,
            rows: None,
            until: None,
            enrol: false,
            alter: None,
            budget: BUDGET,
        }
    }
}

/// Makes something else of an event.
pub type Alter = Box<dyn Fn(&mut Event)>;

/// Somebody who looks on.
pub trait Watch {
    /// So many rows were read so far.
    fn read(&mut self, rows: u64);
    /// So many inputs of all were replayed so far.
    fn replayed(&mut self, inputs: u64, all: u64);
    /// An event, what became of it, and the host as it was left.
    fn event(&mut self, event: &Event, kind: Option<&str>, receipt: Receipt, host: &Host);
    /// Something the user should know.
    fn warn(&mut self, message: &str);
}

/// How often the watcher hears of progress.
const STEP: u64 = 4096;

/// Replays a job into a journal and returns what became of each input.
pub fn replay(job: &Job, journal: &mut Journal, watch: &mut dyn Watch) -> Result<Tally, Failure> {
    journal.policy(job.tenant.as_ref(), &job.policy)?;
    let mut tally = Tally::new(&job.policy, &job.names);
    let mut names = Names::new(Units::new(&job.policy));
    let mut intake = Intake {
        items: Sorter::new(&journal.scratch("readings"), job.budget),
        files: &job.names,
        journal,
        tally: &mut tally,
        watch,
        rows: 0,
        stays: Stays::default(),
    };
    for (number, path) in job.readings.iter().enumerate() {
        let number = u16::try_from(number).map_err(|_| Failure::new("too many files"))?;
        Recording { path, number }.read(&mut names, &mut intake)?;
    }
    let stays = if job.enrol { intake.stays } else { Stays::default() };
    let sorted = intake.items.finish()?;
    let asked = job.models.as_deref().filter(|_| job.recompute.is_none());
    let again = job.models.as_deref().zip(job.recompute);
    let again = again.map(|(folder, tolerance)| Recompute::open(folder, tolerance));
    let mut stage = Stage {
        host: Host::new(&job.policy, job.tenant.clone()),
        names,
        out: Desk { journal, files: &job.names, place: None, heard: None },
        team: job.team.clone().map(Team::new),
        tally,
        policy: &job.policy,
        stays,
        alter: job.alter.as_ref(),
        scorer: asked.map(models_of).transpose()?.map(Scorer::new),
        recompute: again.transpose()?,
        rows: job
            .rows
            .as_ref()
            .map(|(path, salt)| Rows::create(path, &job.policy, salt))
            .transpose()?,
        moment: Moment::default(),
    };
    let all = sorted.count;
    let orders = orders(job)?;
    let mut orders = orders.iter().peekable();
    let mut roster = job.roster.as_ref();
    for (done, item) in (1..).zip(sorted) {
        let item = item?;
        stage.score(Some(due(&item)))?;
        if let Some(roster) = roster.take() {
            let first = orders.peek().map_or(due(&item), |order| order.at.min(due(&item)));
            stage.host.roster(roster, first, &mut stage.out)?;
        }
        stage.orders_before(&mut orders, due(&item))?;
        stage.wait(due(&item))?;
        stage.item(&item, watch)?;
        if done % STEP == 0 || done == all {
            watch.replayed(done, all);
        }
    }
    stage.score(None)?;
    stage.orders_before(&mut orders, HostTime::from_millis(i64::MAX))?;
    if let Some(until) = job.until {
        stage.wait(until)?;
    }
    stage.finish(job.until)
}

/// What people do and decide, in the order of time; of the same time what is decided about models first.
fn orders(job: &Job) -> Result<Vec<Input<'static>>, Failure> {
    // What was recorded has its own.
    let folder = job.models.as_deref().filter(|_| job.recompute.is_none());
    let mut orders = folder.map(roll_outs_of).transpose()?.unwrap_or_default();
    orders.extend(job.orders.iter().cloned());
    orders.sort_by_key(|order| (order.at, !is_roll_out(order)));
    Ok(orders)
}

fn is_roll_out(input: &Input<'_>) -> bool {
    matches!(input.body, InputBody::RollOut(_))
}

fn due(item: &Item) -> HostTime {
    HostTime::from_millis(crate::input::sort::Spill::key(item))
}

/// First half: rows are read, checked, and sorted by arrival.
struct Intake<'a> {
    items: Sorter<Item>,
    files: &'a [PathBuf],
    journal: &'a mut Journal,
    tally: &'a mut Tally,
    watch: &'a mut dyn Watch,
    rows: u64,
    stays: Stays,
}

impl Intake<'_> {
    fn count(&mut self) {
        self.rows += 1;
        if self.rows.is_multiple_of(STEP) {
            self.watch.read(self.rows);
        }
    }
}

impl Sink for Intake<'_> {
    fn item(&mut self, item: Item) -> Result<(), Failure> {
        self.count();
        if let Item::Row(row) = &item {
            self.stays.see(row);
        }
        Ok(self.items.push(item)?)
    }

    fn refused(&mut self, refused: &Refused<'_>) -> Result<(), Failure> {
        self.count();
        self.tally.refused(refused.kind, refused.refusal.code);
        let file = self.files.get(usize::from(refused.file));
        let place = file.map(|file| Place { file, line: refused.line });
        self.journal.refused(refused.refusal, place, refused.row)
    }

    fn warn(&mut self, message: String) {
        self.watch.warn(&message);
    }
}

/// Second half: the engine gets its inputs in the order of their arrival.
struct Stage<'a> {
    host: Host,
    names: Names,
    out: Desk<'a>,
    tally: Tally,
    policy: &'a Policy,
    stays: Stays,
    team: Option<Team>,
    alter: Option<&'a Alter>,
    scorer: Option<Scorer>,
    recompute: Option<Recompute>,
    rows: Option<Rows>,
    moment: Moment,
}

impl Stage<'_> {
    /// Lets time pass up to a moment, wake-up by wake-up and deed by deed.
    fn wait(&mut self, to: HostTime) -> Result<(), Failure> {
        loop {
            let Some(team) = &mut self.team else {
                return Ok(());
            };
            let heard = self.out.heard.get_or_insert_default();
            heard.drain(..).for_each(|intent| team.hear(&intent));
            let deed = team.next().filter(|at| *at < to);
            let due = self.host.next_wakeup().filter(|at| *at < to);
            match (due, deed) {
                (None, None) => return Ok(()),
                (Some(due), deed) if deed.is_none_or(|at| due <= at) => {
                    self.host.finish(due, &mut self.out)?;
                }
                _ => self.deed()?,
            }
        }
    }

    fn deed(&mut self) -> Result<(), Failure> {
        let Some((team, deed)) = self.team.as_mut().and_then(|team| {
            let deed = team.take()?;
            Some((team, deed))
        }) else {
            return Ok(());
        };
        let patient = self.host.patient(&deed.patient)?;
        let alert = self.host.alert(patient, deed.alert);
        let state = alert.map(|a| (a.revision, a.response.owner().is_some(), a.is_open()));
        let (seen_revision, answered, open) = state.unwrap_or((0, false, false));
        let (at, alert, role) = (deed.at, deed.alert, team.role(&deed));
        let actor = deed.by.clone();
        let Some(action) = team.act(deed, answered, open) else {
            return Ok(());
        };
        let command = Command { patient, alert, seen_revision, actor, role, action };
        let answer = self.host.command(&command, at, &mut self.out)?;
        self.tally.commanded(answer.map_err(|refusal| refusal.code));
        Ok(())
    }

    fn item(&mut self, item: &Item, watch: &mut dyn Watch) -> Result<(), Failure> {
        let now = due(item);
        if let Item::Row(row) = item {
            self.enrol(row, now)?;
        }
        let mut event = match self.host.to_event(item, &self.names) {
            Ok(event) => event,
            // It was read once already: only a damaged temporary file gets here.
            Err(code) => return Err(Failure::new(code.message())),
        };
        if let Some(alter) = self.alter {
            alter(&mut event);
        }
        self.out.place = Some(item.place());
        let receipt = self.host.event(&event, now, &mut self.out)?;
        self.out.place = None;
        if self.scorer.is_some() || self.rows.is_some() {
            self.moment.see(self.host.patient(&event.patient)?, now);
        }
        let kind = kind_name(self.policy, &event);
        let patient = self.patient(item, &event)?;
        self.tally.answered(kind, patient, &event, receipt);
        watch.event(&event, kind, receipt, &self.host);
        Ok(())
    }

    /// Before time goes on: what models say of whoever was measured, and the rows that they see.
    fn score(&mut self, now: Option<HostTime>) -> Result<(), Failure> {
        let Some((at, patients)) = self.moment.over(now) else {
            return Ok(());
        };
        for key in patients {
            if let Some(rows) = &mut self.rows
                && let Some((patient, row)) = self.host.features(key, &rows.risk)
            {
                rows.write(patient, &row)?;
            }
            if let Some(scorer) = &mut self.scorer {
                self.host.score(scorer, key, at, &mut self.out)?;
            }
        }
        Ok(())
    }

    fn patient(&mut self, item: &Item, event: &Event) -> Result<u32, Failure> {
        match item {
            Item::Row(row) => Ok(row.patient),
            Item::Text(_) => {
                let number = self.names.patient(event.patient.as_str());
                number.map_err(|code| Failure::new(code.message()))
            }
        }
    }

    /// Before a patient's first reading: the stay in the recording is the enrolment.
    fn enrol(&mut self, row: &Row, now: HostTime) -> Result<(), Failure> {
        let Some(stay) = self.stays.take(row.patient) else {
            return Ok(());
        };
        if let Some(event) = self.host.enrolment(&stay, row.patient, &self.names)? {
            self.host.event(&event, now, &mut self.out)?;
            self.tally.enrolled += 1;
        }
        Ok(())
    }

    /// Commands of the same instant come after its readings, what is decided about models before them.
    fn orders_before<'o>(
        &mut self,
        orders: &mut std::iter::Peekable<impl Iterator<Item = &'o Input<'static>>>,
        now: HostTime,
    ) -> Result<(), Failure> {
        let is_due = |order: &&Input<'_>| order.at < now || order.at == now && is_roll_out(order);
        while let Some(order) = orders.next_if(is_due) {
            self.wait(order.at)?;
            if matches!(order.body, InputBody::RollOut(_) | InputBody::Score(..)) {
                self.out.journal.input(order)?;
            }
            if let (InputBody::Score(whose, said), Some(again)) = (&order.body, &mut self.recompute)
            {
                self.host.advance(order.at, &mut self.out)?;
                again.see(&self.host, &whose.patient, said, order.at);
            }
            let refused = self.host.input(order, &mut self.out)?.code();
            // A score is no command, unless it was refused.
            if refused.is_some() || !matches!(order.body, InputBody::Score(..)) {
                self.tally.commanded(refused.map_or(Ok(()), Err));
            }
        }
        Ok(())
    }

    fn finish(mut self, until: Option<HostTime>) -> Result<Tally, Failure> {
        if let Some(end) = until.max(self.host.now()) {
            self.host.finish(end, &mut self.out)?;
        }
        self.tally.recomputed = self.recompute.map(|again| again.told);
        Ok(self.tally)
    }
}

/// The name of the kind that an event is about, if it is about one.
pub fn kind_name<'a>(policy: &'a Policy, event: &'a Event) -> Option<&'a str> {
    match &event.body {
        Body::Reading { kind, .. } | Body::Correction { kind, .. } | Body::Void { kind } => {
            match kind {
                KindRef::Known(kind) => policy.kind_name(*kind),
                KindRef::Declared(name) => policy.kind_named(name).map(|_| &**name),
            }
        }
        _ => None,
    }
}

/// Takes the engine's outputs and writes them down, with the place of the input that caused them.
struct Desk<'a> {
    journal: &'a mut Journal,
    files: &'a [PathBuf],
    place: Option<(u16, u64)>,
    /// Messages that the team has not heard yet, if there is a team.
    heard: Option<Vec<DeliveryIntent>>,
}

impl Outputs for Desk<'_> {
    fn input(&mut self, input: &Input<'_>) -> Result<(), Failure> {
        self.journal.input(input)
    }

    fn record(&mut self, sealed: SealedRecord) -> Result<(), Failure> {
        self.journal.record(&sealed)
    }

    fn message(&mut self, message: Output) -> Result<(), Failure> {
        self.journal.message(&message)?;
        if let (Output::Deliver(intent), Some(heard)) = (message, &mut self.heard) {
            heard.push(*intent);
        }
        Ok(())
    }

    fn quarantined(&mut self, reason: Code, input: Rejected) -> Result<(), Failure> {
        let place = self.place.and_then(|(file, line)| {
            self.files.get(usize::from(file)).map(|file| Place { file, line })
        });
        match input {
            Rejected::Event(event) => {
                self.journal.quarantined(reason, place, &host::event_json(&event))
            }
            Rejected::Text(text) => self.journal.quarantined_text(reason, place, &text),
        }
    }
}

/// Seconds since the epoch, or RFC 3339: how `--until` is written.
pub fn parse_time(text: &str) -> Result<HostTime, String> {
    if let Some(ms) = crate::input::row::seconds(text) {
        return Ok(HostTime::from_millis(ms));
    }
    let instant: Timestamp = text.parse().map_err(|_| {
        "neither seconds since 1970 nor a time like 2026-03-01T02:13:05Z".to_string()
    })?;
    Ok(HostTime::from_millis(instant.as_millis()))
}

/// `replay run`.
pub fn request(request: &crate::cli::Run, out: &mut dyn Write) -> Result<Verdict, Failure> {
    let policy = host::load_policy(&request.policy).map_err(|p| p.into_failure(&request.policy))?;
    let orders = match &request.commands {
        Some(path) => commands::read(path)?,
        None => Vec::new(),
    };
    let roster = request.roster.as_deref().map(commands::roster).transpose()?;
    let job = Job {
        orders,
        roster,
        team: request.team.as_deref().map(team::read).transpose()?,
        models: request.models.clone(),
        recompute: request.recompute.then_some(request.tolerance),
        rows: request.rows.clone().map(|path| (path, request.salt.clone())),
        until: request.until,
        enrol: request.enrol,
        budget: request.sort_memory.saturating_mul(1 << 20),
        ..Job::new(policy, request.readings.clone())
    };
    let mut journal = Journal::create(&request.out)?;
    let mut progress = Progress::new("replay");
    let tally = replay(&job, &mut journal, &mut progress)?;
    progress.done();
    let finished = journal.finish(|_| {})?;
    finished.summarise(&Summary::new(&job.policy, &tally, &finished.classes, finished.records))?;
    tell(&tally, &finished, out)?;
    let again = tally.recomputed.as_ref();
    again.map_or(Ok(Verdict::Clean), |again| again.tell(&finished.directory, out))
}

fn tell(tally: &Tally, finished: &Finished, out: &mut dyn Write) -> Result<(), Failure> {
    let Fates { total, accepted, duplicate, quarantined, .. } = &tally.all;
    writeln!(
        out,
        "{total} events: {accepted} accepted, {duplicate} duplicate, {quarantined} quarantined"
    )?;
    for (reason, count) in &tally.all.quarantined_by_reason {
        writeln!(out, "  {count} {reason}")?;
    }
    let alerts: Vec<String> = finished.classes.iter().map(|(n, c)| format!("{c} {n}")).collect();
    writeln!(out, "{} patients, alerts: {}", tally.patients(), alerts.join(", "))?;
    writeln!(out, "written to {}", finished.directory.display())?;
    Ok(())
}
