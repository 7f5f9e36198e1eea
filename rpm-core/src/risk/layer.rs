//! Sums that grow side by side: what dense layers, convolutions and recurrent networks spend their time on.

use alloc::vec::Vec;

use super::smooth;

/// A dense layer and what is done to its sums.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Layer {
    /// For each input its weight in every sum: so the sums grow side by side, each in the order of the
    /// inputs.
    pub weights: Vec<f32>,
    pub bias: Vec<f32>,
    pub activation: Activation,
}

/// What is done to a sum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Activation {
    None,
    Relu,
    Tanh,
    Sigmoid,
}

/// So many sums of a line grow side by side, in registers and not in memory; of two lines at a time, which
/// share the weights and do not wait for each other.
const WIDE: usize = 16;
const NARROW: usize = 4;

impl Layer {
    /// How many numbers go in.
    pub fn inputs(&self) -> usize {
        self.weights.len() / self.outputs().max(1)
    }

    /// How many sums there are.
    pub fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// The sums of one row.
    pub fn run(&self, row: &[f32], sums: &mut Vec<f32>) {
        self.lines(row, row.len(), 1, sums);
    }

    /// The sums of `count` lines, one behind the other; each line starts `step` numbers after the one before
    /// and may overlap it.
    pub fn lines(&self, rows: &[f32], step: usize, count: usize, sums: &mut Vec<f32>) {
        sums.clear();
        sums.resize(count * self.outputs(), 0.0);
        let mut first = 0;
        while self.outputs() - first >= WIDE {
            self.blocks::<WIDE>(rows, step, first, sums);
            first += WIDE;
        }
        while self.outputs() - first >= NARROW {
            self.blocks::<NARROW>(rows, step, first, sums);
            first += NARROW;
        }
        for sum in first..self.outputs() {
            self.blocks::<1>(rows, step, sum, sums);
        }
        self.activation.run(sums);
    }

    /// The same `N` sums of every line.
    fn blocks<const N: usize>(&self, rows: &[f32], step: usize, first: usize, sums: &mut [f32]) {
        let outputs = self.outputs();
        let mut pairs = sums.chunks_exact_mut(2 * outputs);
        let mut start = 0;
        for pair in &mut pairs {
            let (one, two) = pair.split_at_mut(outputs);
            let [a, b] = self.block::<2, N>([&rows[start..], &rows[start + step..]], first);
            one[first..first + N].copy_from_slice(&a);
            two[first..first + N].copy_from_slice(&b);
            start += 2 * step;
        }
        let last = pairs.into_remainder();
        if !last.is_empty() {
            let [sums] = self.block::<1, N>([&rows[start..]], first);
            last[first..first + N].copy_from_slice(&sums);
        }
    }

    #[inline(always)]
    fn block<const L: usize, const N: usize>(
        &self,
        lines: [&[f32]; L],
        first: usize,
    ) -> [[f32; N]; L] {
        let mut sums = [[0.0_f32; N]; L];
        let inputs = self.inputs();
        let lines = lines.map(|line| &line[..inputs]);
        for (i, weights) in self.weights.chunks_exact(self.outputs()).enumerate() {
            let weights = &weights[first..first + N];
            for (sums, line) in sums.iter_mut().zip(lines) {
                let x = line[i];
                sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += x * weight);
            }
        }
        for sums in &mut sums {
            sums.iter_mut().zip(&self.bias[first..]).for_each(|(sum, bias)| *sum += bias);
        }
        sums
    }
}

impl Activation {
    pub fn run(self, sums: &mut [f32]) {
        match self {
            Self::None => {}
            // What is not a number stays so: a model that overflows is to be noticed.
            Self::Relu => sums.iter_mut().for_each(|x| *x = if *x < 0.0 { 0.0 } else { *x }),
            Self::Tanh => smooth::tanh(sums),
            Self::Sigmoid => smooth::logistic(sums),
        }
    }
}
