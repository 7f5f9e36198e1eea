//! From what a trial remembers to its report.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::report::{
    Agreement, Counted, Episode, Episodes, Events, Lead, Outcomes, Quartiles, Side, TrialReport,
    Voice,
};
use super::span::{Course, Of, Span};
use super::{LEAST_DAYS, LEAST_FOR_QUARTILES, Question, Trial};
use crate::insight::measure::Rate;
use crate::insight::owner::Owner;
use crate::record::Level;
use crate::record::explain::name_of;
use crate::time::{Duration, HostTime};

const DAY: i64 = 86_400_000;

pub(super) fn report(trial: &Trial) -> TrialReport {
    let Trial { question, courses, .. } = trial;
    let seen = courses.values().filter_map(Course::watched);
    let watched: i64 = seen.map(|(from, until)| until.since(from).as_millis()).sum();
    let mut episodes = Episodes::default();
    let mut found = Vec::new();
    for (owner, course) in courses {
        for episode in episodes_of(owner, course, question) {
            count(&mut episodes, &mut found, episode, question);
        }
    }
    let spoke = |id: &str| trial.voices.keys().any(|(_, model)| model.id == id);
    let mut report = TrialReport {
        question: question.clone(),
        policies: trial.policies.iter().cloned().collect(),
        roll_out: trial.steps.iter().filter(|step| spoke(&step.model.id)).cloned().collect(),
        patients: courses.values().filter(|course| course.watched().is_some()).count() as u64,
        patient_days: Rate::of(watched.into(), DAY.into()).unwrap_or(Rate(0)),
        candidate: side(trial, Of::Candidate, watched),
        active: side(trial, Of::Active, watched),
        episodes,
        lead: lead(&found),
        outcomes: outcomes(trial, &found),
        events: events(trial),
        agreement: agreement(trial),
        limitations: Vec::new(),
        found,
    };
    report.limitations = limitations(&report);
    report
}

/// Alarms of a course that have to do with the period, the first first.
fn alarms<'a>(course: &'a Course, q: &Question) -> Vec<&'a Span> {
    let in_period = |span: &&Span| span.from < q.until && span.until.is_none_or(|at| at >= q.from);
    let mut spans: Vec<&Span> = course.spans.iter().filter(in_period).collect();
    spans.sort_by_key(|span| (span.from, span.of, span.alert));
    spans
}

fn end(span: &Span, question: &Question) -> HostTime {
    span.until.unwrap_or(question.until).min(question.until)
}

fn episodes_of(owner: &Owner, course: &Course, question: &Question) -> Vec<Episode> {
    let mut episodes: Vec<(Episode, Vec<&Span>)> = Vec::new();
    for span in alarms(course, question) {
        let goes_on = |(episode, _): &&mut (Episode, Vec<&Span>)| {
            span.from.since(episode.until) < question.apart || span.from <= episode.until
        };
        let (episode, of) = match episodes.last_mut().filter(goes_on) {
            Some(last) => last,
            None => {
                let new = Episode {
                    owner: owner.clone(),
                    from: span.from,
                    until: span.from,
                    candidate: None,
                    active: None,
                    judged_true: None,
                };
                episodes.push((new, Vec::new()));
                let Some(last) = episodes.last_mut() else { break };
                last
            }
        };
        episode.until = episode.until.max(end(span, question));
        let first = match span.of {
            Of::Candidate => &mut episode.candidate,
            Of::Active => &mut episode.active,
        };
        first.get_or_insert(span.from);
        of.push(span);
    }
    let judge = |(mut episode, of): (Episode, Vec<&Span>)| {
        episode.judged_true = judged(course, &episode, &of, question.near);
        episode
    };
    episodes.into_iter().map(judge).collect()
}

/// What people called an episode.
fn judged(course: &Course, episode: &Episode, of: &[&Span], near: Duration) -> Option<bool> {
    let (from, until) = (episode.from.minus(near), episode.until.plus(near));
    let says = course.judged.iter().filter(|judged| match episode.active {
        Some(_) => of.iter().any(|span| span.alert == judged.alert),
        None => (from..=until).contains(&judged.opened),
    });
    let says: Vec<bool> = says.filter_map(|judged| judged.reason.is_true()).collect();
    (!says.is_empty()).then(|| says.contains(&true))
}

fn count(all: &mut Episodes, found: &mut Vec<Episode>, episode: Episode, question: &Question) {
    if episode.from < question.from {
        all.begun_before += 1;
        return;
    }
    all.not_over += u64::from(episode.until >= question.until);
    match (episode.candidate, episode.active) {
        (Some(_), Some(_)) => all.both += 1,
        (Some(_), None) => all.only_candidate += 1,
        (None, _) => all.only_active += 1,
    }
    found.push(episode);
}

fn side(trial: &Trial, of: Of, watched: i64) -> Side {
    let question = &trial.question;
    let mut by_level: BTreeMap<_, u64> = Level::ALL.iter().map(|l| (l.name(), 0)).collect();
    let (mut patients, mut suppressed) = (0, 0);
    for course in trial.courses.values() {
        let own = course.spans.iter().filter(|s| s.of == of && question.holds(s.from));
        let before = by_level.values().sum::<u64>();
        own.for_each(|span| *by_level.entry(span.level.name()).or_default() += 1);
        patients += u64::from(by_level.values().sum::<u64>() > before);
        let hushed = course.hushed.iter().filter(|(by, at)| *by == of && question.holds(*at));
        suppressed += hushed.count() as u64;
    }
    let alarms = by_level.values().sum();
    let seen = trial.courses.values().filter(|course| course.watched().is_some()).count() as u64;
    let voices = trial.voices.iter().filter(|((shadow, _), _)| *shadow == (of == Of::Candidate));
    let voice = |((_, model), heard): (&(bool, crate::record::ModelRef), &super::Heard)| Voice {
        model: model.clone(),
        scores: heard.scores,
        failures: heard.failures.iter().map(|(why, n)| (why.name(), *n)).collect(),
    };
    let days = (watched >= LEAST_DAYS * DAY).then_some(i128::from(watched));
    let per_day = |watched| Rate::of(i128::from(alarms) * i128::from(DAY), watched);
    Side {
        rule: if of == Of::Candidate { &question.candidate } else { &question.active }.clone(),
        voices: voices.map(voice).collect(),
        alarms,
        by_level,
        alarms_per_patient_day: days.and_then(per_day),
        suppressed,
        patients: Counted::new(patients, seen),
    }
}

fn lead(found: &[Episode]) -> Lead {
    let lead = |e: &Episode| Some(e.active?.as_millis() - e.candidate?.as_millis());
    let leads: Vec<i64> = found.iter().filter_map(lead).collect();
    let count = |is: fn(&i64) -> bool| leads.iter().filter(|lead| is(lead)).count() as u64;
    Lead {
        earlier: count(|lead| *lead > 0),
        same: count(|lead| *lead == 0),
        later: count(|lead| *lead < 0),
        quartiles: quartiles(leads),
    }
}

fn quartiles(mut of: Vec<i64>) -> Option<Quartiles> {
    of.sort_unstable();
    let rank = |quarters: usize| of.get((of.len() * quarters).div_ceil(4).max(1) - 1).copied();
    let enough = of.len() as u64 >= LEAST_FOR_QUARTILES;
    let (first, median, third) = (rank(1)?, rank(2)?, rank(3)?);
    enough.then_some(Quartiles { first_ms: first, median_ms: median, third_ms: third })
}

fn outcomes(trial: &Trial, found: &[Episode]) -> Outcomes {
    let mut outcomes = Outcomes::default();
    for course in trial.courses.values() {
        let own = course.judged.iter();
        let own = own.filter(|judged| judged.of_active && trial.question.holds(judged.opened));
        for judged in own {
            let reason = name_of(&judged.reason).replace(' ', "_");
            *outcomes.reasons.entry(reason).or_default() += 1;
        }
    }
    for episode in found {
        let verdicts = match (episode.candidate, episode.active) {
            (Some(_), Some(_)) => &mut outcomes.both,
            (Some(_), None) => &mut outcomes.only_candidate,
            (None, _) => &mut outcomes.only_active,
        };
        verdicts.say(episode.judged_true);
    }
    outcomes
}

fn events(trial: &Trial) -> Option<Events> {
    let question = &trial.question;
    let labelled = || trial.courses.values().filter(|course| course.labelled);
    labelled().next()?;
    let mut events = Events::default();
    let (mut leads, mut false_alarms, mut healthy) = ([Vec::new(), Vec::new()], [0, 0], 0);
    for course in labelled() {
        let alarms = alarms(course, question);
        if course.events.is_empty() && course.watched().is_some() {
            healthy += 1;
            for of in [Of::Candidate, Of::Active] {
                let alarmed = alarms.iter().any(|span| span.of == of);
                false_alarms[of as usize] += u64::from(alarmed);
            }
        }
        for onset in &course.events {
            let (from, until) = (onset.minus(question.lead), onset.plus(question.delay));
            let first = |of| {
                let own = alarms.iter().filter(|span| span.of == of);
                let near = own.filter(|span| span.from <= until && end(span, question) >= from);
                let first = near.map(|span| span.from.max(from)).min();
                first.map(|first| onset.as_millis() - first.as_millis())
            };
            let both = (first(Of::Candidate), first(Of::Active));
            leads[0].extend(both.0);
            leads[1].extend(both.1);
            events.events += 1;
            events.both += u64::from(both.0.is_some() && both.1.is_some());
            events.only_candidate += u64::from(both.0.is_some() && both.1.is_none());
            events.only_active += u64::from(both.0.is_none() && both.1.is_some());
        }
    }
    let [candidate, active] = leads.map(quartiles);
    (events.candidate_lead, events.active_lead) = (candidate, active);
    let [candidate, active] = false_alarms.map(|n| Counted::new(n, healthy));
    (events.candidate_false, events.active_false) = (candidate, active);
    Some(events)
}

fn agreement(trial: &Trial) -> Option<Agreement> {
    let pairs: u64 = trial.gaps.values().sum();
    let greatest_gap = *trial.gaps.keys().next_back()?;
    let rank = |permille: u64| {
        let (wanted, mut seen) = ((pairs * permille).div_ceil(1000), 0);
        let reached = trial.gaps.iter().find(|(_, n)| {
            seen += **n;
            seen >= wanted
        });
        reached.map_or(greatest_gap, |(gap, _)| *gap)
    };
    let mean = crate::value::div_round(trial.difference.into(), pairs.into());
    Some(Agreement {
        pairs,
        mean_difference: mean as i64,
        median_gap: rank(500),
        p90_gap: rank(900),
        greatest_gap,
    })
}

/// What flatters or blurs the figures, as far as they show it themselves.
fn limitations(r: &TrialReport) -> Vec<String> {
    let mut said = Vec::new();
    let mut say = |holds: bool, what: String| said.extend(holds.then_some(what));
    let several = |side: &Side| side.voices.len() > 1;
    let voices = |side: &Side| {
        side.voices.iter().map(|v| v.model.to_string()).collect::<Vec<_>>().join(", ")
    };
    let failures =
        |side: &Side| -> u64 { side.voices.iter().flat_map(|v| v.failures.values()).sum() };
    let Episodes { only_candidate, begun_before, not_over, .. } = r.episodes;
    say(
        several(&r.candidate),
        format!(
            "Several versions were in shadow ({}): what the rule did is a mixture of them.",
            voices(&r.candidate)
        ),
    );
    say(
        several(&r.active),
        format!("Several versions were in force ({}): they are taken together.", voices(&r.active)),
    );
    say(
        r.policies.len() > 1,
        format!("{} policies decided in the period: limits may have differed.", r.policies.len()),
    );
    say(
        r.question.risk.is_some() && r.active.voices.is_empty(),
        "The rule in force read no score: the candidate is set against a rule of another kind, or against none that \
         was in force."
            .into(),
    );
    say(
        only_candidate > 0,
        "Nobody saw what only the candidate found: that other alerts nearby were true does not make it true, \
         and that nobody said anything does not make it false."
            .into(),
    );
    let judged = r.outcomes.both.judged() + r.outcomes.only_active.judged();
    say(
        judged == 0,
        "Nobody judged an alert of the rule in force: nothing is known of what was true.".into(),
    );
    say(
        r.events.is_none(),
        "It was not said what happened to the patients: alarms are set against each other and against what \
         people said, not against the disease."
            .into(),
    );
    say(
        begun_before > 0,
        format!("Left out because they had begun before the period: {begun_before} episodes."),
    );
    say(
        not_over > 0,
        format!("Not over when the period was, or when the patient left: {not_over} episodes."),
    );
    let (candidate, active) = (failures(&r.candidate), failures(&r.active));
    say(
        candidate + active > 0,
        format!(
            "Without a score: {candidate} times the candidate, {active} times the version in force."
        ),
    );
    say(
        r.candidate.alarms_per_patient_day.is_none(),
        format!("Fewer than {LEAST_DAYS} days of patients: no rates are told."),
    );
    let found = r.episodes.both + r.episodes.only_candidate + r.episodes.only_active;
    say(
        found < super::LEAST_FOR_SHARE,
        format!("{found} episodes are few: another period may well look otherwise."),
    );
    said
}
