//! A month of two patients at home, as their records tell it: sixty changes of shift, three restarts,
//! a phone that was offline for nine hours. For people to read, and to notice changes in.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::fmt::Write as _;
use std::sync::Arc;

use common::{With, enrolment, policy, spo2};
use rpm_core::event::Kind;
use rpm_core::policy::Policy;
use rpm_core::record::{AlertChange, Body, DeliveryState, Record, Resolution};
use rpm_core::{
    Action, AlertId, Command, Duration, Engine, EngineConfig, HostTime, Output, PatientKey, Roster,
    Shift,
};
use serde_json::json;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;
const CADENCE: i64 = 5;
/// Midnight, the first of September 2020.
const START: i64 = 1_598_918_400_000;

fn home() -> Arc<Policy> {
    policy(&json!({
        "id": "home", "version": 1, "title": "Oxygen at home", "lateness_horizon": "1 h",
        "signals": { "spo2": { "cadence": "5 min" } },
        "rules": [
            { "id": "low", "title": "Low oxygen saturation", "signal": "spo2",
              "max_gap": "20 min", "unverified_after": "30 min", "levels": [
                { "level": "review", "raise": { "below": 90 }, "for": "10 min",
                  "clear": { "above": 91 } },
                { "level": "urgent", "raise": { "below": 85 }, "for": "5 min",
                  "clear": { "above": 88 }, "clear_for": "10 min" },
              ] },
            { "id": "silent", "title": "No oxygen saturation", "signal": "spo2",
              "missing_for": "45 min" },
        ],
        "care": {
            "acknowledged_for": { "urgent": "1 h" },
            "remediation_for": { "urgent": "1 h" },
            "reopen_within": "20 min",
            "quiet_hours": { "from": "22:00", "until": "07:00" },
            "routes": [
                { "id": "now", "levels": ["urgent"], "class": "physiological", "queue": "acute",
                  "escalation": "now" },
                { "id": "equipment", "class": "technical", "queue": "equipment",
                  "escalation": "later" },
                { "id": "day", "queue": "round", "escalation": "later" },
            ],
            "escalations": {
                "now": { "answer_within": "10 min", "steps": [
                    { "after": "0 s", "to": ["nurse"], "channels": ["push"] },
                    { "after": "5 min", "to": ["physician"], "channels": ["phone"] },
                ] },
                "later": { "answer_within": "8 h", "steps": [
                    { "after": "0 s", "to": ["nurse"], "channels": ["inbox"] },
                ] },
            },
        },
    }))
}

fn host(minute: i64) -> HostTime {
    HostTime::from_millis(START + minute * MINUTE)
}

/// Ann by day, Bob by night; nobody is the physician on duty in the fourth week.
fn roster() -> Roster {
    let shift = |function: &str, person: &str, from, until| Shift {
        function: function.into(),
        person: person.into(),
        from: host(from),
        until: host(until),
        tenant: None,
        patient: None,
    };
    let days = (-1..31).flat_map(|day| {
        let (morning, evening) = (day * DAY + 7 * HOUR, day * DAY + 19 * HOUR);
        [shift("nurse", "ann", morning, evening), shift("nurse", "bob", evening, morning + DAY)]
    });
    let eve = shift("physician", "eve", -DAY, 21 * DAY);
    Roster::new(days.chain([eve]))
}

/// What each patient's saturation is, and when there is none.
fn saturation(patient: u8, minute: i64) -> Option<i32> {
    let (day, hour) = (minute / DAY + 1, minute % DAY / HOUR);
    let of_day = minute % DAY;
    let within = |from: (i64, i64), until: (i64, i64)| {
        (from.0 * HOUR + from.1..until.0 * HOUR + until.1).contains(&of_day)
    };
    Some(match (patient, day) {
        (0, 3) if within((2, 10), (2, 50)) => 82,
        (0, 8) if within((9, 0), (23, 0)) => 88,
        // Coming and going, every ten minutes.
        (0, 12) if within((14, 0), (16, 0)) && of_day / 10 % 3 < 2 => 87,
        (1, 15) if within((3, 10), (3, 40)) => 82,
        (1, 20) if within((4, 0), (5, 0)) => 80,
        (1, 24) if (8..20).contains(&hour) => return None,
        (0, 27) if within((23, 0), (23, 59)) => 88,
        (0, 28) if within((0, 0), (9, 0)) => 88,
        _ => 96,
    })
}

/// When the phone of the second patient is offline, and its readings wait.
fn is_offline(patient: u8, minute: i64) -> bool {
    patient == 1 && (14 * DAY..14 * DAY + 9 * HOUR).contains(&minute)
}

/// What people do: minute, patient, by whom, what. The alert is the patient's last.
fn deeds() -> Vec<(i64, u32, &'static str, Action)> {
    let at = |day: i64, hour: i64, minute: i64| (day - 1) * DAY + hour * HOUR + minute;
    let resolve = |reason, note: &str| Action::Resolve { reason, note: Some(note.to_string()) };
    let start = Action::StartRemediation { owner: None, due: None, intervention: None };
    Vec::from([
        (at(3, 2, 19), 0, "bob", Action::Acknowledge),
        (at(3, 2, 25), 0, "bob", start),
        (at(3, 3, 30), 0, "bob", resolve(Resolution::TrueActedOn, "oxygen 2 L/min")),
        (at(8, 9, 30), 0, "ann", Action::Acknowledge),
        (at(12, 14, 20), 0, "ann", Action::Acknowledge),
        (at(15, 9, 30), 1, "ann", Action::Note { text: "called: slept badly".into() }),
        (at(20, 8, 0), 1, "ann", resolve(Resolution::TrueNotActionable, "palliative care")),
        (at(24, 9, 5), 1, "ann", Action::Acknowledge),
        (at(28, 7, 10), 0, "ann", Action::Acknowledge),
    ])
}

struct Month {
    engine: Engine,
    told: String,
}

impl Month {
    fn drain(&mut self) {
        while let Some(output) = self.engine.poll_output() {
            if let Output::Record(sealed) = output {
                line(&sealed.record, &mut self.told);
            }
        }
    }

    /// Whatever is due before the minute happens at its own time.
    fn wait(&mut self, minute: i64) {
        while let Some(at) = self.engine.next_wakeup().filter(|at| *at <= host(minute)) {
            self.engine.handle_timeout(at).unwrap();
            self.drain();
        }
    }

    fn restart(&mut self) {
        self.told.push_str("                (restart)\n");
        let bytes = self.engine.snapshot().unwrap();
        let policies = [Arc::clone(self.engine.policy())];
        let config = EngineConfig::default();
        self.engine = Engine::restore(&bytes, &policies, config, host(0)).unwrap().0;
    }

    fn reading(&mut self, patient: u8, minute: i64, now: i64) {
        if let Some(percent) = saturation(patient, minute) {
            let mut event = spo2(0, percent).patient(patient);
            event.observed_at = rpm_core::Timestamp::from_millis(START + minute * MINUTE);
            self.engine.handle_event(event, host(now)).unwrap();
            self.drain();
        }
    }

    fn deed(&mut self, minute: i64, patient: u32, actor: &str, action: Action) {
        let patient = PatientKey(patient);
        let last = self.engine.alerts(patient).last();
        let (alert, seen_revision) = last.map_or((AlertId(0), 0), |a| (a.id, a.revision));
        let (actor, role) = (actor.into(), "nurse".into());
        let command = Command { patient, alert, seen_revision, actor, role, action };
        let answer = self.engine.handle_command(&command, host(minute)).unwrap();
        assert_eq!(answer, Ok(()), "minute {minute}");
        self.drain();
    }
}

/// One line for each record that concerns people.
fn line(record: &Record, out: &mut String) {
    let minute = (record.at.as_millis() - START).div_euclid(MINUTE);
    let (day, hour) = (minute.div_euclid(DAY) + 1, minute.rem_euclid(DAY) / HOUR);
    let who = record.patient.as_ref().map_or("--", |patient| patient.as_str());
    let words = match &record.body {
        Body::AlertOpened { alert, title, level, .. } => {
            format!("alert {alert}: {title}, {}", level.name())
        }
        Body::AlertChanged { alert, change: AlertChange::HandedOver, reason, .. } => {
            format!("alert {alert} handed over to {}", reason.as_deref().unwrap_or("?"))
        }
        Body::AlertChanged { alert, change, by, note, .. } => {
            let by = by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
            let note = note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
            format!("alert {alert} {}{by}{note}", change.words())
        }
        Body::DeliveryPlanned { alerts, target, channel, reason, .. } => {
            let names: Vec<String> = alerts.iter().map(ToString::to_string).collect();
            let person = target.person.as_deref().unwrap_or("nobody known");
            format!(
                "  {channel} to {} ({person}) for {}: {reason:?}",
                target.function,
                names.join(" ")
            )
        }
        Body::DeliveryChanged { state: DeliveryState::Cancelled, reason: Some(why), .. } => {
            format!("  taken back: {why:?}")
        }
        Body::NotificationWithheld { alert, reason, .. } => {
            format!("  nobody told of {alert}: {reason:?}")
        }
        Body::EscalationExhausted { alert, .. } => format!("  nobody left to tell of {alert}"),
        Body::RetrospectiveFinding { rule, level, from, until, .. } => {
            format!("{rule}: was {} from {from} until {until}", level.name())
        }
        _ => return,
    };
    writeln!(out, "day {day:02} {hour:02}:{:02} {who}  {words}", minute.rem_euclid(HOUR)).unwrap();
}

#[test]
fn a_month_of_two_patients_is_what_a_charge_nurse_would_find_right() {
    let engine = Engine::new(home(), EngineConfig::default());
    let mut month = Month { engine, told: String::new() };
    for patient in 0..2 {
        let mut enrolled =
            enrolment(0, &[Kind::SPO2], Duration::from_secs(300), 0, None).patient(patient);
        enrolled.observed_at = rpm_core::Timestamp::from_millis(START);
        month.engine.handle_event(enrolled, host(0)).unwrap();
    }
    month.engine.handle_roster(roster(), host(0)).unwrap();
    let mut deeds = deeds().into_iter().peekable();
    // Before the night of the first restart, amid the coming and going, amid an escalation.
    let restarts = [4 * DAY, 11 * DAY + 14 * HOUR + 35, 19 * DAY + 4 * HOUR + 12];
    for minute in 0..30 * DAY {
        month.wait(minute);
        for patient in (0..2).filter(|_| minute % CADENCE == 0) {
            if !is_offline(patient, minute) {
                let kept = (0..minute).step_by(5).filter(|m| is_offline(patient, *m));
                let uploads = minute == 14 * DAY + 9 * HOUR;
                let kept: Vec<i64> = if uploads { kept.collect() } else { Vec::new() };
                kept.into_iter().for_each(|kept| month.reading(patient, kept, minute));
                month.reading(patient, minute, minute);
            }
        }
        if restarts.contains(&minute) {
            month.restart();
        }
        while let Some((at, patient, actor, action)) = deeds.next_if(|deed| deed.0 <= minute) {
            month.deed(at, patient, actor, action);
        }
    }
    insta::assert_snapshot!("month", month.told);
}
