//! A whole file of readings, row by row: CSV or JSON Lines, plain or gzipped.

use std::path::{Path, PathBuf};

use rpm_core::Code;

use super::columns::Columns;
use super::fields::{Fields, Unsplit};
use super::item::{Item, Text};
use super::lines::{Line, Lines};
use super::names::Names;
use super::row::{Refusal, Row};
use crate::failure::Failure;
use crate::host;

/// A row that became no event.
#[derive(Debug)]
pub struct Refused<'a> {
    /// Why.
    pub refusal: Refusal,
    /// Its kind, if the engine or the policy knows it.
    pub kind: Option<&'a str>,
    /// The row as it stood in the file.
    pub row: &'a [u8],
    /// Which file.
    pub file: u16,
    /// Which line of the file.
    pub line: u64,
}

/// What the rows of a file become.
pub trait Sink {
    /// A row is an event.
    fn item(&mut self, item: Item) -> Result<(), Failure>;
    /// A row is none.
    fn refused(&mut self, refused: &Refused<'_>) -> Result<(), Failure>;
    /// Something about the file as a whole that the user should know.
    fn warn(&mut self, message: String);
}

/// A file to read.
pub struct Recording<'a> {
    /// Where it is.
    pub path: &'a Path,
    /// Its number on the command line.
    pub number: u16,
}

impl Recording<'_> {
    /// Reads every row into the sink.
    pub fn read(&self, names: &mut Names, sink: &mut dyn Sink) -> Result<(), Failure> {
        let fail = |e: std::io::Error| Failure::at(self.path, &e);
        let mut lines = Lines::open(self.path).map_err(fail)?;
        let json = match format_by_name(self.path) {
            Some(format) => format == Format::JsonLines,
            None => lines.peek().map_err(fail)? == Some(b'{'),
        };
        if json { self.json(&mut lines, sink) } else { self.csv(&mut lines, names, sink) }
    }

    fn csv(
        &self,
        lines: &mut Lines,
        names: &mut Names,
        sink: &mut dyn Sink,
    ) -> Result<(), Failure> {
        let mut fields = Fields::default();
        let columns = self.header(lines, &mut fields)?;
        if !columns.ignored.is_empty() {
            let ignored = columns.ignored.join(", ");
            sink.warn(format!("{}: columns not read: {ignored}", self.path.display()));
        }
        loop {
            let number = lines.number() + 1;
            let Some(line) = lines.next().map_err(|e| Failure::at(self.path, &e))? else {
                return Ok(());
            };
            if line == Line::Bytes(b"") {
                continue;
            }
            let place = (self.number, number);
            match read_row(&line, &mut fields, &columns, names, place) {
                Ok(row) => sink.item(Item::Row(row))?,
                Err(refusal) => {
                    let split = refusal.column != WHOLE_ROW;
                    let kind = fields.get(columns.kind).filter(|_| split);
                    let kind = kind.filter(|kind| names.knows_kind(kind));
                    let (Line::Bytes(row) | Line::TooLong(row)) = line;
                    let file = self.number;
                    sink.refused(&Refused { refusal, kind, row, file, line: number })?;
                }
            }
        }
    }

    fn header(&self, lines: &mut Lines, fields: &mut Fields) -> Result<Columns, Failure> {
        let problem = |text: &str| Failure::new(format!("{}: {text}", self.path.display()));
        match lines.next().map_err(|e| Failure::at(self.path, &e))? {
            None => Err(problem("the file is empty")),
            Some(Line::TooLong(_)) => Err(problem("the first line is too long for a header")),
            Some(Line::Bytes(line)) => {
                fields.split(line).map_err(|_| problem("the header is not readable text"))?;
                Columns::read(fields).map_err(|e| problem(&e))
            }
        }
    }

    fn json(&self, lines: &mut Lines, sink: &mut dyn Sink) -> Result<(), Failure> {
        loop {
            let number = lines.number() + 1;
            let line = match lines.next().map_err(|e| Failure::at(self.path, &e))? {
                None => return Ok(()),
                Some(line) => line,
            };
            let (row, due) = match line {
                Line::Bytes(row) if row.trim_ascii().is_empty() => continue,
                Line::Bytes(row) => (row, host::due(row)),
                Line::TooLong(row) => (row, Err(Code::TooLarge)),
            };
            match due {
                Ok(due) => {
                    let text = Text { due, json: row.to_vec(), file: self.number, line: number };
                    sink.item(Item::Text(Box::new(text)))?;
                }
                Err(code) => {
                    let refusal = Refusal { code, column: WHOLE_ROW };
                    let file = self.number;
                    sink.refused(&Refused { refusal, kind: None, row, file, line: number })?;
                }
            }
        }
    }
}

/// The column that is to blame when the row as a whole is.
pub const WHOLE_ROW: &str = "(row)";

fn read_row(
    line: &Line<'_>,
    fields: &mut Fields,
    columns: &Columns,
    names: &mut Names,
    place: (u16, u64),
) -> Result<Row, Refusal> {
    let whole = |code| Refusal { code, column: WHOLE_ROW };
    let Line::Bytes(line) = line else {
        return Err(whole(Code::TooLarge));
    };
    fields.split(line).map_err(|e| match e {
        Unsplit::Encoding => whole(Code::BadEncoding),
        Unsplit::Quotes => whole(Code::WrongType),
    })?;
    Row::read(fields, columns, names, place)
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Format {
    Csv,
    JsonLines,
}

/// The format by the file's name, without `.gz`.
fn format_by_name(path: &Path) -> Option<Format> {
    let mut path = PathBuf::from(path);
    if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gz")) {
        path.set_extension("");
    }
    match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "csv" => Some(Format::Csv),
        "jsonl" | "ndjson" => Some(Format::JsonLines),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_tells_the_format_before_gz() {
        let format = |name: &str| format_by_name(Path::new(name));
        assert_eq!(format("a/b.csv"), Some(Format::Csv));
        assert_eq!(format("b.CSV.gz"), Some(Format::Csv));
        assert_eq!(format("b.jsonl.GZ"), Some(Format::JsonLines));
        assert_eq!(format("b.gz"), None);
    }
}
