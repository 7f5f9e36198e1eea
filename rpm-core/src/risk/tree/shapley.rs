//! Shapley values of a tree against one reference, exactly.
//!
//! A leaf is reached by a mixture of the patient's inputs and the reference's exactly if certain
//! inputs are the patient's (`a` of them) and certain others the reference's (`b` of them). In the
//! average over all orders in which inputs change from the reference's to the patient's, the leaf's
//! value counts `(a-1)! b! / (a+b)!` for each of the first and `-a! (b-1)! / (a+b)!` for each of the
//! others. The sum over all inputs is the difference between the two outputs.
//!
//! Source: Lundberg and others, "From local explanations to global understanding with explainable AI
//! for trees", Nature Machine Intelligence 2 (2020), interventional feature perturbation, with a
//! background of one row. It asks for no counts of training rows, which ONNX does not carry.

use alloc::vec::Vec;

use super::{Tree, TreeModel};

/// Whose input it has to be for the leaf to be reached.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Patient,
    Reference,
}

struct Walk<'a> {
    model: &'a TreeModel,
    patient: &'a [f32],
    reference: &'a [f32],
    /// On the way to the node at hand: the inputs that decide, in the order in which they came up.
    decided: Vec<(usize, Whose)>,
    out: &'a mut [f32],
}

/// Adds what the tree says to `out`.
pub(super) fn add(
    model: &TreeModel,
    tree: Tree,
    patient: &[f32],
    reference: &[f32],
    out: &mut [f32],
) {
    let mut walk = Walk { model, patient, reference, decided: Vec::new(), out };
    // Depth first; each entry is a node and how much had been decided above it.
    let mut open = Vec::from([(tree.root as usize, 0, None)]);
    while let Some((at, above, last)) = open.pop() {
        walk.decided.truncate(above);
        walk.decided.extend(last);
        walk.visit(at, &mut open);
    }
}

type Open = (usize, usize, Option<(usize, Whose)>);

impl Walk<'_> {
    fn visit(&mut self, at: usize, open: &mut Vec<Open>) {
        let node = &self.model.nodes[at];
        if node.yes as usize == at {
            return self.leaf(self.model.leaves[at]);
        }
        let above = self.decided.len();
        let [here, there] = [self.patient, self.reference].map(|row| self.model.step(at, row));
        if here == there {
            open.push((here, above, None));
            return;
        }
        let input = node.slot as usize / 2;
        let known = self.decided.iter().find(|(decided, _)| *decided == input);
        match known {
            Some((_, Whose::Patient)) => open.push((here, above, None)),
            Some((_, Whose::Reference)) => open.push((there, above, None)),
            None => {
                open.push((there, above, Some((input, Whose::Reference))));
                open.push((here, above, Some((input, Whose::Patient))));
            }
        }
    }

    fn leaf(&mut self, value: f32) {
        let of = |whose| self.decided.iter().filter(|(_, w)| *w == whose).count();
        let (a, b) = (of(Whose::Patient), of(Whose::Reference));
        let (gains, costs) = (share(a, b), share(b, a));
        for (input, whose) in &self.decided {
            self.out[*input] += match whose {
                Whose::Patient => value * gains,
                Whose::Reference => -value * costs,
            };
        }
    }
}

/// `(a-1)! b! / (a+b)!`, which is `1 / (a choose(a+b, a))`.
fn share(a: usize, b: usize) -> f32 {
    if a == 0 {
        return 0.0;
    }
    // choose(a+b, b) grows past what a float counts exactly only where a share is nothing anyway.
    let choose = (1..=b).fold(1.0_f64, |c, i| c * (a + i) as f64 / i as f64);
    (1.0 / (a as f64 * choose)) as f32
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn shares_are_those_of_the_formula() {
        let factorial = |n: usize| (1..=n).product::<usize>() as f64;
        for a in 1..8 {
            for b in 0..8 {
                let wanted = factorial(a - 1) * factorial(b) / factorial(a + b);
                assert!((f64::from(share(a, b)) - wanted).abs() < 1e-7, "{a} {b}");
            }
        }
    }
}
