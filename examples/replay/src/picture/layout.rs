//! The drawing: a heading, the panels, the lanes, the time axis and the legend.

use rpm_core::record::Level;

use super::axis::{Scale, time_ticks, time_title};
use super::chart::Chart;
use super::svg::{Rect, Svg};
use super::{lane, panel};

/// The style sheet. The alarm colours are those of IEC 60601-1-8: high red, medium yellow, low cyan.
const STYLE: &str = "
text{font-family:system-ui,'Segoe UI',Roboto,'Helvetica Neue','DejaVu Sans',sans-serif;\
font-size:12px;fill:#333d47}
.page{fill:#fff}.plot{fill:#fbfcfd;stroke:#c9d1d9;stroke-width:1}.track{fill:#f1f4f7}
.h1{font-size:19px;font-weight:600;fill:#16202a}.h2{font-size:13px;fill:#5b6773}
.name{font-size:13.5px;font-weight:600;fill:#16202a}.unit,.tick,.note{font-size:11.5px;fill:#5b6773}
.grid{stroke:#e3e8ed;stroke-width:1}.gap{fill:#8b96a1;fill-opacity:.22}
.trace{fill:none;stroke:#1f4e79;stroke-width:1.5;stroke-linejoin:round;stroke-linecap:round}
.dot{fill:#1f4e79}.artifact{fill:none;stroke:#8b96a1;stroke-width:1}
.high{fill:#d92d20}.medium{fill:#f5b800}.low{fill:#00a8c6}
.shade{fill-opacity:.2}.latched{fill-opacity:.28}.bar{stroke:#16202a;stroke-opacity:.25;stroke-width:.5}
.limit{stroke-width:1.4;stroke-dasharray:6 4}
.limit.high{stroke:#d92d20}.limit.medium{stroke:#c98a00}.limit.low{stroke:#0089a3}
.label{font-size:11.5px}.label.high{fill:#b42318}.label.medium{fill:#8a5f00}.label.low{fill:#00697d}
.hold{stroke:#5b6773;stroke-width:2}.number{font-size:11px;font-weight:600;fill:#16202a}
.number.high{fill:#fff}
@media (prefers-color-scheme:dark){
text{fill:#c9d3dc}.page{fill:#12181f}.plot{fill:#182029;stroke:#394653}.track{fill:#1d2731}
.h1,.name{fill:#f0f4f8}.h2,.unit,.tick,.note{fill:#9aa7b4}.grid{stroke:#273240}
.trace{stroke:#7db8f0}.dot{fill:#7db8f0}.shade{fill-opacity:.3}.latched{fill-opacity:.35}
.label.high{fill:#ff8a80}.label.medium{fill:#ffd35c}.label.low{fill:#63dcf2}.hold{stroke:#9aa7b4}}
";

/// Diagonal stripes over what is not known.
const DEFS: &str = "<pattern id=\"unverified\" width=\"6\" height=\"6\" \
patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><rect width=\"3\" height=\"6\" \
fill=\"#fff\" fill-opacity=\".6\"/></pattern>";

const WIDTH: f64 = 1240.0;
const LEFT: f64 = 272.0;
const RIGHT: f64 = 152.0;
const MARGIN: f64 = 24.0;
const HEADING: f64 = 74.0;
const PANEL: f64 = 132.0;
const PANEL_GAP: f64 = 18.0;
const AXIS: f64 = 44.0;
const LEGEND: f64 = 34.0;
/// The width of a small letter, about.
const LETTER: f64 = 6.3;

/// The class of a level in the style sheet.
pub fn class(level: Level) -> &'static str {
    match level {
        Level::Urgent => "high",
        Level::Review => "medium",
        Level::Informational => "low",
    }
}

/// Where things are.
pub struct Frame {
    /// The plot's left and right edge, as a scale of time.
    pub time: Scale,
    /// The left edge of the texts beside the plots.
    pub text_left: f64,
    /// The area of a plot.
    pub plot: Rect,
}

/// The chart as an SVG document.
pub fn draw(chart: &Chart) -> String {
    let mut svg = Svg::default();
    let panels = chart.panels.len() as f64;
    let lanes: f64 = chart.lanes.iter().map(lane::height).sum();
    let height = HEADING + panels * (PANEL + PANEL_GAP) + lanes + AXIS + LEGEND;
    svg.rect("page", Rect { x: 0.0, y: 0.0, width: WIDTH, height }, "");
    svg.text("h1", "start", (MARGIN, 34.0), &chart.title);
    svg.text("h2", "start", (MARGIN, 55.0), &chart.subtitle);
    let (left, right) = (LEFT, WIDTH - RIGHT);
    let time = Scale::new((chart.from as f64, chart.until as f64), (left, right));
    let mut y = HEADING;
    let frame = |y: f64, height: f64| Frame {
        time,
        text_left: MARGIN,
        plot: Rect { x: left, y, width: right - left, height },
    };
    for signal in &chart.panels {
        panel::draw(&mut svg, signal, &frame(y, PANEL), (chart.from, chart.until));
        y += PANEL + PANEL_GAP;
    }
    for rule in &chart.lanes {
        let height = lane::height(rule);
        lane::draw(&mut svg, rule, &frame(y, height - lane::GAP), chart.until);
        y += height;
    }
    axis(&mut svg, chart, time, y);
    legend(&mut svg, y + AXIS + 12.0);
    svg.document((WIDTH, height), &chart.title, STYLE, DEFS)
}

fn axis(svg: &mut Svg, chart: &Chart, time: Scale, bottom: f64) {
    for (at, label) in time_ticks(chart.from, chart.until) {
        let x = time.time(at);
        svg.line("grid", (x, bottom), (x, bottom + 5.0));
        svg.text("tick", "middle", (x, bottom + 18.0), &label);
    }
    let x = time.time(chart.until);
    svg.text("note", "end", (x, bottom + 36.0), time_title(chart.from));
}

fn legend(svg: &mut Svg, y: f64) {
    let mut x = MARGIN;
    let swatch = |x: f64| Rect { x, y: y - 10.0, width: 18.0, height: 12.0 };
    let entries = [
        ("bar high", "urgent (high)"),
        ("bar medium", "review (medium)"),
        ("bar low", "informational (low)"),
        ("high latched", "over, not yet closed"),
        ("gap", "no usable readings"),
    ];
    for (class, text) in entries {
        svg.rect(class, swatch(x), "");
        svg.text("note", "start", (x + 24.0, y), text);
        x += 24.0 + LETTER * text.len() as f64 + 12.0;
    }
    svg.rect("bar high", swatch(x), "");
    svg.stripes(swatch(x));
    svg.text("note", "start", (x + 24.0, y), "data stopped");
    x += 24.0 + LETTER * 12.0 + 12.0;
    svg.line("limit high", (x, y - 4.0), (x + 24.0, y - 4.0));
    svg.text("note", "start", (x + 30.0, y), "raise limit");
    x += 30.0 + LETTER * 11.0 + 12.0;
    svg.line("hold", (x, y - 4.0), (x + 20.0, y - 4.0));
    svg.text("note", "start", (x + 26.0, y), "crossed, hold running");
    x += 26.0 + LETTER * 21.0 + 12.0;
    svg.circle("artifact", (x, y - 4.0), 2.5);
    svg.text("note", "start", (x + 8.0, y), "artifact");
}
