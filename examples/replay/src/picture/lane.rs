//! One rule's alerts: a bar from opening to end, with the hold before it.

use rpm_core::Timestamp;

use super::chart::{Lane, Mark};
use super::layout::{Frame, class};
use super::panel::stretch;
use super::svg::{Rect, Svg};
use crate::episode::Phase;

/// The longest line of a title beside a lane, in characters.
const TITLE: usize = 36;
const ONE_LINE: f64 = 26.0;
const TWO_LINES: f64 = 36.0;
const LINE: f64 = 14.0;

/// The space below a lane.
pub const GAP: f64 = 6.0;
/// A bar at least so wide carries its alert's number.
const WIDE: f64 = 16.0;

/// Draws a lane into its frame.
pub fn draw(svg: &mut Svg, lane: &Lane, frame: &Frame, end: i64) {
    svg.rect("track", frame.plot, "");
    let baseline = frame.plot.y + frame.plot.height / 2.0 + 4.0;
    match two_lines(&lane.title) {
        (title, None) => svg.text("label", "start", (frame.text_left, baseline), &title),
        (first, Some(second)) => {
            let upper = baseline - LINE / 2.0;
            svg.text("label", "start", (frame.text_left, upper), &first);
            svg.text("label", "start", (frame.text_left, upper + LINE), &second);
        }
    }
    for mark in &lane.alerts {
        alert(svg, mark, frame, end);
    }
    let count = lane.alerts.len();
    let told = if count == 1 { "1 alert".into() } else { format!("{count} alerts") };
    svg.text("note", "start", (frame.plot.right() + 8.0, baseline), &told);
}

fn alert(svg: &mut Svg, mark: &Mark, frame: &Frame, end: i64) {
    let middle = frame.plot.y + frame.plot.height / 2.0;
    if let Some(first) = mark.spans.first() {
        let (from, until) = (frame.time.time(mark.onset), frame.time.time(first.from.as_millis()));
        svg.line("hold", (from, middle), (until, middle));
    }
    for span in &mark.spans {
        let until = span.until.map_or(end, Timestamp::as_millis);
        let rect = inset(stretch(frame, span.from.as_millis(), until));
        let colour = class(span.level);
        let style = match span.phase {
            Phase::Latched => "latched",
            Phase::Active | Phase::Unverified => "bar",
        };
        svg.rect(&format!("{style} {colour}"), rect, &mark.tip);
        if span.phase == Phase::Unverified {
            svg.stripes(rect);
        }
    }
    number(svg, mark, frame, end, middle + 4.0);
}

/// The alert's number on its widest bar, if it fits.
fn number(svg: &mut Svg, mark: &Mark, frame: &Frame, end: i64, baseline: f64) {
    let held = mark.spans.iter().filter(|s| s.phase == Phase::Active);
    let bars = held.map(|s| {
        let until = s.until.map_or(end, Timestamp::as_millis);
        (stretch(frame, s.from.as_millis(), until), s.level)
    });
    let Some((rect, level)) = bars.max_by(|a, b| a.0.width.total_cmp(&b.0.width)) else {
        return;
    };
    if rect.width >= WIDE {
        let at = (rect.x + rect.width / 2.0, baseline);
        svg.text(&format!("number {}", class(level)), "middle", at, &mark.number.to_string());
    }
}

fn inset(rect: Rect) -> Rect {
    Rect { y: rect.y + 3.0, height: rect.height - 6.0, ..rect }
}

/// The height of a lane with the space below it.
pub fn height(lane: &Lane) -> f64 {
    if two_lines(&lane.title).1.is_some() { TWO_LINES } else { ONE_LINE }
}

/// A title broken between words; what does not fit two lines is cut.
fn two_lines(title: &str) -> (String, Option<String>) {
    if title.chars().count() <= TITLE {
        return (title.to_string(), None);
    }
    let mut first = String::new();
    let mut rest = title;
    while let Some((word, after)) = rest.split_once(' ') {
        if first.chars().count() + word.chars().count() >= TITLE {
            break;
        }
        first = format!("{first} {word}").trim_start().to_string();
        rest = after;
    }
    match first.is_empty() {
        true => (shortened(title), None),
        false => (first, Some(shortened(rest))),
    }
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= TITLE {
        return text.to_string();
    }
    let head: String = text.chars().take(TITLE - 1).collect();
    format!("{}…", head.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_titles_take_two_lines_and_endless_ones_are_cut() {
        assert_eq!(two_lines("Fever"), ("Fever".into(), None));
        let (first, second) = two_lines("Two of three: low saturation, fast heart, fast breathing");
        assert_eq!(first, "Two of three: low saturation, fast");
        assert_eq!(second.unwrap(), "heart, fast breathing");
        assert!(two_lines(&"x".repeat(500)).0.ends_with('…'));
        let (_, second) = two_lines(&format!("word {}", "y".repeat(500)));
        assert!(second.unwrap().ends_with('…'));
    }
}
