//! Convolutions along time.

use crate::risk::Work;
use crate::risk::layer::Layer;

/// Windows of a few lines, at regular distances.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::risk) struct Window {
    /// How many lines are looked at.
    pub taps: usize,
    /// From one of them to the next.
    pub dilation: usize,
    /// From one window to the next.
    pub stride: usize,
    /// How many lines that are not there come before the first one.
    pub before: usize,
    /// And after the last one.
    pub after: usize,
}

/// A dense layer over the lines of each window; what is not there is zero.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::risk) struct Conv {
    /// Its inputs are those of the first line of a window, then those of the second.
    pub layer: Layer,
    pub window: Window,
    /// Of a line of the grid.
    pub columns: usize,
}

impl Window {
    /// How many lines a window reaches over.
    pub fn reach(&self) -> Option<usize> {
        self.taps.checked_sub(1)?.checked_mul(self.dilation)?.checked_add(1)
    }

    /// How many windows there are over so many lines; none if not one fits.
    pub fn count(&self, lines: usize) -> Option<usize> {
        let padded = lines.checked_add(self.before)?.checked_add(self.after)?;
        Some(padded.checked_sub(self.reach()?)? / self.stride + 1)
    }

    /// The line at a tap of a window, if it is there.
    pub fn line(&self, window: usize, tap: usize, lines: usize) -> Option<usize> {
        let line = window * self.stride + tap * self.dilation;
        line.checked_sub(self.before).filter(|line| *line < lines)
    }
}

impl Conv {
    /// From `work.here` to `work.next`.
    pub fn run(&self, work: &mut Work) {
        let (columns, window) = (self.columns, &self.window);
        let lines = work.here.len() / columns;
        let count = window.count(lines).unwrap_or(0);
        if window.dilation > 1 {
            self.unfold(lines, count, work);
            self.layer.lines(&work.wide, window.taps * columns, count, &mut work.next);
        } else if window.before + window.after > 0 {
            work.wide.clear();
            work.wide.resize(window.before * columns, 0.0);
            work.wide.extend_from_slice(&work.here);
            work.wide.resize((window.before + lines + window.after) * columns, 0.0);
            self.layer.lines(&work.wide, window.stride * columns, count, &mut work.next);
        } else {
            self.layer.lines(&work.here, window.stride * columns, count, &mut work.next);
        }
    }

    /// The windows one behind the other, in `work.wide`.
    fn unfold(&self, lines: usize, count: usize, work: &mut Work) {
        work.wide.clear();
        for window in 0..count {
            for tap in 0..self.window.taps {
                match self.window.line(window, tap, lines) {
                    Some(line) => {
                        let line = &work.here[line * self.columns..][..self.columns];
                        work.wide.extend_from_slice(line);
                    }
                    None => work.wide.resize(work.wide.len() + self.columns, 0.0),
                }
            }
        }
    }
}
