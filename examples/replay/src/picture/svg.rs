//! The markup: standard shapes only, every text escaped, valid XML.

use std::fmt::Write;

/// Markup in the making.
#[derive(Default)]
pub struct Svg {
    text: String,
}

/// A rectangle in pixels.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Rect {
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

impl Rect {
    /// The right edge.
    pub fn right(self) -> f64 {
        self.x + self.width
    }

    /// The lower edge.
    pub fn bottom(self) -> f64 {
        self.y + self.height
    }
}

impl Svg {
    /// A filled or outlined rectangle of a class of the style sheet, with a tooltip if not empty.
    pub fn rect(&mut self, class: &str, rect: Rect, tip: &str) {
        let (x, y) = (Number(rect.x), Number(rect.y));
        let (width, height) = (Number(rect.width.max(0.0)), Number(rect.height.max(0.0)));
        self.put(format_args!(
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\""
        ));
        self.close("rect", tip);
    }

    /// Stripes over a rectangle: its state is not known.
    pub fn stripes(&mut self, rect: Rect) {
        self.put(format_args!(
            "<rect fill=\"url(#unverified)\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>\n",
            Number(rect.x),
            Number(rect.y),
            Number(rect.width.max(0.0)),
            Number(rect.height.max(0.0))
        ));
    }

    /// A straight line.
    pub fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        self.put(format_args!(
            "<line class=\"{class}\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>\n",
            Number(from.0),
            Number(from.1),
            Number(to.0),
            Number(to.1)
        ));
    }

    /// A line through points.
    pub fn polyline(&mut self, class: &str, points: &[(f64, f64)]) {
        self.put(format_args!("<polyline class=\"{class}\" points=\""));
        for (at, (x, y)) in points.iter().enumerate() {
            let space = if at == 0 { "" } else { " " };
            self.put(format_args!("{space}{},{}", Number(*x), Number(*y)));
        }
        self.put(format_args!("\"/>\n"));
    }

    /// A dot.
    pub fn circle(&mut self, class: &str, centre: (f64, f64), radius: f64) {
        self.put(format_args!(
            "<circle class=\"{class}\" cx=\"{}\" cy=\"{}\" r=\"{}\"/>\n",
            Number(centre.0),
            Number(centre.1),
            Number(radius)
        ));
    }

    /// Text, its baseline starting (`start`), centred (`middle`) or ending (`end`) at a point.
    pub fn text(&mut self, class: &str, anchor: &str, at: (f64, f64), text: &str) {
        self.put(format_args!(
            "<text class=\"{class}\" text-anchor=\"{anchor}\" x=\"{}\" y=\"{}\">{}</text>\n",
            Number(at.0),
            Number(at.1),
            Escaped(text)
        ));
    }

    /// Everything drawn, as a document of this size with a style sheet and definitions.
    pub fn document(&self, size: (f64, f64), title: &str, style: &str, defs: &str) -> String {
        let (width, height) = (Number(size.0), Number(size.1));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>{}</title>\n\
             <style>{style}</style>\n<defs>{defs}</defs>\n{}</svg>\n",
            Escaped(title),
            self.text
        )
    }

    fn close(&mut self, tag: &str, tip: &str) {
        match tip {
            "" => self.put(format_args!("/>\n")),
            tip => self.put(format_args!("><title>{}</title></{tag}>\n", Escaped(tip))),
        }
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.text.write_fmt(text);
    }
}

/// A coordinate: at most one decimal, never `NaN` or `-0`.
struct Number(f64);

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.0.is_finite() {
            return f.write_str("0");
        }
        let tenths = (self.0 * 10.0).round() as i64;
        let sign = if tenths < 0 { "-" } else { "" };
        let (whole, part) = (tenths.unsigned_abs() / 10, tenths.unsigned_abs() % 10);
        match part {
            0 => write!(f, "{sign}{whole}"),
            part => write!(f, "{sign}{whole}.{part}"),
        }
    }
}

/// Text as it may stand in XML and HTML; control characters become spaces.
pub struct Escaped<'a>(pub &'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' => f.write_str("\n")?,
                // Neither XML 1.0 knows these, nor anyone's eye.
                c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => f.write_str(" ")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_are_short() {
        let told: Vec<String> =
            [1.0, -0.04, 2.25, -3.17, f64::NAN].iter().map(|x| Number(*x).to_string()).collect();
        assert_eq!(told, ["1", "0", "2.3", "-3.2", "0"]);
    }

    #[test]
    fn nothing_gets_out_of_a_text() {
        let mut svg = Svg::default();
        svg.text("c", "start", (0.0, 0.0), "<script>\"&'\u{1}\u{ffff}");
        let document = svg.document((1.0, 1.0), "a<b", "", "");
        assert!(document.contains("&lt;script&gt;&quot;&amp;&#39;  </text>"));
        assert!(document.contains("<title>a&lt;b</title>"));
    }
}
