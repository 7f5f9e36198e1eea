//! From a graph to an evaluator: operators one behind the other, from the declared input to the
//! declared output.
//!
//! | operators | become |
//! |---|---|
//! | `Imputer`, `Scaler`, `Normalizer`, `Add`, `Sub`, `Mul`, `Div` of constants before the model | steps before it |
//! | `LinearClassifier`, `LinearRegressor`, one dense layer with one sum | [`LinearModel`] |
//! | `MatMul`, `Gemm`, `Add`, `Relu`, `Tanh`, `Sigmoid`, `Softmax` of two | [`MlpModel`] |
//! | `Conv` along one axis, `MaxPool`, `AveragePool`, `GlobalMaxPool`, `GlobalAveragePool`, `ReduceMax`, `ReduceMean`, `GRU` forward, `Gather` of one line | [`GridModel`] |
//! | `TreeEnsembleClassifier`, `TreeEnsembleRegressor` | [`TreeModel`] |
//! | `Identity`, `Cast` to float, `Dropout` | nothing |
//! | `Reshape`, `Flatten`, `Squeeze`, `Unsqueeze`, `Transpose` | another name for the same numbers, or lines that become columns |
//!
//! Whatever hangs beside the chain, such as the label of a classifier, is left out. Of two classes the
//! second is the one whose probability is the score. What is not in the table is refused by name.

mod grid;
mod shape;

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::graph::{Graph, Node, Tensor};
use super::grid::{Conv, Stage};
use super::layer::{Activation, Layer};
use super::prepare::{Norm, Prepare, Step};
use super::{GridModel, LinearModel, Link, MlpModel, RiskModel, TreeModel};
use crate::error::{Code, Error};
use shape::Shape;

/// `TensorProto.FLOAT`.
const TO_FLOAT: i64 = 1;

/// More products than this are not added up for one score: it would take some 20 ms on a server.
const MAX_PRODUCTS: usize = 1 << 26;
/// No step of a model holds more numbers.
const MAX_GRID: usize = 1 << 18;

/// A model and how many numbers its declared output has: the second of two is the score.
pub(super) struct Compiled {
    pub model: Arc<dyn RiskModel>,
    pub outputs: u32,
}

struct Compiler<'g, 'a> {
    graph: &'g Graph<'a>,
    inputs: usize,
    /// What has become of the row by now.
    shape: Shape,
    steps: Vec<Step>,
    stages: Vec<Stage>,
    /// How many products the stages add up.
    products: usize,
    /// A linear or tree model, whose prepared inputs are those of the steps.
    core: Option<Core>,
    link: Link,
    /// Whether the output is the probabilities of two classes.
    is_pair: bool,
}

enum Core {
    Linear { weights: Vec<f32>, bias: f32 },
    Tree(TreeModel),
}

/// Compiles what lies between the input and the output of these names.
///
/// # Errors
///
/// [`Code::UnsupportedOperator`] with the name of an operator that has no evaluator here;
/// [`Code::ModelShape`] if sizes do not fit.
pub(super) fn compile(
    graph: &Graph<'_>,
    input: &str,
    output: &str,
    shape: &[u32],
) -> Result<Compiled, Error> {
    let shape = Shape::of(shape.iter().map(|size| *size as usize).collect());
    let mut compiler = Compiler {
        graph,
        inputs: shape.count(),
        shape,
        steps: Vec::new(),
        stages: Vec::new(),
        products: 0,
        core: None,
        link: Link::Identity,
        is_pair: false,
    };
    for (node, output) in compiler.chain(input, output)? {
        compiler.node(node, output)?;
    }
    compiler.finish()
}

impl<'g, 'a> Compiler<'g, 'a> {
    /// The operators from the input to the output, in the order in which they run, with that of their outputs
    /// which is meant.
    fn chain<'n>(
        &mut self,
        input: &str,
        output: &'n str,
    ) -> Result<Vec<(&'g Node<'a>, &'n str)>, Error>
    where
        'a: 'n,
    {
        let mut chain = Vec::new();
        let mut name = output;
        while name != input {
            let producer = |n: &&Node<'a>| n.outputs.contains(&name);
            let node = self.graph.nodes.iter().find(producer).ok_or_else(|| misshapen(output))?;
            if chain.len() == self.graph.nodes.len() {
                return Err(misshapen(output));
            }
            let is_label = node.outputs.len() > 1 && node.outputs[0] == name;
            if is_label && node.op.ends_with("Classifier") {
                return Err(misshapen(output).hint("the output is the label of a classifier"));
            }
            if let Some(second) = self.pair(node) {
                self.is_pair = true;
                name = second;
                continue;
            }
            chain.push((node, name));
            let is_varying = |name: &&&str| !name.is_empty() && self.constant(name).is_none();
            let mut varying = node.inputs.iter().filter(is_varying);
            match (varying.next(), varying.next()) {
                (Some(only), None) => name = only,
                _ => return Err(unsupported(node)),
            }
        }
        chain.reverse();
        Ok(chain)
    }

    /// The second input of a concatenation of `1 - p` and `p`.
    fn pair(&self, node: &Node<'a>) -> Option<&'a str> {
        let [first, second] = node.inputs[..] else { return None };
        let is_concat = node.op == "Concat" && matches!(node.integer("axis"), Some(1 | -1));
        let complement = self.graph.nodes.iter().find(|n| n.outputs.contains(&first))?;
        let [one, other] = complement.inputs[..] else { return None };
        let is_complement = complement.op == "Sub" && other == second && self.is_one(one);
        (is_concat && is_complement).then_some(second)
    }

    fn node(&mut self, node: &Node<'a>, output: &str) -> Result<(), Error> {
        match (node.domain, node.op) {
            ("" | "ai.onnx", op) => self.general(op, node, output),
            ("ai.onnx.ml", op) => self.classical(op, node),
            _ => Err(unsupported(node)),
        }
    }

    fn general(&mut self, op: &str, node: &Node<'a>, output: &str) -> Result<(), Error> {
        match op {
            "Identity" | "Dropout" => Ok(()),
            "Cast" if node.integer("to") == Some(TO_FLOAT) => Ok(()),
            "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Transpose" => self.rename(op, node),
            "Add" | "Sub" | "Mul" | "Div" if !self.is_through() => self.elementwise(op, node),
            // What comes behind the logistic function of a whole model sees no sum any more.
            _ if self.link != Link::Identity => Err(unsupported(node)),
            "Relu" => self.activate(Activation::Relu, node),
            "Tanh" => self.activate(Activation::Tanh, node),
            "Sigmoid" => self.activate(Activation::Sigmoid, node),
            // One number is what a linear model or trees leave: there is no grid.
            _ if self.core.is_some() => Err(unsupported(node)),
            "MatMul" | "Gemm" => self.dense(node),
            "Softmax" => self.softmax(node),
            _ => self.windowed(op, node, output),
        }
    }

    /// Whether the link has been met, and no sum comes any more.
    fn is_through(&self) -> bool {
        self.core.is_none() && self.link != Link::Identity
    }

    fn classical(&mut self, op: &str, node: &Node<'a>) -> Result<(), Error> {
        if !self.stages.is_empty() || self.shape.is_turned || self.core.is_some() {
            return Err(unsupported(node));
        }
        match op {
            "Imputer" => {
                let with = self.vector(node.floats("imputed_value_floats")?, node)?;
                let missing = node.float("replaced_value_float").unwrap_or(0.0);
                self.steps.push(Step::Impute { missing, with });
                Ok(())
            }
            "Scaler" => {
                let offset = self.vector(node.floats("offset")?, node)?;
                let scale = self.vector(node.floats("scale")?, node)?;
                self.steps.push(Step::Scale { offset, scale });
                Ok(())
            }
            "Normalizer" => {
                let norm = Norm::named(node.text("norm").unwrap_or(b"MAX"));
                self.steps.push(Step::Normalize(norm.ok_or_else(|| unsupported(node))?));
                Ok(())
            }
            "LinearClassifier" => self.linear_classifier(node),
            "LinearRegressor" => self.linear_regressor(node),
            "TreeEnsembleClassifier" | "TreeEnsembleRegressor" => {
                let tree = TreeModel::of(
                    node,
                    self.shape.count(),
                    Prepare(core::mem::take(&mut self.steps)),
                )?;
                self.is_pair |= op == "TreeEnsembleClassifier";
                self.link = tree.link();
                self.core = Some(Core::Tree(tree));
                self.shape = Shape::row(1);
                Ok(())
            }
            _ => Err(unsupported(node)),
        }
    }

    fn elementwise(&mut self, op: &str, node: &Node<'a>) -> Result<(), Error> {
        let constants = node.inputs.iter().position(|name| self.constant(name).is_some());
        let at = constants.ok_or_else(|| unsupported(node))?;
        let tensor = self.constant(node.inputs[at]).ok_or_else(|| unsupported(node))?;
        let numbers = tensor.floats()?;
        let is_first = at == 0;
        if self.core.is_some() {
            // A product with one, as one exporter ends its classifiers.
            return if op == "Mul" && is_ones(&numbers) { Ok(()) } else { Err(unsupported(node)) };
        }
        let spread = self.shape.spread(tensor, &numbers);
        let numbers = match numbers.len() {
            1 => numbers,
            _ => spread.ok_or_else(|| misshapen(&node.title()))?,
        };
        finite(&numbers, &[])?;
        if let Some(stage) = self.stages.last_mut() {
            let is_added = op == "Add" && stage.add(&numbers).is_some();
            return if is_added { Ok(()) } else { Err(unsupported(node)) };
        }
        self.steps.push(match (op, is_first) {
            ("Add", _) => Step::Add(numbers),
            ("Mul", _) => Step::Multiply(numbers),
            ("Sub", false) => Step::Add(numbers.into_iter().map(|n| -n).collect()),
            ("Div", false) => Step::Multiply(numbers.into_iter().map(|n| 1.0 / n).collect()),
            _ => return Err(unsupported(node)),
        });
        Ok(())
    }

    /// `MatMul` and `Gemm` with constant weights.
    fn dense(&mut self, node: &Node<'a>) -> Result<(), Error> {
        let is_gemm = node.op == "Gemm";
        let number = |name| node.float(name).filter(|_| is_gemm).unwrap_or(1.0);
        let (alpha, beta) = (number("alpha"), number("beta"));
        let is_transposed = is_gemm && node.integer("transB") == Some(1);
        let row_is_second = node.inputs.first().is_some_and(|name| self.constant(name).is_some());
        if self.core.is_some() || row_is_second || node.integer("transA") == Some(1) {
            return Err(unsupported(node));
        }
        let weights = node.inputs.get(1).and_then(|name| self.constant(name));
        let weights = weights.ok_or_else(|| unsupported(node))?;
        let [rows, columns] = weights.dims[..] else { return Err(misshapen(weights.name)) };
        let (from, to) = if is_transposed { (columns, rows) } else { (rows, columns) };
        let (inputs, lines) = (self.shape.last(), self.shape.count() / self.shape.last());
        let is_row = if is_gemm { self.shape.dims.len() == 2 } else { !self.shape.dims.is_empty() };
        if !is_row || from != inputs as u64 || to == 0 {
            return Err(misshapen(weights.name));
        }
        // As many as the weights that the file holds, or it is refused.
        let outputs = usize::try_from(to).map_err(|_| misshapen(weights.name))?;
        self.admit(node, &[lines, outputs], &[lines, inputs, outputs])?;
        let mut numbers = weights.floats()?;
        if is_transposed {
            let of = |i: usize| numbers[(i % outputs) * inputs + i / outputs];
            numbers = (0..numbers.len()).map(of).collect();
        }
        numbers.iter_mut().for_each(|n| *n *= alpha);
        let bias = match node.inputs.get(2).filter(|name| !name.is_empty()) {
            None => alloc::vec![0.0; outputs],
            Some(name) => {
                let tensor = self.constant(name).ok_or_else(|| unsupported(node))?;
                let bias = tensor.floats()?;
                match bias[..] {
                    [one] => alloc::vec![one * beta; outputs],
                    _ if bias.len() == outputs => bias.iter().map(|n| n * beta).collect(),
                    _ => return Err(misshapen(tensor.name)),
                }
            }
        };
        finite(&numbers, &bias)?;
        self.upright();
        if let Some(last) = self.shape.dims.last_mut() {
            *last = outputs;
        }
        let layer = Layer { weights: numbers, bias, activation: Activation::None };
        self.stages.push(Stage::Dense(layer));
        Ok(())
    }

    fn activate(&mut self, activation: Activation, node: &Node<'a>) -> Result<(), Error> {
        if self.core.is_some() {
            if activation != Activation::Sigmoid {
                return Err(unsupported(node));
            }
            self.link = Link::Logistic;
            return Ok(());
        }
        match self.stages.last_mut().and_then(Stage::sums) {
            Some(layer) if layer.activation == Activation::None => layer.activation = activation,
            _ => self.stages.push(Stage::Activate(activation)),
        }
        self.admit(node, &[self.shape.count()], &[self.shape.count()])
    }

    /// Of two sums: the logistic function of how far the second is above the first.
    fn softmax(&mut self, node: &Node<'a>) -> Result<(), Error> {
        let last = self.shape.dims.len().saturating_sub(1);
        let is_last = node.integer("axis").is_none_or(|axis| self.shape.axis(axis) == Some(last));
        let is_two = self.shape.count() == 2 && self.shape.last() == 2;
        match self.stages.last_mut() {
            Some(Stage::Dense(layer)) if is_two && is_last && layer.outputs() == 2 => {
                if layer.activation != Activation::None {
                    return Err(unsupported(node));
                }
                layer.weights = layer.weights.chunks_exact(2).map(|w| w[1] - w[0]).collect();
                layer.bias = alloc::vec![layer.bias[1] - layer.bias[0]];
                finite(&layer.weights, &layer.bias)?;
            }
            _ => return Err(unsupported(node)),
        }
        (self.link, self.is_pair) = (Link::Logistic, true);
        self.shape = Shape::row(1);
        Ok(())
    }

    fn linear_classifier(&mut self, node: &Node<'a>) -> Result<(), Error> {
        two_classes(node)?;
        let coefficients = node.floats("coefficients")?;
        let intercepts = node.floats("intercepts")?;
        let transform = node.text("post_transform").unwrap_or(b"NONE");
        let width = self.shape.count();
        if intercepts.is_empty() || coefficients.len() != intercepts.len() * width {
            return Err(misshapen("coefficients"));
        }
        let second = coefficients.len() - width;
        let (mut weights, mut bias) = (coefficients[second..].to_vec(), intercepts[second / width]);
        self.link = match (transform, intercepts.len()) {
            (b"NONE", 1 | 2) => Link::Identity,
            (b"LOGISTIC", 1 | 2) => Link::Logistic,
            (b"SOFTMAX", 2) => {
                weights.iter_mut().zip(&coefficients).for_each(|(second, first)| *second -= first);
                bias -= intercepts[0];
                Link::Logistic
            }
            _ => return Err(unsupported(node)),
        };
        self.is_pair = true;
        self.core = Some(Core::Linear { weights, bias });
        self.shape = Shape::row(1);
        Ok(())
    }

    fn linear_regressor(&mut self, node: &Node<'a>) -> Result<(), Error> {
        let weights = node.floats("coefficients")?;
        let intercepts = node.floats("intercepts")?;
        let is_plain = node.text("post_transform").is_none_or(|transform| transform == b"NONE");
        if !is_plain || node.integer("targets").unwrap_or(1) != 1 {
            return Err(unsupported(node));
        }
        if weights.len() != self.shape.count() || intercepts.len() > 1 {
            return Err(misshapen("coefficients"));
        }
        let bias = intercepts.first().copied().unwrap_or(0.0);
        self.core = Some(Core::Linear { weights, bias });
        self.shape = Shape::row(1);
        Ok(())
    }

    fn finish(mut self) -> Result<Compiled, Error> {
        let outputs = if self.is_pair { 2 } else { 1 };
        let (inputs, mut link) = (self.inputs, self.link);
        if self.shape.count() != 1 {
            return Err(misshapen("output"));
        }
        match self.stages.last_mut() {
            Some(Stage::Activate(Activation::Sigmoid)) => {
                (_, link) = (self.stages.pop(), Link::Logistic);
            }
            Some(stage) => {
                let last = stage.sums().filter(|layer| layer.activation == Activation::Sigmoid);
                if let Some(last) = last {
                    (last.activation, link) = (Activation::None, Link::Logistic);
                }
            }
            None => {}
        }
        let prepare = Prepare(self.steps);
        let model: Arc<dyn RiskModel> = match (self.core, dense(self.stages, inputs)) {
            (Some(Core::Tree(tree)), _) => Arc::new(tree.with_link(link)),
            (Some(Core::Linear { weights, bias }), _) => {
                finite(&weights, &[bias])?;
                Arc::new(LinearModel { inputs, prepare, weights, bias, link })
            }
            (None, Ok(layers)) => match <[Layer; 1]>::try_from(layers) {
                Ok([Layer { weights, bias, activation: Activation::None }]) => {
                    Arc::new(LinearModel { inputs, prepare, weights, bias: bias[0], link })
                }
                Ok([only]) => {
                    Arc::new(MlpModel { inputs, prepare, layers: alloc::vec![only], link })
                }
                Err(layers) => Arc::new(MlpModel { inputs, prepare, layers, link }),
            },
            (None, Err(stages)) if !stages.is_empty() => {
                Arc::new(GridModel { inputs, prepare, stages, link })
            }
            (None, Err(_)) => return Err(misshapen("output")),
        };
        Ok(Compiled { model, outputs })
    }

    /// A vector with a number for each input, or one for all.
    fn vector(&self, numbers: Vec<f32>, node: &Node<'a>) -> Result<Vec<f32>, Error> {
        let fits = numbers.len() == self.shape.count() || numbers.len() == 1;
        if !fits {
            return Err(misshapen(&node.title()));
        }
        finite(&numbers, &[])?;
        Ok(numbers)
    }

    fn constant(&self, name: &str) -> Option<&'g Tensor<'a>> {
        let stored = self.graph.initializers.iter().find(|tensor| tensor.name == name);
        stored.or_else(|| {
            let is_it = |n: &&Node<'a>| n.op == "Constant" && n.outputs.contains(&name);
            self.graph.nodes.iter().find(is_it)?.tensor("value")
        })
    }

    fn is_one(&self, name: &str) -> bool {
        let numbers = self.constant(name).and_then(|tensor| tensor.floats().ok());
        numbers.is_some_and(|numbers| is_ones(&numbers))
    }
}

impl Stage {
    /// Sums to which a bias is added and an activation applied.
    fn sums(&mut self) -> Option<&mut Layer> {
        match self {
            Self::Dense(layer) | Self::Conv(Conv { layer, .. }) => Some(layer),
            _ => None,
        }
    }

    /// Adds numbers to its outputs, if they are the same in every line.
    fn add(&mut self, numbers: &[f32]) -> Option<()> {
        let layer = self.sums().filter(|layer| layer.activation == Activation::None)?;
        let width = layer.outputs();
        let line: Vec<f32> = match numbers {
            [one] => alloc::vec![*one; width],
            numbers => numbers.get(..width)?.to_vec(),
        };
        let is_same =
            |other: &[f32]| other.iter().zip(&line).all(|(a, b)| a.to_bits() == b.to_bits());
        if numbers.len() > 1 && !numbers.chunks_exact(width).all(is_same) {
            return None;
        }
        layer.bias.iter_mut().zip(line).for_each(|(bias, n)| *bias += n);
        Some(())
    }
}

/// The stages as layers of a row, if that is all they are.
fn dense(stages: Vec<Stage>, inputs: usize) -> Result<Vec<Layer>, Vec<Stage>> {
    let mut width = inputs;
    let is_dense = stages.iter().all(|stage| match stage {
        Stage::Dense(layer) => layer.inputs() == core::mem::replace(&mut width, layer.outputs()),
        _ => false,
    });
    if !is_dense || stages.is_empty() {
        return Err(stages);
    }
    let layer = |stage| if let Stage::Dense(layer) = stage { Some(layer) } else { None };
    Ok(stages.into_iter().filter_map(layer).collect())
}

/// A classifier that tells two classes apart.
pub(super) fn two_classes(op: &Node<'_>) -> Result<(), Error> {
    let integers =
        op.integers("classlabels_int64s")?.len() + op.integers("classlabels_ints")?.len();
    let labels = integers + op.texts("classlabels_strings").len();
    if labels == 2 {
        Ok(())
    } else {
        Err(misshapen(&op.title()).hint("a score is the probability of one of two classes"))
    }
}

/// Refuses weights with which no score would be a number.
fn finite(weights: &[f32], more: &[f32]) -> Result<(), Error> {
    let is_finite = weights.iter().chain(more).all(|x| x.is_finite());
    if is_finite { Ok(()) } else { Err(Error::new(Code::ModelNotFinite)) }
}

#[expect(clippy::float_cmp, reason = "one is exactly one")]
fn is_ones(numbers: &[f32]) -> bool {
    matches!(numbers, [one] if *one == 1.0)
}

fn unsupported(node: &Node<'_>) -> Error {
    Error::new(Code::UnsupportedOperator).at(node.title())
}

fn misshapen(path: &str) -> Error {
    Error::new(Code::ModelShape).at(path)
}
