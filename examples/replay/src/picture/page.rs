//! All pictures and alerts on one HTML page, which needs nothing from anywhere else.

use std::fmt::Write;

use rpm_core::Timestamp;

use super::svg::Escaped;
use crate::episode::{Episode, level_name};
use crate::table;

/// One recording on the page.
pub struct Section {
    /// Its title.
    pub title: String,
    /// The policy's title, and what came in.
    pub note: String,
    /// The patients with an alert.
    pub patients: Vec<Figure>,
}

/// One patient on the page.
pub struct Figure {
    /// Whose.
    pub patient: String,
    /// The picture's file, beside the page.
    pub file: String,
    /// The alerts.
    pub episodes: Vec<Episode>,
    /// The end of the recording.
    pub until: Timestamp,
}

const STYLE: &str = "
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;margin:2rem auto;\
max-width:1280px;padding:0 1rem}
h1{font-size:1.6rem}h2{margin-top:2.5rem;border-bottom:1px solid #8884;padding-bottom:.3rem}
img{max-width:100%;height:auto;border:1px solid #8884;border-radius:6px}
table{border-collapse:collapse;width:100%;margin:.8rem 0 2rem;font-size:14px}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #8883;vertical-align:top}
td.n{white-space:nowrap;font-variant-numeric:tabular-nums}
.tag{display:inline-block;padding:0 .5em;border-radius:.8em;color:#16202a;font-size:13px}
.high{background:#d92d20;color:#fff}.medium{background:#f5b800}.low{background:#00a8c6}
details{white-space:pre-line}summary{white-space:normal;cursor:pointer}p.note{opacity:.75}
";

/// The page.
pub fn html(title: &str, sections: &[Section]) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n",
        title = Escaped(title)
    );
    for section in sections {
        put(&mut page, format_args!("<h2>{}</h2>\n", Escaped(&section.title)));
        put(&mut page, format_args!("<p class=\"note\">{}</p>\n", Escaped(&section.note)));
        for figure in &section.patients {
            self::figure(&mut page, figure);
        }
    }
    page.push_str("</body>\n</html>\n");
    page
}

fn figure(page: &mut String, figure: &Figure) {
    let (patient, file) = (Escaped(&figure.patient), Escaped(&figure.file));
    put(page, format_args!("<h3>{patient}</h3>\n"));
    put(page, format_args!("<img src=\"{file}\" alt=\"Signals and alerts of {patient}\">\n"));
    page.push_str(
        "<table>\n<tr><th>alert</th><th>rule</th><th>level</th><th>priority</th><th>onset</th>\
         <th>duration</th><th>why</th></tr>\n",
    );
    for episode in &figure.episodes {
        row(page, episode, figure.until);
    }
    page.push_str("</table>\n");
}

fn row(page: &mut String, episode: &Episode, until: Timestamp) {
    let class = episode.priority.name();
    put(
        page,
        format_args!(
            "<tr><td class=\"n\">{}</td><td>{}</td><td>{}</td>\
             <td><span class=\"tag {class}\">{class}</span></td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td><td><details><summary>{}</summary>{}</details></td></tr>\n",
            episode.alert,
            Escaped(&episode.title),
            level_name(episode.level),
            Escaped(&table::clock(episode.onset)),
            Escaped(&table::duration(episode, until)),
            Escaped(&episode.reason),
            Escaped(&episode.explanation),
        ),
    );
}

fn put(page: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = page.write_fmt(text);
}
