//! One CSV line as fields.
//!
//! A row is one line: a quote that is never closed damages its own row and nothing after it.

/// The fields of the line that was split last, reused from line to line.
#[derive(Default)]
pub struct Fields {
    ends: Vec<usize>,
    text: String,
    quoted: Option<csv::StringRecord>,
}

/// Why a line has no fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unsplit {
    /// Not UTF-8.
    Encoding,
    /// Quotes that do not pair up.
    Quotes,
}

impl Fields {
    /// Splits a line; the fields before it are gone.
    pub fn split(&mut self, line: &[u8]) -> Result<(), Unsplit> {
        let text = str::from_utf8(line).map_err(|_| Unsplit::Encoding)?;
        self.quoted = None;
        if text.contains('"') {
            self.quoted = Some(split_quoted(text)?);
            return Ok(());
        }
        self.text.clear();
        self.text.push_str(text);
        self.ends.clear();
        self.ends.extend(text.bytes().enumerate().filter(|(_, b)| *b == b',').map(|(at, _)| at));
        self.ends.push(text.len());
        Ok(())
    }

    /// How many fields there are; at least one.
    pub fn len(&self) -> usize {
        self.quoted.as_ref().map_or(self.ends.len(), csv::StringRecord::len)
    }

    /// A field without surrounding white space, or `None` if the line has fewer.
    pub fn get(&self, index: usize) -> Option<&str> {
        if let Some(record) = &self.quoted {
            return record.get(index).map(str::trim);
        }
        let end = *self.ends.get(index)?;
        let start = if index == 0 { 0 } else { self.ends.get(index - 1)? + 1 };
        self.text.get(start..end).map(str::trim)
    }
}

fn split_quoted(text: &str) -> Result<csv::StringRecord, Unsplit> {
    // The reader accepts an open quote at the end of its input; a pair count finds it.
    if text.bytes().filter(|b| *b == b'"').count() % 2 != 0 {
        return Err(Unsplit::Quotes);
    }
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    match reader.read_record(&mut record) {
        Ok(true) => Ok(record),
        _ => Err(Unsplit::Quotes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Vec<String> {
        let mut fields = Fields::default();
        fields.split(line.as_bytes()).unwrap();
        (0..fields.len()).map(|i| fields.get(i).unwrap().to_string()).collect()
    }

    #[test]
    fn plain_and_quoted_lines_split_alike() {
        assert_eq!(split("a, b ,,c"), ["a", "b", "", "c"]);
        assert_eq!(split("\"a\",b,\"\",\"c\""), ["a", "b", "", "c"]);
        assert_eq!(split("\"x, \"\"y\"\"\",1"), ["x, \"y\"", "1"]);
        assert_eq!(split(""), [""]);
    }

    #[test]
    fn an_open_quote_and_a_wrong_encoding_are_refused() {
        let mut fields = Fields::default();
        assert_eq!(fields.split(b"a,\"b,c"), Err(Unsplit::Quotes));
        assert_eq!(fields.split(b"a,\xff"), Err(Unsplit::Encoding));
        assert_eq!(fields.split(b"a,b"), Ok(()));
        assert_eq!(fields.get(2), None);
    }
}
