//! Engine beside yardstick, in one run: events a second, memory, differences.
#![allow(clippy::print_stdout, reason = "a report is what this program is for")]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "it measures time")]

use std::collections::BTreeSet;
use std::time::Instant;

use rpm_benches::ward_engine::{Ward, readings};
use rpm_benches::ward_hour::{Params, generate};
use rpm_benches::yardstick::{Transition, Yardstick};

fn main() {
    let mut args = std::env::args().skip(1).map(|a| a.parse::<u32>().unwrap_or(0));
    let patients = args.next().unwrap_or(1000);
    let seconds = args.next().unwrap_or(3600);
    let duration_ms = seconds * 1000;
    let samples = generate(&Params { patients, duration_ms, seed: 1 });
    let events = readings(&samples);
    let mut ratios = Vec::new();
    let mut last = None;
    for _ in 0..3 {
        let start = Instant::now();
        let mut yardstick = Yardstick::new(patients);
        for sample in &samples {
            yardstick.push(sample);
        }
        yardstick.finish(duration_ms);
        let loop_ns = start.elapsed().as_nanos() as f64 / samples.len() as f64;
        let mut ward = Ward::new(patients);
        let start = Instant::now();
        for batch in events.chunks(256) {
            ward.push(batch);
        }
        ward.finish(duration_ms);
        let ns = start.elapsed().as_nanos() as f64 / samples.len() as f64;
        println!("loop {loop_ns:.1} ns, engine {ns:.1} ns, ratio {:.2}", loop_ns / ns);
        ratios.push(loop_ns / ns);
        last = Some((yardstick, ward));
    }
    let Some((yardstick, ward)) = last else { return };
    println!("{} events, {} records", samples.len(), ward.records);
    compare(yardstick.transitions(), &ward.transitions);
}

fn compare(ours: &[Transition], theirs: &[Transition]) {
    for rule in 1..=4 {
        let pick = |all: &[Transition]| -> BTreeSet<(u32, u8, u32, u32)> {
            let of_rule = all.iter().filter(|t| t.rule == rule && t.state != 2);
            of_rule.map(|t| (t.patient, t.state, t.observed_ms, t.t_ms)).collect()
        };
        let (a, b) = (pick(ours), pick(theirs));
        println!(
            "rule {rule}: loop {}, engine {}, both {}",
            a.len(),
            b.len(),
            a.intersection(&b).count()
        );
        for t in a.difference(&b).take(4) {
            println!("  loop only   {t:?}");
        }
        for t in b.difference(&a).take(4) {
            println!("  engine only {t:?}");
        }
    }
}
