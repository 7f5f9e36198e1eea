//! What each input contributed.

use alloc::vec::Vec;

use super::{Attribution, RiskModel, Work};

/// Why a score is what it is: what each input added to the margin, against a reference.
#[derive(Clone, PartialEq)]
pub struct Reasons {
    /// The strongest first; of equally strong ones the first input.
    pub terms: Vec<Term>,
    /// How they were found.
    pub how: Attribution,
    /// The margin of the row.
    pub margin: f32,
    /// The margin of the reference.
    pub reference: f32,
}

/// What one input contributed.
#[derive(Clone, Copy, PartialEq)]
pub struct Term {
    /// Its place in the row.
    pub input: usize,
    /// Its value; NaN if missing.
    pub value: f32,
    /// What it was compared with.
    pub usual: f32,
    /// What it added to the margin.
    pub added: f32,
}

crate::redact::redacted!(Reasons, Term);

pub(super) fn reasons(
    model: &dyn RiskModel,
    inputs: &[f32],
    reference: &[f32],
    work: &mut Work,
) -> Reasons {
    let mut added = alloc::vec![0.0; model.inputs()];
    let how = model.attribute(inputs, reference, work, &mut added);
    let term = |(input, added): (usize, f32)| Term {
        input,
        value: inputs[input],
        usual: reference[input],
        added,
    };
    let mut terms: Vec<Term> = added.into_iter().enumerate().map(term).collect();
    terms.sort_by(|a, b| b.added.abs().total_cmp(&a.added.abs()).then(a.input.cmp(&b.input)));
    let margin = model.margin(inputs, work);
    let reference = model.margin(reference, work);
    Reasons { terms, how, margin, reference }
}

/// Puts the reference in the place of one input at a time.
pub(super) fn occlude(
    model: &(impl RiskModel + ?Sized),
    inputs: &[f32],
    reference: &[f32],
    work: &mut Work,
    out: &mut [f32],
) -> Attribution {
    let margin = model.margin(inputs, work);
    let mut row = inputs.to_vec();
    for (input, out) in out.iter_mut().enumerate() {
        row[input] = reference[input];
        *out = margin - model.margin(&row, work);
        row[input] = inputs[input];
    }
    Attribution::Occlusion
}
