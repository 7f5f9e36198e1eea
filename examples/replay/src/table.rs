//! The table of alerts, for a terminal.

use comfy_table::{ContentArrangement, Table, presets};

use rpm_core::Timestamp;

use crate::episode::{Episode, level_name};

/// Alerts as a table; `end` is the end of an episode's recording.
pub fn alerts(episodes: &[&Episode], end: impl Fn(&Episode) -> Timestamp) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width())
        .set_header(["alert", "rule", "level", "onset", "duration", "priority", "reason"]);
    for episode in episodes {
        table.add_row([
            short_reference(episode),
            episode.rule.clone(),
            level_name(episode.level).to_string(),
            clock(episode.onset),
            duration(episode, end(episode)),
            episode.priority.name().to_string(),
            episode.reason.clone(),
        ]);
    }
    table
}

fn short_reference(episode: &Episode) -> String {
    format!("{}/{}", episode.patient.as_str(), episode.alert)
}

/// The terminal's width as the shell tells it, else what fits most.
pub fn width() -> u16 {
    let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    columns.unwrap_or(120).clamp(80, 200)
}

/// How long it held, or has held so far.
pub fn duration(episode: &Episode, now: Timestamp) -> String {
    match episode.duration() {
        Some(duration) => span(duration.as_millis()),
        None => format!("> {}", span(now.since(episode.onset).as_millis())),
    }
}

/// Recordings without a date start in 1970: those show the elapsed time, others the date.
pub fn clock(at: Timestamp) -> String {
    let ms = at.as_millis();
    if is_elapsed(ms) { span(ms) } else { at.to_string() }
}

/// Whether a time counts from the start of a recording: below 30 years, nobody monitored.
pub fn is_elapsed(ms: i64) -> bool {
    ms < 946_684_800_000
}

/// `0:07`, `12:30`, `3:05:00`, `2d 04:00`: to the second.
pub fn span(ms: i64) -> String {
    let seconds = ms.unsigned_abs() / 1000;
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    let sign = if ms < 0 { "-" } else { "" };
    match (days, hours) {
        (0, 0) => format!("{sign}{minutes}:{seconds:02}"),
        (0, hours) => format!("{sign}{hours}:{minutes:02}:{seconds:02}"),
        (days, hours) => format!("{sign}{days}d {hours:02}:{minutes:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_like_a_clock() {
        assert_eq!(span(7_400), "0:07");
        assert_eq!(span(750_000), "12:30");
        assert_eq!(span(11_100_000), "3:05:00");
        assert_eq!(span(187_200_000), "2d 04:00");
        assert_eq!(span(-1000), "-0:01");
    }
}
