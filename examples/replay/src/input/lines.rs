//! Lines of bounded length from a plain or gzipped file.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

/// The longest line that is read whole. Longer ones are skipped and reported, never held in memory.
pub const MAX_LINE: usize = 1 << 20;

const BUFFER: usize = 1 << 18;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// One line of a file, without its line ending.
#[derive(PartialEq, Eq, Debug)]
pub enum Line<'a> {
    /// Its bytes, of any encoding.
    Bytes(&'a [u8]),
    /// Longer than [`MAX_LINE`]: only its beginning is kept.
    TooLong(&'a [u8]),
}

/// Reads a file line by line and counts the lines from 1.
pub struct Lines {
    reader: Box<dyn BufRead>,
    buffer: Vec<u8>,
    number: u64,
}

impl Lines {
    /// Opens a file; gzip is recognised by its first bytes, whatever the name says.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut plain = BufReader::with_capacity(BUFFER, File::open(path)?);
        let gzipped = plain.fill_buf()?.starts_with(&GZIP_MAGIC);
        if gzipped {
            let decoder = MultiGzDecoder::new(plain);
            return Ok(Self::new(Box::new(BufReader::with_capacity(BUFFER, decoder))));
        }
        Ok(Self::new(Box::new(plain)))
    }

    /// Lines of any reader.
    pub fn new(reader: Box<dyn BufRead>) -> Self {
        Self { reader, buffer: Vec::new(), number: 0 }
    }

    /// The number of the line that was read last, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The first byte that is not white space, without consuming anything beyond the buffer.
    pub fn peek(&mut self) -> io::Result<Option<u8>> {
        let head = self.reader.fill_buf()?;
        let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
        Ok(head.iter().copied().find(|b| !b.is_ascii_whitespace()))
    }

    /// The next line, or `None` at the end.
    pub fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.buffer.clear();
        let limit = MAX_LINE as u64 + 1;
        let read = (&mut self.reader).take(limit).read_until(b'\n', &mut self.buffer)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        if self.buffer.len() > MAX_LINE && self.buffer.last() != Some(&b'\n') {
            self.skip_line()?;
            self.buffer.truncate(MAX_LINE);
            return Ok(Some(Line::TooLong(&self.buffer)));
        }
        let mut line: &[u8] = &self.buffer;
        line = line.strip_suffix(b"\n").unwrap_or(line);
        line = line.strip_suffix(b"\r").unwrap_or(line);
        if self.number == 1 {
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        Ok(Some(Line::Bytes(line)))
    }

    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let available = self.reader.fill_buf()?;
            if available.is_empty() {
                return Ok(());
            }
            let end = available.iter().position(|b| *b == b'\n');
            let used = end.map_or(available.len(), |at| at + 1);
            self.reader.consume(used);
            if end.is_some() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: Vec<u8>) -> Vec<(u64, usize, bool)> {
        let mut lines = Lines::new(Box::new(io::Cursor::new(bytes)));
        let mut seen = Vec::new();
        loop {
            let found = match lines.next().unwrap() {
                Some(Line::Bytes(b)) => (b.len(), false),
                Some(Line::TooLong(b)) => (b.len(), true),
                None => return seen,
            };
            seen.push((lines.number(), found.0, found.1));
        }
    }

    #[test]
    fn endings_and_a_byte_order_mark_are_removed() {
        assert_eq!(
            all(b"\xef\xbb\xbfab\r\nc\n\nd".to_vec()),
            [(1, 2, false), (2, 1, false), (3, 0, false), (4, 1, false)]
        );
    }

    #[test]
    fn a_line_without_end_does_not_fill_the_memory() {
        let mut bytes = vec![b'x'; 3 * MAX_LINE];
        bytes.extend_from_slice(b"\nnext\n");
        assert_eq!(all(bytes), [(1, MAX_LINE, true), (2, 4, false)]);
    }
}
