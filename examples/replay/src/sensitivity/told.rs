//! The curve: a table for a terminal, a page for everybody else.

use std::fmt::Write as _;
use std::io::Write;

use comfy_table::{ContentArrangement, Table, presets};

use super::{Point, Sensitivity};
use crate::compare::page::{document, shares};
use crate::compare::side::figure;
use crate::failure::Failure;
use crate::picture::svg::Escaped;
use crate::table;

/// More would run into each other below the curve.
const MOST_MARKS: usize = 12;

/// What it is said of, what it costs, and a row for each amount.
pub fn tell(sensitivity: &Sensitivity, out: &mut dyn Write) -> Result<(), Failure> {
    for line in facts(sensitivity) {
        writeln!(out, "{line}")?;
    }
    let mut table = Table::new();
    table
        .load_preset(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(table::width())
        .set_header(header(sensitivity));
    for point in &sensitivity.curve {
        table.add_row(row(sensitivity, point));
    }
    writeln!(out, "{table}")?;
    Ok(())
}

/// The page.
pub fn html(sensitivity: &Sensitivity) -> String {
    let Sensitivity { kind, lasting, later, .. } = sensitivity;
    let title = format!("{}: shifts of {kind} that are found", name(sensitivity));
    let mut body = String::new();
    // Writing to a string cannot fail.
    for line in facts(sensitivity) {
        let _ = writeln!(body, "<p>{}</p>", Escaped(&line));
    }
    let keys = [("#5b7fa6", format!("while it lasts, {lasting}"))].into_iter();
    let keys = keys.chain((!later.is_zero()).then(|| ("#e0862a", format!("or {later} later"))));
    let keys = keys.map(|(colour, text)| {
        format!("<span class=\"key\" style=\"background:{colour}\"></span>{}", Escaped(&text))
    });
    let _ = writeln!(body, "<h2>Share found</h2>\n<p>{}</p>", keys.collect::<String>());
    body.push_str(&curve(sensitivity));
    body.push_str("<table>\n<tr>");
    for head in header(sensitivity) {
        let _ = write!(body, "<th>{}</th>", Escaped(&head));
    }
    body.push_str("</tr>\n");
    for point in &sensitivity.curve {
        body.push_str("<tr>");
        for cell in row(sensitivity, point) {
            let _ = write!(body, "<td class=\"n\">{}</td>", Escaped(&cell));
        }
        body.push_str("</tr>\n");
    }
    body.push_str("</table>\n");
    document(&title, &body)
}

fn curve(sensitivity: &Sensitivity) -> String {
    let apart = sensitivity.curve.len().div_ceil(MOST_MARKS);
    let marked = sensitivity.curve.iter().step_by(apart.max(1));
    let marks: Vec<(f64, String)> = marked.map(|p| (p.shift, amount(sensitivity, p))).collect();
    let line = |share: fn(&Point) -> f64| {
        sensitivity.curve.iter().map(|point| (point.shift, share(point))).collect()
    };
    // Where they are the same, what is found in time lies on top.
    let lines = [("lb", line(|point| point.share_with_later)), ("la", line(|point| point.share))];
    shares("Share of shifts that are found", &marks, lines)
}

fn facts(sensitivity: &Sensitivity) -> [String; 2] {
    let Sensitivity { kind, now, places, alarmed_anyway, seed, .. } = sensitivity;
    [
        format!(
            "{} as it is: {} of {} patient-days with a reading of {kind} have an alarm, {} in 100 \
             ({} alarms, {} patients).",
            name(sensitivity),
            now.alarm_days,
            now.days,
            figure(now.alarm_days_in_100),
            now.alarms,
            now.patients
        ),
        format!(
            "Shares are of {places} places, drawn by seed {seed}. At {alarmed_anyway} more an alarm \
             stood anyway, or just before; they do not count."
        ),
    ]
}

fn name(sensitivity: &Sensitivity) -> String {
    let policy = &sensitivity.policy;
    let rule = sensitivity.rule.as_ref().map(|rule| format!("{rule} of ")).unwrap_or_default();
    format!("{rule}{} v{}", policy.id, policy.version)
}

fn amount(sensitivity: &Sensitivity, point: &Point) -> String {
    format!("{:+} {}", point.shift, sensitivity.unit)
}

fn header(sensitivity: &Sensitivity) -> Vec<String> {
    let Sensitivity { lasting, later, .. } = sensitivity;
    let mut header = vec!["shift".into(), format!("found in {lasting}")];
    if !later.is_zero() {
        header.push(format!("or {later} later"));
    }
    header.push("median delay".into());
    header
}

fn row(sensitivity: &Sensitivity, point: &Point) -> Vec<String> {
    let told = |share: f64, count: u64| format!("{} % ({count})", figure(100.0 * share));
    let mut row = vec![amount(sensitivity, point), told(point.share, point.found)];
    if !sensitivity.later.is_zero() {
        row.push(told(point.share_with_later, point.found + point.found_later));
    }
    row.push(point.median_delay_s.map_or("-".into(), |seconds| table::span(seconds * 1000)));
    row
}
