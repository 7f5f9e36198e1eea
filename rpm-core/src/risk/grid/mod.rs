//! Convolutions and recurrent networks over a window grid: so many lines of time, so many signals in each.
//!
//! Between the stages the numbers lie line by line, whatever the graph calls its axes: a line is a place in
//! time, and what is beside each other in it is added up side by side.

mod conv;
mod gru;
mod pool;

use alloc::vec::Vec;

use super::layer::{Activation, Layer};
use super::prepare::Prepare;
use super::{Link, RiskModel, Work};

pub(super) use conv::{Conv, Window};
pub(super) use gru::Gru;
pub(super) use pool::{Pool, Pooled};

/// Stages one behind the other, the last of which leaves one number.
#[derive(Clone, PartialEq, Debug)]
pub struct GridModel {
    pub(super) inputs: usize,
    pub(super) prepare: Prepare,
    pub(super) stages: Vec<Stage>,
    pub(super) link: Link,
}

/// From one grid to the next.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Stage {
    /// Lines become columns.
    Turn {
        lines: usize,
        columns: usize,
    },
    /// A dense layer, of each line by itself.
    Dense(Layer),
    Conv(Conv),
    Pool(Pool),
    Gru(Gru),
    /// One line alone.
    Line {
        at: usize,
        columns: usize,
    },
    Activate(Activation),
}

impl RiskModel for GridModel {
    fn inputs(&self) -> usize {
        self.inputs
    }

    fn link(&self) -> Link {
        self.link
    }

    fn margin(&self, inputs: &[f32], work: &mut Work) -> f32 {
        self.prepare.run(inputs, work);
        self.stages.iter().for_each(|stage| stage.run(work));
        work.here.first().copied().unwrap_or(f32::NAN)
    }
}

impl Stage {
    /// From `work.here` to `work.here`.
    fn run(&self, work: &mut Work) {
        match self {
            Self::Turn { lines, columns } => {
                work.next.clear();
                for column in 0..*columns {
                    let numbers = work.here.iter().skip(column).step_by(*columns);
                    work.next.extend(numbers.take(*lines));
                }
            }
            Self::Dense(layer) => {
                let (inputs, lines) = (layer.inputs(), work.here.len() / layer.inputs());
                layer.lines(&work.here, inputs, lines, &mut work.next);
            }
            Self::Conv(conv) => conv.run(work),
            Self::Pool(pool) => pool.run(work),
            Self::Gru(gru) => gru.run(work),
            Self::Line { at, columns } => {
                work.next.clear();
                work.next.extend_from_slice(&work.here[at * columns..][..*columns]);
            }
            Self::Activate(activation) => return activation.run(&mut work.here),
        }
        core::mem::swap(&mut work.here, &mut work.next);
    }
}
