//! The figures for people to read.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::fmt::{self, Display, Formatter};

use super::report::{KpiReport, Predictive, QueueReport};
use crate::insight::measure::Figure;

/// So many patients are shown, those with the most wrong alerts; the rest is in the report itself.
const PATIENTS: usize = 10;

impl Display for KpiReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Some(from) = self.from else {
            return f.write_str("no records");
        };
        write!(f, "{from} to {}: {} times ten minutes", self.until, self.bins)?;
        if !self.enough {
            write!(f, "; the guidance is for 30 days, this is {}", self.days)?;
        }
        let refused = &self.unauthorized;
        f.write_str("\n\ncommands\n")?;
        row(f, "refused suppression", &shown(&refused.refused))?;
        for queue in &self.queues {
            write!(f, "\n{queue}")?;
        }
        outcomes(f, "rules", &self.rules.iter().collect::<Vec<_>>())?;
        let mut patients: Vec<_> = self.patients.iter().collect();
        patients.sort_by_key(|patient| Reverse(patient.verdicts.wrong));
        patients.truncate(PATIENTS);
        outcomes(f, "patients, those with the most false alerts", &patients)
    }
}

impl Display for QueueReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("queue ")?;
        if let Some(tenant) = &self.tenant {
            write!(f, "{}/", tenant.as_str())?;
        }
        write!(f, "{}: {} annunciated", self.queue, self.annunciated)?;
        writeln!(f, ", {} suppressed, {} shadow", self.suppressed, self.shadow)?;
        row(f, "alarms an hour", &shown(&self.per_hour))?;
        row(f, "most in ten minutes", &shown(&self.peak))?;
        row(f, "ten minutes with more than 10", &shown(&self.over_ten))?;
        row(f, "time in flood", &shown(&self.in_flood))?;
        row(f, "stale on the worst day", &shown(&self.stale))?;
        row(f, "rules of a patient that chatter", &shown(&self.chattering))?;
        row(f, "fleeting", &shown(&self.fleeting))?;
        row(f, "share of the ten most frequent", &shown(&self.top_share))?;
        let [low, medium, high] = self.mix.value;
        let mix = Figure {
            value: format!("{low}, {medium}, {high}"),
            guidance: self.mix.guidance,
            verdict: self.mix.verdict,
        };
        row(f, "low, medium, high", &shown(&mix))?;
        row(f, "time to acknowledge, median", &self.acknowledge)?;
        row(f, "time to resolve, median", &self.resolve)?;
        for actor in &self.top {
            let what = format!("{} of {}", actor.rule, actor.owner);
            let chatters = if actor.chatter_bursts > 0 { ", chatters" } else { "" };
            row(f, &what, &format_args!("{} ({}){chatters}", actor.annunciated, actor.share))?;
        }
        Ok(())
    }
}

fn outcomes<T: Display>(
    f: &mut Formatter<'_>,
    title: &str,
    rows: &[&Predictive<T>],
) -> fmt::Result {
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n{title}: share of true alerts among those that were judged")?;
    for Predictive { of, verdicts, value } in rows {
        let value = value.map_or("unknown".into(), |value| value.to_string());
        let counts = format!(
            "{value:<9} {} true, {} false, {} unknown",
            verdicts.correct, verdicts.wrong, verdicts.unknown
        );
        row(f, &of.to_string(), &counts)?;
    }
    Ok(())
}

fn row(f: &mut Formatter<'_>, name: &str, value: &dyn Display) -> fmt::Result {
    writeln!(f, "  {name:<32} {value}")
}

fn shown<T: Display>(figure: &Figure<T>) -> String {
    let value = figure.value.to_string();
    format!("{value:<20} {:<10} {}", figure.verdict.name(), figure.guidance)
}
