//! Windows of lines that become one line.

use super::Window;
use crate::risk::Work;

/// Of each column the largest or the mean in a window.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::risk) struct Pool {
    pub pooled: Pooled,
    pub window: Window,
    pub columns: usize,
}

/// What becomes of a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::risk) enum Pooled {
    /// The largest of what is there.
    Max,
    /// The mean of what is there.
    Mean,
    /// The mean, in which what is not there counts as zero.
    MeanOfAll,
}

impl Pool {
    /// From `work.here` to `work.next`.
    pub fn run(&self, work: &mut Work) {
        let (columns, window) = (self.columns, &self.window);
        let lines = work.here.len() / columns;
        let count = window.count(lines).unwrap_or(0);
        let start = if self.pooled == Pooled::Max { f32::NEG_INFINITY } else { 0.0 };
        work.next.clear();
        work.next.resize(count * columns, start);
        for (at, pooled) in work.next.chunks_exact_mut(columns).enumerate() {
            let mut there = 0;
            for line in (0..window.taps).filter_map(|tap| window.line(at, tap, lines)) {
                there += 1;
                let line = &work.here[line * columns..][..columns];
                self.pooled.add(pooled, line);
            }
            let divisor = match self.pooled {
                Pooled::Max => continue,
                Pooled::Mean => there,
                Pooled::MeanOfAll => window.taps,
            };
            pooled.iter_mut().for_each(|sum| *sum /= divisor as f32);
        }
    }
}

impl Pooled {
    fn add(self, pooled: &mut [f32], line: &[f32]) {
        let pairs = pooled.iter_mut().zip(line);
        if self == Self::Max {
            // What is not a number stays so.
            pairs.for_each(|(max, x)| *max = if *max >= *x || max.is_nan() { *max } else { *x });
        } else {
            pairs.for_each(|(sum, x)| *sum += x);
        }
    }
}
