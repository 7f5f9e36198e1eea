//! A model that may be used: its bytes are those of its manifest, and it computes what it did when it
//! was trained.

use alloc::format;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::calibration::Calibration;
use super::explain::{self, Reasons};
use super::graph::Graph;
use super::manifest::{Manifest, PortSpec, SelfTest};
use super::{Attribution, MAX_INPUTS, MAX_MODEL, RiskModel, Work, chain};
use crate::error::{Code, Error};
use crate::record::{Hash, ModelRef, ScoreFailure};
use crate::value::Value;

/// How far a self-test may be off, of its output or of one, whichever is more.
const TOLERANCE: f32 = 1e-5;
const MAX_SELF_TESTS: usize = 1000;

/// A verified model, immutable, shared by all patients.
///
/// ```
/// use rpm_core::risk::{Model, Work};
///
/// let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/models/logistic");
/// let onnx = std::fs::read(format!("{folder}.onnx")).unwrap();
/// let manifest = std::fs::read(format!("{folder}.json")).unwrap();
/// let model = Model::load(&onnx, &manifest)?;
///
/// let score = model.score(&[0.0; 16], &mut Work::default()).unwrap();
/// assert!((0..=1000).contains(&score.thousandths()));
/// # Ok::<(), rpm_core::Error>(())
/// ```
pub struct Model {
    manifest: Manifest,
    hash: Hash,
    evaluator: Arc<dyn RiskModel>,
    calibration: Calibration,
    warnings: Vec<Error>,
}

impl Model {
    /// Loads a model: the bytes that training exported, and their manifest.
    ///
    /// # Errors
    ///
    /// By code: [`ModelHash`](Code::ModelHash) if these are other bytes, [`ModelSyntax`](Code::ModelSyntax)
    /// if they are no model, [`UnsupportedOperator`](Code::UnsupportedOperator) with the operator's name,
    /// [`ModelShape`](Code::ModelShape) if sizes do not fit, [`ModelNotFinite`](Code::ModelNotFinite),
    /// [`BadCalibration`](Code::BadCalibration), [`SelfTestFailed`](Code::SelfTestFailed), and those of
    /// [`Manifest::from_json`].
    pub fn load(onnx: &[u8], manifest: &[u8]) -> Result<Arc<Self>, Error> {
        if onnx.len() > MAX_MODEL {
            return Err(Error::new(Code::TooLarge));
        }
        let hash = Hash::of(manifest);
        let manifest = Manifest::from_json(manifest)?;
        if Hash::of(onnx) != manifest.sha256 {
            return Err(Error::new(Code::ModelHash).at("sha256"));
        }
        let graph = Graph::read(onnx)?;
        let inputs = check_ports(&graph, &manifest)?;
        let calibration = Calibration::of(&manifest.calibration)?;
        let (evaluator, warnings) = evaluator(&graph, onnx, &manifest, inputs)?;
        let model = Self { manifest, hash, evaluator, calibration, warnings };
        model.self_test()?;
        Ok(Arc::new(model))
    }

    /// The model's name.
    pub fn id(&self) -> &str {
        &self.manifest.id
    }

    /// Its version.
    pub fn version(&self) -> u32 {
        self.manifest.version
    }

    /// What is said of it.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The hash of the manifest, which holds that of the bytes: it names the model and all that was said
    /// of it.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// Which model it is, for records.
    pub fn reference(&self) -> ModelRef {
        let (id, version) = (self.manifest.id.to_string(), self.manifest.version);
        ModelRef { id, version, hash: self.hash }
    }

    /// What computes.
    pub fn evaluator(&self) -> &dyn RiskModel {
        &*self.evaluator
    }

    /// How many numbers go in.
    pub fn inputs(&self) -> usize {
        self.evaluator.inputs()
    }

    /// What is legal, but probably not meant.
    pub fn warnings(&self) -> &[Error] {
        &self.warnings
    }

    /// The output before calibration.
    pub fn output(&self, inputs: &[f32], work: &mut Work) -> Result<f32, ScoreFailure> {
        if inputs.len() != self.inputs() {
            return Err(ScoreFailure::MissingInputs);
        }
        let output = self.evaluator.link().apply(self.evaluator.margin(inputs, work));
        if output.is_finite() { Ok(output) } else { Err(ScoreFailure::NotFinite) }
    }

    /// The calibrated score of a row, between 0 and 1 in thousandths.
    pub fn score(&self, inputs: &[f32], work: &mut Work) -> Result<Value, ScoreFailure> {
        let output = self.output(inputs, work)?;
        self.calibration.score(output).ok_or(ScoreFailure::NotFinite)
    }

    /// What moved the score away from that of a reference row, such as the patient's usual values, the
    /// strongest first.
    ///
    /// A reference of another length counts as the medians of training, where the manifest has them.
    ///
    /// # Errors
    /// [`ScoreFailure::MissingInputs`] of a row that is not of the model's length.
    pub fn reasons(
        &self,
        inputs: &[f32],
        reference: &[f32],
        work: &mut Work,
    ) -> Result<Reasons, ScoreFailure> {
        if inputs.len() != self.inputs() {
            return Err(ScoreFailure::MissingInputs);
        }
        let usual: Vec<f32>;
        let reference = if reference.len() == self.inputs() {
            reference
        } else {
            let median = |i: usize| self.manifest.reference.get(i).map_or(0.0, |r| r.usual);
            usual = (0..self.inputs()).map(median).collect();
            &usual
        };
        Ok(explain::reasons(&*self.evaluator, inputs, reference, work))
    }

    /// Runs the manifest's rows.
    fn self_test(&self) -> Result<(), Error> {
        if self.manifest.self_test.len() > MAX_SELF_TESTS {
            return Err(Error::new(Code::TooLarge).at("self_test"));
        }
        let mut work = Work::default();
        for (i, SelfTest { inputs, output }) in self.manifest.self_test.iter().enumerate() {
            let row: Vec<f32> = inputs.iter().map(|x| x.unwrap_or(f32::NAN)).collect();
            let found = self.output(&row, &mut work);
            let is_near = |found: f32| (found - output).abs() <= TOLERANCE * output.abs().max(1.0);
            if !found.is_ok_and(is_near) {
                return Err(Error::new(Code::SelfTestFailed).at(format!("self_test[{i}]")));
            }
        }
        Ok(())
    }
}

/// That the graph has the declared ports; how many numbers go in.
fn check_ports(graph: &Graph<'_>, manifest: &Manifest) -> Result<usize, Error> {
    let PortSpec { name, shape } = &manifest.input;
    let at = |path| Error::new(Code::ModelShape).at(path);
    let port = graph.inputs.iter().find(|port| port.name == name);
    let port = port.filter(|port| port.is_float).ok_or_else(|| at("input.name"))?;
    let fits = |(dim, size): (&Option<u64>, &u32)| dim.is_none_or(|dim| dim == u64::from(*size));
    let is_one_row = shape.first() == Some(&1) && port.dims.len() == shape.len();
    if !is_one_row || !port.dims.iter().zip(shape).all(fits) {
        return Err(at("input.shape"));
    }
    let numbers = shape.iter().try_fold(1_usize, |n, dim| n.checked_mul(*dim as usize));
    let inputs =
        numbers.filter(|n| (1..=MAX_INPUTS).contains(n)).ok_or_else(|| at("input.shape"))?;
    if !graph.outputs.contains(&manifest.output.name.as_str()) {
        return Err(at("output.name"));
    }
    let reference = manifest.reference.len();
    if reference != 0 && reference != inputs {
        return Err(at("reference"));
    }
    Ok(inputs)
}

/// The built-in evaluator if the graph is a chain that it knows; else another, if there is one.
fn evaluator(
    graph: &Graph<'_>,
    onnx: &[u8],
    manifest: &Manifest,
    inputs: usize,
) -> Result<(Arc<dyn RiskModel>, Vec<Error>), Error> {
    match chain::compile(graph, &manifest.input.name, &manifest.output.name, &manifest.input.shape)
    {
        Ok(compiled) if manifest.output.shape == [1, compiled.outputs] => {
            Ok((compiled.model, Vec::new()))
        }
        Ok(_) => Err(Error::new(Code::ModelShape).at("output.shape")),
        Err(error) if error.code() == Code::UnsupportedOperator => {
            elsewhere(graph, onnx, manifest, inputs, error)
        }
        Err(error) => Err(error),
    }
}

#[cfg(feature = "onnx")]
fn elsewhere(
    graph: &Graph<'_>,
    onnx: &[u8],
    manifest: &Manifest,
    inputs: usize,
    error: Error,
) -> Result<(Arc<dyn RiskModel>, Vec<Error>), Error> {
    let model = super::tract::TractModel::load(onnx, manifest, inputs, error)?;
    let warnings = super::tract::warnings(graph.nodes.iter().map(|node| node.op));
    Ok((Arc::new(model), warnings))
}

#[cfg(not(feature = "onnx"))]
fn elsewhere(
    _: &Graph<'_>,
    _: &[u8],
    _: &Manifest,
    _: usize,
    error: Error,
) -> Result<(Arc<dyn RiskModel>, Vec<Error>), Error> {
    Err(error)
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model")
            .field("id", &self.manifest.id)
            .field("version", &self.manifest.version)
            .field("hash", &self.hash)
            .finish_non_exhaustive()
    }
}

/// Kept apart, so that the words can say which it is.
impl Attribution {
    /// For records and people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Occlusion => "occlusion",
        }
    }
}
