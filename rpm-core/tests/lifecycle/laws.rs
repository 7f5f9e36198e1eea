//! What holds whatever happens, told from the outputs alone and not from what the model expects.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use rpm_core::alert::{Alert, Delivery, Suppression};
use rpm_core::insight::Queues;
use rpm_core::record::{
    AlertChange, Body, ConditionState, DeliveryState, IntentKey, Level, NotifyReason, Status,
    WithholdReason,
};
use rpm_core::{AlertId, Output};

use crate::cases;
use crate::common::host;
use crate::ward::{
    DECLINED, Event, HR_HIGH, HR_MISSING, SPO2_LOW, SPO2_MILD, Step, any_steps, ward,
};
use crate::world::Bed;

type Check = Result<(), TestCaseError>;

/// What is known of messages and alerts by what came out, one output after the other.
#[derive(Clone, Default)]
pub struct Listener {
    /// Status, and whether anything suppresses it, as of the last record.
    alerts: BTreeMap<AlertId, (Status, bool)>,
    /// Messages under way, and the alerts they name.
    live: BTreeMap<IntentKey, (BTreeSet<AlertId>, NotifyReason)>,
    keys: BTreeSet<IntentKey>,
}

impl Listener {
    fn is_quiet(&self, id: &AlertId) -> bool {
        let (status, suppressed) = self.alerts[id];
        suppressed || !matches!(status, Status::New | Status::Repeated(_))
    }

    /// Takes in what came out of one call.
    pub fn hear(&mut self, out: &[Output]) -> Check {
        for output in out {
            match output {
                Output::Record(sealed) => self.record(&sealed.record.body)?,
                Output::Deliver(intent) => {
                    prop_assert!(self.keys.insert(intent.key), "a key twice");
                    let alerts: BTreeSet<_> = intent.parts.iter().map(|part| part.alert).collect();
                    prop_assert_eq!(alerts.len(), intent.parts.len());
                    for id in &alerts {
                        let assigned = is_personal(intent.reason);
                        let closed = self.alerts[id].0 == Status::Resolved;
                        prop_assert!(!closed, "told of what is closed");
                        prop_assert!(
                            assigned || !self.is_quiet(id),
                            "told of {:?}",
                            self.alerts[id]
                        );
                    }
                    self.live.insert(intent.key, (alerts, intent.reason));
                }
                Output::Cancel(cancel) => {
                    prop_assert!(self.live.remove(&cancel.key).is_some(), "taken back for nothing");
                }
                _ => {}
            }
        }
        // What became quiet in this call has no message under way any more.
        for (alerts, reason) in self.live.values() {
            for id in alerts {
                let assigned = is_personal(*reason);
                let closed = self.alerts[id].0 == Status::Resolved;
                prop_assert!(!closed && (assigned || !self.is_quiet(id)), "left under way: {id}");
            }
        }
        Ok(())
    }

    fn record(&mut self, body: &Body) -> Check {
        match body {
            Body::AlertOpened { alert, .. } => {
                self.alerts.insert(*alert, (Status::New, false));
            }
            Body::AlertChanged { alert, status, suppression, change, .. } => {
                let freed = *change == AlertChange::Unsuppressed;
                prop_assert!(!freed || suppression.is_none(), "free, and suppressed");
                self.alerts.insert(*alert, (*status, suppression.is_some()));
            }
            // What is cancelled comes out as an output of its own.
            Body::DeliveryChanged { key, state, .. }
                if *state != DeliveryState::Cancelled && !state.is_under_way() =>
            {
                self.live.remove(key);
            }
            _ => {}
        }
        Ok(())
    }

    fn agrees(&self, bed: &Bed) -> Check {
        let live = bed.deliveries().iter().filter(|d| d.state.is_under_way());
        let theirs: BTreeSet<IntentKey> = live.map(|d| d.key).collect();
        prop_assert_eq!(theirs, self.live.keys().copied().collect());
        for alert in bed.alerts() {
            let suppressed = !alert.suppression.is_none();
            prop_assert_eq!(self.alerts[&alert.id], (alert.status(), suppressed));
        }
        Ok(())
    }
}

/// Whom an alert is given to is told of it, although somebody has it.
fn is_personal(reason: NotifyReason) -> bool {
    matches!(reason, NotifyReason::Assigned | NotifyReason::HandedOver)
}

/// Goes from wake-up to wake-up, so that nothing but what is due at once happens in one call.
fn walk(bed: &mut Bed, step: &Step, mut each: impl FnMut(&Before, &Bed) -> Check) -> Check {
    let until = bed.now + step.after_s * 1000;
    loop {
        let before = Before::of(bed);
        bed.out.clear();
        let next = bed.next_wakeup().filter(|at| *at <= until);
        let reached = next.is_none();
        bed.tick(next.unwrap_or(until));
        each(&before, bed)?;
        if reached {
            break;
        }
    }
    let before = Before::of(bed);
    bed.out.clear();
    bed.happens(&step.event);
    each(&before, bed)
}

/// How things stood.
struct Before {
    alerts: Vec<Alert>,
    hearts: ConditionState,
}

impl Before {
    fn of(bed: &Bed) -> Self {
        Self { alerts: bed.alerts().to_vec(), hearts: bed.condition(HR_HIGH) }
    }

    fn alert(&self, id: AlertId) -> Option<&Alert> {
        self.alerts.iter().find(|alert| alert.id == id)
    }
}

/// Whom messages under way about an alert go to: a message that also named another may be said anew.
fn addressed(bed: &Bed, id: AlertId) -> Vec<(Option<String>, String)> {
    let about = |d: &&Delivery| d.state.is_under_way() && d.alerts.contains(&id);
    let address = |d: &Delivery| (d.target.person.clone(), d.channel.clone());
    let mut found: Vec<_> = bed.deliveries().iter().filter(about).map(address).collect();
    found.sort();
    found
}

fn annunciation(bed: &Bed, alert: &Alert) -> String {
    let suppression = match &alert.suppression {
        Suppression::InhibitedBy { alert } => format!("by {alert}"),
        other => format!("{:?}", other.state()),
    };
    let (status, told) = (alert.status(), addressed(bed, alert.id));
    let round = (alert.rounds(), alert.is_escalating(), alert.is_exhausted());
    format!("{status:?} {suppression} {round:?} {told:?}")
}

fn level(state: ConditionState) -> Option<Level> {
    match state {
        ConditionState::Active(level) | ConditionState::ActiveUnverified(level) => Some(level),
        _ => None,
    }
}

fn named(output: &Output, id: AlertId) -> bool {
    match output {
        Output::Deliver(intent) => intent.parts.iter().any(|part| part.alert == id),
        _ => false,
    }
}

fn withheld(output: &Output, id: AlertId) -> bool {
    match output {
        Output::Record(sealed) => {
            matches!(&sealed.record.body, Body::NotificationWithheld { alert, .. } if *alert == id)
        }
        _ => false,
    }
}

/// Whether somebody would have been told on a channel that the patient declines.
fn declined(output: &Output, id: AlertId) -> bool {
    let reason = WithholdReason::PatientDeclined;
    let says = |body: &Body| matches!(body, Body::NotificationWithheld { alert, reason: r, channel: Some(_), .. } if (*alert, *r) == (id, reason));
    matches!(output, Output::Record(sealed) if says(&sealed.record.body))
}

/// Whether the record says something that somebody should be told.
fn is_news(body: &Body, id: AlertId) -> bool {
    use AlertChange as C;
    match body {
        Body::AlertOpened { alert, .. } => *alert == id,
        Body::AlertChanged { alert, change, .. } => {
            let news = [
                C::Raised,
                C::Reentered,
                C::BecameUnstable,
                C::BecameStale,
                C::Unacknowledged,
                C::Lapsed,
                C::RemediationOverdue,
                C::Reopened,
                C::Unsuppressed,
            ];
            *alert == id && news.contains(change)
        }
        _ => false,
    }
}

proptest! {
    #![proptest_config(cases(20_260_402, 160))]

    /// Of the annunciation of other alerts a command changes nothing, but of those that its alert may
    /// speak for.
    #[test]
    fn a_command_changes_the_annunciation_of_its_own_alert_only(ward in ward(), steps in any_steps()) {
        let mut bed = Bed::new(ward);
        for step in &steps {
            let Event::Command { alert, off, who, ask } = step.event else {
                bed.step(step);
                continue;
            };
            bed.tick(bed.now + step.after_s * 1000);
            let (id, seen) = bed.meant(alert, off);
            let about = bed.alert(AlertId(id)).map(|alert| alert.rule);
            let others = |bed: &Bed| -> Vec<(AlertId, String)> {
                let spoken_for = |a: &Alert| about == Some(SPO2_LOW) && a.rule == SPO2_MILD;
                let other = bed.alerts().iter().filter(|a| a.id.0 != id && !spoken_for(a));
                other.map(|a| (a.id, annunciation(bed, a))).collect()
            };
            let before = others(&bed);
            bed.out.clear();
            let answer = bed.command(id, seen, who, ask);
            prop_assert_eq!(&before, &others(&bed), "{:?}", step);
            if answer.is_err() {
                prop_assert!(bed.out.iter().all(|o| matches!(o, Output::Record(_))));
            }
        }
    }

    /// What people do about equipment they have not done about the patient, and the other way round.
    #[test]
    fn technical_and_physiological_responses_are_apart(ward in ward(), steps in any_steps()) {
        let mut bed = Bed::new(ward);
        for step in &steps {
            let Event::Command { alert, off, who, ask } = step.event else {
                bed.step(step);
                continue;
            };
            bed.tick(bed.now + step.after_s * 1000);
            let (id, seen) = bed.meant(alert, off);
            let Some(technical) = bed.alert(AlertId(id)).map(|a| a.rule == HR_MISSING) else {
                continue;
            };
            let of_the_other_class = |bed: &Bed| -> Vec<Alert> {
                let other = bed.alerts().iter().filter(|a| (a.rule == HR_MISSING) != technical);
                other.cloned().collect()
            };
            let before = of_the_other_class(&bed);
            let _ = bed.command(id, seen, who, ask);
            prop_assert!(before == of_the_other_class(&bed), "{:?}", step);
        }
    }

    /// Looking at the clock in between changes nothing.
    #[test]
    fn ticks_in_between_change_nothing(
        ward in ward(), steps in any_steps(), cuts in prop::collection::vec(0..100_i64, 1..6),
    ) {
        let (mut plain, mut ticked) = (Bed::new(ward), Bed::new(ward));
        for step in &steps {
            plain.step(step);
            let from = ticked.now;
            ticked.out.clear();
            let mut cuts: Vec<i64> = cuts.iter().map(|cut| step.after_s * 10 * cut).collect();
            cuts.sort_unstable();
            for cut in cuts {
                ticked.tick(from + cut);
            }
            ticked.tick(from + step.after_s * 1000);
            ticked.happens(&step.event);
            prop_assert_eq!(plain.said(), ticked.said(), "{:?}", step);
        }
    }

    /// Stopping and going on changes nothing, and pages nobody.
    #[test]
    fn a_restore_at_every_step_changes_nothing(ward in ward(), steps in any_steps()) {
        let (mut plain, mut stopped) = (Bed::new(ward), Bed::new(ward));
        for step in &steps {
            plain.step(step);
            stopped.restore();
            prop_assert!(stopped.engine.poll_output().is_none());
            stopped.step(step);
            prop_assert_eq!(plain.said(), stopped.said(), "{:?}", step);
        }
        prop_assert!(plain.engine.snapshot().unwrap() == stopped.engine.snapshot().unwrap());
    }

    /// Nobody is told of what is closed, answered or suppressed; messages under way of it are taken
    /// back in the same call; no message has the key of another.
    #[test]
    fn messages_of_what_is_answered_are_taken_back(ward in ward(), steps in any_steps()) {
        let (mut bed, mut listener) = (Bed::new(ward), Listener::default());
        for step in &steps {
            walk(&mut bed, step, |_, bed| {
                listener.hear(&bed.out)?;
                listener.agrees(bed)
            })?;
        }
    }

    /// An unanswered round says so when it comes to its end, once; and as long as something urgent
    /// goes on unanswered, either somebody is being told or everybody has been.
    #[test]
    fn an_unanswered_round_ends_with_a_word(ward in ward(), steps in any_steps()) {
        let mut bed = Bed::new(ward);
        for step in &steps {
            walk(&mut bed, step, |before, bed| {
                for alert in bed.alerts() {
                    let exhausted = bed.out.iter().filter(|output| {
                        matches!(output, Output::EscalationExhausted { alert: a, .. } if *a == alert.id)
                    }).count();
                    let recorded = bed.bodies().filter(|body| {
                        matches!(body, Body::EscalationExhausted { alert: a, .. } if *a == alert.id)
                    }).count();
                    prop_assert_eq!(exhausted, recorded);
                    let unanswered = alert.wants_answer() && alert.suppression.is_none();
                    let old = before.alert(alert.id).filter(|old| old.rounds() == alert.rounds());
                    if let Some(old) = old {
                        let ended = old.is_escalating() && !alert.is_escalating() && unanswered;
                        prop_assert_eq!(exhausted, usize::from(ended), "{:?}", alert.id);
                        prop_assert!(!ended || alert.is_exhausted());
                    }
                    let urgent = level(alert.condition) == Some(Level::Urgent);
                    let attended = alert.is_escalating() || alert.is_exhausted();
                    prop_assert!(!(urgent && unanswered) || attended, "lost: {:?}", alert.id);
                }
                Ok(())
            })?;
        }
    }

    /// Somebody is told of what became worse in the call in which it did, in quiet hours and of what
    /// comes and goes as well.
    #[test]
    fn a_higher_level_is_news_at_once(ward in ward(), steps in any_steps()) {
        let mut bed = Bed::new(ward);
        for step in &steps {
            walk(&mut bed, step, |before, bed| {
                let (old, new) = (level(before.hearts), level(bed.condition(HR_HIGH)));
                // Who resolved it at this level has seen this.
                let resolved = |a: &Alert| a.rule == HR_HIGH && !a.is_open() && new <= Some(a.level_now());
                if old.is_some() && old < new && !bed.alerts().iter().any(resolved) {
                    let open = bed.alerts().iter().find(|a| a.rule == HR_HIGH && a.is_open());
                    let alert = open.ok_or_else(|| TestCaseError::fail("nobody is told"))?;
                    prop_assert!(alert.wants_answer(), "somebody has it who has not seen this");
                    let told = bed.out.iter().any(|output| named(output, alert.id));
                    let hidden = bed.out.iter().any(|output| withheld(output, alert.id));
                    let quiet = !alert.suppression.is_none();
                    let declined = bed.out.iter().any(|output| declined(output, alert.id));
                    prop_assert!(if quiet { hidden } else { told || declined }, "{:?}", alert.id);
                }
                Ok(())
            })?;
        }
    }

    /// Of all news of what nobody has, somebody is told, or will be, or there is a record why not.
    #[test]
    fn what_is_withheld_is_on_record(ward in ward(), steps in any_steps()) {
        let mut bed = Bed::new(ward);
        for step in &steps {
            walk(&mut bed, step, |_, bed| {
                for alert in bed.alerts().iter().filter(|alert| alert.wants_answer()) {
                    let news = bed.bodies().any(|body| is_news(body, alert.id));
                    let told = bed.out.iter().any(|output| named(output, alert.id));
                    let hidden = bed.out.iter().any(|output| withheld(output, alert.id));
                    let waits = alert.suppression.is_none() && alert.is_escalating();
                    let queued = alert.rule == SPO2_MILD && !ward.tells_mild
                        && alert.suppression.is_none() && alert.rounds() > 0;
                    prop_assert!(!news || told || hidden || waits || queued, "{:?}", alert.id);
                }
                Ok(())
            })?;
        }
    }

    /// On a channel that the patient declines nothing goes out, and nothing is left under way.
    #[test]
    fn what_the_patient_declines_goes_out_to_nobody(ward in ward(), steps in any_steps()) {
        let (mut bed, mut declines) = (Bed::new(ward), &[][..]);
        for step in &steps {
            bed.tick(bed.now + step.after_s * 1000);
            if let Event::Declines(which) = step.event {
                declines = DECLINED[which];
                bed.out.clear();
            }
            bed.happens(&step.event);
            for output in bed.out.drain(..) {
                let Output::Deliver(intent) = output else { continue };
                prop_assert!(!declines.contains(&intent.channel.as_str()), "{}", intent.channel);
            }
            for message in bed.deliveries().iter().filter(|d| d.state.is_under_way()) {
                prop_assert!(!declines.contains(&message.channel.as_str()), "{}", message.channel);
            }
        }
    }

    /// Who only has the records knows which alerts wait in which queue.
    #[test]
    fn the_queues_of_the_records_are_the_engines(ward in ward(), steps in any_steps()) {
        let (mut bed, mut queues) = (Bed::new(ward), Queues::default());
        for step in &steps {
            bed.step(step);
            let records = bed.out.iter().filter_map(|output| match output {
                Output::Record(sealed) => Some(&sealed.record),
                _ => None,
            });
            records.for_each(|record| queues.fold(record));
            for name in ["tech", "now", "later"] {
                let waiting = bed.engine.queue(Some(name), host(bed.now), usize::MAX);
                let told: BTreeSet<AlertId> = queues.of(name).iter().map(|e| e.alert).collect();
                let waiting: BTreeSet<AlertId> = waiting.iter().map(|w| w.alert).collect();
                prop_assert_eq!(told, waiting, "{} after {:?}", name, step);
            }
        }
    }

    /// The same again says the same, byte for byte.
    #[test]
    fn a_replay_says_the_same(ward in ward(), steps in any_steps()) {
        let (mut first, mut second) = (Bed::new(ward), Bed::new(ward));
        for step in &steps {
            prop_assert_eq!(first.step(step), second.step(step));
            prop_assert_eq!(first.said(), second.said());
        }
        crate::common::verify_chain(&first.lines);
        prop_assert_eq!(first.lines, second.lines);
    }
}
