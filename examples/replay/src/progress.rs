//! How far a replay is, with rate and time left; silent when nobody looks.

use std::fmt;
use std::io::{self, IsTerminal, Write};

use indicatif::{HumanCount, ProgressBar, ProgressState, ProgressStyle};
use rpm_core::Receipt;
use rpm_core::event::Event;

use crate::host::Host;
use crate::run::Watch;

/// A progress bar on standard error.
pub struct Progress {
    bar: ProgressBar,
    name: String,
}

const READING: &str = "{prefix:20!} {spinner} {human_pos} rows read, {rate}";
const REPLAYING: &str = "{prefix:20!} [{bar:30}] {human_pos}/{human_len}, {rate}, {eta} left";

impl Progress {
    /// For a replay of this name; hidden if standard error is no terminal.
    pub fn new(name: &str) -> Self {
        let bar = match io::stderr().is_terminal() {
            true => ProgressBar::no_length(),
            false => ProgressBar::hidden(),
        };
        bar.set_style(style(READING));
        bar.set_prefix(name.to_string());
        Self { bar, name: name.to_string() }
    }

    /// Removes the bar.
    pub fn done(&self) {
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .with_key("rate", rate)
        .progress_chars("=> ")
}

/// Whole rows a second; indicatif's own rate has four decimals.
fn rate(state: &ProgressState, out: &mut dyn fmt::Write) {
    // A bar that cannot be drawn is no reason to stop.
    let _ = write!(out, "{}/s", HumanCount(state.per_sec() as u64));
}

impl Watch for Progress {
    fn read(&mut self, rows: u64) {
        self.bar.set_position(rows);
    }

    fn replayed(&mut self, inputs: u64, all: u64) {
        if self.bar.length() != Some(all) {
            self.bar.reset();
            self.bar.set_style(style(REPLAYING));
            self.bar.set_length(all);
        }
        self.bar.set_position(inputs);
    }

    fn event(&mut self, _: &Event, _: Option<&str>, _: Receipt, _: &Host) {}

    fn warn(&mut self, message: &str) {
        let name = &self.name;
        self.bar.suspend(|| {
            // If it cannot be written there is nobody to tell.
            let _ = writeln!(io::stderr(), "replay: {name}: warning: {message}");
        });
    }
}
