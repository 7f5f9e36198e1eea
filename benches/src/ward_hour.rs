//! The ward hour: a deterministic stream of monitored patients.
//!
//! Each patient sends four signals. Time is cut into slots of one second; a patient has a fixed
//! phase inside the slot, so every signal has at most one sample in a slot, apart from repeats.
//! Samples are lost, repeated, delayed or spoilt at the rates in [`rates`], and some patients
//! live through one episode that the rules ought to find.
//!
//! The same [`Params`] give the same bytes on every processor: all arithmetic is on integers and
//! every patient draws from a generator of its own, so patient 7 is also the same patient in a
//! ward of ten and in a ward of a million.
//!
//! # Values
//!
//! Tenths of the unit: 782 is a heart rate of 78.2 /min. A value is the patient's own level, plus
//! a slow triangle wave, plus triangular noise, pulled towards the episode's level while one lasts.
//!
//! # Late samples
//!
//! A late sample's lag is `1 s + 59 s * u^4` with `u` uniform in 0..1: half of them come within
//! 4.7 s, three quarters within 20 s, and one in ten takes longer than 39 s.

use crate::fnv::Fnv;

/// Every rate and size of the workload in one place.
///
/// `_PPM` are parts per million, `_S` seconds, `_MS` milliseconds; ranges are inclusive.
pub mod rates {
    /// Slots between samples, by kind: heart rate, SpO2, respiration, temperature.
    pub const PERIOD_S: [u32; 4] = [1, 1, 5, 60];

    /// Samples that never arrive.
    pub const MISSING_PPM: u32 = 20_000;
    /// Sent samples that arrive a second time.
    pub const DUPLICATE_PPM: u32 = 10_000;
    /// How much later than the first copy the second one arrives.
    pub const DUPLICATE_EXTRA_MS: (u32, u32) = (1, 5_000);
    /// Sent samples that are late.
    pub const LATE_PPM: u32 = 20_000;
    /// Lag of a late sample; see the module's page for its distribution.
    pub const LATE_LAG_MS: (u32, u32) = (1_000, 60_000);
    /// Lag of every other sample, uniform.
    pub const LAG_MS: (u32, u32) = (20, 250);
    /// Slots inside an artifact burst. A burst spoils all signals of the patient.
    pub const ARTIFACT_PPM: u32 = 20_000;
    /// Length of a burst, uniform.
    pub const ARTIFACT_BURST_S: (u32, u32) = (2, 10);

    /// Patients with a desaturation.
    pub const DESATURATION_PPM: u32 = 50_000;
    /// SpO2 that a desaturation reaches, in tenths.
    pub const DESATURATION_LEVEL: (u32, u32) = (840, 880);
    /// Fall, stay and recovery of a desaturation.
    pub const DESATURATION_S: (u32, (u32, u32), u32) = (90, (180, 480), 60);
    /// Patients with a tachycardia.
    pub const TACHYCARDIA_PPM: u32 = 30_000;
    /// Heart rate that a tachycardia reaches, in tenths.
    pub const TACHYCARDIA_LEVEL: (u32, u32) = (1_350, 1_600);
    /// Rise, stay and recovery of a tachycardia.
    pub const TACHYCARDIA_S: (u32, (u32, u32), u32) = (60, (900, 1_200), 60);
    /// Patients with a slow SpO2 decline.
    pub const DECLINE_PPM: u32 = 30_000;
    /// What a decline takes off SpO2, in tenths: 0.5 % a minute for twelve minutes.
    pub const DECLINE_DROP: u32 = 60;
    /// Fall, stay and recovery of a decline.
    pub const DECLINE_S: (u32, (u32, u32), u32) = (720, (0, 0), 120);
    /// Patients whose SpO2 vanishes for a while.
    pub const LOSS_PPM: u32 = 20_000;
    /// Length of a signal loss, which has no ramps.
    pub const LOSS_S: (u32, (u32, u32), u32) = (0, (180, 360), 0);

    /// Quiet time before an episode: windows are full and a baseline can form.
    pub const LEAD_IN_S: u32 = 600;
    /// Quiet time between the end of an episode and the end of the stream.
    pub const TAIL_S: u32 = 60;
}

/// Kind 0: heart rate, 1 Hz.
pub const HEART_RATE: u8 = 0;
/// Kind 1: oxygen saturation, 1 Hz.
pub const SPO2: u8 = 1;
/// Kind 2: respiration rate, every 5 s.
pub const RESPIRATION: u8 = 2;
/// Kind 3: body temperature, every 60 s.
pub const TEMPERATURE: u8 = 3;
/// Bit 0 of [`Sample::flags`]: the device marked the value as an artifact.
pub const ARTIFACT: u8 = 1;

/// What to generate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// Number of patients, numbered from 0.
    pub patients: u32,
    /// Length of the stream in event time; whole seconds count. At most 2^32 ms less two minutes.
    pub duration_ms: u32,
    /// Seed of all draws.
    pub seed: u64,
}

/// One measurement on its way to the ward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Sample {
    /// Patient number.
    pub patient: u32,
    /// Event time, from the start of the stream.
    pub t_ms: u32,
    /// Arrival is this much after the event.
    pub lag_ms: u16,
    /// The value in tenths of its unit.
    pub value: i16,
    /// [`HEART_RATE`], [`SPO2`], [`RESPIRATION`] or [`TEMPERATURE`].
    pub kind: u8,
    /// [`ARTIFACT`] or nothing.
    pub flags: u8,
    /// Low bits of the patient's counter. Lost samples count too, as on a real device.
    pub seq: u16,
}

const _: () = assert!(size_of::<Sample>() == 16);

impl Sample {
    /// When the sample arrives, from the start of the stream.
    pub fn arrival_ms(&self) -> u32 {
        self.t_ms + u32::from(self.lag_ms)
    }

    /// Whether the device marked the value as an artifact.
    pub fn is_artifact(&self) -> bool {
        self.flags & ARTIFACT != 0
    }

    /// The sample as a file stores it: fields in order, little endian, no padding.
    pub fn to_bytes(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[0..4].copy_from_slice(&self.patient.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.t_ms.to_le_bytes());
        bytes[8..10].copy_from_slice(&self.lag_ms.to_le_bytes());
        bytes[10..12].copy_from_slice(&self.value.to_le_bytes());
        bytes[12] = self.kind;
        bytes[13] = self.flags;
        bytes[14..16].copy_from_slice(&self.seq.to_le_bytes());
        bytes
    }

    /// (arrival, patient, kind, event time, sequence) as one number. No two samples share it.
    fn order(&self) -> u128 {
        let head = u64::from(self.arrival_ms()) << 32 | u64::from(self.patient);
        let tail = u64::from(self.kind) << 48 | u64::from(self.t_ms) << 16 | u64::from(self.seq);
        u128::from(head) << 64 | u128::from(tail)
    }
}

/// Makes the whole stream, sorted by (arrival, patient, kind, event time, sequence).
///
/// # Panics
///
/// If the last arrival would not fit the 32-bit clock.
pub fn generate(params: &Params) -> Vec<Sample> {
    generate_with(params, Episode::draw)
}

/// FNV-1a over the stored bytes of `samples`: two runs of the generator agree when this does.
pub fn hash(samples: &[Sample]) -> u64 {
    let mut fnv = Fnv::new();
    for sample in samples {
        fnv.write(&sample.to_bytes());
    }
    fnv.finish()
}

/// [`generate`] with the choice of episodes left to the caller, for tests of one episode.
fn generate_with(
    params: &Params,
    episode: impl Fn(&mut SplitMix, u32) -> Option<Episode>,
) -> Vec<Sample> {
    assert!(params.duration_ms <= u32::MAX - 120_000, "the stream must fit a 32-bit clock");
    let slots = params.duration_ms / 1_000;
    let mut samples = Vec::with_capacity(expected_samples(params.patients, slots));
    for number in 0..params.patients {
        let mut fate = SplitMix::for_patient(params.seed ^ FATE, number);
        let episode = episode(&mut fate, slots);
        Patient::new(params.seed, number, episode).send_all(slots, &mut samples);
    }
    samples.sort_unstable_by_key(Sample::order);
    samples
}

/// Keeps the draws of episodes apart from the draws of samples.
const FATE: u64 = 0x6570_6973_6f64_6573;

/// Room for the stream without a second allocation: losses outnumber repeats, so the number of
/// slots is enough except in very small wards.
fn expected_samples(patients: u32, slots: u32) -> usize {
    let each: u32 = rates::PERIOD_S.iter().map(|period| slots.div_ceil(*period)).sum();
    patients as usize * each as usize
}

/// `SplitMix64` by Steele, Lea and Flood: one addition and a mix, good enough for noise.
struct SplitMix(u64);

impl SplitMix {
    /// An independent stream for one patient.
    fn for_patient(seed: u64, number: u32) -> Self {
        let mut mixer = Self(seed ^ u64::from(number) << 20);
        Self(mixer.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `0..bound`; the bias of the multiplication is below 2^-11 for bounds in use.
    fn below(&mut self, bound: u32) -> u32 {
        (((self.next() >> 32) * u64::from(bound)) >> 32) as u32
    }

    /// Uniform in an inclusive range.
    fn within(&mut self, (low, high): (u32, u32)) -> u32 {
        low + self.below(high - low + 1)
    }

    fn chance(&mut self, ppm: u32) -> bool {
        self.below(1_000_000) < ppm
    }

    /// Triangular noise between `-spread` and `spread`.
    fn noise(&mut self, spread: u32) -> i32 {
        let sum = self.below(spread + 1) + self.below(spread + 1);
        sum.cast_signed() - spread.cast_signed()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EpisodeKind {
    Desaturation,
    Tachycardia,
    Decline,
    Loss,
}

/// One thing that happens to a patient: a ramp to a level, a stay, and a ramp back.
#[derive(Clone, Copy, Debug)]
struct Episode {
    kind: EpisodeKind,
    start: u32,
    ramp_in: u32,
    hold: u32,
    ramp_out: u32,
    /// The level in tenths, or what to take off for a decline.
    level: i32,
}

impl Episode {
    /// What happens to a patient, if anything: one draw decides, so a patient has one episode.
    fn draw(rng: &mut SplitMix, slots: u32) -> Option<Self> {
        let shares = [
            (rates::DESATURATION_PPM, EpisodeKind::Desaturation),
            (rates::TACHYCARDIA_PPM, EpisodeKind::Tachycardia),
            (rates::DECLINE_PPM, EpisodeKind::Decline),
            (rates::LOSS_PPM, EpisodeKind::Loss),
        ];
        let mut lot = rng.below(1_000_000);
        for (share, kind) in shares {
            if lot < share {
                return Self::place(kind, rng, slots);
            }
            lot -= share;
        }
        None
    }

    /// An episode of this kind somewhere in the stream, or none when there is no room for it.
    fn place(kind: EpisodeKind, rng: &mut SplitMix, slots: u32) -> Option<Self> {
        let ((ramp_in, stay, ramp_out), level) = match kind {
            EpisodeKind::Desaturation => (rates::DESATURATION_S, rates::DESATURATION_LEVEL),
            EpisodeKind::Tachycardia => (rates::TACHYCARDIA_S, rates::TACHYCARDIA_LEVEL),
            EpisodeKind::Decline => (rates::DECLINE_S, (rates::DECLINE_DROP, rates::DECLINE_DROP)),
            EpisodeKind::Loss => (rates::LOSS_S, (0, 0)),
        };
        let hold = rng.within(stay);
        let busy = rates::LEAD_IN_S + ramp_in + hold + ramp_out + rates::TAIL_S;
        let room = slots.checked_sub(busy)?;
        let start = rates::LEAD_IN_S + rng.below(room + 1);
        let level = rng.within(level).cast_signed();
        Some(Self { kind, start, ramp_in, hold, ramp_out, level })
    }

    /// What the episode makes of a patient's own value at slot `s`.
    fn pull(&self, kind: u8, own: i32, s: u32) -> i32 {
        match (self.kind, kind) {
            (EpisodeKind::Desaturation, SPO2) | (EpisodeKind::Tachycardia, HEART_RATE) => {
                own + self.share(self.level - own, s)
            }
            (EpisodeKind::Decline, SPO2) => own - self.share(self.level, s),
            _ => own,
        }
    }

    /// The part of `whole` that slot `s` has: nothing outside, all of it during the stay.
    fn share(&self, whole: i32, s: u32) -> i32 {
        let Some(elapsed) = s.checked_sub(self.start) else {
            return 0;
        };
        if elapsed < self.ramp_in {
            return part(whole, elapsed, self.ramp_in);
        }
        let elapsed = elapsed - self.ramp_in;
        if elapsed <= self.hold {
            return whole;
        }
        let elapsed = elapsed - self.hold;
        part(whole, self.ramp_out.saturating_sub(elapsed), self.ramp_out.max(1))
    }

    /// Whether the signal is lost at slot `s`.
    fn silences(&self, kind: u8, s: u32) -> bool {
        let lost = self.start..self.start + self.hold;
        self.kind == EpisodeKind::Loss && kind == SPO2 && lost.contains(&s)
    }
}

fn part(whole: i32, numerator: u32, denominator: u32) -> i32 {
    whole * numerator.cast_signed() / denominator.cast_signed()
}

/// How a healthy signal looks, in tenths.
struct Shape {
    /// Where a patient's own level lies.
    level: (u32, u32),
    /// Height of the slow wave.
    wave: i32,
    /// Largest noise.
    noise: u32,
    /// Largest error of an artifact.
    error: u32,
    /// Highest value that the signal can have.
    top: i32,
}

/// By kind: heart rate, SpO2, respiration, temperature.
const SHAPES: [Shape; 4] = [
    Shape { level: (580, 920), wave: 30, noise: 20, error: 600, top: 3_000 },
    Shape { level: (945, 985), wave: 4, noise: 6, error: 250, top: 1_000 },
    Shape { level: (120, 200), wave: 10, noise: 10, error: 80, top: 600 },
    Shape { level: (362, 378), wave: 2, noise: 1, error: 30, top: 430 },
];

/// Periods of the slow wave: long, so that it is no trend to a ten-minute window.
const WAVE_PERIOD_S: (u32, u32) = (1_800, 3_600);

/// A patient while its samples are made.
struct Patient {
    number: u32,
    rng: SplitMix,
    episode: Option<Episode>,
    /// Milliseconds inside every slot.
    phase: u32,
    /// In which slot the slower signals begin.
    offset: [u32; 4],
    level: [i32; 4],
    wave_period: u32,
    wave_shift: u32,
    burst_left: u32,
    seq: u16,
}

impl Patient {
    fn new(seed: u64, number: u32, episode: Option<Episode>) -> Self {
        let mut rng = SplitMix::for_patient(seed, number);
        let phase = rng.below(1_000);
        let offset = rates::PERIOD_S.map(|period| rng.below(period));
        let level = [0, 1, 2, 3].map(|kind: usize| rng.within(SHAPES[kind].level).cast_signed());
        let wave_period = rng.within(WAVE_PERIOD_S);
        let wave_shift = rng.below(wave_period);
        let (burst_left, seq) = (0, 0);
        let mut patient = Self {
            number,
            rng,
            episode,
            phase,
            offset,
            level,
            wave_period,
            wave_shift,
            burst_left,
            seq,
        };
        patient.settle();
        patient
    }

    /// Lives through a minute before the stream, so that bursts are already in progress at its
    /// start and ten seconds have the same share of artifacts as an hour.
    fn settle(&mut self) {
        for _ in 0..60 {
            self.next_artifact();
        }
    }

    fn send_all(mut self, slots: u32, out: &mut Vec<Sample>) {
        for s in 0..slots {
            let artifact = self.next_artifact();
            for kind in HEART_RATE..=TEMPERATURE {
                let k = usize::from(kind);
                if s % rates::PERIOD_S[k] == self.offset[k] {
                    self.send(kind, s, artifact, out);
                }
            }
        }
    }

    /// Whether this slot is inside an artifact burst.
    fn next_artifact(&mut self) -> bool {
        if self.burst_left == 0 && self.rng.chance(BURST_START_PPM) {
            self.burst_left = self.rng.within(rates::ARTIFACT_BURST_S);
        }
        let inside = self.burst_left > 0;
        self.burst_left = self.burst_left.saturating_sub(1);
        inside
    }

    /// Measures one slot and puts what arrives of it, nothing, one sample or two, into `out`.
    fn send(&mut self, kind: u8, s: u32, artifact: bool, out: &mut Vec<Sample>) {
        let value = self.value(kind, s, artifact);
        let seq = self.seq;
        self.seq = seq.wrapping_add(1);
        let silent = self.episode.is_some_and(|episode| episode.silences(kind, s));
        if self.rng.chance(rates::MISSING_PPM) || silent {
            return;
        }
        let lag_ms = self.lag();
        let t_ms = s * 1_000 + self.phase;
        let flags = if artifact { ARTIFACT } else { 0 };
        let sample = Sample { patient: self.number, t_ms, lag_ms, value, kind, flags, seq };
        out.push(sample);
        if self.rng.chance(rates::DUPLICATE_PPM) {
            let extra = narrow(self.rng.within(rates::DUPLICATE_EXTRA_MS));
            out.push(Sample { lag_ms: lag_ms + extra, ..sample });
        }
    }

    fn value(&mut self, kind: u8, s: u32, artifact: bool) -> i16 {
        let k = usize::from(kind);
        let shape = &SHAPES[k];
        let wave = triangle(s + self.wave_shift, self.wave_period, shape.wave);
        let own = self.level[k] + wave;
        let mut value = self.episode.map_or(own, |episode| episode.pull(kind, own, s));
        value += self.rng.noise(shape.noise);
        if artifact {
            value += self.rng.noise(shape.error);
        }
        i16::try_from(value.clamp(0, shape.top)).unwrap_or(i16::MAX)
    }

    fn lag(&mut self) -> u16 {
        if !self.rng.chance(rates::LATE_PPM) {
            return narrow(self.rng.within(rates::LAG_MS));
        }
        let (shortest, longest) = rates::LATE_LAG_MS;
        let u = u64::from(self.rng.below(1 << 16));
        let fourth = u * u * u * u;
        let extra = (u128::from(longest - shortest) * u128::from(fourth)) >> 64;
        narrow(shortest + extra as u32)
    }
}

/// Chance of a burst at each slot outside one, so that bursts cover [`rates::ARTIFACT_PPM`].
///
/// With mean burst length L and share f, the mean run of good slots is G = L (1 - f) / f, and a
/// burst that may begin at once after another has chance 1 / (G + 1).
const BURST_START_PPM: u32 = {
    let (shortest, longest) = rates::ARTIFACT_BURST_S;
    let doubled = (shortest + longest) as u64;
    let share = rates::ARTIFACT_PPM as u64;
    let good = doubled * (1_000_000 - share) / (2 * share);
    (1_000_000 / (good + 1)) as u32
};

// The longest lag, that of a repeated late sample, must fit its field.
const _: () = assert!(rates::LATE_LAG_MS.1 + rates::DUPLICATE_EXTRA_MS.1 <= u16::MAX as u32);

/// A lag as its field holds it; the assertion above makes the fallback unreachable.
fn narrow(lag_ms: u32) -> u16 {
    u16::try_from(lag_ms).unwrap_or(u16::MAX)
}

/// A wave of straight lines between `-height` and `height`.
fn triangle(at: u32, period: u32, height: i32) -> i32 {
    let at = at % period;
    let up = at.min(period - at);
    part(4 * height, up, period) - height
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const QUARTER: Params = Params { patients: 40, duration_ms: 900_000, seed: 7 };

    /// A ward without episodes: the stream is shorter than the lead-in.
    const CALM: Params = Params { patients: 400, duration_ms: 600_000, seed: 11 };

    fn assert_ppm(what: &str, part: usize, whole: usize, expected: u32) {
        let found = part as f64 * 1e6 / whole as f64;
        let error = (found / f64::from(expected) - 1.0).abs();
        assert!(error < 0.06, "{what}: {found:.0} ppm, not {expected}");
    }

    /// First copies only: of equal samples the one with the shortest lag.
    fn originals(samples: &[Sample]) -> Vec<Sample> {
        let mut seen = std::collections::BTreeSet::new();
        samples.iter().filter(|s| seen.insert((s.patient, s.kind, s.t_ms))).copied().collect()
    }

    #[test]
    fn same_seed_same_bytes() {
        let first = hash(&generate(&QUARTER));
        assert_eq!(first, hash(&generate(&QUARTER)));
        assert_ne!(first, hash(&generate(&Params { seed: 8, ..QUARTER })));
    }

    /// Published figures refer to these bytes: a change of the generator must be a decision.
    #[test]
    fn the_stream_is_pinned() {
        assert_eq!(hash(&generate(&QUARTER)), 7_860_564_235_314_882_942);
    }

    #[test]
    fn sorted_with_a_unique_key() {
        let samples = generate(&QUARTER);
        assert!(samples.is_sorted_by(|a, b| a.order() < b.order()));
    }

    #[test]
    fn a_patient_does_not_depend_on_the_ward() {
        let few = generate(&Params { patients: 3, ..QUARTER });
        let mut many = generate(&QUARTER);
        many.retain(|sample| sample.patient < 3);
        assert_eq!(few, many);
    }

    #[test]
    fn one_sample_in_a_slot_apart_from_repeats() {
        let mut slots = BTreeMap::new();
        let mut phases = BTreeMap::new();
        for sample in generate(&QUARTER) {
            let without_lag = Sample { lag_ms: 0, ..sample };
            let slot = (sample.patient, sample.kind, sample.t_ms / 1_000);
            assert_eq!(*slots.entry(slot).or_insert(without_lag), without_lag);
            let phase = sample.t_ms % 1_000;
            assert_eq!(*phases.entry(sample.patient).or_insert(phase), phase);
        }
    }

    #[test]
    fn rates_are_as_documented() {
        let samples = generate(&CALM);
        let first = originals(&samples);
        let slots = 400 * (600 + 600 + 120 + 10);
        assert_ppm("missing", slots - first.len(), slots, rates::MISSING_PPM);
        let repeats = samples.len() - first.len();
        assert_ppm("duplicates", repeats, first.len(), rates::DUPLICATE_PPM);
        let late = first.iter().filter(|s| s.lag_ms >= 1_000).count();
        assert_ppm("late", late, first.len(), rates::LATE_PPM);
        let early = first.iter().filter(|s| s.lag_ms >= 1_000 && s.lag_ms < 4_688).count();
        assert_ppm("median lateness", early, late, 500_000);
        assert!(samples.iter().all(|s| (20..=65_000).contains(&s.lag_ms)));
    }

    /// Bursts are few in a small ward, so this follows one patient for a very long time.
    #[test]
    fn bursts_cover_their_share() {
        let mut patient = Patient::new(1, 0, None);
        let slots = 4_000_000;
        let spoilt = (0..slots).filter(|_| patient.next_artifact()).count();
        assert_ppm("artifacts", spoilt, slots, rates::ARTIFACT_PPM);
    }

    #[test]
    fn ten_seconds_have_the_same_rates() {
        let samples = generate(&Params { patients: 40_000, duration_ms: 10_000, seed: 3 });
        let spoilt = samples.iter().filter(|s| s.is_artifact()).count();
        assert_ppm("artifacts", spoilt, samples.len(), rates::ARTIFACT_PPM);
    }

    #[test]
    fn episodes_are_as_frequent_as_documented() {
        let mut counts = BTreeMap::new();
        for number in 0..100_000 {
            let mut rng = SplitMix::for_patient(FATE, number);
            if let Some(episode) = Episode::draw(&mut rng, 3_600) {
                *counts.entry(format!("{:?}", episode.kind)).or_insert(0) += 1;
            }
        }
        assert_ppm("desaturation", counts["Desaturation"], 100_000, rates::DESATURATION_PPM);
        assert_ppm("tachycardia", counts["Tachycardia"], 100_000, rates::TACHYCARDIA_PPM);
        assert_ppm("decline", counts["Decline"], 100_000, rates::DECLINE_PPM);
        assert_ppm("loss", counts["Loss"], 100_000, rates::LOSS_PPM);
    }

    #[test]
    fn episodes_keep_clear_of_both_ends() {
        let mut rng = SplitMix(5);
        for _ in 0..10_000 {
            let Some(episode) = Episode::draw(&mut rng, 2_000) else {
                continue;
            };
            let end = episode.start + episode.ramp_in + episode.hold + episode.ramp_out;
            assert!(episode.start >= rates::LEAD_IN_S && end + rates::TAIL_S <= 2_000);
        }
        let short = Episode::place(EpisodeKind::Loss, &mut rng, 700);
        assert!(short.is_none());
    }

    /// Good values of one kind by slot, of a one-patient ward with a given episode.
    fn good_values(kind: u8, episode: Episode) -> Vec<(u32, i16)> {
        let params = Params { patients: 1, duration_ms: 3_600_000, seed: 1 };
        let samples = generate_with(&params, |_, _| Some(episode));
        let wanted = samples.iter().filter(|s| s.kind == kind && !s.is_artifact());
        wanted.map(|s| (s.t_ms / 1_000, s.value)).collect()
    }

    #[test]
    fn a_desaturation_reaches_its_level_and_recovers() {
        let episode = Episode::place(EpisodeKind::Desaturation, &mut SplitMix(2), 3_600);
        let episode = episode.expect("an hour has room");
        let bottom = episode.start + episode.ramp_in;
        let recovered = bottom + episode.hold + episode.ramp_out;
        for (s, value) in good_values(SPO2, episode) {
            if (bottom..=bottom + episode.hold).contains(&s) {
                assert!((834..=886).contains(&value), "{value} at {s}");
            } else if s < episode.start || s > recovered {
                assert!(value > 920, "{value} at {s}");
            }
        }
    }

    #[test]
    fn a_lost_signal_is_silent_and_only_that_one() {
        let episode = Episode::place(EpisodeKind::Loss, &mut SplitMix(2), 3_600);
        let episode = episode.expect("an hour has room");
        let lost = episode.start..episode.start + episode.hold;
        assert!(good_values(SPO2, episode).iter().all(|(s, _)| !lost.contains(s)));
        assert!(good_values(HEART_RATE, episode).iter().any(|(s, _)| lost.contains(s)));
    }
}
