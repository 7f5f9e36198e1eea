//! Transitions of the loop and of the engine, side by side, and why they differ.
use std::collections::BTreeMap;

use rpm_benches::ward_hour::{HEART_RATE, SPO2, Sample};
use rpm_benches::yardstick::{ACTIVE, Transition};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cause { Timer, Plain, Artifact, Late, LateArtifact, Repeat }

pub fn print(samples: &[Sample], by_loop: &[Transition], by_engine: &[Transition]) {
    let concerned: std::collections::BTreeSet<u32> = by_loop.iter().chain(by_engine).map(|t| t.patient).collect();
    let mut causes: BTreeMap<(u32, u8, u32), Vec<(u32, Cause)>> = BTreeMap::new();
    let mut newest: BTreeMap<(u32, u8), u32> = BTreeMap::new();
    let mut seen = std::collections::BTreeSet::new();
    for s in samples.iter().filter(|s| s.kind <= SPO2 && concerned.contains(&s.patient)) {
        let newest = newest.entry((s.patient, s.kind)).or_default();
        let late = s.t_ms < *newest;
        *newest = s.t_ms.max(*newest);
        let cause = match (seen.insert((s.patient, s.kind, s.t_ms)), late, s.is_artifact()) {
            (false, ..) => Cause::Repeat,
            (_, false, false) => Cause::Plain,
            (_, false, true) => Cause::Artifact,
            (_, true, false) => Cause::Late,
            (_, true, true) => Cause::LateArtifact,
        };
        causes.entry((s.patient, s.kind, s.arrival_ms())).or_default().push((s.t_ms, cause));
    }
    let cause = |t: &Transition| {
        let kind = if t.rule == 2 { HEART_RATE } else { SPO2 };
        let all = causes.get(&(t.patient, kind, t.t_ms));
        all.map_or(Cause::Timer, |a| a.iter().find(|(o, _)| *o == t.observed_ms).unwrap_or(&a[0]).1)
    };
    for rule in 1..=4 {
        let pick = |all: &[Transition]| {
            let mut v: Vec<Transition> = all.iter().filter(|t| t.rule == rule && t.state != ACTIVE).copied().collect();
            v.sort_by_key(|t| (t.patient, t.t_ms, t.state));
            v
        };
        let (mut a, mut b) = (pick(by_loop), pick(by_engine));
        println!("rule {rule}: {} {}", a.len(), b.len());
        let eq: Vec<_> = a.iter().filter(|t| b.contains(t)).copied().collect();
        println!("  equal {}", eq.len());
        a.retain(|t| !eq.contains(t));
        b.retain(|t| !eq.contains(t));
        let mut table: BTreeMap<String, (usize, Vec<String>)> = BTreeMap::new();
        for t in &a {
            let m = b.iter().position(|u| u.patient == t.patient && u.state == t.state && u.t_ms.abs_diff(t.t_ms) < 90_000);
            let (key, ex) = match m {
                Some(i) => {
                    let u = b.remove(i);
                    (format!("{} pair {:?} {:?} arr {:?} obs {:?}", t.state, cause(t), cause(&u), u.t_ms.cmp(&t.t_ms), u.observed_ms.cmp(&t.observed_ms)), format!("{t:?} {u:?}"))
                }
                None => (format!("{} loop only {:?}", t.state, cause(t)), format!("{t:?}")),
            };
            let e = table.entry(key).or_default();
            e.0 += 1; e.1.push(ex);
        }
        for u in &b {
            let e = table.entry(format!("{} engine only {:?}", u.state, cause(u))).or_default();
            e.0 += 1; e.1.push(format!("{u:?}"));
        }
        for (k, (n, ex)) in table {
            println!("  {n} {k}");
            for e in ex.iter().take(3) { println!("        {e}"); }
        }
    }
}
