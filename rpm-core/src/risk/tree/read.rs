//! Trees from the attributes of `ai.onnx.ml.TreeEnsembleClassifier` and `TreeEnsembleRegressor`.

use alloc::format;
use alloc::vec::Vec;

use super::super::graph::Node as Operator;
use super::super::prepare::Prepare;
use super::{Link, Node, Tree, TreeModel};
use crate::error::{Code, Error};

/// A node as written.
struct Written {
    tree: i64,
    id: i64,
    input: usize,
    branch: Option<Branch>,
    /// What it adds if it is a leaf.
    leaf: f32,
}

/// A question in the one form.
#[derive(Clone, Copy)]
struct Branch {
    at_most: f32,
    yes: i64,
    no: i64,
    /// Whether a missing number goes the way of "yes".
    missing_is_yes: bool,
}

/// What a leaf adds to one of the outputs.
struct Vote {
    tree: i64,
    node: i64,
    output: i64,
    weight: f32,
}

/// How the votes become an output.
struct Sum {
    base: f32,
    divides: bool,
    link: Link,
    /// How much a vote for each output counts for what is read.
    counts: [f32; 2],
}

impl TreeModel {
    /// The model of an operator that sees so many prepared inputs.
    pub(in super::super) fn of(
        op: &Operator<'_>,
        inputs: usize,
        prepare: Prepare,
    ) -> Result<Self, Error> {
        let is_classifier = op.op == "TreeEnsembleClassifier";
        let mut nodes = written(op, inputs)?;
        let votes = votes(op, if is_classifier { "class" } else { "target" })?;
        let sum = if is_classifier { classifier(op, &votes)? } else { regressor(op, &votes)? };
        nodes.sort_by_key(|node| (node.tree, node.id));
        if nodes.windows(2).any(|w| (w[0].tree, w[0].id) == (w[1].tree, w[1].id)) {
            return Err(misshapen("nodes_nodeids"));
        }
        for vote in votes {
            let found = find(&nodes, vote.tree, vote.node).ok_or_else(|| misshapen("nodeids"))?;
            let counts = usize::try_from(vote.output).ok().and_then(|o| sum.counts.get(o));
            let counts = counts.ok_or_else(|| misshapen("ids"))?;
            nodes[found].leaf += vote.weight * counts;
        }
        let mut model = Self {
            inputs,
            prepare,
            trees: Vec::new(),
            nodes: Vec::new(),
            leaves: Vec::new(),
            base: sum.base,
            divisor: 1.0,
            link: sum.link,
        };
        model.plant(&nodes)?;
        if sum.divides {
            model.divisor = model.trees.len() as f32;
        }
        let is_finite = model.leaves.iter().all(|x| x.is_finite()) && model.base.is_finite();
        if is_finite { Ok(model) } else { Err(Error::new(Code::ModelNotFinite)) }
    }

    /// Lays the trees out, each from its root on, answers side by side.
    fn plant(&mut self, written: &[Written]) -> Result<(), Error> {
        let slots = u32::try_from(2 * self.inputs).map_err(|_| misshapen("inputs"))?;
        for trees in written.chunk_by(|a, b| a.tree == b.tree) {
            let root = root_of(trees)?;
            let start = self.nodes.len() as u32;
            let mut depth = 0;
            self.nodes.push(Node { at_most: 0.0, slot: slots, yes: start });
            self.leaves.push(0.0);
            let mut open = Vec::from([(root, start, 0)]);
            let mut planted = 0;
            while let Some((from, to, level)) = open.pop() {
                planted += 1;
                let node = &trees[from];
                let to_index = to as usize;
                let Some(branch) = node.branch else {
                    self.nodes[to_index] = Node { at_most: f32::INFINITY, slot: slots, yes: to };
                    self.leaves[to_index] = node.leaf;
                    depth = depth.max(level);
                    continue;
                };
                let yes = self.nodes.len() as u32;
                let slot = 2 * node.input as u32 + u32::from(branch.missing_is_yes);
                self.nodes[to_index] = Node { at_most: branch.at_most, slot, yes };
                for (id, to) in [(branch.yes, yes), (branch.no, yes + 1)] {
                    let child = find(trees, node.tree, id).ok_or_else(|| misshapen("children"))?;
                    open.push((child, to, level + 1));
                    self.nodes.push(Node { at_most: 0.0, slot: slots, yes: to });
                    self.leaves.push(0.0);
                }
                // A node that is reached twice is a circle, or no tree.
                if planted + open.len() > trees.len() {
                    return Err(misshapen("children"));
                }
            }
            if planted != trees.len() {
                return Err(misshapen("children"));
            }
            self.trees.push(Tree { root: start, depth });
        }
        if self.trees.is_empty() { Err(misshapen("nodes_treeids")) } else { Ok(()) }
    }
}

/// The nodes, each checked by itself.
fn written(op: &Operator<'_>, inputs: usize) -> Result<Vec<Written>, Error> {
    let trees = op.integers("nodes_treeids")?;
    let ids = op.integers("nodes_nodeids")?;
    let features = op.integers("nodes_featureids")?;
    let yes = op.integers("nodes_truenodeids")?;
    let no = op.integers("nodes_falsenodeids")?;
    let values = op.floats("nodes_values")?;
    let tracks = op.integers("nodes_missing_value_tracks_true")?;
    let modes = op.texts("nodes_modes");
    let n = trees.len();
    let lengths = [ids.len(), features.len(), yes.len(), no.len(), values.len(), modes.len()];
    if lengths.iter().any(|length| *length != n) || ![0, n].contains(&tracks.len()) {
        return Err(misshapen("nodes"));
    }
    let node = |i: usize| {
        let tracks = tracks.get(i) == Some(&1);
        let branch = branch(modes[i], values[i], [yes[i], no[i]], tracks)?;
        let input = usize::try_from(features[i]).unwrap_or(usize::MAX);
        if branch.is_some() && input >= inputs {
            return Err(misshapen("nodes_featureids"));
        }
        Ok(Written { tree: trees[i], id: ids[i], input, branch, leaf: 0.0 })
    };
    (0..n).map(node).collect()
}

/// Any comparison as "at most", with the answers swapped where that takes it.
fn branch(
    mode: &[u8],
    value: f32,
    [yes, no]: [i64; 2],
    missing_is_yes: bool,
) -> Result<Option<Branch>, Error> {
    let (at_most, swaps) = match mode {
        b"LEAF" => return Ok(None),
        b"BRANCH_LEQ" => (value, false),
        b"BRANCH_LT" => (below(value), false),
        b"BRANCH_GT" => (value, true),
        b"BRANCH_GTE" => (below(value), true),
        _ => {
            let hint = "trees compare by LEQ, LT, GT or GTE";
            return Err(Error::new(Code::UnsupportedOperator).at("nodes_modes").hint(hint));
        }
    };
    if at_most.is_nan() {
        return Err(Error::new(Code::ModelNotFinite).at("nodes_values"));
    }
    Ok(Some(match swaps {
        false => Branch { at_most, yes, no, missing_is_yes },
        true => Branch { at_most, yes: no, no: yes, missing_is_yes: !missing_is_yes },
    }))
}

/// The largest number below this one; not a number if there is none.
fn below(x: f32) -> f32 {
    let bits = x.to_bits();
    if x.is_nan() || x == f32::NEG_INFINITY {
        f32::NAN
    } else if x == 0.0 {
        -f32::from_bits(1)
    } else if x > 0.0 {
        f32::from_bits(bits - 1)
    } else {
        f32::from_bits(bits + 1)
    }
}

fn votes(op: &Operator<'_>, prefix: &str) -> Result<Vec<Vote>, Error> {
    let integers = |name: &str| op.integers(&format!("{prefix}_{name}"));
    let (trees, nodes, outputs) = (integers("treeids")?, integers("nodeids")?, integers("ids")?);
    let weights = op.floats(&format!("{prefix}_weights"))?;
    let n = weights.len();
    if n == 0 || [trees.len(), nodes.len(), outputs.len()].iter().any(|length| *length != n) {
        return Err(misshapen(prefix));
    }
    let vote =
        |i: usize| Vote { tree: trees[i], node: nodes[i], output: outputs[i], weight: weights[i] };
    Ok((0..n).map(vote).collect())
}

/// The probability of the second of two classes.
fn classifier(op: &Operator<'_>, votes: &[Vote]) -> Result<Sum, Error> {
    super::super::chain::two_classes(op)?;
    let base = op.floats("base_values")?;
    let only = |class: i64| votes.iter().all(|vote| vote.output == class);
    let transform = op.text("post_transform").unwrap_or(b"NONE");
    let sum = |base, link, counts| Ok(Sum { base, divides: false, link, counts });
    let unlike = || {
        let hint = "post_transform and base_values of a kind that no exporter writes";
        Err(Error::new(Code::UnsupportedOperator).at(op.title()).hint(hint))
    };
    let link = match transform {
        b"NONE" => Link::Identity,
        b"LOGISTIC" | b"SOFTMAX" => Link::Logistic,
        _ => return unlike(),
    };
    let is_softmax = transform == b"SOFTMAX";
    match (&base[..], only(0), only(1)) {
        // One column of votes is for the second class, whatever it is called.
        ([], true, _) if !is_softmax => sum(0.0, link, [1.0, 0.0]),
        ([base], true, _) if !is_softmax => sum(*base, link, [1.0, 0.0]),
        ([], _, true) if !is_softmax => sum(0.0, link, [0.0, 1.0]),
        ([], false, false) if is_softmax => sum(0.0, link, [-1.0, 1.0]),
        ([], false, false) => sum(0.0, link, [0.0, 1.0]),
        _ => unlike(),
    }
}

fn regressor(op: &Operator<'_>, votes: &[Vote]) -> Result<Sum, Error> {
    let base = op.floats("base_values")?;
    let one_target = op.integer("n_targets").unwrap_or(1) == 1 && base.len() <= 1;
    if !one_target || votes.iter().any(|vote| vote.output != 0) {
        return Err(misshapen("n_targets"));
    }
    let transform = op.text("post_transform").unwrap_or(b"NONE");
    let divides = match op.text("aggregate_function").unwrap_or(b"SUM") {
        b"SUM" => false,
        b"AVERAGE" => true,
        _ => return Err(Error::new(Code::UnsupportedOperator).at("aggregate_function")),
    };
    if transform != b"NONE" {
        return Err(Error::new(Code::UnsupportedOperator).at("post_transform"));
    }
    let base = base.first().copied().unwrap_or(0.0);
    Ok(Sum { base, divides, link: Link::Identity, counts: [1.0, 0.0] })
}

/// The one node that is nobody's child.
fn root_of(tree: &[Written]) -> Result<usize, Error> {
    let mut is_child = alloc::vec![false; tree.len()];
    for node in tree {
        for id in node.branch.iter().flat_map(|branch| [branch.yes, branch.no]) {
            let child = find(tree, node.tree, id).ok_or_else(|| misshapen("children"))?;
            is_child[child] = true;
        }
    }
    let mut roots = is_child.iter().enumerate().filter(|(_, is_child)| !**is_child);
    match (roots.next(), roots.next()) {
        (Some((root, _)), None) => Ok(root),
        _ => Err(misshapen("children")),
    }
}

/// Where a node is in a sorted list.
fn find(nodes: &[Written], tree: i64, id: i64) -> Option<usize> {
    nodes.binary_search_by_key(&(tree, id), |node| (node.tree, node.id)).ok()
}

fn misshapen(path: &str) -> Error {
    Error::new(Code::ModelShape).at(path)
}

#[cfg(test)]
mod tests {
    use super::below;

    #[test]
    #[expect(clippy::float_cmp, reason = "neighbours are exactly that")]
    fn below_is_the_nearest_number() {
        assert_eq!(below(1.0), 1.0 - f32::EPSILON / 2.0);
        assert_eq!(below(-1.0), -1.0 - f32::EPSILON);
        assert!(below(0.0) < 0.0 && below(0.0) == below(-0.0));
        assert_eq!(below(f32::INFINITY), f32::MAX);
        assert!(below(f32::NEG_INFINITY).is_nan());
    }
}
