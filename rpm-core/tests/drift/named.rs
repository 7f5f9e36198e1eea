//! The cases that matter, and how often chance alone raises a rule.

use std::sync::Arc;

use rpm_core::policy::{Policy, Proposal};
use rpm_core::record::{self, AlertChange, Clause, ConditionState, Level};
use rpm_core::{BaselineAction, BaselineCommand, Code, Duration};
use serde_json::{Value as Json, json};

use crate::common::{Run, T0, heart_rate, host, policy, reading};
use crate::{latest, restart, restored};

pub const MINUTE: i64 = 60_000;
pub const DAY: i64 = 1440 * MINUTE;
pub const ACTIVE: ConditionState = ConditionState::Active(Level::Review);

/// From [`T0`] to a time of a day, in UTC; the first whole day is day 0.
pub fn at(day: i64, hour: i64) -> i64 {
    DAY - T0.rem_euclid(DAY) + day * DAY + hour * 60 * MINUTE
}

/// One reading a day, and a rule on how far it rises above what is usual.
fn daily(version: u32, learn: &Json, limit: f64) -> Json {
    json!({
        "id": "drift", "version": version, "title": "Drift", "lateness_horizon": "2 d",
        "signals": {
            "heart_rate": { "cadence": "1 d" },
            "rise": { "cadence": "1 d", "drift": { "baseline": "usual", "direction": "up" } },
        },
        "baselines": { "usual": { "of": "heart_rate", "learn": learn, "warm_up": "14 d" } },
        "rules": [{
            "id": "rises", "title": "Rises", "signal": "rise",
            "levels": [{
                "level": "review", "raise": { "at_or_above": limit }, "clear": { "below": 1 },
            }],
        }],
    })
}

fn median(panes: u16) -> Json {
    json!({ "median": { "panes": panes } })
}

fn mean() -> Json {
    json!({ "mean": { "half_life": "60 d" } })
}

fn evidence(run: &Run) -> Clause {
    let opened = run.bodies().into_iter().find_map(|body| match body {
        record::Body::AlertOpened { evidence, .. } => Some(evidence[0].clone()),
        _ => None,
    });
    opened.unwrap()
}

/// Ordinary days: a beat or two to either side of 60.
fn ordinary(day: i64) -> i32 {
    60 + [0, 2, -1, 1, -2, 0, -1, 1, 2, -2][day as usize % 10]
}

/// Normal values: sums of twelve, with a mean of 60 and a deviation of 4, in thousandths.
pub struct Chance(pub u64);

impl Chance {
    pub fn next(&mut self) -> i32 {
        self.of(60_000, 4000)
    }

    /// With this mean and deviation.
    pub fn of(&mut self, mean: i64, deviation: i64) -> i32 {
        let sum: i64 = (0..12)
            .map(|_| {
                self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (self.0 >> 48) as i64
            })
            .sum();
        (mean + (sum - 6 * 65_535) * deviation / 65_536) as i32
    }
}

/// False alarms in a thousand days, of many people to whom nothing happens for as many days; and in
/// how many days after the two hundredth a lasting rise by one deviation is found.
fn by_chance(learn: &Json, limit: f64) -> (usize, usize) {
    let (people, days) = (40, 700);
    let plan = policy(&daily(1, learn, limit));
    let raised = |run: &Run| {
        let raised = |body: &&record::Body| match body {
            record::Body::ConditionChanged { state, .. } => *state == ACTIVE,
            _ => false,
        };
        run.bodies().into_iter().filter(raised).count()
    };
    let (mut alarms, mut delays) = (0, Vec::new());
    for person in 0..people {
        let mut chance = Chance(person + 1);
        let mut run = Run::new(&plan);
        for day in 0..days {
            run.live(reading(rpm_core::event::Kind::HEART_RATE, at(day, 6), chance.next()));
        }
        alarms += raised(&run);
        let (mut run, mut delay) = (Run::new(&plan), 0);
        for day in 0..200 {
            run.live(reading(rpm_core::event::Kind::HEART_RATE, at(day, 6), chance.next()));
        }
        // Who is called by chance just then is not found.
        if run.state("rises") == ACTIVE {
            continue;
        }
        while run.state("rises") != ACTIVE && delay < 60 {
            let risen = chance.next() + 4000;
            run.live(reading(rpm_core::event::Kind::HEART_RATE, at(200 + delay, 6), risen));
            delay += 1;
        }
        delays.push(delay as usize);
    }
    delays.sort_unstable();
    (alarms * 1000 / (people as usize * days as usize), delays[delays.len() / 2])
}

/// A baseline that is learned is not exact: what that costs is in the policies' README.
#[test]
fn what_chance_does_with_a_baseline_that_is_learned() {
    for (learn, limit, expected) in [
        (mean(), 4.0, (4, 7)),
        (mean(), 5.0, (1, 9)),
        (median(28), 4.0, (6, 11)),
        (median(28), 5.0, (4, 13)),
    ] {
        let found = by_chance(&learn, limit);
        assert_eq!(found, expected, "{learn} {limit}");
    }
}

#[test]
fn a_rise_that_no_day_shows_is_found_and_told() {
    let plan = policy(&daily(1, &median(28), 4.0));
    let mut run = Run::new(&plan);
    for day in 0..28 {
        run.live(heart_rate(at(day, 6), ordinary(day)));
    }
    assert!(run.opened("rises").is_empty());
    for day in 28..40 {
        run.live(heart_rate(at(day, 6), ordinary(day) + 3));
    }
    assert_eq!(run.opened("rises").len(), 1);
    let said = evidence(&run).to_string();
    let words = "values of heart_rate above usual, in deviations less 0.5 each, since ";
    assert!(said.contains(words), "{said}");
    let drift = evidence(&run).drift.unwrap();
    assert_eq!((drift.direction.as_str(), drift.longer), ("up", false));
    assert!((2..9).contains(&drift.values), "{said}");
    let words = plan.describe();
    let line =
        "rise: how far heart_rate lies above usual, in deviations less 0.5 each time, added up.";
    assert!(words.contains(line), "{words}");
}

#[test]
fn one_day_however_far_is_no_drift() {
    let mut run = Run::new(&policy(&daily(1, &median(28), 4.0)));
    for day in 0..28 {
        run.live(heart_rate(at(day, 6), ordinary(day)));
    }
    let before = latest(&run).unwrap().1;
    run.live(heart_rate(at(28, 6), 110));
    assert_eq!(latest(&run).unwrap().1 - before, 3500);
    assert_eq!(run.state("rises"), ConditionState::Normal);
    // Days on which nothing is measured take nothing off, and add nothing.
    run.live(heart_rate(at(33, 6), 61));
    let after = latest(&run).unwrap().1 - before;
    assert!((2500..3800).contains(&after), "{after}");
}

/// What is found to drift is not learned as usual.
#[test]
fn what_drifts_is_not_learned() {
    let learned = |limit: f64| {
        let plan = daily(1, &mean(), limit);
        let mut plan = plan;
        plan["rules"].as_array_mut().unwrap().push(json!({
            "id": "far", "title": "Far", "signal": "heart_rate", "mode": "shadow",
            "levels": [{ "level": "review", "raise": { "above": 50, "baseline": "usual" } }],
        }));
        let mut run = Run::new(&policy(&plan));
        for day in 0..90 {
            run.live(heart_rate(at(day, 6), ordinary(day) + if day < 40 { 0 } else { 6 }));
        }
        let why = run.engine.why(rpm_core::PatientKey(0), "far").unwrap();
        let usual = why.levels[0].now[0].baseline.clone().unwrap();
        usual.value.unwrap().parse::<f64>().unwrap()
    };
    let (kept, followed) = (learned(4.0), learned(9.9));
    assert!(kept < 61.5, "{kept}");
    assert!(followed > kept, "{followed}");
}

/// Seven hours of telemetry make a night, and nights a drift: late readings move both.
#[test]
fn nights_drift() {
    let mut plan = daily(1, &median(14), 3.0);
    plan["lateness_horizon"] = "2 h".into();
    plan["signals"] = json!({
        "heart_rate": { "cadence": "5 min" },
        "night": { "cadence": "1 d", "summary": {
            "of": "heart_rate", "from": "00:00", "until": "07:00",
        } },
        "rise": { "cadence": "1 d", "drift": { "baseline": "usual", "direction": "up" } },
    });
    plan["baselines"]["usual"]["of"] = "night".into();
    let plan = policy(&plan);
    let (mut plain, mut late) = (Run::new(&plan), Run::new(&plan));
    for day in 0..24 {
        let rate = ordinary(day) + if day < 20 { 0 } else { 3 };
        for minute in (0..12 * 60).step_by(5) {
            let ms = at(day, 0) + minute * MINUTE;
            plain.live(heart_rate(ms, rate + (minute % 3) as i32));
            // The other way round within each hour; those of the last hour come after the night.
            let (hour, within) = (minute / 60, minute % 60);
            let ms = at(day, 0) + (hour * 60 + 55 - within) * MINUTE;
            let now = host(at(day, 0) + (hour * 60 + 59) * MINUTE);
            late.event(heart_rate(ms, rate + ((hour * 60 + 55 - within) % 3) as i32), now);
            if minute == 7 * 60 {
                late = restored(late, &plan);
            }
        }
        assert_eq!(latest(&plain), latest(&late), "day {day}");
    }
    assert_eq!(plain.state("rises"), ACTIVE);
    assert_eq!(late.state("rises"), ACTIVE);
}

fn change(run: &mut Run, to: &Json, now: i64) {
    let from = Arc::clone(run.engine.policy());
    let proposal = Proposal::new(&from, policy(to), "dr.a", "as agreed").unwrap();
    let approved = proposal.approve("dr.b", host(now)).unwrap();
    run.engine.handle_change(approved, host(now)).unwrap().unwrap();
    run.drain();
}

#[test]
fn a_sum_goes_on_under_another_policy_that_means_the_same() {
    let mut run = Run::new(&policy(&daily(1, &median(28), 4.0)));
    for day in 0..30 {
        run.live(heart_rate(at(day, 6), ordinary(day) + if day < 28 { 0 } else { 3 }));
    }
    let sum = latest(&run).unwrap();
    assert!(sum.1 > 0);
    let mut to = daily(2, &median(28), 4.0);
    to["rules"][0]["title"] = "Another title".into();
    change(&mut run, &to, at(30, 0));
    assert_eq!(latest(&run), Some(sum));
}

#[test]
fn an_episode_is_followed_by_its_own_sum_to_its_end() {
    let first = daily(1, &median(28), 3.0);
    let mut run = Run::new(&policy(&first));
    for day in 0..36 {
        run.live(heart_rate(at(day, 6), ordinary(day) + if day < 28 { 0 } else { 4 }));
    }
    assert_eq!(run.state("rises"), ACTIVE);
    let mut to = daily(2, &mean(), 9.0);
    to["signals"]["rise"]["drift"]["allowance"] = 2.into();
    change(&mut run, &to, at(36, 0));
    let bytes = run.engine.snapshot().unwrap();
    let config = rpm_core::EngineConfig::default();
    let policies = [policy(&first), policy(&to)];
    run.engine = rpm_core::Engine::restore(&bytes, &policies, config, host(at(36, 0))).unwrap().0;
    for day in 36..70 {
        run.live(heart_rate(at(day, 6), ordinary(day) - 2));
    }
    let changes = run.changes("rises");
    assert!(changes.contains(&AlertChange::Cleared), "{changes:?}");
}

#[test]
fn each_mistake_has_its_code_and_its_place() {
    let mistakes = |drift: Json, cadence: &str| {
        let mut plan = daily(1, &median(28), 4.0);
        plan["signals"]["other"] = json!({ "cadence": cadence, "drift": drift });
        plan["signals"]["pulse_rate"] = json!({ "cadence": "1 d" });
        let both = json!(["heart_rate", "pulse_rate"]);
        plan["signals"]["trusted"] = json!({ "fused": { "of": both }, "cadence": "1 d" });
        plan["signals"]["apart"] = json!({ "difference": both, "cadence": "1 d" });
        plan["signals"]["shock"] = json!({ "score": "s", "cadence": "1 d" });
        plan["scores"] = json!({ "s": { "chart": "news2" } });
        plan["baselines"]["points"] = json!({ "of": "shock", "learn": median(5) });
        let by_sleep = json!({ "by_sleep": { "half_life": "60 d" } });
        plan["baselines"]["asleep"] = json!({ "of": "heart_rate", "learn": by_sleep });
        plan["baselines"]["drifts"] = json!({ "of": "rise", "learn": median(5) });
        plan["baselines"]["trust"] = json!({ "of": "trusted", "learn": median(5) });
        plan["baselines"]["gap"] = json!({ "of": "apart", "learn": median(5) });
        let Err(errors) = Policy::from_json(plan.to_string().as_bytes()) else {
            return Vec::new();
        };
        let of = |e: &rpm_core::Error| (e.code(), e.path().unwrap_or_default().to_string());
        errors.errors().iter().map(of).collect()
    };
    let drift = |baseline: &str, allowance: Json| json!({ "baseline": baseline, "direction": "down", "allowance": allowance });
    let day = Duration::from_secs(86_400).to_string();
    assert_eq!(mistakes(drift("usual", json!(0.25)), &day), []);
    for made in ["trust", "gap", "points", "asleep"] {
        assert_eq!(mistakes(drift(made, json!(0.25)), &day), [], "{made}");
    }
    for (drift, cadence, code, path) in [
        (drift("nobody", json!(1)), "1 d", Code::UnknownBaseline, "signals.other.drift.baseline"),
        (drift("drifts", json!(1)), "1 d", Code::DerivedSignal, "signals.other.drift.baseline"),
        (drift("usual", json!(-1)), "1 d", Code::OutOfRange, "signals.other.drift.allowance"),
        (drift("usual", json!(10)), "1 d", Code::OutOfRange, "signals.other.drift.allowance"),
        (drift("usual", json!(1)), "2 h", Code::NotAMultiple, "signals.other.pane"),
    ] {
        assert_eq!(mistakes(drift.clone(), cadence), [(code, path.to_string())], "{drift}");
    }
}

/// A device that reads two beats higher: what was learned is moved, and what was added up because of it does
/// not weigh on what comes.
#[test]
fn after_a_shift_the_sum_begins_anew() {
    let sums = |shifted: bool| {
        let mut run = Run::new(&policy(&daily(1, &mean(), 4.0)));
        let mut sums = Vec::new();
        for day in 0..68 {
            let higher = if day >= 60 { 2 } else { 0 };
            run.live(heart_rate(at(day, 6), ordinary(day) + higher));
            if day >= 62 {
                sums.push(latest(&run).unwrap().1);
            }
            if day == 63 && shifted {
                let by = rpm_core::Value::from_thousandths(2000);
                let command = BaselineCommand { action: BaselineAction::Shift { by }, ..restart() };
                run.engine.handle_baseline(&command, host(at(day, 7))).unwrap().unwrap();
                run.drain();
            }
        }
        sums
    };
    let (plain, shifted) = (sums(false), sums(true));
    assert_eq!(plain[..2], shifted[..2], "what was added up stands");
    assert!(plain[1] > 0 && plain[5] > plain[1], "{plain:?}");
    // As if nothing had been: the days are ordinary ones.
    assert!(shifted[5] < 1000, "{shifted:?}");
}

/// Two devices on one patient: both follow the patient, and one of them drifts from the other by less than
/// anybody would notice on a day.
#[test]
fn a_device_that_drifts_from_its_pair_is_found_however_the_patient_fares() {
    let mut plan = daily(1, &mean(), 4.0);
    plan["signals"]["pulse_rate"] = json!({ "cadence": "1 d" });
    let both = json!(["heart_rate", "pulse_rate"]);
    plan["signals"]["apart"] = json!({ "difference": both, "cadence": "1 d" });
    plan["baselines"]["usual"]["of"] = "apart".into();
    let found = |drifts: bool| {
        let mut run = Run::new(&policy(&plan));
        for day in 0..90 {
            // The patient has better and worse weeks.
            let rate = 60 + (day % 21) as i32;
            let off = if drifts && day >= 60 { 2 } else { 0 };
            let noise = ordinary(day) - 60;
            run.live(heart_rate(at(day, 6), rate + noise + off));
            run.live(reading(rpm_core::event::Kind::PULSE_RATE, at(day, 7), rate * 1000));
            if run.state("rises") == ACTIVE {
                return Some(day);
            }
        }
        None
    };
    assert_eq!(found(false), None);
    let day = found(true).unwrap();
    assert!((62..72).contains(&day), "{day}");
}
