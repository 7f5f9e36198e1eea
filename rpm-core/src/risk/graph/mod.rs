//! The part of ONNX that the built-in evaluators need, read from its bytes.
//!
//! A reader of our own, because it is a dozen fields of six messages: it borrows the weights where
//! they lie, and a model that claims more than its bytes hold is refused before anything is made of
//! the claim. The generated types of a general crate would hold every field of ONNX, and all of them
//! twice.
//!
//! Source of the field numbers: `onnx.proto3` of ONNX 1.16 (IR version 10).

mod wire;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::error::{Code, Error};
use wire::{Field, Message, malformed};

/// More operators than a model that a person answers for has.
const MAX_NODES: usize = 1000;
/// And more constants, and more of anything at one operator.
const MAX_CONSTANTS: usize = 4000;
const MAX_PORTS: usize = 64;

const FLOAT: i64 = 1;
const INT64: i64 = 7;
const EXTERNAL: i64 = 1;

/// A graph as written, in the bytes it was read from.
pub(super) struct Graph<'a> {
    pub nodes: Vec<Node<'a>>,
    pub initializers: Vec<Tensor<'a>>,
    pub inputs: Vec<Port<'a>>,
    pub outputs: Vec<&'a str>,
}

/// An operator.
pub(super) struct Node<'a> {
    pub op: &'a str,
    pub domain: &'a str,
    pub inputs: Vec<&'a str>,
    pub outputs: Vec<&'a str>,
    attributes: Vec<Attribute<'a>>,
}

/// What goes in.
pub(super) struct Port<'a> {
    pub name: &'a str,
    /// Whether it is of 32-bit floats.
    pub is_float: bool,
    /// Of each dimension its size; none if it is free, as the number of rows is.
    pub dims: Vec<Option<u64>>,
}

/// Constants.
#[derive(Clone)]
pub(super) struct Tensor<'a> {
    pub name: &'a str,
    pub dims: Vec<u64>,
    kind: i64,
    raw: Option<&'a [u8]>,
    /// One packed run of numbers, or one number in each field.
    typed: Vec<Field<'a>>,
    whole: Vec<Field<'a>>,
    is_elsewhere: bool,
}

struct Attribute<'a> {
    name: &'a str,
    float: f32,
    integer: i64,
    text: &'a [u8],
    floats: Vec<Field<'a>>,
    integers: Vec<Field<'a>>,
    texts: Vec<&'a [u8]>,
    tensor: Option<Tensor<'a>>,
}

impl<'a> Graph<'a> {
    /// Reads a model.
    ///
    /// # Errors
    ///
    /// [`Code::ModelSyntax`] if the bytes are no model, [`Code::TooLarge`] if it has too many operators.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut model = Message::new(bytes);
        let mut graph = None;
        while let Some((number, field)) = model.field()? {
            if number == 7 {
                graph = Some(field.message()?);
            }
        }
        Self::of(graph.ok_or_else(malformed)?)
    }

    fn of(mut message: Message<'a>) -> Result<Self, Error> {
        let mut graph = Self {
            nodes: Vec::new(),
            initializers: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
        };
        while let Some((number, field)) = message.field()? {
            match number {
                1 if graph.nodes.len() == MAX_NODES => return Err(Error::new(Code::TooLarge)),
                5 if graph.initializers.len() == MAX_CONSTANTS => {
                    return Err(Error::new(Code::TooLarge));
                }
                1 => graph.nodes.push(Node::of(field.message()?)?),
                5 => graph.initializers.push(Tensor::of(field.message()?)?),
                11 => graph.inputs.push(Port::of(field.message()?)?),
                12 => graph.outputs.push(Port::of(field.message()?)?.name),
                _ => {}
            }
        }
        Ok(graph)
    }
}

impl<'a> Node<'a> {
    fn of(mut message: Message<'a>) -> Result<Self, Error> {
        let mut node = Self {
            op: "",
            domain: "",
            inputs: Vec::new(),
            outputs: Vec::new(),
            attributes: Vec::new(),
        };
        while let Some((number, field)) = message.field()? {
            let most = node.inputs.len().max(node.outputs.len()).max(node.attributes.len());
            if most == MAX_PORTS {
                return Err(Error::new(Code::TooLarge));
            }
            match number {
                1 => node.inputs.push(field.text()?),
                2 => node.outputs.push(field.text()?),
                4 => node.op = field.text()?,
                5 => node.attributes.push(Attribute::of(field.message()?)?),
                7 => node.domain = field.text()?,
                _ => {}
            }
        }
        Ok(node)
    }

    /// The operator with its domain, for people.
    pub fn title(&self) -> String {
        if self.domain.is_empty() { self.op.into() } else { format!("{}.{}", self.domain, self.op) }
    }

    pub fn float(&self, name: &str) -> Option<f32> {
        self.attribute(name).map(|a| a.float)
    }

    pub fn integer(&self, name: &str) -> Option<i64> {
        self.attribute(name).map(|a| a.integer)
    }

    pub fn text(&self, name: &str) -> Option<&'a [u8]> {
        self.attribute(name).map(|a| a.text)
    }

    pub fn texts(&self, name: &str) -> &[&'a [u8]] {
        self.attribute(name).map_or(&[], |a| &a.texts)
    }

    pub fn tensor(&self, name: &str) -> Option<&Tensor<'a>> {
        self.attribute(name)?.tensor.as_ref()
    }

    /// Empty if the attribute is not there.
    pub fn floats(&self, name: &str) -> Result<Vec<f32>, Error> {
        self.attribute(name).map_or(Ok(Vec::new()), |a| floats(&a.floats))
    }

    /// Empty if the attribute is not there.
    pub fn integers(&self, name: &str) -> Result<Vec<i64>, Error> {
        self.attribute(name).map_or(Ok(Vec::new()), |a| integers(&a.integers))
    }

    fn attribute(&self, name: &str) -> Option<&Attribute<'a>> {
        self.attributes.iter().find(|a| a.name == name)
    }
}

impl<'a> Attribute<'a> {
    fn of(mut message: Message<'a>) -> Result<Self, Error> {
        let mut attribute = Self {
            name: "",
            float: 0.0,
            integer: 0,
            text: &[],
            floats: Vec::new(),
            integers: Vec::new(),
            texts: Vec::new(),
            tensor: None,
        };
        while let Some((number, field)) = message.field()? {
            match (number, field) {
                (1, field) => attribute.name = field.text()?,
                (2, Field::Fixed32(bits)) => attribute.float = f32::from_bits(bits),
                (3, field) => attribute.integer = field.integer()?,
                (4, field) => attribute.text = field.bytes()?,
                (5, field) => attribute.tensor = Some(Tensor::of(field.message()?)?),
                (7, field) => attribute.floats.push(field),
                (8, field) => attribute.integers.push(field),
                (9, field) => attribute.texts.push(field.bytes()?),
                _ => {}
            }
        }
        Ok(attribute)
    }
}

impl<'a> Port<'a> {
    fn of(mut message: Message<'a>) -> Result<Self, Error> {
        let mut port = Self { name: "", is_float: false, dims: Vec::new() };
        while let Some((number, field)) = message.field()? {
            match number {
                1 => port.name = field.text()?,
                2 => port.kind_of(field.message()?)?,
                _ => {}
            }
        }
        Ok(port)
    }

    /// A type, which is that of a tensor in field 1.
    fn kind_of(&mut self, mut message: Message<'a>) -> Result<(), Error> {
        while let Some((number, field)) = message.field()? {
            let mut tensor = if number == 1 { field.message()? } else { continue };
            while let Some((number, field)) = tensor.field()? {
                match number {
                    1 => self.is_float = field.integer()? == FLOAT,
                    2 => self.shape_of(field.message()?)?,
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn shape_of(&mut self, mut message: Message<'a>) -> Result<(), Error> {
        while let Some((number, field)) = message.field()? {
            let mut dim = if number == 1 { field.message()? } else { continue };
            let mut size = None;
            while let Some((number, field)) = dim.field()? {
                if number == 1 {
                    size = Some(u64::try_from(field.integer()?).map_err(|_| malformed())?);
                }
            }
            self.dims.push(size);
        }
        Ok(())
    }
}

impl<'a> Tensor<'a> {
    fn of(mut message: Message<'a>) -> Result<Self, Error> {
        let mut tensor = Self {
            name: "",
            dims: Vec::new(),
            kind: 0,
            raw: None,
            typed: Vec::new(),
            whole: Vec::new(),
            is_elsewhere: false,
        };
        while let Some((number, field)) = message.field()? {
            match (number, field) {
                (1, Field::Bytes(bytes)) => {
                    let mut packed = Message::new(bytes);
                    while !packed.is_empty() {
                        tensor.dims.push(packed.varint()?);
                    }
                }
                (1, Field::Varint(dim)) => tensor.dims.push(dim),
                (2, field) => tensor.kind = field.integer()?,
                (4, field) => tensor.typed.push(field),
                (7, field) => tensor.whole.push(field),
                (8, field) => tensor.name = field.text()?,
                (9, field) => tensor.raw = Some(field.bytes()?),
                (14, field) => tensor.is_elsewhere = field.integer()? == EXTERNAL,
                _ => {}
            }
        }
        Ok(tensor)
    }

    /// The numbers, as many as the dimensions say.
    pub fn floats(&self) -> Result<Vec<f32>, Error> {
        let wanted = self.count(FLOAT)?;
        let numbers = match self.raw {
            Some(raw) if raw.len() / 4 == wanted => {
                let number = |b: &[u8]| f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
                raw.chunks_exact(4).map(number).collect()
            }
            Some(_) => return Err(self.misshapen()),
            None => floats(&self.typed)?,
        };
        if numbers.len() == wanted { Ok(numbers) } else { Err(self.misshapen()) }
    }

    /// Whole numbers, which name axes, sizes and places: a few.
    pub fn integers(&self) -> Result<Vec<i64>, Error> {
        let wanted = self.count(INT64)?;
        let numbers = match self.raw {
            Some(raw) if raw.len() / 8 == wanted => {
                let number = |b: &[u8]| b.try_into().map_or(0, i64::from_le_bytes);
                raw.chunks_exact(8).map(number).collect()
            }
            Some(_) => return Err(self.misshapen()),
            None => integers(&self.whole)?,
        };
        if numbers.len() == wanted { Ok(numbers) } else { Err(self.misshapen()) }
    }

    /// The dimensions.
    pub fn sizes(&self) -> Result<Vec<usize>, Error> {
        let size = |dim: &u64| usize::try_from(*dim).map_err(|_| self.misshapen());
        self.dims.iter().map(size).collect()
    }

    /// How many numbers the dimensions ask for: never more than a model's bytes could hold.
    fn count(&self, kind: i64) -> Result<usize, Error> {
        if self.kind != kind || self.is_elsewhere {
            let hint = "constants are 32-bit floats, and sizes 64-bit integers, inside the file";
            return Err(Error::new(Code::ModelShape).at(self.name).hint(hint));
        }
        let product = self.dims.iter().try_fold(1_u64, |n, dim| n.checked_mul(*dim));
        let count = product.and_then(|n| usize::try_from(n).ok());
        count.filter(|n| *n <= super::MAX_MODEL / 4).ok_or_else(|| self.misshapen())
    }

    fn misshapen(&self) -> Error {
        Error::new(Code::ModelShape).at(self.name)
    }
}

/// Packed numbers, or one in each field.
fn floats(fields: &[Field<'_>]) -> Result<Vec<f32>, Error> {
    let mut numbers = Vec::new();
    for field in fields {
        match field {
            Field::Fixed32(bits) => numbers.push(f32::from_bits(*bits)),
            field => {
                let mut packed = field.message()?;
                while !packed.is_empty() {
                    numbers.push(f32::from_bits(packed.fixed32()?));
                }
            }
        }
    }
    Ok(numbers)
}

fn integers(fields: &[Field<'_>]) -> Result<Vec<i64>, Error> {
    let mut numbers = Vec::new();
    for field in fields {
        match field {
            Field::Varint(number) => numbers.push(*number as i64),
            field => {
                let mut packed = field.message()?;
                while !packed.is_empty() {
                    numbers.push(packed.varint()? as i64);
                }
            }
        }
    }
    Ok(numbers)
}
