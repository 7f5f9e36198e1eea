//! Versions of a model against a naive model of them, and by name.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rpm_core::error::Code;
use rpm_core::record::{Hash, ModelRef};
use rpm_core::risk::registry::{Part, Registry, RollOut, Stage, StageChange, Why};
use rpm_core::{HostTime, PatientId};

use crate::common;

const ID: &str = "sepsis";

fn version(number: u32) -> ModelRef {
    ModelRef { id: ID.into(), version: number, hash: Hash::of(&number.to_le_bytes()) }
}

fn why(owner: &str) -> Why {
    Why { owner: owner.into(), reason: "better in shadow".into(), evidence: "report 7".into() }
}

fn at(second: i64) -> HostTime {
    HostTime::from_millis(second * 1000)
}

fn patient(n: usize) -> PatientId {
    PatientId::new(&format!("p{n}")).unwrap()
}

fn register(registry: &mut Registry, number: u32, second: i64) -> Result<(), Code> {
    let roll_out = RollOut::Register { model: version(number), owner: "dr.a".into() };
    registry.take(&roll_out, at(second)).map_err(|e| e.code())
}

fn step(version: u32, to: Stage, owner: &str, approver: &str) -> RollOut {
    RollOut::Stage { id: ID.into(), version, to, why: why(owner), approver: approver.into() }
}

fn go(registry: &mut Registry, version: u32, to: Stage, second: i64) -> Result<(), Code> {
    registry.take(&step(version, to, "dr.a", "dr.b"), at(second)).map_err(|e| e.code())
}

fn roll_back(registry: &mut Registry, second: i64) -> Result<(), Code> {
    let (why, approver) = (why("dr.a"), "dr.b".into());
    let roll_out = RollOut::Rollback { id: ID.into(), why, approver };
    registry.take(&roll_out, at(second)).map_err(|e| e.code())
}

#[derive(Clone, Debug)]
enum Op {
    Register(u32),
    Go(u32, Stage),
    Rollback,
}

fn op() -> impl Strategy<Value = Op> {
    let stage = prop_oneof![
        1 => Just(Stage::Candidate),
        3 => Just(Stage::Shadow),
        2 => prop_oneof![Just(50), Just(300)].prop_map(|n| Stage::Canary(Part::Permille(n))),
        1 => Just(Stage::Canary(Part::Cohorts(vec!["east".into()]))),
        3 => Just(Stage::Active),
        1 => Just(Stage::Retired),
    ];
    prop_oneof![
        2 => (1_u32..5).prop_map(Op::Register),
        8 => (1_u32..5, stage).prop_map(|(version, to)| Op::Go(version, to)),
        2 => Just(Op::Rollback),
    ]
}

/// Stages by version, and whom each version put out of office when it was promoted.
#[derive(Clone, Default)]
struct Naive {
    stages: BTreeMap<u32, Stage>,
    before: BTreeMap<u32, Option<u32>>,
}

impl Naive {
    fn active(&self) -> Option<u32> {
        self.stages.iter().find(|(_, stage)| **stage == Stage::Active).map(|(v, _)| *v)
    }

    fn canary(&self) -> Option<u32> {
        self.stages.iter().find(|(_, s)| matches!(s, Stage::Canary(_))).map(|(v, _)| *v)
    }

    fn in_shadow(&self) -> Option<u32> {
        self.stages.iter().find(|(_, stage)| **stage == Stage::Shadow).map(|(v, _)| *v)
    }

    /// Whether it is allowed; done if so.
    fn run(&mut self, op: &Op) -> bool {
        use Stage as S;
        match op {
            Op::Register(v) => {
                let is_new = !self.stages.contains_key(v);
                self.stages.entry(*v).or_insert(S::Candidate);
                is_new
            }
            Op::Go(v, to) => {
                let Some(from) = self.stages.get(v).cloned() else { return false };
                let allowed = match (&from, to) {
                    (S::Candidate | S::Retired | S::Canary(_), S::Shadow) => {
                        self.in_shadow().is_none()
                    }
                    (S::Shadow, S::Active) => true,
                    (S::Candidate | S::Shadow | S::Active, S::Retired) => true,
                    (S::Shadow, S::Canary(_)) => self.canary().is_none(),
                    (S::Canary(_), S::Active | S::Retired) => true,
                    (S::Canary(a), S::Canary(b)) => a != b,
                    _ => false,
                };
                if allowed {
                    if *to == S::Active {
                        let before = self.active();
                        self.before.insert(*v, before);
                        self.stages.extend(before.map(|before| (before, S::Retired)));
                    }
                    self.stages.insert(*v, to.clone());
                }
                allowed
            }
            Op::Rollback => {
                let Some(active) = self.active() else { return false };
                self.stages.insert(active, S::Retired);
                let before = self.before.get(&active).copied().flatten();
                self.stages.extend(before.map(|before| (before, S::Active)));
                true
            }
        }
    }
}

proptest! {
    #![proptest_config(common::cases("tests/regressions/risk.txt", 20_261_130))]

    #[test]
    fn the_registry_is_that_of_a_naive_model(ops in proptest::collection::vec(op(), 1..40)) {
        let (mut registry, mut naive) = (Registry::default(), Naive::default());
        let mut past: Vec<Vec<Option<u32>>> = Vec::new();
        let people: Vec<_> = (0..12).map(patient).collect();
        let cohort = |n: usize| (n % 3 == 0).then_some("east");
        for (second, op) in (0..).zip(&ops) {
            let before = registry.history().len();
            let done = match op {
                Op::Register(v) => register(&mut registry, *v, second).is_ok(),
                Op::Go(v, to) => go(&mut registry, *v, to.clone(), second).is_ok(),
                Op::Rollback => roll_back(&mut registry, second).is_ok(),
            };
            prop_assert_eq!(done, naive.run(op), "{:?}", op);
            prop_assert!(done || registry.history().len() == before, "refused, and something changed");
            for v in 0..5 {
                prop_assert_eq!(registry.stage(ID, v), naive.stages.get(&v));
            }
            let scores = |(n, patient)| {
                registry.assigned(ID, patient, cohort(n)).scores.map(|model| model.version)
            };
            past.push(people.iter().enumerate().map(scores).collect());
        }
        // What was so at any time is still told, and again after everything was made of its history.
        let text = serde_json::to_string(registry.history()).unwrap();
        let history: Vec<StageChange> = serde_json::from_str(&text).unwrap();
        let again = Registry::from_history(history);
        prop_assert_eq!(&again, &registry);
        for (second, wanted) in (0..).zip(past) {
            for (n, (patient, wanted)) in people.iter().zip(wanted).enumerate() {
                let scored = again.scored_at(ID, patient, cohort(n), at(second));
                prop_assert_eq!(scored.map(|model| model.version), wanted);
            }
        }
    }
}

#[test]
fn nobody_approves_what_they_proposed() {
    let mut registry = Registry::default();
    register(&mut registry, 1, 0).unwrap();
    let mut refused = |roll_out: &RollOut| {
        let error = registry.take(roll_out, at(1)).unwrap_err();
        (error.code(), error.path().unwrap_or_default().to_string())
    };
    let not_approved = (Code::NotApproved, "approver".to_string());
    for approver in ["dr.a", " "] {
        assert_eq!(refused(&step(1, Stage::Shadow, "dr.a", approver)), not_approved);
        let (why, approver) = (why("dr.a"), approver.into());
        assert_eq!(refused(&RollOut::Rollback { id: ID.into(), why, approver }), not_approved);
    }
    let why = Why { evidence: String::new(), ..why("dr.a") };
    let (id, to, approver) = (ID.into(), Stage::Shadow, "dr.b".into());
    let without = RollOut::Stage { id, version: 1, to, why, approver };
    assert_eq!(refused(&without), (Code::MissingField, "evidence".to_string()));
    let nobody = Stage::Canary(Part::Permille(0));
    assert_eq!(refused(&step(1, nobody, "dr.a", "dr.b")), (Code::OutOfRange, "to".to_string()));
}

#[test]
fn who_scored_this_patient_at_two_fourteen() {
    let mut registry = Registry::default();
    let midnight = 1_772_323_200;
    for (number, second) in [(1, 0), (2, 120)] {
        register(&mut registry, number, midnight + second).unwrap();
        go(&mut registry, number, Stage::Shadow, midnight + second + 1).unwrap();
        if number == 1 {
            go(&mut registry, 1, Stage::Active, midnight + 100).unwrap();
        }
    }
    go(&mut registry, 2, Stage::Active, midnight + 2 * 3600).unwrap();
    roll_back(&mut registry, midnight + 3 * 3600).unwrap();
    let scored = |second| {
        registry.scored_at(ID, &patient(1), None, at(midnight + second)).map(|model| model.version)
    };
    assert_eq!(scored(50), None);
    assert_eq!(scored(3600), Some(1));
    assert_eq!(scored(2 * 3600 + 14 * 60), Some(2));
    assert_eq!(scored(4 * 3600), Some(1));
}

#[test]
fn a_wider_canary_keeps_those_that_it_had() {
    let mut registry = Registry::default();
    register(&mut registry, 1, 1).unwrap();
    register(&mut registry, 2, 1).unwrap();
    go(&mut registry, 1, Stage::Shadow, 1).unwrap();
    go(&mut registry, 1, Stage::Active, 2).unwrap();
    go(&mut registry, 2, Stage::Shadow, 2).unwrap();
    let mut before: Vec<usize> = Vec::new();
    for (second, share) in [(3, 50), (4, 300), (5, 1000)] {
        go(&mut registry, 2, Stage::Canary(Part::Permille(share)), second).unwrap();
        let tried = |n: &usize| {
            let scores = registry.assigned(ID, &patient(*n), None).scores;
            scores.is_some_and(|model| model.version == 2)
        };
        let now: Vec<usize> = (0..2000).filter(tried).collect();
        assert!(before.iter().all(|n| now.contains(n)));
        let wanted = 2 * usize::from(share);
        assert!(now.len().abs_diff(wanted) < 120, "{} of {wanted}", now.len());
        before = now;
    }
}

/// Both would be readings of the signal for scores in shadow, and nobody could tell whose they are.
#[test]
fn two_versions_are_not_in_shadow_at_once() {
    let mut registry = Registry::default();
    for number in [1, 2] {
        register(&mut registry, number, 0).unwrap();
    }
    go(&mut registry, 1, Stage::Shadow, 1).unwrap();
    let refused = registry.take(&step(2, Stage::Shadow, "dr.a", "dr.b"), at(2)).unwrap_err();
    assert_eq!((refused.code(), refused.path()), (Code::StageOrder, Some("to")));
    assert!(refused.to_string().contains("another version of the model is there"), "{refused}");
    assert_eq!(registry.assigned(ID, &patient(1), None).shadows, [version(1)]);
    // One that steps back from being the canary waits as well.
    go(&mut registry, 1, Stage::Canary(Part::Permille(50)), 3).unwrap();
    go(&mut registry, 2, Stage::Shadow, 4).unwrap();
    assert_eq!(go(&mut registry, 1, Stage::Shadow, 5), Err(Code::StageOrder));
    go(&mut registry, 2, Stage::Retired, 6).unwrap();
    go(&mut registry, 1, Stage::Shadow, 7).unwrap();
}
