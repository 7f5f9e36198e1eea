//! One signal: gaps, shaded alerts, limits, and the trace on top.

use super::axis::{Scale, Ticks, time_ticks};
use super::chart::Panel;
use super::layout::{Frame, class};
use super::svg::{Rect, Svg};
use super::trace::{self, Point};

/// Fewer readings than this are drawn as dots as well: hourly charting is made of single values.
const DOTS_BELOW: usize = 160;
/// The least distance between the labels of two limits.
const LABEL_HEIGHT: f64 = 14.0;
/// Artifacts are marked up to here; more would hide the trace.
const MOST_ARTIFACTS: usize = 400;

/// Draws a panel into its frame.
pub fn draw(svg: &mut Svg, panel: &Panel, frame: &Frame, (from, until): (i64, i64)) {
    let plot = frame.plot;
    let ticks = ticks(panel);
    let scale = Scale::new((ticks.low, ticks.high), (plot.bottom(), plot.y));
    svg.rect("plot", plot, "");
    grid(svg, &ticks, scale, frame, (from, until));
    for (start, end) in trace::gaps(&panel.points, from, until, panel.longest_gap) {
        svg.rect("gap", stretch(frame, start, end), "no usable readings");
    }
    for shade in &panel.shades {
        let class = format!("shade {}", class(shade.level));
        svg.rect(&class, stretch(frame, shade.from, shade.until), "");
    }
    limits(svg, panel, scale, frame);
    readings(svg, panel, scale, frame);
    svg.text("name", "start", (frame.text_left, plot.y + 18.0), &panel.title);
    svg.text("unit", "start", (frame.text_left, plot.y + 36.0), &panel.unit);
}

/// The part of the plot between two times, at least a pixel wide.
pub fn stretch(frame: &Frame, from: i64, until: i64) -> Rect {
    let (left, right) = (frame.time.time(from), frame.time.time(until));
    Rect { x: left, width: (right - left).max(1.0), ..frame.plot }
}

/// The range of the good readings and the limits.
fn ticks(panel: &Panel) -> Ticks {
    let readings = panel.points.iter().filter(|p| p.good).map(|p| i64::from(p.value));
    let values: Vec<i64> = readings.chain(panel.limits.iter().map(|l| l.value)).collect();
    let low = values.iter().min().copied().unwrap_or(0);
    let high = values.iter().max().copied().unwrap_or(1000);
    Ticks::over(low as f64 / 1000.0, high as f64 / 1000.0, 7)
}

fn grid(svg: &mut Svg, ticks: &Ticks, scale: Scale, frame: &Frame, (from, until): (i64, i64)) {
    let plot = frame.plot;
    for (at, _) in time_ticks(from, until) {
        let x = frame.time.time(at);
        svg.line("grid", (x, plot.y), (x, plot.bottom()));
    }
    for value in &ticks.at {
        let y = scale.at(*value);
        svg.line("grid", (plot.x, y), (plot.right(), y));
        svg.text("tick", "end", (plot.x - 7.0, y + 4.0), &ticks.label(*value));
    }
}

fn limits(svg: &mut Svg, panel: &Panel, scale: Scale, frame: &Frame) {
    let plot = frame.plot;
    let mut limits: Vec<_> =
        panel.limits.iter().map(|l| (scale.at(l.value as f64 / 1000.0), l)).collect();
    limits.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut free = plot.y - LABEL_HEIGHT;
    for (y, limit) in limits {
        let class = class(limit.level);
        svg.line(&format!("limit {class}"), (plot.x, y), (plot.right(), y));
        let label = (y + 4.0).max(free + LABEL_HEIGHT);
        free = label;
        svg.text(&format!("label {class}"), "start", (plot.right() + 8.0, label), &limit.label);
    }
}

fn readings(svg: &mut Svg, panel: &Panel, scale: Scale, frame: &Frame) {
    let pixel = |p: &Point| (frame.time.time(p.at), scale.at(f64::from(p.value) / 1000.0));
    let runs = trace::runs(&panel.points, panel.longest_gap);
    let dots = panel.points.len() < DOTS_BELOW;
    for run in &runs {
        let pixels: Vec<(f64, f64)> = run.iter().map(pixel).collect();
        if let [alone] = pixels.as_slice() {
            svg.circle("dot", *alone, 2.0);
            continue;
        }
        svg.polyline("trace", &pixels);
        for pixel in pixels.iter().filter(|_| dots) {
            svg.circle("dot", *pixel, 1.8);
        }
    }
    let artifacts: Vec<&Point> = panel.points.iter().filter(|p| !p.good).collect();
    let every = artifacts.len().div_ceil(MOST_ARTIFACTS).max(1);
    for point in artifacts.iter().step_by(every) {
        svg.circle("artifact", pixel(point), 2.2);
    }
}
