//! Any text is a policy or a list of errors; a policy that compiles can be run.

use std::sync::Arc;

use rpm_core::event::Quality;
use rpm_core::policy::{Policy, PolicyErrors};
use rpm_core::{DeviceId, HostTime, Monitor, PatientId, PatientKey, Reading, Timestamp, Value};

/// Arbitrary bytes as a policy, in JSON and in TOML.
pub fn policy(bytes: &[u8]) {
    check(Policy::from_json(bytes));
    if let Ok(text) = core::str::from_utf8(bytes) {
        check(Policy::from_toml(text));
    }
}

fn check(read: Result<Arc<Policy>, PolicyErrors>) {
    match read {
        Ok(policy) => {
            let again = Policy::from_json(policy.to_json().as_bytes()).map(|p| p.hash());
            assert_eq!(again.as_ref(), Ok(&policy.hash()), "the canonical form is another policy");
            assert!(!policy.describe().is_empty());
            run(&policy);
        }
        Err(errors) => {
            assert!(!errors.errors().is_empty(), "refused without a reason");
            assert!(!errors.to_string().is_empty());
        }
    }
}

/// Every signal at both ends of its range, in the middle and in silence.
fn run(policy: &Arc<Policy>) {
    const START: i64 = 1_700_000_000_000;
    let patient = PatientId::new("p").expect("a name");
    let mut monitor = Monitor::new(Arc::clone(policy), None, &patient);
    let device = monitor.device(&DeviceId::new("d").expect("a name")).expect("room");
    let values = [i32::MIN, 0, 20_000, 97_000, 300_000, i32::MAX];
    for (step, value) in (0..).zip(values.into_iter().cycle().take(12)) {
        for signal in policy.signals() {
            let observed_at = Timestamp::from_millis(START + step * 700);
            let received_at = HostTime::assume_immediate(observed_at);
            let reading = Reading {
                patient: PatientKey(0),
                device,
                kind: signal.kind(),
                value: Value::from_thousandths(value),
                quality: Quality::GOOD,
                sequence: None,
                observed_at,
                received_at,
            };
            monitor.handle_reading(&reading).expect("the queue was emptied");
            while monitor.poll_output().is_some() {}
        }
    }
    for hours in [0, 1, 30_000] {
        let now = HostTime::from_millis(START + 10_000 + hours * 3_600_000);
        while monitor.handle_timeout(now).is_err() {
            assert!(monitor.poll_output().is_some(), "full and empty");
            while monitor.poll_output().is_some() {}
        }
        while monitor.poll_output().is_some() {}
        assert!(monitor.next_wakeup().is_none_or(|at| at > now), "due and not done");
    }
    for rule in policy.rules() {
        assert!(monitor.why(rule.id()).is_some_and(|why| !why.to_string().is_empty()));
    }
    assert_eq!(monitor.counts().total(), 12 * policy.signals().len() as u64);
}
