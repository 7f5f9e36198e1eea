//! Gated recurrent units.

use alloc::vec::Vec;

use crate::risk::layer::Layer;
use crate::risk::{Work, smooth};

/// A recurrent layer, from the first line to the last. Of each unit there are three sums: those of its update
/// gate, of its reset gate, and of what it may become.
///
/// Source: the operator `GRU` of ONNX, version 14.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::risk) struct Gru {
    /// What a line adds to the three sums.
    pub line: Layer,
    /// What the state adds to the sums of the gates; and to the third one, which the reset gate then
    /// multiplies, if there is no `candidate`.
    pub state: Layer,
    /// What the state adds to the third sum after the reset gate has multiplied it.
    pub candidate: Option<Layer>,
    /// The state before the first line.
    pub start: Vec<f32>,
    /// Whether the state after every line goes on, or only after the last one.
    pub is_all: bool,
}

impl Gru {
    /// From `work.here` to `work.next`.
    pub fn run(&self, work: &mut Work) {
        let (inputs, units) = (self.line.inputs(), self.start.len());
        let Work { here, next: state, wide: sums } = work;
        // What the lines add does not wait for the state: all of it at once.
        self.line.lines(here, inputs, here.len() / inputs, sums);
        state.clear();
        state.extend_from_slice(&self.start);
        for sums in sums.chunks_exact_mut(3 * units) {
            self.step(state, sums, here);
            if self.is_all {
                sums[..units].copy_from_slice(state);
            }
        }
        if self.is_all {
            state.clear();
            sums.chunks_exact(3 * units).for_each(|sums| state.extend_from_slice(&sums[..units]));
        }
    }

    /// One line; `sums` has what it adds.
    fn step(&self, state: &mut [f32], sums: &mut [f32], added: &mut Vec<f32>) {
        let units = state.len();
        let (gates, third) = sums.split_at_mut(2 * units);
        self.state.run(state, added);
        add(gates, added);
        smooth::logistic(gates);
        let (update, reset) = gates.split_at_mut(units);
        if let Some(candidate) = &self.candidate {
            reset.iter_mut().zip(&*state).for_each(|(reset, state)| *reset *= state);
            candidate.run(reset, added);
            add(third, added);
        } else {
            let reset = reset.iter().zip(&added[2 * units..]).map(|(reset, added)| reset * added);
            third.iter_mut().zip(reset).for_each(|(sum, added)| *sum += added);
        }
        smooth::tanh(third);
        for ((state, third), update) in state.iter_mut().zip(third).zip(update) {
            *state = (1.0 - *update) * *third + *update * *state;
        }
    }
}

fn add(sums: &mut [f32], added: &[f32]) {
    sums.iter_mut().zip(added).for_each(|(sum, added)| *sum += added);
}
