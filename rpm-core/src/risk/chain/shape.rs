//! What the graph calls the numbers of a row, and how they lie.

use alloc::vec::Vec;

use crate::risk::graph::Tensor;

/// More axes than any model over a window has.
const MAX_AXES: usize = 8;

/// The sizes of the axes. Moving an axis moves no number: of two axes that are longer than one it is only
/// remembered which of them the numbers follow.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Shape {
    pub dims: Vec<usize>,
    /// Whether the first of two long axes is the one along which neighbours lie; else the last one is.
    pub is_turned: bool,
}

impl Shape {
    pub fn of(dims: Vec<usize>) -> Self {
        Self { dims, is_turned: false }
    }

    /// So many numbers in a row of one.
    pub fn row(count: usize) -> Self {
        Self::of(alloc::vec![1, count])
    }

    /// How many numbers there are.
    pub fn count(&self) -> usize {
        self.dims.iter().product()
    }

    /// The size of the last axis.
    pub fn last(&self) -> usize {
        self.dims.last().copied().unwrap_or(1)
    }

    /// The axes longer than one.
    pub fn long_axes(&self) -> Vec<usize> {
        (0..self.dims.len()).filter(|axis| self.dims[*axis] > 1).collect()
    }

    /// An axis as ONNX counts them, from either end.
    pub fn axis(&self, axis: i64) -> Option<usize> {
        place(axis, self.dims.len())
    }

    /// With the axes in another order, which ONNX gives as their old places.
    pub fn transposed(&self, order: &[i64]) -> Option<Self> {
        let from: Option<Vec<usize>> = order.iter().map(|axis| self.axis(*axis)).collect();
        let from = from.filter(|from| from.len() == self.dims.len())?;
        let is_order = (0..from.len()).all(|axis| from.contains(&axis));
        let long: Vec<usize> = from.iter().copied().filter(|axis| self.dims[*axis] > 1).collect();
        let is_turn = match long[..] {
            [one, two] => one > two,
            _ => !long.is_sorted(),
        };
        if !is_order || is_turn && long.len() > 2 {
            return None;
        }
        let dims = from.iter().map(|axis| self.dims[*axis]).collect();
        Some(Self { dims, is_turned: self.is_turned != is_turn })
    }

    /// With other axes over the same numbers: zero keeps a size, one -1 is what is left.
    pub fn reshaped(&self, wanted: &[i64]) -> Option<Self> {
        let mut dims = Vec::new();
        let open = wanted.iter().filter(|size| **size == -1).count();
        for (axis, size) in wanted.iter().enumerate().take(MAX_AXES + 1) {
            dims.push(match size {
                0 => *self.dims.get(axis)?,
                -1 => 1,
                size => usize::try_from(*size).ok()?,
            });
        }
        let product = dims.iter().try_fold(1_usize, |n, dim| n.checked_mul(*dim))?;
        if let Some(left) = wanted.iter().position(|size| *size == -1) {
            *dims.get_mut(left)? = self.count().checked_div(product)?;
        }
        let reshaped = Self::of(dims);
        let product = reshaped.dims.iter().try_fold(1_usize, |n, dim| n.checked_mul(*dim))?;
        let is_whole = product == self.count() && reshaped.dims.len() <= MAX_AXES;
        (is_whole && open <= 1).then_some(reshaped)
    }

    /// With all axes before one as the first, and the others as the second.
    pub fn flattened(&self, axis: i64) -> Option<Self> {
        let axis = if axis < 0 { self.axis(axis) } else { place(axis, self.dims.len() + 1) }?;
        let (first, second) = self.dims.split_at(axis);
        Some(Self::of(alloc::vec![first.iter().product(), second.iter().product()]))
    }

    /// Without these axes of size one; without all of them if none is named.
    pub fn squeezed(&self, axes: &[i64]) -> Option<Self> {
        let gone: Option<Vec<usize>> = axes.iter().map(|axis| self.axis(*axis)).collect();
        let gone = gone.filter(|gone| gone.iter().all(|axis| self.dims[*axis] == 1))?;
        let stays = |axis: &usize| match &gone[..] {
            [] => self.dims[*axis] != 1,
            gone => !gone.contains(axis),
        };
        let dims = (0..self.dims.len()).filter(stays).map(|axis| self.dims[axis]).collect();
        Some(Self { dims, is_turned: self.is_turned })
    }

    /// With more axes of size one, at these places of the result.
    pub fn unsqueezed(&self, axes: &[i64]) -> Option<Self> {
        let length = self.dims.len() + axes.len();
        let places: Option<Vec<usize>> = axes.iter().map(|axis| place(*axis, length)).collect();
        let places = places.filter(|_| length <= MAX_AXES)?;
        let mut sizes = self.dims.iter();
        let size = |axis| if places.contains(&axis) { Some(1) } else { sizes.next().copied() };
        let dims: Option<Vec<usize>> = (0..length).map(size).collect();
        // Two places that are the same leave a size over.
        let is_turned = self.is_turned;
        let squeezed = dims.map(|dims| Self { dims, is_turned })?;
        (squeezed.count() == self.count()).then_some(squeezed)
    }

    /// A constant beside every number, in the order in which the numbers lie; none if its axes would make
    /// more of them.
    pub fn spread(&self, tensor: &Tensor<'_>, numbers: &[f32]) -> Option<Vec<f32>> {
        let more = self.dims.len().checked_sub(tensor.dims.len())?;
        // From one number of the constant to the next along each axis.
        let mut strides = alloc::vec![0; self.dims.len()];
        let mut stride = 1;
        for (axis, size) in tensor.dims.iter().enumerate().rev() {
            let size = usize::try_from(*size).ok()?;
            match size {
                1 => {}
                size if size == self.dims[more + axis] => strides[more + axis] = stride,
                _ => return None,
            }
            stride *= size;
        }
        let mut spread = Vec::with_capacity(self.count());
        for place in 0..self.count() {
            let (mut rest, mut at) = (self.named(place), 0);
            for (size, stride) in self.dims.iter().zip(&strides).rev() {
                at += rest % size * stride;
                rest /= size;
            }
            spread.push(*numbers.get(at)?);
        }
        Some(spread)
    }

    /// Which number, by the order of the axes, lies at a place.
    fn named(&self, place: usize) -> usize {
        match (self.is_turned, &self.long_axes()[..]) {
            (true, [one, two]) => {
                let (first, second) = (self.dims[*one], self.dims[*two]);
                place % first * second + place / first
            }
            _ => place,
        }
    }
}

fn place(axis: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    let from_start = if axis < 0 { axis.checked_add(length)? } else { axis };
    usize::try_from(from_start).ok().filter(|axis| (*axis as i64) < length)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn dims(shape: Option<Shape>) -> Option<(Vec<usize>, bool)> {
        shape.map(|shape| (shape.dims, shape.is_turned))
    }

    #[test]
    fn an_axis_moves_and_no_number() {
        let shape = Shape::of(vec![1, 60, 4]);
        assert_eq!(dims(shape.transposed(&[0, 2, 1])), Some((vec![1, 4, 60], true)));
        assert_eq!(dims(shape.transposed(&[1, 0, 2])), Some((vec![60, 1, 4], false)));
        let back = shape.transposed(&[0, 2, 1]).and_then(|turned| turned.transposed(&[0, 2, 1]));
        assert_eq!(back, Some(shape.clone()));
        assert_eq!(shape.transposed(&[0, 1]), None);
        assert_eq!(shape.transposed(&[0, 1, 1]), None);
        assert_eq!(Shape::of(vec![2, 3, 4]).transposed(&[1, 0, 2]), None);
        assert_eq!(shape.named(5), 5);
        let turned = shape.transposed(&[0, 2, 1]).map(|turned| turned.named(5));
        // The sixth number is the second signal of the second line.
        assert_eq!(turned, Some(61));
    }

    #[test]
    fn axes_are_named_anew() {
        let shape = Shape::of(vec![1, 60, 4]);
        assert_eq!(dims(shape.reshaped(&[0, -1])), Some((vec![1, 240], false)));
        assert_eq!(dims(shape.reshaped(&[1, 4, 60])), Some((vec![1, 4, 60], false)));
        assert_eq!(dims(shape.flattened(1)), Some((vec![1, 240], false)));
        assert_eq!(dims(shape.flattened(-1)), Some((vec![60, 4], false)));
        assert_eq!(dims(shape.flattened(3)), Some((vec![240, 1], false)));
        assert_eq!(dims(shape.squeezed(&[])), Some((vec![60, 4], false)));
        assert_eq!(dims(shape.squeezed(&[-3])), Some((vec![60, 4], false)));
        assert_eq!(dims(shape.unsqueezed(&[1, -1])), Some((vec![1, 1, 60, 4, 1], false)));
        for wanted in [&[0, 7][..], &[-1, -1], &[i64::MAX, i64::MAX], &[0, 0, 0, 0], &[-2], &[1; 9]]
        {
            assert_eq!(shape.reshaped(wanted), None, "{wanted:?}");
        }
        assert_eq!(shape.squeezed(&[1]), None);
        assert_eq!(shape.unsqueezed(&[0, 0]), None);
        assert_eq!(shape.unsqueezed(&[i64::MIN]), None);
        assert_eq!(shape.unsqueezed(&[0; 9]), None);
    }
}
