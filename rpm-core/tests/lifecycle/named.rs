//! What went wrong once, by name.

use rpm_core::record::{AlertChange, Body, ConditionState, Level, NotifyReason, Resolution};
use rpm_core::{AlertId, Output};

use crate::ward::{Ask, Event, HR_HIGH, HR_MISSING, SPO2_LOW, Ward};
use crate::world::Bed;

const ANN: usize = 0;
const DOC: usize = 2;
const TEC: usize = 3;
const WARD: Ward = Ward { reopens: false, quiet: false, tells_mild: true, reopens_resolved: false };
const TRUE: Ask = Ask::Resolve(Resolution::TrueActedOn);

/// A heart rate at a time in seconds.
fn heart(bed: &mut Bed, at_s: i64, rate: i32) {
    bed.out.clear();
    bed.tick(at_s * 1000);
    bed.reading(0, rate, false, at_s * 1000);
}

fn oxygen(bed: &mut Bed, at_s: i64, percent: i32) {
    bed.out.clear();
    bed.tick(at_s * 1000);
    bed.reading(1, percent, false, at_s * 1000);
}

/// Somebody does something about the last alert of a rule.
fn ask(bed: &mut Bed, rule: usize, who: usize, ask: Ask) {
    let alert = bed.alerts().iter().rfind(|alert| alert.rule == rule).unwrap();
    let (id, revision) = (alert.id.0, alert.revision);
    bed.out.clear();
    bed.command(id, revision, who, ask).unwrap();
}

fn told(bed: &Bed) -> Vec<(NotifyReason, Vec<u32>)> {
    let told = |output: &Output| match output {
        Output::Deliver(i) => Some((i.reason, i.parts.iter().map(|p| p.alert.0).collect())),
        _ => None,
    };
    bed.out.iter().filter_map(told).collect()
}

fn open(bed: &Bed, rule: usize) -> Vec<u32> {
    let open = bed.alerts().iter().filter(|alert| alert.rule == rule && alert.is_open());
    open.map(|alert| alert.id.0).collect()
}

fn suppressed(bed: &Bed, rule: usize) -> bool {
    bed.alerts().iter().any(|a| a.rule == rule && a.is_open() && !a.suppression.is_none())
}

/// Was urgent, is a matter of review now.
fn milder() -> Bed {
    let mut bed = Bed::new(WARD);
    heart(&mut bed, 10, 150);
    heart(&mut bed, 20, 110);
    bed
}

#[test]
fn getting_well_does_not_break_through_a_shelf() {
    let mut bed = milder();
    ask(&mut bed, HR_HIGH, ANN, Ask::Shelve(600));
    heart(&mut bed, 30, 80);
    assert_eq!(bed.alerts()[0].condition, ConditionState::Latched(Level::Urgent));
    assert!(suppressed(&bed, HR_HIGH));
    assert_eq!(told(&bed), []);
}

#[test]
fn getting_well_does_not_break_through_circumstances() {
    let mut bed = milder();
    bed.happens(&Event::Phase("procedure"));
    assert!(suppressed(&bed, HR_HIGH));
    heart(&mut bed, 30, 80);
    assert!(suppressed(&bed, HR_HIGH));
    assert_eq!(told(&bed), []);
}

#[test]
fn a_shelf_that_a_new_alert_breaks_through_does_not_come_back() {
    let mut bed = Bed::new(WARD);
    heart(&mut bed, 10, 110);
    ask(&mut bed, HR_HIGH, ANN, Ask::Shelve(600));
    ask(&mut bed, HR_HIGH, ANN, TRUE);
    heart(&mut bed, 20, 80);
    heart(&mut bed, 30, 150);
    assert_eq!(told(&bed), [(NotifyReason::Opened, vec![2])]);
    heart(&mut bed, 40, 110);
    assert!(!suppressed(&bed, HR_HIGH));
}

#[test]
fn a_shelf_that_was_broken_through_under_maintenance_does_not_come_back() {
    let mut bed = Bed::new(WARD);
    heart(&mut bed, 10, 110);
    ask(&mut bed, HR_HIGH, ANN, Ask::Shelve(600));
    ask(&mut bed, HR_HIGH, TEC, Ask::OutOfService);
    heart(&mut bed, 20, 150);
    heart(&mut bed, 30, 110);
    ask(&mut bed, HR_HIGH, TEC, Ask::Return);
    assert!(!suppressed(&bed, HR_HIGH));
}

#[test]
fn a_shelf_that_ends_after_its_alert_does_not_say_that_it_is_shelved() {
    let mut bed = Bed::new(WARD);
    heart(&mut bed, 10, 110);
    ask(&mut bed, HR_HIGH, ANN, Ask::Shelve(60));
    ask(&mut bed, HR_HIGH, ANN, TRUE);
    heart(&mut bed, 20, 80);
    bed.out.clear();
    bed.tick(70_000);
    let said: Vec<_> = bed
        .bodies()
        .filter_map(|body| match body {
            Body::AlertChanged { change, suppression, .. } => Some((*change, suppression.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(said, [(AlertChange::Unsuppressed, None)]);
}

#[test]
fn a_signal_that_goes_missing_again_goes_on_with_its_alert() {
    let mut bed = Bed::new(Ward { reopens: true, ..WARD });
    heart(&mut bed, 10, 80);
    heart(&mut bed, 200, 80);
    assert_eq!(open(&bed, HR_MISSING), [1], "missing at 160 s, and back");
    bed.tick(350_000);
    assert_eq!(open(&bed, HR_MISSING), [1], "missing again, and one alert");
    heart(&mut bed, 800, 80);
    bed.tick(900_000);
    heart(&mut bed, 910, 80);
    heart(&mut bed, 1050, 80);
    heart(&mut bed, 1190, 80);
    heart(&mut bed, 1330, 80);
    heart(&mut bed, 1470, 80);
    assert!(open(&bed, HR_MISSING).is_empty(), "and closed in the end");
}

/// Three times within a hundred seconds.
fn unstable(ward: Ward, rate: i32) -> Bed {
    let mut bed = Bed::new(ward);
    for at_s in [10, 30, 50, 70] {
        heart(&mut bed, at_s, rate);
        heart(&mut bed, at_s + 10, 80);
    }
    heart(&mut bed, 90, rate);
    assert!(bed.alerts().iter().any(|alert| alert.unstable && alert.is_open()));
    bed
}

#[test]
fn what_comes_and_goes_is_news_when_it_gets_worse_again() {
    let mut bed = unstable(Ward { reopens: true, ..WARD }, 150);
    heart(&mut bed, 100, 110);
    let id = open(&bed, HR_HIGH)[0];
    ask(&mut bed, HR_HIGH, ANN, Ask::Acknowledge);
    heart(&mut bed, 110, 150);
    assert_eq!(told(&bed), [(NotifyReason::Raised, vec![id])]);
    assert!(bed.alert(AlertId(id)).unwrap().wants_answer());
}

#[test]
fn what_comes_and_goes_breaks_through_a_shelf_when_it_gets_worse_again() {
    let mut bed = unstable(Ward { reopens: true, ..WARD }, 150);
    heart(&mut bed, 100, 110);
    ask(&mut bed, HR_HIGH, ANN, Ask::Shelve(600));
    heart(&mut bed, 110, 150);
    assert!(!suppressed(&bed, HR_HIGH));
    assert_eq!(told(&bed).len(), 1);
}

#[test]
fn an_urgent_alert_that_comes_and_goes_is_not_lost_while_it_is_away() {
    let mut bed = Bed::new(Ward { reopens: true, ..WARD });
    for at_s in [10, 30, 50, 70] {
        oxygen(&mut bed, at_s, 80);
        oxygen(&mut bed, at_s + 10, 97);
    }
    let alert = bed.alerts().iter().find(|alert| alert.rule == SPO2_LOW).unwrap();
    assert!(alert.unstable && alert.is_escalating());
    ask(&mut bed, SPO2_LOW, DOC, Ask::Note);
    bed.happens(&Event::Phase("ward"));
    oxygen(&mut bed, 95, 80);
    let alert = bed.alerts().iter().find(|alert| alert.rule == SPO2_LOW).unwrap();
    assert!(alert.is_escalating() || alert.is_exhausted());
}

#[test]
fn what_was_resolved_as_mild_is_news_when_it_gets_worse_again() {
    let mut bed = milder();
    ask(&mut bed, HR_HIGH, ANN, TRUE);
    heart(&mut bed, 30, 150);
    assert_eq!(told(&bed), [(NotifyReason::Opened, vec![2])]);
}

#[test]
fn what_opens_again_says_how_things_are_now() {
    let mut bed = Bed::new(Ward { reopens_resolved: true, ..WARD });
    heart(&mut bed, 10, 150);
    ask(&mut bed, HR_HIGH, ANN, TRUE);
    for at_s in (20..=370).step_by(10) {
        heart(&mut bed, at_s, 110);
    }
    bed.tick(371_000);
    assert_eq!(open(&bed, HR_HIGH), [1]);
    assert_eq!(bed.alerts()[0].condition, ConditionState::Active(Level::Review));
}

#[test]
fn who_was_told_of_two_is_told_again_of_the_one_that_nobody_answered() {
    let mut bed = Bed::new(WARD);
    // Both at once, so that what follows goes out as one message.
    oxygen(&mut bed, 10, 80);
    heart(&mut bed, 10, 150);
    bed.tick(250_000);
    let exhausted = |rule: usize| {
        let alert = bed.alerts().iter().find(|alert| alert.rule == rule).unwrap();
        (alert.id.0, alert.is_exhausted())
    };
    let (low, high) = (exhausted(SPO2_LOW), exhausted(HR_HIGH));
    assert!(low.1 && high.1);
    ask(&mut bed, HR_HIGH, ANN, Ask::Acknowledge);
    let again = told(&bed);
    assert!(!again.is_empty());
    assert!(again.iter().all(|told| *told == (NotifyReason::Regrouped, vec![low.0])));
}

#[test]
fn a_note_takes_no_message_back() {
    let mut bed = Bed::new(WARD);
    heart(&mut bed, 10, 150);
    ask(&mut bed, HR_HIGH, ANN, Ask::Acknowledge);
    ask(&mut bed, HR_HIGH, DOC, Ask::Assign("bob"));
    assert_eq!(told(&bed), [(NotifyReason::Assigned, vec![1])]);
    ask(&mut bed, HR_HIGH, ANN, Ask::Note);
    assert!(bed.out.iter().all(|output| matches!(output, Output::Record(_))));
    let waits = bed.deliveries().iter().filter(|delivery| delivery.state.is_under_way());
    assert_eq!(waits.count(), 1);
}

#[test]
fn a_reminder_does_not_put_an_urgent_round_off_until_morning() {
    // Quiet hours begin at ten minutes and again a day later; an alert is stale every two hours.
    let mut bed = Bed::new(Ward { quiet: true, ..WARD });
    let day = 24 * 3600;
    let opened = day + 700 - 7200;
    for at_s in (opened..day + 690).step_by(60) {
        heart(&mut bed, at_s, 110);
    }
    heart(&mut bed, day + 690, 150);
    let id = open(&bed, HR_HIGH)[0];
    assert_eq!(told(&bed), [(NotifyReason::Raised, vec![id])]);
    bed.out.clear();
    bed.tick((day + 790) * 1000);
    let reached: Vec<_> = told(&bed).into_iter().map(|(reason, _)| reason).collect();
    assert_eq!(reached, [NotifyReason::Raised; 3], "the nurse again, and then the doctor");
}
