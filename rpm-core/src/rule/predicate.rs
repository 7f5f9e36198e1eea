//! What a predicate says at one time of event time: met, not met, stale or invalid.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use super::background::Background;
use crate::event::Quality;
use crate::id::DeviceKey;
use crate::policy::{Comparison, Expr, FromBaseline, Leaf, Policy, Recently, SignalDef};
use crate::record::{self, Clause, Verdict};
use crate::signal::baseline::{Method, Norm};
use crate::signal::cursor::{Cursor, Window};
use crate::signal::slack::Slack;
use crate::signal::slots::{Slot, Walk};
use crate::signal::statistic::{UnitOf, WindowView};
use crate::signal::{Signal, Statistic};
use crate::time::{Duration, Timestamp};
use crate::value::{Value, write_thousandths};

/// The signals of a patient, with their definitions.
pub(crate) struct Signals<'a> {
    pub policy: &'a Policy,
    pub defs: &'a [SignalDef],
    pub live: &'a mut [Signal],
    pub background: &'a Background,
    /// A signal, a time and the pane in which it lies: what is asked most often.
    pub known: Known,
}

/// See [`Signals::known`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    pub signal: usize,
    pub at: i64,
    pub pane: i64,
}

impl<'a> Signals<'a> {
    pub fn new(policy: &'a Policy, live: &'a mut [Signal], background: &'a Background) -> Self {
        // Nothing is known; pane 0 of signal 0 does begin at 0, whatever its width.
        Self::knowing(policy, live, background, Known::default())
    }

    /// When it is known in which pane the time lies that will be asked of.
    #[inline]
    pub fn knowing(
        policy: &'a Policy,
        live: &'a mut [Signal],
        background: &'a Background,
        known: Known,
    ) -> Self {
        Self { policy, defs: policy.signals(), live, background, known }
    }
}

impl Signals<'_> {
    /// What the expression says of the panes up to the one that contains `at` (ms).
    #[inline]
    pub fn verdict(&mut self, expr: &Expr, at: i64) -> Verdict {
        match expr {
            Expr::Leaf(leaf) => self.leaf(leaf, at),
            _ => self.composed(expr, at),
        }
    }

    #[inline(never)]
    fn composed(&mut self, expr: &Expr, at: i64) -> Verdict {
        match expr {
            Expr::Leaf(leaf) => self.leaf(leaf, at),
            Expr::All(parts) => self.at_least(parts.len(), parts, at),
            Expr::Any(parts) => self.at_least(1, parts, at),
            Expr::AtLeast(k, parts) => self.at_least(usize::from(*k), parts, at),
            Expr::Not(part) => match self.verdict(part, at) {
                Verdict::Met => Verdict::NotMet,
                Verdict::NotMet => Verdict::Met,
                unknown => unknown,
            },
            Expr::Recently(recently) => self.recently(recently, at),
        }
    }

    /// Met if it was met in any pane with evidence in the time up to now; not met if any of them says
    /// no and none says yes.
    fn recently(&mut self, recently: &Recently, at: i64) -> Verdict {
        let edge = at.saturating_sub(recently.within);
        let (mut time, mut answer) = (at, Verdict::Stale);
        loop {
            match self.verdict(&recently.of, time) {
                Verdict::Met => return Verdict::Met,
                Verdict::NotMet => answer = Verdict::NotMet,
                Verdict::Invalid if answer == Verdict::Stale => answer = Verdict::Invalid,
                Verdict::Invalid | Verdict::Stale => {}
            }
            match self.evidence_before(&recently.signals, time).filter(|before| *before > edge) {
                Some(before) => time = before,
                None => return answer,
            }
        }
    }

    /// The last pane before `at` in which any of the signals has good evidence.
    pub fn evidence_before(&self, signals: &[u16], at: i64) -> Option<i64> {
        let before = |s: &u16| {
            let (def, signal) = (&self.defs[usize::from(*s)], &self.live[usize::from(*s)]);
            let pane = signal.ring.good_before(pane_at(at - 1, def.pane_ms) + 1)?;
            Some(signal.ring.start_of(pane))
        };
        signals.iter().filter_map(before).max()
    }

    /// Decided as soon as the known parts decide; otherwise the unknown ones are the answer.
    fn at_least(&mut self, k: usize, parts: &[Expr], at: i64) -> Verdict {
        let (mut met, mut open, mut invalid) = (0, 0, false);
        for (i, part) in parts.iter().enumerate() {
            match self.verdict(part, at) {
                Verdict::Met => met += 1,
                Verdict::NotMet => {}
                Verdict::Stale => open += 1,
                Verdict::Invalid => (open, invalid) = (open + 1, true),
            }
            if met >= k {
                return Verdict::Met;
            }
            if met + open + parts.len() - i - 1 < k {
                return Verdict::NotMet;
            }
        }
        if invalid { Verdict::Invalid } else { Verdict::Stale }
    }

    #[inline(always)]
    fn leaf(&mut self, leaf: &Leaf, at: i64) -> Verdict {
        if !leaf.is_fixed() {
            return self.moves(leaf, at);
        }
        let view = self.view(leaf, at);
        judge(leaf, leaf.limit, &view)
    }

    /// A comparison with a limit that is not always the same: not to be told where it is measured from
    /// what is not known.
    #[inline(never)]
    fn moves(&mut self, leaf: &Leaf, at: i64) -> Verdict {
        let limit = self.limit(leaf, at);
        limit.map_or(Verdict::Stale, |limit| judge(leaf, limit, &self.view(leaf, at)))
    }

    /// The limit in force at a time; none if it is measured from what is not known.
    fn limit(&self, leaf: &Leaf, at: i64) -> Option<i64> {
        let limit = self.adjusted(leaf.limit, &leaf.adjusts, at);
        let Some(from) = &leaf.from else {
            return Some(limit);
        };
        self.norm(from, at).map(|norm| from.limit(&norm, leaf.comparison, limit))
    }

    fn norm(&self, from: &FromBaseline, at: i64) -> Option<Norm> {
        self.usual_at(from.baseline, at)
    }

    /// What a baseline says of a time.
    pub fn usual_at(&self, baseline: u16, at: i64) -> Option<Norm> {
        self.background.usual_at(self.policy, self.live, baseline, at)
    }

    /// The same for what was observed at another time, a little before.
    pub fn usual_for(&self, baseline: u16, at: i64, of: i64) -> Option<Norm> {
        self.background.usual_for(self.policy, self.live, baseline, at, of)
    }

    /// Whether the comparison is met in any pane with evidence from `from` to `until`; not to be told so
    /// if its limit changes in between. The window stays where it is; a copy of it walks back.
    pub fn was_met(&mut self, leaf: &Leaf, from: i64, until: i64) -> Option<bool> {
        if self.stands_until(leaf, from) < until {
            return None;
        }
        let limit = self.limit(leaf, until);
        Some(limit.is_some_and(|limit| self.was_beyond(leaf, limit, from, until)))
    }

    /// Up to when, in event time, a limit is what it is at a time.
    fn stands_until(&self, leaf: &Leaf, at: i64) -> i64 {
        let Some(from) = &leaf.from else {
            return i64::MAX;
        };
        let def = &self.policy.baselines()[usize::from(from.baseline)];
        self.background.usual.stands_until(def, at)
    }

    fn was_beyond(&mut self, leaf: &Leaf, limit: i64, from: i64, until: i64) -> bool {
        let def = &self.defs[usize::from(leaf.signal)];
        let window = &def.windows[usize::from(leaf.window)];
        let first = pane_at(from, def.pane_ms);
        let (width, range) = (def.pane_ms, def.counting());
        let view = self.view(leaf, until);
        let WindowView { ring, cursor, panes, cover } = view;
        if let Some(slope) = SlopeWalk::new(leaf, view, width) {
            return slope.ever_met(first);
        }
        // Several readings in a pane count more than one.
        let bounded = leaf.statistic == Statistic::Mean && ring.detailed() == 0;
        let mut cursor = *cursor;
        while cursor.at >= first {
            let here = ring.plain(cursor.at);
            let view = WindowView { ring, cursor: &cursor, panes, cover };
            let evident = here.is_some() || ring.has_good(cursor.at);
            if evident && judge(leaf, limit, &view) == Verdict::Met {
                return true;
            }
            let margin = if bounded { i64::from(margin(leaf, limit, &cursor, range)) } else { 0 };
            if margin > cursor.at - first {
                return false;
            }
            if margin == 0 || cursor.leap(ring, cursor.at - margin, window).is_none() {
                cursor.backward(ring, here, window);
            }
        }
        false
    }

    #[inline(always)]
    fn view<'a>(&'a mut self, leaf: &Leaf, at: i64) -> WindowView<'a> {
        let index = usize::from(leaf.signal);
        let def = &self.defs[index];
        let same = self.known.signal == index && self.known.at == at;
        let pane = if same { self.known.pane } else { pane_at(at, def.pane_ms) };
        self.live[index].window(usize::from(leaf.window), pane, def)
    }

    /// For how long a mean that is not met now cannot be met, whatever plain readings on this side of an edge
    /// come. A pane moves the sum of a window by no more than the range of what counts, so a mean that is far
    /// from its limit stays on its side of it for a while. What is possible is far wider than what is usual: with
    /// an edge a little beyond the limit, and a look at every reading beyond that, the while is much longer.
    ///
    /// The window stays where it is until then, and what leaves it must
    /// still be in the ring: so at most half of what the ring has to spare, since a gap may come on top.
    pub fn slack(&mut self, leaf: &Leaf, at: i64) -> Slack {
        let def = &self.defs[usize::from(leaf.signal)];
        let window = def.windows[usize::from(leaf.window)].panes;
        let spare = def.ring_panes.saturating_sub(window) / 2;
        let (width, range) = (def.pane_ms, def.counting());
        let after = |panes: u32| at.saturating_add(i64::from(panes) * width);
        let left = self.stands_until(leaf, at).min(after(spare));
        // From what is not known nothing can be measured.
        let Some(limit) = self.limit(leaf, at) else {
            return Slack::ENDLESS.until(left);
        };
        let range = up_to_edge(leaf.comparison, limit, range);
        let panes = margin(leaf, limit, self.view(leaf, at).cursor, range);
        Slack::within(range).until(left.min(after(panes)))
    }

    /// The value of a comparison, in thousandths.
    pub fn value(&mut self, leaf: &Leaf, at: i64) -> Option<i64> {
        self.view(leaf, at).compute(leaf.statistic, leaf.per).map(|q| q.thousandths())
    }

    /// What each comparison of the expression found, for a record.
    pub fn clauses(&mut self, expr: &Expr, at: i64) -> Vec<Clause> {
        expr.leaves().into_iter().map(|leaf| self.clause(leaf, at)).collect()
    }

    fn clause(&mut self, leaf: &Leaf, at: i64) -> Clause {
        let limit = self.limit(leaf, at);
        let modifiers = self.modified(leaf, at);
        let baseline = leaf.from.as_ref().map(|from| self.usual(leaf, from, at));
        let score = self.defs[usize::from(leaf.signal)].derived;
        let drift = score.and_then(|derived| self.drifted(derived, at));
        let summary = score.and_then(|derived| self.summarised(derived, at));
        let score = score.and_then(|derived| self.terms(derived, at));
        let accuracy = self.defs[usize::from(leaf.signal)].accuracy;
        let view = self.view(leaf, at);
        let quantity = view.compute(leaf.statistic, leaf.per);
        let apart = quantity.zip(limit).map(|(q, limit)| q.thousandths().abs_diff(limit));
        let near = apart.is_some_and(|apart| apart < accuracy.unsigned_abs());
        let comparable = leaf.statistic.row().unit == UnitOf::Signal;
        let verdict = limit.map_or(Verdict::Stale, |limit| judge(leaf, limit, &view));
        let (panes, coverage) = (view.panes, view.coverage_percent());
        let def = &self.defs[usize::from(leaf.signal)];
        let over = Duration::from_millis(def.pane_ms).times(i64::from(panes));
        let end = (pane_at(at, def.pane_ms) + 1).saturating_mul(def.pane_ms);
        let not_worn = self.not_worn(leaf.signal, end.saturating_sub(over.as_millis())..end);
        Clause {
            signal: def.name.clone(),
            statistic: leaf.statistic.name().into(),
            over: leaf.windowed.then_some(over),
            value: quantity.map(|q| text(q.thousandths())),
            unit: crate::policy::unit_text(def, leaf),
            comparison: leaf.comparison.name().into(),
            limit: limit.map(text),
            modifiers,
            baseline,
            accuracy: (near && comparable).then(|| text(accuracy)),
            score,
            summary,
            drift,
            not_worn,
            instead: Vec::new(),
            coverage,
            verdict,
        }
    }

    /// The latest stretch in which a device was not worn and for which readings of a signal, or of what it is
    /// made of, are left out in a span of time.
    pub fn not_worn(&self, signal: u16, span: Range<i64>) -> Option<record::NotWorn> {
        let (def, ring) = (&self.defs[usize::from(signal)], &self.live[usize::from(signal)].ring);
        if let Some(derived) = def.derived {
            let inputs = self.policy.derived()[usize::from(derived)].inputs.iter();
            let of_inputs = inputs.filter_map(|input| self.not_worn(*input, span.clone()));
            return of_inputs.max_by_key(|not_worn| not_worn.since);
        }
        let left_out = |(device, stretch): &(DeviceKey, Range<i64>)| {
            let out = |of: DeviceKey, at: i64| of == *device && stretch.contains(&at);
            let (start, end) = (span.start.max(stretch.start), span.end.min(stretch.end));
            let first = pane_at(start, def.pane_ms).max(ring.oldest());
            let last = pane_at(end.saturating_sub(1), def.pane_ms).min(ring.newest_pane());
            start < end && (first..=last).any(|pane| ring.has_left_out(pane, out))
        };
        let accepted = def.accept.any(Quality::NOT_WORN);
        let unworn = self.background.situation.wearing.unworn().filter(|_| !accepted);
        let (_, stretch) = unworn.filter(left_out).max_by_key(|(_, stretch)| stretch.start)?;
        let until = (stretch.end < i64::MAX).then(|| Timestamp::from_millis(stretch.end));
        Some(record::NotWorn { since: Timestamp::from_millis(stretch.start), until })
    }

    /// What a limit was measured from, for a record.
    fn usual(&self, leaf: &Leaf, from: &FromBaseline, at: i64) -> record::Usual {
        let index = usize::from(from.baseline);
        let (def, norm) = (&self.policy.baselines()[index], self.norm(from, at));
        let edge = norm.map(|norm| from.edge(&norm, leaf.comparison));
        let learned = norm.filter(|norm| norm.samples > 0);
        let ring = &self.live[usize::from(def.signal)].ring;
        let asleep = self.background.situation.at(at).asleep;
        let since = self.background.usual.since(index, def, ring, at, asleep);
        let age_band = self.background.situation.age_band();
        let found = self.background.usual.found(index, def, ring, at, age_band, asleep);
        let by_sleep = matches!(def.method, Method::BySleep { .. });
        let less = found.map(|norm| norm.spread).filter(|spread| *spread < def.least_spread);
        record::Usual {
            baseline: def.id.clone(),
            value: edge.map(text),
            spread: norm.map(|norm| text(norm.spread.into())),
            spread_found: less.map(|spread| text(spread.into())),
            distance: text(self.adjusted(leaf.limit, &leaf.adjusts, at)),
            measured: from.distance,
            asleep: asleep.filter(|_| by_sleep && learned.is_some()),
            samples: learned.map_or(0, |norm| norm.samples),
            since: learned.and(since).map(Timestamp::from_millis),
        }
    }
}

pub(super) fn text(thousandths: i64) -> String {
    let mut out = String::new();
    let _ = write_thousandths(thousandths, &mut out);
    out
}

/// Whether a comparison is not met at the signal's newest pane, which is plain and holds `value`.
#[inline(never)]
pub(crate) fn rests(leaf: &Leaf, signal: &mut Signal, def: &SignalDef, value: i32) -> bool {
    let view = signal.newest_window(usize::from(leaf.window), def, value);
    judge(leaf, leaf.limit, &view) != Verdict::Met
}

/// What is left of the range of what counts up to half as far beyond a limit as it reaches on this side of it.
fn up_to_edge(comparison: Comparison, limit: i64, (low, high): (Value, Value)) -> (Value, Value) {
    let (least, most) = (i64::from(low.thousandths()), i64::from(high.thousandths()));
    let high_side = comparison.is_high();
    let reach = if high_side { limit - least } else { most - limit }.max(0) / 2;
    let edge = if high_side { limit.saturating_add(reach) } else { limit.saturating_sub(reach) };
    let edge = Value::from_thousandths(edge.clamp(least, most) as i32);
    if high_side { (low, edge) } else { (edge, high) }
}

/// How many panes away a mean is from being met: each of them moves the sum by no more than the range
/// of what counts. Zero if it is met, or not to be told.
fn margin(leaf: &Leaf, limit: i64, cursor: &Cursor, (low, high): (Value, Value)) -> u32 {
    let plain = cursor.count == i64::from(cursor.covered);
    if leaf.statistic != Statistic::Mean || !plain {
        return 0;
    }
    let above = cursor.sum - limit * cursor.count;
    // How far the sum is on the side where nothing is met. On the other side only coverage is missing,
    // and the next reading may bring it.
    let distance = if leaf.comparison.is_high() { -above } else { above };
    let (low, high) = (i64::from(low.thousandths()), i64::from(high.thousandths()));
    // A limit outside that range can be further away than the range is wide.
    if distance <= 0 || limit < low || limit > high {
        return 0;
    }
    u32::try_from((distance - 1) / (high - low).max(1)).unwrap_or(0)
}

/// The comparison of a slope, on its way back over the panes whose windows a late reading is in.
struct SlopeWalk<'a> {
    leaf: &'a Leaf,
    view: WindowView<'a>,
    /// A copy of the view's, on its way.
    cursor: Cursor,
    /// So many panes have to be covered.
    least: u32,
    /// Met if `per * top - limit * bottom` is greater than `edge`, for a slope of `top / bottom`.
    per: i64,
    limit: i64,
    edge: i64,
    met: bool,
}

impl<'a> SlopeWalk<'a> {
    /// Nothing if it is another statistic, or if there is more to look at.
    fn new(leaf: &'a Leaf, view: WindowView<'a>, width: i64) -> Option<Self> {
        // To be below is to be above with the signs changed; whole numbers from zero are above -1.
        let (sign, edge) = match leaf.comparison {
            Comparison::Above => (1, 0),
            Comparison::AtOrAbove => (1, -1),
            Comparison::Below => (-1, 0),
            Comparison::AtOrBelow => (-1, -1),
        };
        let (wanted, each) = (leaf.coverage_permille, 1000 * u64::from(view.cover));
        let wanted = u64::try_from(wanted * i64::from(view.panes)).ok()?.div_ceil(each);
        let (least, per) = (u32::try_from(wanted).ok()?, leaf.per.checked_mul(sign)?);
        let limit = leaf.limit.checked_mul(width)?.checked_mul(sign)?;
        let apt = leaf.statistic == Statistic::Slope && leaf.max_spoilt_permille >= 1000;
        let cursor = *view.cursor;
        apt.then_some(Self { leaf, view, cursor, least, per, limit, edge, met: false })
    }

    /// Whether it is met in any pane with evidence, from where the window stands back to `first`.
    #[inline(never)]
    fn ever_met(mut self, first: i64) -> bool {
        let (ring, from, lag) = (self.view.ring, self.cursor.at, i64::from(self.view.panes));
        ring.walk_back(from, first, lag, &mut self);
        self.met
    }

    /// What [`judge`] finds of a window that is covered, if 64 bits hold the numbers.
    #[inline(always)]
    fn exceeds(&self) -> Option<bool> {
        let (top, bottom) = self.cursor.slope()?;
        let above = self.per.checked_mul(top)?.checked_sub(self.limit.checked_mul(bottom)?)?;
        Some(bottom > 0 && above > self.edge)
    }
}

impl Walk for SlopeWalk<'_> {
    #[inline(always)]
    fn step(&mut self, leaving: Slot, entering: Slot) -> bool {
        let (ring, panes) = (self.view.ring, self.view.panes);
        if ring.is_good(leaving) && self.cursor.covered >= self.least {
            let far = || judge_at(self.leaf, &self.view, self.cursor);
            self.met = self.exceeds().unwrap_or_else(far);
        }
        self.cursor.walk_back(ring, leaving, entering, &Window { panes, line: true });
        !self.met
    }
}

#[cold]
fn judge_at(leaf: &Leaf, view: &WindowView<'_>, cursor: Cursor) -> bool {
    judge(leaf, leaf.limit, &WindowView { cursor: &cursor, ..*view }) == Verdict::Met
}

/// The pane in which a time lies.
#[inline]
pub(crate) fn pane_at(at: i64, pane_ms: i64) -> i64 {
    at.div_euclid(pane_ms)
}

#[inline(always)]
fn judge(leaf: &Leaf, limit: i64, view: &WindowView<'_>) -> Verdict {
    if leaf.max_spoilt_permille < 1000 && view.is_spoilt(leaf.max_spoilt_permille) {
        return Verdict::Invalid;
    }
    if !view.covers(leaf.coverage_permille) {
        return Verdict::Stale;
    }
    match view.compare(leaf.statistic, leaf.per, limit) {
        Some(ordering) if leaf.comparison.met(ordering) => Verdict::Met,
        Some(_) => Verdict::NotMet,
        None => Verdict::Stale,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edge_lies_beyond_the_limit_and_within_what_counts() {
        let range = (Value::from_thousandths(20_000), Value::from_thousandths(100_000));
        let of = |comparison, limit| {
            let (low, high) = up_to_edge(comparison, limit, range);
            (low.thousandths(), high.thousandths())
        };
        assert_eq!(of(Comparison::Below, 90_000), (85_000, 100_000));
        assert_eq!(of(Comparison::Above, 60_000), (20_000, 80_000));
        assert_eq!(of(Comparison::Above, 95_000), (20_000, 100_000));
        assert_eq!(of(Comparison::Below, 200_000), (100_000, 100_000));
    }
}
