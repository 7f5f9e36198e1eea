//! A comparison as one HTML page, which needs nothing from anywhere else.

use std::fmt::Write as _;

use super::Comparison;
use super::side::{Side, figure};
use crate::picture::svg::{Escaped, Rect, Svg};

const STYLE: &str = "
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;margin:2rem auto;\
max-width:1100px;padding:0 1rem}
h1{font-size:1.6rem}h2{margin-top:2.2rem;border-bottom:1px solid #8884;padding-bottom:.3rem}
table{border-collapse:collapse;font-size:14px}
th,td{text-align:left;padding:.3rem .8rem;border-bottom:1px solid #8883}
td.n{text-align:right;font-variant-numeric:tabular-nums}
pre{font-size:13px;overflow-x:auto}svg{max-width:100%;height:auto}
.key{display:inline-block;width:.9em;height:.9em;border-radius:2px;margin:0 .4em 0 1em}
";

const DRAWN: &str = "
.a{fill:#5b7fa6}.b{fill:#e0862a}.now{fill:#2a9d5c}.la{stroke:#5b7fa6}.lb{stroke:#e0862a}
.la,.lb{fill:none;stroke-width:2}.grid{stroke:#8885}.label{font:12px system-ui,sans-serif;fill:#777}
";

const WIDTH: f64 = 900.0;
const LEFT: f64 = 220.0;
const BAR: f64 = 11.0;

/// The page.
pub fn html(comparison: &Comparison) -> String {
    let Comparison { a, b, differences } = comparison;
    let title = format!("{} against {}", a.name(), b.name());
    let mut page = String::new();
    for (side, class) in [(a, "#5b7fa6"), (b, "#e0862a")] {
        put(
            &mut page,
            format_args!(
                "<p><span class=\"key\" style=\"background:{class}\"></span>{}: {} ({} patients, \
                 {} patient-days)</p>\n",
                Escaped(&side.name()),
                Escaped(&side.title),
                side.patients,
                figure(side.patient_days)
            ),
        );
    }
    page.push_str("<h2>Alarms for each day of a patient</h2>\n");
    page.push_str(&bars(a, b));
    if let (Some(a), Some(b)) = (&a.detection, &b.detection) {
        page.push_str("<h2>Share of events with an alarm, by hours from the onset</h2>\n");
        page.push_str(&curves(&a.curve, &b.curve));
        page.push_str("<table>\n");
        for ((what, a), (_, b)) in a.rows().into_iter().zip(b.rows()) {
            let (what, a, b) = (Escaped(&what), Escaped(&a), Escaped(&b));
            put(
                &mut page,
                format_args!(
                    "<tr><td>{what}</td><td class=\"n\">{a}</td><td class=\"n\">{b}</td></tr>\n"
                ),
            );
        }
        page.push_str("</table>\n");
    }
    page.push_str("<h2>Alarms an hour, all patients at once</h2>\n");
    page.push_str(&load(a, b));
    put(
        &mut page,
        format_args!(
            "<p>{}: {}, in flood {}. {}: {}, in flood {}.</p>\n",
            Escaped(&a.name()),
            a.load.words(),
            Escaped(&a.flood()),
            Escaped(&b.name()),
            b.load.words(),
            Escaped(&b.flood())
        ),
    );
    put(&mut page, format_args!("<h2>Episodes that differ: {}</h2>\n<pre>\n", differences.len()));
    for line in differences {
        put(&mut page, format_args!("{}\n", Escaped(line)));
    }
    page.push_str("</pre>\n");
    document(&title, &page)
}

/// A page of its own with this title and body.
pub fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n\
         {body}</body>\n</html>\n",
        title = Escaped(title)
    )
}

/// Two bars for each level and rule.
fn bars(a: &Side, b: &Side) -> String {
    let rules: std::collections::BTreeSet<&String> =
        a.by_rule.keys().chain(b.by_rule.keys()).collect();
    let mut rows: Vec<(String, f64, f64)> = Vec::new();
    for level in a.by_level.keys() {
        let rate = |side: &Side| side.by_level.get(level).map_or(0.0, |r| r.per_patient_day);
        rows.push(((*level).to_string(), rate(a), rate(b)));
    }
    for rule in rules {
        let rate = |side: &Side| side.by_rule.get(rule).map_or(0.0, |r| r.per_patient_day);
        rows.push((rule.clone(), rate(a), rate(b)));
    }
    let most = rows.iter().fold(f64::MIN_POSITIVE, |most, (_, a, b)| most.max(*a).max(*b));
    let mut svg = Svg::default();
    let pitch = 2.0 * BAR + 10.0;
    for (at, (name, a, b)) in (0..).zip(&rows) {
        let y = f64::from(at) * pitch;
        svg.text("label", "end", (LEFT - 10.0, y + BAR + 4.0), name);
        for (class, value, y) in [("a", *a, y), ("b", *b, y + BAR)] {
            let width = (WIDTH - LEFT - 60.0) * value / most;
            svg.rect(class, Rect { x: LEFT, y, width, height: BAR - 1.0 }, "");
            svg.text("label", "start", (LEFT + width + 5.0, y + BAR - 2.0), &figure(value));
        }
    }
    svg.document((WIDTH, pitch * rows.len() as f64), "Alarms for each day of a patient", DRAWN, "")
}

fn curves(a: &[(i64, f64)], b: &[(i64, f64)]) -> String {
    let (first, last) = (a.first().map_or(0, |p| p.0), a.last().map_or(1, |p| p.0));
    let hours = |at: i64| (at as f64, format!("{:+.1} h", at as f64 / 3600.0));
    let line = |curve: &[(i64, f64)]| curve.iter().map(|(s, share)| (*s as f64, *share)).collect();
    let marks = [first, first / 2, 0, last].map(hours);
    shares("Share of events with an alarm", &marks, [("la", line(a)), ("lb", line(b))])
}

/// Shares over something, from low to high, with what is written below it. Zero has a line.
pub fn shares(
    title: &str,
    marks: &[(f64, String)],
    lines: [(&'static str, Vec<(f64, f64)>); 2],
) -> String {
    const HEIGHT: f64 = 260.0;
    let ends = lines[0].1.first().zip(lines[0].1.last());
    let (first, last) = ends.map_or((0.0, 1.0), |(first, last)| (first.0, last.0));
    let width = if last > first { last - first } else { 1.0 };
    let x = |at: f64| 50.0 + (WIDTH - 70.0) * (at - first) / width;
    let y = |share: f64| 10.0 + (HEIGHT - 40.0) * (1.0 - share);
    let mut svg = Svg::default();
    for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
        svg.line("grid", (50.0, y(share)), (WIDTH - 20.0, y(share)));
        svg.text("label", "end", (45.0, y(share) + 4.0), &format!("{:.0} %", share * 100.0));
    }
    if first < 0.0 && last > 0.0 {
        svg.line("grid", (x(0.0), y(0.0)), (x(0.0), y(1.0)));
    }
    for (at, text) in marks {
        svg.text("label", "middle", (x(*at), HEIGHT - 12.0), text);
    }
    for (class, line) in lines {
        let points: Vec<_> = line.iter().map(|(at, share)| (x(*at), y(*share))).collect();
        svg.polyline(class, &points);
    }
    svg.document((WIDTH, HEIGHT), title, DRAWN, "")
}

fn load(a: &Side, b: &Side) -> String {
    const HEIGHT: f64 = 200.0;
    let hours = a.load.hourly.len().max(b.load.hourly.len()).max(2);
    let all = a.load.hourly.iter().chain(&b.load.hourly);
    let most = all.copied().max().unwrap_or(1).max(1);
    let point = |(hour, count): (usize, &u64)| {
        let x = 50.0 + (WIDTH - 70.0) * hour as f64 / (hours - 1) as f64;
        (x, 10.0 + (HEIGHT - 40.0) * (1.0 - *count as f64 / most as f64))
    };
    let mut svg = Svg::default();
    for (count, y) in [(0, HEIGHT - 30.0), (most, 10.0)] {
        svg.line("grid", (50.0, y), (WIDTH - 20.0, y));
        svg.text("label", "end", (45.0, y + 4.0), &count.to_string());
    }
    svg.text("label", "end", (WIDTH - 20.0, HEIGHT - 12.0), &format!("{hours} h"));
    for (class, side) in [("la", a), ("lb", b)] {
        let points: Vec<_> = side.load.hourly.iter().enumerate().map(point).collect();
        svg.polyline(class, &points);
    }
    svg.document((WIDTH, HEIGHT), "Alarms an hour", DRAWN, "")
}

/// What is said of a [`scatter`].
pub struct Scatter<'a> {
    /// Above it.
    pub title: &'a str,
    /// What the points are.
    pub note: &'a str,
    /// What goes from left to right.
    pub across: &'a str,
}

/// Points with tooltips, as a page: to the left fewer alarms, to the top more found.
pub fn scatter(said: &Scatter<'_>, points: &[(f64, f64, &'static str, String)]) -> String {
    const HEIGHT: f64 = 420.0;
    let most = points.iter().fold(f64::MIN_POSITIVE, |most, (x, ..)| most.max(*x));
    let x = |value: f64| 60.0 + (WIDTH - 90.0) * value / most;
    let y = |share: f64| 10.0 + (HEIGHT - 50.0) * (1.0 - share);
    let mut svg = Svg::default();
    for quarter in [0.0, 0.25, 0.5, 0.75, 1.0] {
        svg.line("grid", (60.0, y(quarter)), (WIDTH - 30.0, y(quarter)));
        svg.text("label", "end", (55.0, y(quarter) + 4.0), &format!("{:.0} %", quarter * 100.0));
        let rate = figure(most * quarter);
        svg.text("label", "middle", (x(most * quarter), HEIGHT - 22.0), &rate);
    }
    svg.text("label", "end", (WIDTH - 30.0, HEIGHT - 6.0), said.across);
    for (rate, found, class, tip) in points {
        let (x, y) = (x(*rate), y(*found));
        let size = if *class == "now" { 12.0 } else { 8.0 };
        let half = size / 2.0;
        svg.rect(class, Rect { x: x - half, y: y - half, width: size, height: size }, tip);
    }
    let drawing = svg.document((WIDTH, HEIGHT), said.title, DRAWN, "");
    let note = Escaped(said.note);
    let body = format!(
        "<p>{note} Point at one to read it.</p>
{drawing}"
    );
    document(said.title, &body)
}

fn put(page: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = page.write_fmt(text);
}
