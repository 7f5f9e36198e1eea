//! Ensembles of decision trees: random forests and boosted trees.
//!
//! Every question is brought into one form, "is input `f` at most `t`?", and the two answers lie side
//! by side, so that a step is a comparison and an addition and never a jump. A leaf asks what is
//! always so and leads to itself: each tree takes as many steps as it is deep, whatever the inputs.

mod read;
mod shapley;

use alloc::vec::Vec;

use super::prepare::Prepare;
use super::{Attribution, Link, RiskModel, Work, explain};

/// Trees whose leaves add up, through a link.
#[derive(Clone, PartialEq, Debug)]
pub struct TreeModel {
    inputs: usize,
    prepare: Prepare,
    trees: Vec<Tree>,
    nodes: Vec<Node>,
    /// What each leaf adds; nothing for the other nodes.
    leaves: Vec<f32>,
    base: f32,
    /// By how many trees the sum is divided.
    divisor: f32,
    link: Link,
}

#[derive(Clone, Copy, PartialEq, Debug)]
struct Tree {
    root: u32,
    depth: u32,
}

#[derive(Clone, Copy, PartialEq, Debug)]
struct Node {
    at_most: f32,
    /// Where the row holds the number asked about: see [`TreeModel::spread`].
    slot: u32,
    /// The node for yes; the one behind it is for no.
    yes: u32,
}

/// How many rows go through a tree together.
const TOGETHER: usize = 8;

impl RiskModel for TreeModel {
    fn inputs(&self) -> usize {
        self.inputs
    }

    fn link(&self) -> Link {
        self.link
    }

    fn margin(&self, inputs: &[f32], work: &mut Work) -> f32 {
        self.spread(inputs, work);
        let mut sum = 0.0;
        for tree in &self.trees {
            sum += self.leaves[self.leaf_of(*tree, &work.next)];
        }
        self.base + sum / self.divisor
    }

    fn margins(&self, rows: &[f32], work: &mut Work, out: &mut [f32]) {
        let width = self.inputs;
        for (rows, out) in rows.chunks(TOGETHER * width).zip(out.chunks_mut(TOGETHER)) {
            if out.len() < TOGETHER {
                for (row, out) in rows.chunks_exact(width).zip(out) {
                    *out = self.margin(row, work);
                }
                continue;
            }
            work.wide.clear();
            for row in rows.chunks_exact(width) {
                self.spread(row, work);
                work.wide.extend_from_slice(&work.next);
            }
            self.together(&work.wide, out);
        }
    }

    fn attribute(
        &self,
        inputs: &[f32],
        reference: &[f32],
        work: &mut Work,
        out: &mut [f32],
    ) -> Attribution {
        if !self.prepare.is_separate() {
            return explain::occlude(self, inputs, reference, work, out);
        }
        self.spread(reference, work);
        let there = work.next.clone();
        self.spread(inputs, work);
        out.fill(0.0);
        for tree in &self.trees {
            shapley::add(self, *tree, &work.next, &there, out);
        }
        out.iter_mut().for_each(|out| *out /= self.divisor);
        Attribution::Exact
    }
}

impl TreeModel {
    /// How many trees.
    pub fn trees(&self) -> usize {
        self.trees.len()
    }

    pub(super) fn with_link(self, link: Link) -> Self {
        Self { link, ..self }
    }

    /// The prepared row, each number twice: as it is, which makes "no" of every question about a missing
    /// one, and with minus infinity for what is missing, which makes "yes" of it. Then what leaves ask for.
    fn spread(&self, inputs: &[f32], work: &mut Work) {
        self.prepare.run(inputs, work);
        work.next.clear();
        for x in &work.here {
            work.next.extend([*x, if x.is_nan() { f32::NEG_INFINITY } else { *x }]);
        }
        work.next.push(f32::NEG_INFINITY);
    }

    #[inline]
    fn leaf_of(&self, tree: Tree, spread: &[f32]) -> usize {
        let mut at = tree.root as usize;
        for _ in 0..tree.depth {
            at = self.step(at, spread);
        }
        at
    }

    #[inline(always)]
    fn step(&self, at: usize, spread: &[f32]) -> usize {
        let node = &self.nodes[at];
        let is_yes = spread[node.slot as usize] <= node.at_most;
        // What cannot be compared is "no".
        node.yes as usize + usize::from(!is_yes)
    }

    /// The margins of [`TOGETHER`] rows: the steps of different rows do not wait for each other.
    fn together(&self, wide: &[f32], out: &mut [f32]) {
        let width = 2 * self.inputs + 1;
        let mut sums = [0.0_f32; TOGETHER];
        for tree in &self.trees {
            let mut at = [tree.root as usize; TOGETHER];
            for _ in 0..tree.depth {
                for (at, row) in at.iter_mut().zip(wide.chunks_exact(width)) {
                    *at = self.step(*at, row);
                }
            }
            for (sum, at) in sums.iter_mut().zip(at) {
                *sum += self.leaves[at];
            }
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = self.base + sum / self.divisor;
        }
    }
}
