//! Operators over a window grid, and those that only name its axes anew.

use alloc::vec::Vec;

use super::{Compiler, MAX_GRID, MAX_PRODUCTS, Shape, finite, misshapen, unsupported};
use crate::error::{Code, Error};
use crate::risk::graph::Node;
use crate::risk::grid::{Conv, Gru, Pool, Pooled, Stage, Window};
use crate::risk::layer::{Activation, Layer};

impl<'a> Compiler<'_, 'a> {
    /// `Reshape`, `Flatten`, `Squeeze`, `Unsqueeze`, `Transpose`.
    pub(super) fn rename(&mut self, op: &str, node: &Node<'a>) -> Result<(), Error> {
        if self.core.is_some() {
            return Ok(());
        }
        if matches!(op, "Reshape" | "Flatten") {
            self.upright();
        }
        let shape = match op {
            "Reshape" => {
                let wanted = node.inputs.get(1).and_then(|name| self.constant(name));
                self.shape.reshaped(&wanted.ok_or_else(|| unsupported(node))?.integers()?)
            }
            "Flatten" => self.shape.flattened(node.integer("axis").unwrap_or(1)),
            "Squeeze" => self.shape.squeezed(&self.axes(node)?),
            "Unsqueeze" => self.shape.unsqueezed(&self.axes(node)?),
            _ => {
                let order = node.integers("perm")?;
                let backwards = || (0..self.shape.dims.len() as i64).rev().collect();
                let order = if order.is_empty() { backwards() } else { order };
                self.shape.transposed(&order)
            }
        };
        self.shape = shape.ok_or_else(|| misshapen(&node.title()))?;
        Ok(())
    }

    /// What only a window grid has.
    pub(super) fn windowed(
        &mut self,
        op: &str,
        node: &Node<'a>,
        output: &str,
    ) -> Result<(), Error> {
        let is_first = node.outputs.first() == Some(&output);
        match op {
            "Conv" => self.conv(node),
            "MaxPool" if is_first => self.pool(Pooled::Max, node),
            "AveragePool" if node.integer("count_include_pad").unwrap_or(0) != 0 => {
                self.pool(Pooled::MeanOfAll, node)
            }
            "AveragePool" => self.pool(Pooled::Mean, node),
            // Of a picture it is the mean of two axes.
            "GlobalMaxPool" | "GlobalAveragePool" if self.shape.dims.len() == 3 => {
                let pooled = if op == "GlobalMaxPool" { Pooled::Max } else { Pooled::Mean };
                self.reduce(pooled, &[2], true, node)
            }
            "ReduceMax" | "ReduceMean" => {
                let pooled = if op == "ReduceMax" { Pooled::Max } else { Pooled::Mean };
                let keeps = node.integer("keepdims").unwrap_or(1) != 0;
                self.reduce(pooled, &self.axes(node)?, keeps, node)
            }
            "Gather" => self.line(node),
            "GRU" => self.gru(node, is_first),
            _ => Err(unsupported(node)),
        }
    }

    fn conv(&mut self, node: &Node<'a>) -> Result<(), Error> {
        let [1, columns, lines] = self.shape.dims[..] else { return Err(unsupported(node)) };
        let weights = node.inputs.get(1).and_then(|name| self.constant(name));
        let weights = weights.ok_or_else(|| unsupported(node))?;
        let [outputs, from, taps] = weights.sizes()?[..] else { return Err(unsupported(node)) };
        if node.integer("group").unwrap_or(1) != 1 {
            return Err(unsupported(node));
        }
        let window = window(node, taps, lines)?;
        let count = window.count(lines).filter(|_| from == columns && outputs > 0);
        let count = count.ok_or_else(|| misshapen(weights.name))?;
        let padded = window.before + lines + window.after;
        // What is made of the grid: all windows one behind the other, or the grid with zeros around it.
        let room = if window.dilation > 1 { [count, taps, columns] } else { [padded, columns, 1] };
        self.admit(node, &room, &[count, taps, columns, outputs])?;
        self.admit(node, &[count, outputs], &[])?;
        let numbers = weights.floats()?;
        let bias = self.bias(node, 2, outputs)?;
        finite(&numbers, &bias)?;
        let weight = |i: usize| {
            let (output, input) = (i % outputs, i / outputs);
            numbers[(output * columns + input % columns) * taps + input / columns]
        };
        let weights = (0..numbers.len()).map(weight).collect();
        self.follow(2, node)?;
        let layer = Layer { weights, bias, activation: Activation::None };
        self.stages.push(Stage::Conv(Conv { layer, window, columns }));
        self.become_lines(count, outputs);
        Ok(())
    }

    fn pool(&mut self, pooled: Pooled, node: &Node<'a>) -> Result<(), Error> {
        let [1, columns, lines] = self.shape.dims[..] else { return Err(unsupported(node)) };
        let [taps] = node.integers("kernel_shape")?[..] else { return Err(unsupported(node)) };
        let window = window(node, usize::try_from(taps).map_err(|_| unsupported(node))?, lines)?;
        let reach = window.reach().ok_or_else(|| misshapen(&node.title()))?;
        // A window without a single line has no largest one.
        let padding = window.before.max(window.after);
        let count = window.count(lines).filter(|_| padding < window.taps);
        let count = count.ok_or_else(|| misshapen(&node.title()))?;
        if padding > 0 && window.dilation > 1 {
            return Err(unsupported(node));
        }
        let left_over = window.before + lines + window.after - reach - (count - 1) * window.stride;
        if left_over > 0 && node.integer("ceil_mode").unwrap_or(0) != 0 {
            return Err(unsupported(node));
        }
        self.admit(node, &[count, columns], &[count, taps as usize, columns])?;
        self.follow(2, node)?;
        self.stages.push(Stage::Pool(Pool { pooled, window, columns }));
        self.become_lines(count, columns);
        Ok(())
    }

    /// All of an axis becomes one.
    fn reduce(
        &mut self,
        pooled: Pooled,
        axes: &[i64],
        keeps: bool,
        node: &Node<'a>,
    ) -> Result<(), Error> {
        let [axis] = axes[..] else { return Err(unsupported(node)) };
        let axis = self.shape.axis(axis).ok_or_else(|| unsupported(node))?;
        let (taps, count) = (self.shape.dims[axis], self.shape.count());
        self.admit(node, &[count], &[count])?;
        self.follow(axis, node)?;
        let window = Window { taps, dilation: 1, stride: 1, before: 0, after: 0 };
        self.stages.push(Stage::Pool(Pool { pooled, window, columns: count / taps }));
        self.leave_one(axis, keeps);
        Ok(())
    }

    /// `Gather` with one constant index.
    fn line(&mut self, node: &Node<'a>) -> Result<(), Error> {
        let axis = self.shape.axis(node.integer("axis").unwrap_or(0));
        let axis = axis.ok_or_else(|| misshapen(&node.title()))?;
        let is_row_first = node.inputs.first().is_some_and(|name| self.constant(name).is_none());
        let index = node.inputs.get(1).and_then(|name| self.constant(name));
        let index = index.filter(|_| is_row_first).ok_or_else(|| unsupported(node))?;
        let [at] = index.integers()?[..] else { return Err(unsupported(node)) };
        let size = self.shape.dims[axis];
        let at = if at < 0 { at.checked_add(size as i64) } else { Some(at) };
        let at = at.and_then(|at| usize::try_from(at).ok()).filter(|at| *at < size);
        let at = at.ok_or_else(|| misshapen(&node.title()))?;
        if size > 1 {
            self.follow(axis, node)?;
            let columns = self.shape.count() / size;
            self.stages.push(Stage::Line { at, columns });
        }
        self.leave_one(axis, !index.dims.is_empty());
        Ok(())
    }

    fn gru(&mut self, node: &Node<'a>, is_all: bool) -> Result<(), Error> {
        plain_gru(node)?;
        let [lines, 1, columns] = self.shape.dims[..] else {
            return Err(misshapen(&node.title()));
        };
        let tensor = |i: usize| node.inputs.get(i).and_then(|name| self.constant(name));
        let (weights, state) = (tensor(1), tensor(2));
        let (Some(weights), Some(state)) = (weights, state) else { return Err(unsupported(node)) };
        let [1, rows, units] = state.sizes()?[..] else { return Err(misshapen(state.name)) };
        let is_whole = units > 0 && units.checked_mul(3) == Some(rows);
        if !is_whole || weights.sizes()?[..] != [1, rows, columns] {
            return Err(misshapen(weights.name));
        }
        self.admit(node, &[lines, rows], &[lines, rows, columns + units])?;
        let (weights, state) = (weights.floats()?, state.floats()?);
        let bias = self.bias(node, 3, 2 * rows)?;
        let start = self.bias(node, 5, units)?;
        finite(&weights, &bias)?;
        finite(&state, &start)?;
        let (of_line, of_state) = bias.split_at(rows);
        let layer = |weights: &[f32], bias: &[f32]| {
            let outputs = bias.len();
            let width = weights.len() / outputs;
            let weights =
                (0..weights.len()).map(|i| weights[(i % outputs) * width + i / outputs]).collect();
            Layer { weights, bias: bias.to_vec(), activation: Activation::None }
        };
        // Of the three sums, those of the gates come first.
        let gates = 2 * units;
        let (state, candidate) = if node.integer("linear_before_reset").unwrap_or(0) != 0 {
            (layer(&state, of_state), None)
        } else {
            let (first, third) = state.split_at(gates * units);
            (layer(first, &of_state[..gates]), Some(layer(third, &of_state[gates..])))
        };
        let line = layer(&weights, of_line);
        self.follow(0, node)?;
        self.stages.push(Stage::Gru(Gru { line, state, candidate, start, is_all }));
        self.shape = Shape::of(match is_all {
            true => alloc::vec![lines, 1, 1, units],
            false => alloc::vec![1, 1, units],
        });
        Ok(())
    }

    /// Numbers at an input, as many as wanted; zeros if there are none.
    fn bias(&self, node: &Node<'a>, input: usize, wanted: usize) -> Result<Vec<f32>, Error> {
        match node.inputs.get(input).filter(|name| !name.is_empty()) {
            None => Ok(alloc::vec![0.0; wanted]),
            Some(name) => {
                let tensor = self.constant(name).ok_or_else(|| unsupported(node))?;
                let numbers = tensor.floats()?;
                if numbers.len() == wanted { Ok(numbers) } else { Err(misshapen(tensor.name)) }
            }
        }
    }

    /// Axes by attribute, as operators had them before version 13, or by constant.
    fn axes(&self, node: &Node<'a>) -> Result<Vec<i64>, Error> {
        match node.inputs.get(1).filter(|name| !name.is_empty()) {
            None => node.integers("axes"),
            Some(name) => self.constant(name).ok_or_else(|| unsupported(node))?.integers(),
        }
    }

    /// Lets the numbers lie in the order of the axes.
    pub(super) fn upright(&mut self) {
        if self.shape.is_turned {
            self.turn();
        }
    }

    /// Lets the places of an axis be lines.
    fn follow(&mut self, axis: usize, node: &Node<'a>) -> Result<(), Error> {
        let wanted = match self.shape.long_axes()[..] {
            [_, _, _, ..] => return Err(unsupported(node)),
            [first, _] if first == axis => false,
            [_, second] if second == axis => true,
            _ => return Ok(()),
        };
        if self.shape.is_turned != wanted {
            self.turn();
        }
        Ok(())
    }

    fn turn(&mut self) {
        if let [first, second] = self.shape.long_axes()[..] {
            let (first, second) = (self.shape.dims[first], self.shape.dims[second]);
            let is_turned = self.shape.is_turned;
            let (lines, columns) = if is_turned { (second, first) } else { (first, second) };
            self.stages.push(Stage::Turn { lines, columns });
        }
        self.shape.is_turned = !self.shape.is_turned;
    }

    /// The grid of a convolution or pool: signals first, and then time.
    fn become_lines(&mut self, lines: usize, columns: usize) {
        let is_turned = lines > 1 && columns > 1;
        self.shape = Shape { dims: alloc::vec![1, columns, lines], is_turned };
    }

    /// An axis has one place any more, or is none.
    fn leave_one(&mut self, axis: usize, keeps: bool) {
        if keeps {
            self.shape.dims[axis] = 1;
        } else {
            self.shape.dims.remove(axis);
        }
        if self.shape.long_axes().len() < 2 {
            self.shape.is_turned = false;
        }
    }

    /// Refuses what would take too much room or time, before anything is made of it.
    pub(super) fn admit(
        &mut self,
        node: &Node<'a>,
        numbers: &[usize],
        products: &[usize],
    ) -> Result<(), Error> {
        let product = |of: &[usize]| of.iter().try_fold(1_usize, |n, size| n.checked_mul(*size));
        let room = product(numbers).filter(|room| *room <= MAX_GRID);
        let products = product(products).and_then(|n| n.checked_add(self.products));
        match (room, products) {
            (Some(_), Some(products)) if products <= MAX_PRODUCTS => self.products = products,
            _ => return Err(Error::new(Code::TooLarge).at(node.title())),
        }
        Ok(())
    }
}

/// The windows that `Conv` and pools name alike.
fn window(node: &Node<'_>, taps: usize, lines: usize) -> Result<Window, Error> {
    let misshapen = || misshapen(&node.title());
    let size = |n: i64| usize::try_from(n).ok().filter(|n| *n <= MAX_GRID).ok_or_else(misshapen);
    let one = |name: &str| match node.integers(name)?[..] {
        [] => Ok(1),
        [n] if n > 0 => size(n),
        _ => Err(misshapen()),
    };
    let (stride, dilation) = (one("strides")?, one("dilations")?);
    let is_same = |kernel: &[i64]| kernel.is_empty() || kernel == [taps as i64];
    if taps == 0 || taps > MAX_GRID || !is_same(&node.integers("kernel_shape")?) {
        return Err(misshapen());
    }
    let mut window = Window { taps, dilation, stride, before: 0, after: 0 };
    match node.text("auto_pad").unwrap_or(b"NOTSET") {
        b"NOTSET" => match node.integers("pads")?[..] {
            [] => {}
            [before, after] => (window.before, window.after) = (size(before)?, size(after)?),
            _ => return Err(misshapen()),
        },
        b"VALID" => {}
        mode => {
            // As many windows as fit when each stride has one.
            let reach = window.reach().ok_or_else(misshapen)?;
            let last = (lines.div_ceil(stride) - 1) * stride;
            let padding = last.checked_add(reach).ok_or_else(misshapen)?.saturating_sub(lines);
            let less = padding / 2;
            (window.before, window.after) = match mode {
                b"SAME_UPPER" => (less, padding - less),
                b"SAME_LOWER" => (padding - less, less),
                _ => return Err(unsupported(node)),
            };
        }
    }
    Ok(window)
}

/// That it is what the evaluator does, and nothing that it does not.
fn plain_gru(node: &Node<'_>) -> Result<(), Error> {
    let has_lengths = node.inputs.get(4).is_some_and(|name| !name.is_empty());
    let activations = node.texts("activations");
    let is_usual = activations.is_empty() || activations == [&b"Sigmoid"[..], b"Tanh"];
    let is_forward = node.text("direction").unwrap_or(b"forward") == b"forward";
    let is_plain = node.float("clip").is_none() && node.integer("layout").unwrap_or(0) == 0;
    if has_lengths || !is_usual || !is_forward || !is_plain {
        return Err(unsupported(node));
    }
    Ok(())
}
