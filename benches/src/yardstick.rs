//! The yardstick: four rules over fixed arrays and nothing else.
//!
//! This is what the ward's rules cost when they are written out by hand for one input format, with
//! no policy, no records, no explanation and no snapshots. An engine that does more is measured
//! as a multiple of it.
//!
//! # Windows
//!
//! A slot is a second of event time. For heart rate and SpO2 the last 600 slots are kept, each
//! empty, bad (an artifact) or a value. The newest slot ever seen ends the windows. An older
//! sample enters every window that still covers its slot, at once; a sample 600 slots old or more
//! is dropped, and so is a second sample for a slot. No rule runs on a dropped sample. Respiration
//! and temperature only keep their newest value.
//!
//! # Rules
//!
//! All run on arrival, and a transition carries the arrival time. `n` counts good values.
//!
//! | rule | on | enters | clears |
//! |---|---|---|---|
//! | 1 | SpO2 | 60 s: n >= 40, mean < 90.0 | 60 s: n >= 40, mean > 92.0 |
//! | 2 | heart rate | 600 s: n >= 400, mean > 130.0 | 600 s: n >= 400, mean < 120.0 |
//! | 3 | SpO2 | 600 s: n >= 400, slope < -0.3 a minute | the same n, slope > -0.1 a minute |
//! | 4 | SpO2 | no accepted sample for 120 s of arrival time | the next accepted sample |
//!
//! An alert is `NEW` when it enters, `ACTIVE` at the first evaluation 30 s later or more that does
//! not clear it, and `CLEARED`. Rule 2 with too few values changes nothing, not even to `ACTIVE`.
//! Rule 4 starts with the first accepted SpO2 sample and takes artifacts for a signal; it is `NEW`
//! at its deadline and `ACTIVE` 30 s after it, however late the loop learns of the time.

use crate::fnv::Fnv;
use crate::ward_hour::{HEART_RATE, RESPIRATION, SPO2, Sample, TEMPERATURE};
use std::hint::black_box;

/// [`Transition::state`]: the alert was raised.
pub const NEW: u8 = 1;
/// [`Transition::state`]: the alert has lasted for 30 s.
pub const ACTIVE: u8 = 2;
/// [`Transition::state`]: the alert is over.
pub const CLEARED: u8 = 3;

/// Slots of a long window, and how many are kept.
const LONG: usize = 600;
/// Slots of the short window.
const SHORT: usize = 60;
/// Good values that a long window needs.
const LONG_COVERAGE: i32 = 400;
/// Good values that the short window needs.
const SHORT_COVERAGE: i32 = 40;
/// From `NEW` to `ACTIVE`; the end of the stream is as long after the last slot.
const ESCALATE_MS: u32 = 30_000;
/// Silence that rule 4 allows.
const SILENCE_MS: u32 = 120_000;

/// Samples that [`Yardstick::push_all`] looks ahead.
const BATCH: usize = 32;

/// A slot without a sample.
const EMPTY: i16 = i16::MIN;
/// A slot with an artifact. Values are above this.
const BAD: i16 = i16::MIN + 1;

/// A change of one alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Patient number.
    pub patient: u32,
    /// 1 low SpO2, 2 high heart rate, 3 falling SpO2, 4 missing SpO2.
    pub rule: u8,
    /// [`NEW`], [`ACTIVE`] or [`CLEARED`].
    pub state: u8,
    /// When, in arrival time.
    pub t_ms: u32,
    /// Event time of the sample that caused it, for comparison with an engine that decides in
    /// event time. A deadline of rule 4 has no sample; there it is `t_ms`. Not part of the hash.
    pub observed_ms: u32,
}

impl Transition {
    fn row(&self) -> (u32, u8, u8, u32) {
        (self.patient, self.rule, self.state, self.t_ms)
    }
}

/// FNV-1a over the rows (patient, rule, state, `t_ms`), sorted, little endian, 10 bytes a row.
pub fn hash(transitions: &[Transition]) -> u64 {
    let mut rows: Vec<_> = transitions.iter().map(Transition::row).collect();
    rows.sort_unstable();
    let mut fnv = Fnv::new();
    for (patient, rule, state, t_ms) in rows {
        fnv.write(&patient.to_le_bytes());
        fnv.write(&[rule, state]);
        fnv.write(&t_ms.to_le_bytes());
    }
    fnv.finish()
}

/// All patients of a ward and the transitions so far.
pub struct Yardstick {
    beds: Vec<Bed>,
    transitions: Vec<Transition>,
}

impl Yardstick {
    /// A ward of this many patients, numbered from 0. All memory of theirs is allocated here.
    pub fn new(patients: u32) -> Self {
        Self { beds: vec![Bed::VACANT; patients as usize], transitions: Vec::new() }
    }

    /// Takes the next sample. Samples come in order of arrival.
    ///
    /// # Panics
    ///
    /// If the patient's number is not below the number given to [`Yardstick::new`].
    #[inline]
    pub fn push(&mut self, sample: &Sample) {
        let bed = &mut self.beds[sample.patient as usize];
        bed.push(&mut Now { sample, a: sample.arrival_ms(), out: &mut self.transitions });
    }

    /// Takes many samples, in the same order: for wards that no cache holds.
    ///
    /// Each sample belongs to another patient, so its memory is far away. Here a batch asks for
    /// all that it will need before it needs it, and the waiting times overlap.
    ///
    /// # Panics
    ///
    /// As [`Yardstick::push`].
    pub fn push_all(&mut self, samples: &[Sample]) {
        for batch in samples.chunks(BATCH) {
            // Two passes, because where a ring is read depends on the running figures.
            black_box(self.sum_over(batch, |bed, _| bed.touch()));
            black_box(self.sum_over(batch, Bed::touch_ring));
            for sample in batch {
                self.push(sample);
            }
        }
    }

    /// A loop of independent reads, which a processor can have under way at the same time.
    #[inline]
    fn sum_over(&self, batch: &[Sample], read: impl Fn(&Bed, &Sample) -> u32) -> u32 {
        batch.iter().fold(0, |sum, s| sum ^ read(&self.beds[s.patient as usize], s))
    }

    /// Ends the stream 30 s after its last slot: runs the timers up to there and forgets the
    /// transitions that came later.
    pub fn finish(&mut self, duration_ms: u32) {
        let end = duration_ms + ESCALATE_MS;
        for (patient, bed) in (0..).zip(&mut self.beds) {
            bed.silence.advance(patient, end, &mut self.transitions);
        }
        self.transitions.retain(|transition| transition.t_ms <= end);
    }

    /// The newest respiration rate and temperature of a patient, in tenths.
    pub fn latest(&self, patient: u32) -> [Option<i16>; 2] {
        let Some(bed) = self.beds.get(patient as usize) else {
            return [None; 2];
        };
        [&bed.respiration, &bed.temperature].map(|latest| latest.seen.then_some(latest.value))
    }

    /// The transitions so far, in the order in which they were found.
    pub fn transitions(&self) -> &[Transition] {
        &self.transitions
    }
}

/// A sample at its arrival, and where its consequences go.
struct Now<'a> {
    sample: &'a Sample,
    a: u32,
    out: &'a mut Vec<Transition>,
}

impl Now<'_> {
    /// Transitions are rare; keeping them out of line keeps the loop small.
    #[cold]
    fn emit(&mut self, rule: u8, state: u8) {
        let &Sample { patient, t_ms: observed_ms, .. } = self.sample;
        self.out.push(Transition { patient, rule, state, t_ms: self.a, observed_ms });
    }
}

/// One patient. The running figures come first, so that a sample touches two or three cache lines
/// of them and one or two of a ring.
#[derive(Clone)]
#[repr(C, align(64))]
struct Bed {
    spo2: Saturation,
    silence: Silence,
    heart_rate: HeartRate,
    low: Alert,
    fast: Alert,
    falling: Alert,
    respiration: Latest,
    temperature: Latest,
    spo2_ring: [i16; LONG],
    heart_rate_ring: [i16; LONG],
}

const _: () = assert!(size_of::<Bed>() <= 2_560);

impl Bed {
    const VACANT: Self = Self {
        spo2: Saturation::EMPTY,
        silence: Silence::UNARMED,
        heart_rate: HeartRate::EMPTY,
        low: Alert::IDLE,
        fast: Alert::IDLE,
        falling: Alert::IDLE,
        respiration: Latest::NONE,
        temperature: Latest::NONE,
        spo2_ring: [EMPTY; LONG],
        heart_rate_ring: [EMPTY; LONG],
    };

    /// Reads a word at both ends of the running figures.
    #[inline]
    fn touch(&self) -> u32 {
        self.spo2.head.slot ^ self.falling.since
    }

    /// Reads the cells that a sample of the next slot will change.
    #[inline]
    fn touch_ring(&self, sample: &Sample) -> u32 {
        let cells = match sample.kind {
            HEART_RATE => self.heart_rate_ring[self.heart_rate.head.cell(0)],
            SPO2 => {
                let head = self.spo2.head;
                self.spo2_ring[head.cell(0)] ^ self.spo2_ring[head.cell(SHORT - 1)]
            }
            _ => 0,
        };
        u32::from(cells.cast_unsigned())
    }

    fn push(&mut self, now: &mut Now<'_>) {
        self.silence.advance(now.sample.patient, now.a, now.out);
        match now.sample.kind {
            HEART_RATE => self.push_heart_rate(now),
            SPO2 => self.push_spo2(now),
            RESPIRATION => self.respiration.push(now.sample),
            TEMPERATURE => self.temperature.push(now.sample),
            _ => {}
        }
    }

    fn push_heart_rate(&mut self, now: &mut Now<'_>) {
        if !self.heart_rate.accept(&mut self.heart_rate_ring, now.sample) {
            return;
        }
        let HeartRate { n, sum, .. } = self.heart_rate;
        if n >= LONG_COVERAGE {
            self.fast.step(2, sum > 1_300 * n, sum < 1_200 * n, now);
        }
    }

    fn push_spo2(&mut self, now: &mut Now<'_>) {
        if !self.spo2.accept(&mut self.spo2_ring, now.sample) {
            return;
        }
        self.silence.heard(now);
        let Saturation { n60, sum60, .. } = self.spo2;
        let covered = n60 >= SHORT_COVERAGE;
        let (enter, clear) = (covered && sum60 < 900 * n60, covered && sum60 > 920 * n60);
        self.low.step(1, enter, clear, now);
        let (enter, clear) = self.spo2.trend();
        self.falling.step(3, enter, clear, now);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    New,
    Active,
}

/// The state of rules 1 to 3.
#[derive(Clone)]
struct Alert {
    since: u32,
    phase: Phase,
}

impl Alert {
    const IDLE: Self = Self { since: 0, phase: Phase::Idle };

    #[inline]
    fn step(&mut self, rule: u8, enter: bool, clear: bool, now: &mut Now<'_>) {
        if self.phase != Phase::Idle {
            self.step_raised(rule, clear, now);
        } else if enter {
            *self = Self { since: now.a, phase: Phase::New };
            now.emit(rule, NEW);
        }
    }

    fn step_raised(&mut self, rule: u8, clear: bool, now: &mut Now<'_>) {
        if clear {
            self.phase = Phase::Idle;
            now.emit(rule, CLEARED);
        } else if self.phase == Phase::New && now.a >= self.since + ESCALATE_MS {
            self.phase = Phase::Active;
            now.emit(rule, ACTIVE);
        }
    }
}

/// The state of rule 4.
#[derive(Clone)]
struct Silence {
    /// Unreachable until the first sample arms the rule: then one comparison decides both.
    deadline: u32,
    phase: Phase,
}

impl Silence {
    const UNARMED: Self = Self { deadline: u32::MAX, phase: Phase::Idle };

    #[inline]
    fn advance(&mut self, patient: u32, a: u32, out: &mut Vec<Transition>) {
        if a >= self.deadline {
            self.overdue(patient, a, out);
        }
    }

    #[cold]
    fn overdue(&mut self, patient: u32, a: u32, out: &mut Vec<Transition>) {
        let mut emit = |state, t_ms| {
            out.push(Transition { patient, rule: 4, state, t_ms, observed_ms: t_ms });
        };
        if self.phase == Phase::Idle {
            self.phase = Phase::New;
            emit(NEW, self.deadline);
        }
        let escalation = self.deadline.saturating_add(ESCALATE_MS);
        if self.phase == Phase::New && a >= escalation {
            self.phase = Phase::Active;
            emit(ACTIVE, escalation);
        }
    }

    #[inline]
    fn heard(&mut self, now: &mut Now<'_>) {
        if self.phase != Phase::Idle {
            self.phase = Phase::Idle;
            now.emit(4, CLEARED);
        }
        self.deadline = now.a.saturating_add(SILENCE_MS);
    }
}

/// The newest value of a signal without a rule.
#[derive(Clone)]
struct Latest {
    t_ms: u32,
    value: i16,
    seen: bool,
}

impl Latest {
    const NONE: Self = Self { t_ms: 0, value: 0, seen: false };

    fn push(&mut self, sample: &Sample) {
        if !self.seen || sample.t_ms > self.t_ms {
            *self = Self { t_ms: sample.t_ms, value: sample.value, seen: true };
        }
    }
}

/// Where the newest slot is. The position in the ring moves along with the slot, which saves a
/// division for every sample.
#[derive(Clone, Copy)]
struct Head {
    slot: u32,
    index: u16,
    seen: bool,
}

impl Head {
    const START: Self = Self { slot: 0, index: 0, seen: false };

    fn step(&mut self) {
        self.slot += 1;
        self.index = if usize::from(self.index) == LONG - 1 { 0 } else { self.index + 1 };
    }

    /// The ring's cell of the slot `age` before the newest; `age` is below [`LONG`].
    fn cell(self, age: usize) -> usize {
        let index = usize::from(self.index);
        if index >= age { index - age } else { index + LONG - age }
    }
}

/// What a sample leaves in its slot.
fn content(sample: &Sample) -> i16 {
    if sample.is_artifact() { BAD } else { sample.value }
}

/// The sums of one signal's windows, as the ring's walk needs them.
trait Sums {
    const EMPTY: Self;
    fn head(&mut self) -> &mut Head;
    /// Moves on by one slot: what leaves the windows is taken off, and its cell is empty after.
    fn step(&mut self, ring: &mut [i16; LONG]);
    /// Adds a good value of this age.
    fn add(&mut self, age: usize, value: i16);

    /// Puts a sample into its slot, or says no: too late or a duplicate.
    #[inline]
    fn accept(&mut self, ring: &mut [i16; LONG], sample: &Sample) -> bool
    where
        Self: Sized,
    {
        let slot = sample.t_ms / 1_000;
        if slot > self.head().slot || !self.head().seen {
            self.move_to(ring, slot);
        }
        let head = *self.head();
        let age = (head.slot - slot) as usize;
        if age >= LONG {
            return false;
        }
        let cell = &mut ring[head.cell(age)];
        if *cell != EMPTY {
            return false;
        }
        *cell = content(sample);
        if *cell > BAD {
            self.add(age, *cell);
        }
        true
    }

    #[inline]
    fn move_to(&mut self, ring: &mut [i16; LONG], slot: u32)
    where
        Self: Sized,
    {
        let head = *self.head();
        if !head.seen || slot - head.slot >= LONG as u32 {
            ring.fill(EMPTY);
            *self = Self::EMPTY;
            *self.head() = Head { slot, index: 0, seen: true };
            return;
        }
        for _ in head.slot..slot {
            self.step(ring);
        }
    }
}

/// Heart rate: one long window.
#[derive(Clone)]
struct HeartRate {
    head: Head,
    n: i32,
    sum: i32,
}

impl Sums for HeartRate {
    const EMPTY: Self = Self { head: Head::START, n: 0, sum: 0 };

    fn head(&mut self) -> &mut Head {
        &mut self.head
    }

    #[inline]
    fn step(&mut self, ring: &mut [i16; LONG]) {
        self.head.step();
        let leaving = std::mem::replace(&mut ring[self.head.cell(0)], EMPTY);
        if leaving > BAD {
            self.n -= 1;
            self.sum -= i32::from(leaving);
        }
    }

    #[inline]
    fn add(&mut self, _age: usize, value: i16) {
        self.n += 1;
        self.sum += i32::from(value);
    }
}

/// SpO2: a short window for the mean and a long one for the slope.
///
/// The sums of the slope count a value's age, not its slot, so they stay small however long the
/// stream is. A slope does not depend on where the origin lies, only its sign on the direction.
#[derive(Clone)]
struct Saturation {
    head: Head,
    n60: i32,
    sum60: i32,
    n: i64,
    age: i64,
    age_squared: i64,
    value: i64,
    age_value: i64,
}

impl Saturation {
    /// Whether rule 3 enters and whether it clears.
    #[inline]
    fn trend(&self) -> (bool, bool) {
        let falling = self.n * self.age_value - self.age * self.value;
        let spread = self.n * self.age_squared - self.age * self.age;
        let ok = self.n >= i64::from(LONG_COVERAGE) && spread > 0;
        // Tenths a second: 0.3 a minute is 1/20, 0.1 a minute is 1/60.
        (ok && 20 * falling > spread, ok && 60 * falling < spread)
    }
}

impl Sums for Saturation {
    const EMPTY: Self = Self {
        head: Head::START,
        n60: 0,
        sum60: 0,
        n: 0,
        age: 0,
        age_squared: 0,
        value: 0,
        age_value: 0,
    };

    fn head(&mut self) -> &mut Head {
        &mut self.head
    }

    #[inline]
    fn step(&mut self, ring: &mut [i16; LONG]) {
        self.head.step();
        // Everything is one slot older: (x + 1)^2 = x^2 + 2x + 1.
        self.age_squared += 2 * self.age + self.n;
        self.age += self.n;
        self.age_value += self.value;
        let leaving = std::mem::replace(&mut ring[self.head.cell(0)], EMPTY);
        if leaving > BAD {
            const AGE: i64 = LONG as i64;
            let value = i64::from(leaving);
            self.n -= 1;
            self.age -= AGE;
            self.age_squared -= AGE * AGE;
            self.value -= value;
            self.age_value -= AGE * value;
        }
        let leaving = ring[self.head.cell(SHORT)];
        if leaving > BAD {
            self.n60 -= 1;
            self.sum60 -= i32::from(leaving);
        }
    }

    #[inline]
    fn add(&mut self, age: usize, value: i16) {
        if age < SHORT {
            self.n60 += 1;
            self.sum60 += i32::from(value);
        }
        let (age, value) = (age as i64, i64::from(value));
        self.n += 1;
        self.age += age;
        self.age_squared += age * age;
        self.value += value;
        self.age_value += age * value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ward_hour::{ARTIFACT, Params, generate};
    use std::collections::BTreeMap;

    /// The same rules with nothing remembered but the accepted samples: every window is summed
    /// from scratch for every sample.
    #[derive(Default)]
    struct Naive {
        slots: BTreeMap<(u32, u8), BTreeMap<i64, Option<i64>>>,
        alerts: BTreeMap<(u32, u8), (u8, u32)>,
        heard: BTreeMap<u32, Vec<(u32, u32)>>,
        out: Vec<Transition>,
    }

    impl Naive {
        fn run(samples: &[Sample], duration_ms: u32) -> Vec<Transition> {
            let mut naive = Self::default();
            for sample in samples.iter().filter(|sample| sample.kind <= SPO2) {
                naive.push(sample);
            }
            let end = duration_ms + 30_000;
            naive.find_silences(end);
            naive.out.retain(|transition| transition.t_ms <= end);
            naive.out
        }

        fn push(&mut self, sample: &Sample) {
            let slots = self.slots.entry((sample.patient, sample.kind)).or_default();
            let slot = i64::from(sample.t_ms / 1_000);
            let newest = slots.keys().next_back().copied().unwrap_or(slot).max(slot);
            if slot <= newest - 600 || slots.contains_key(&slot) {
                return;
            }
            slots.insert(slot, (!sample.is_artifact()).then_some(i64::from(sample.value)));
            let good = |width: i64| -> Vec<(i64, i64)> {
                let window = slots.range(newest - width + 1..=newest);
                window.filter_map(|(x, y)| y.map(|y| (*x, y))).collect()
            };
            if sample.kind == HEART_RATE {
                let all = good(600);
                self.judge_rate(sample, &all);
            } else {
                let (recent, all) = (good(60), good(600));
                self.judge_spo2(sample, &recent, &all);
            }
        }

        fn judge_rate(&mut self, sample: &Sample, all: &[(i64, i64)]) {
            let mean = all.iter().map(|p| p.1).sum::<i64>() as f64 / all.len() as f64;
            if all.len() >= 400 {
                self.judge(sample, 2, mean > 1_300.0, mean < 1_200.0);
            }
        }

        fn judge_spo2(&mut self, sample: &Sample, recent: &[(i64, i64)], all: &[(i64, i64)]) {
            let arrival = (sample.arrival_ms(), sample.t_ms);
            self.heard.entry(sample.patient).or_default().push(arrival);
            let (n, sum) = (recent.len() as i64, recent.iter().map(|p| p.1).sum::<i64>());
            let covered = n >= 40;
            self.judge(sample, 1, covered && sum < 900 * n, covered && sum > 920 * n);
            let n = all.len() as i64;
            let total = |f: fn(&(i64, i64)) -> i64| all.iter().map(f).sum::<i64>();
            let (sx, sy) = (total(|p| p.0), total(|p| p.1));
            let num = n * total(|p| p.0 * p.1) - sx * sy;
            let den = n * total(|p| p.0 * p.0) - sx * sx;
            let ok = n >= 400 && den > 0;
            self.judge(sample, 3, ok && 20 * num < -den, ok && 60 * num > -den);
        }

        fn judge(&mut self, sample: &Sample, rule: u8, enter: bool, clear: bool) {
            let a = sample.arrival_ms();
            let alert = self.alerts.entry((sample.patient, rule)).or_default();
            let next = match alert.0 {
                0 if enter => NEW,
                NEW | ACTIVE if clear => CLEARED,
                NEW if a >= alert.1 + 30_000 => ACTIVE,
                _ => return,
            };
            *alert = (next % CLEARED, a);
            let (patient, observed_ms) = (sample.patient, sample.t_ms);
            self.out.push(Transition { patient, rule, state: next, t_ms: a, observed_ms });
        }

        /// Rule 4 afterwards, from the gaps between accepted samples.
        fn find_silences(&mut self, end: u32) {
            for (&patient, heard) in &self.heard {
                let ends = heard[1..].iter().copied().chain([(end, u32::MAX)]);
                for (&(last, _), (a, t)) in heard.iter().zip(ends) {
                    let deadlines = [(NEW, last + 120_000), (ACTIVE, last + 150_000)];
                    let mut emit = |state, t_ms, observed_ms| {
                        self.out.push(Transition { patient, rule: 4, state, t_ms, observed_ms });
                    };
                    for (state, due) in deadlines.into_iter().filter(|(_, due)| a >= *due) {
                        emit(state, due, due);
                    }
                    if a >= last + 120_000 && t != u32::MAX {
                        emit(CLEARED, a, t);
                    }
                }
            }
        }
    }

    fn sorted(mut transitions: Vec<Transition>) -> Vec<Transition> {
        transitions.sort_unstable_by_key(|t| (t.row(), t.observed_ms));
        transitions
    }

    /// Runs both and returns the number of transitions by rule.
    fn compare(patients: u32, duration_ms: u32, samples: &[Sample]) -> [usize; 4] {
        let mut yardstick = Yardstick::new(patients);
        for sample in samples {
            yardstick.push(sample);
        }
        yardstick.finish(duration_ms);
        let found = sorted(yardstick.transitions().to_vec());
        let mut batched = Yardstick::new(patients);
        batched.push_all(samples);
        batched.finish(duration_ms);
        assert_eq!(batched.transitions(), yardstick.transitions());
        assert_eq!(found, sorted(Naive::run(samples, duration_ms)));
        [1, 2, 3, 4].map(|rule| found.iter().filter(|t| t.rule == rule).count())
    }

    fn ward(minutes: u32) -> Vec<Sample> {
        generate(&Params { patients: 20, duration_ms: minutes * 60_000, seed: 5 })
    }

    /// Twenty calm minutes, made eventful: a third of the patients desaturate twice, a third have
    /// a fast heart for twelve minutes, a third lose SpO2.
    #[test]
    fn agrees_with_recomputation() {
        let mut samples = ward(20);
        for sample in &mut samples {
            let minute = sample.t_ms / 60_000;
            match (sample.patient % 3, sample.kind) {
                (0, SPO2) if matches!(minute, 8..12 | 14..15) => sample.value -= 100,
                (1, HEART_RATE) if minute < 12 => sample.value += 700,
                _ => {}
            }
        }
        samples.retain(|s| {
            !(s.patient % 3 == 2 && s.kind == SPO2 && matches!(s.t_ms / 10_000, 20..34 | 80..110))
        });
        let by_rule = compare(20, 1_200_000, &samples);
        assert!(by_rule.iter().all(|count| *count >= 6), "{by_rule:?}");
    }

    /// What no device does: long jumps, much late and spoilt data, values all over the range,
    /// slots that two different samples claim.
    #[test]
    fn agrees_with_recomputation_on_rubbish() {
        let mut samples = ward(20);
        for (i, sample) in (0_u32..).zip(&mut samples) {
            let dice = i.wrapping_mul(2_654_435_769) >> 16;
            let jump = if sample.patient % 2 == 0 { 450_000 } else { 700_000 };
            sample.t_ms += (sample.t_ms / 600_000) * jump;
            let swing = if (sample.t_ms / 400_000) % 2 == 0 { 130 } else { 0 };
            sample.value += if sample.kind == SPO2 { -swing } else { swing * 8 };
            sample.flags |= if dice % 23 == 0 { ARTIFACT } else { 0 };
            // The arrival stays; the event moves back, by up to fifteen minutes.
            sample.lag_ms = 0;
            let arrival = sample.t_ms;
            if dice % 10 == 0 {
                sample.t_ms = arrival.saturating_sub((dice % 900) * 1_000);
            }
        }
        samples.sort_by_key(Sample::arrival_ms);
        let by_rule = compare(20, 2_600_000, &samples);
        assert!(by_rule.iter().all(|count| *count >= 6), "{by_rule:?}");
    }

    #[test]
    fn transitions_after_the_end_do_not_count() {
        let sample = |t_ms| Sample {
            patient: 0,
            t_ms,
            lag_ms: 50,
            value: 960,
            kind: SPO2,
            flags: 0,
            seq: 0,
        };
        let mut yardstick = Yardstick::new(1);
        yardstick.push(&sample(0));
        yardstick.push(&sample(200_000));
        yardstick.finish(110_000);
        let rows: Vec<_> = yardstick.transitions().iter().map(Transition::row).collect();
        assert_eq!(rows, [(0, 4, NEW, 120_050)]);
    }

    #[test]
    fn slower_signals_keep_their_newest_value() {
        let sample = |kind, t_ms, value| {
            let (patient, lag_ms, flags, seq) = (0, 0, 0, 0);
            Sample { patient, t_ms, lag_ms, value, kind, flags, seq }
        };
        let mut yardstick = Yardstick::new(1);
        assert_eq!(yardstick.latest(0), [None, None]);
        yardstick.push(&sample(RESPIRATION, 5_000, 160));
        yardstick.push(&sample(RESPIRATION, 0, 170));
        yardstick.push(&sample(RESPIRATION, 5_000, 180));
        yardstick.push(&sample(TEMPERATURE, 0, 371));
        assert_eq!(yardstick.latest(0), [Some(160), Some(371)]);
        assert!(yardstick.transitions().is_empty());
    }

    #[test]
    fn the_hash_ignores_order_and_event_time() {
        let row = Transition { patient: 1, rule: 1, state: NEW, t_ms: 5, observed_ms: 3 };
        let other = Transition { patient: 0, observed_ms: 0, ..row };
        let moved = Transition { observed_ms: 4, ..row };
        assert_eq!(hash(&[row, other]), hash(&[other, moved]));
        assert_ne!(hash(&[row]), hash(&[other]));
    }
}
