//! Another policy for a running engine.
//!
//! A change is an input: it has a time, and a replay that gets it again decides the same. Rules that
//! mean the same go on as if nothing had happened; episodes of rules that changed are followed to their
//! end by the version that opened them. See `policy::succession`.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::lane::{Lane, RuleState};
use super::patient::{Call, Patient};
use super::{Engine, Monitor};
use crate::alert::{Alert, Roster, level_of};
use crate::bytes::{Reader, Snap, Writer, corrupt};
use crate::error::{Code, Error};
use crate::policy::{Approved, Policy, Succession, succeed};
use crate::record::{Body, Hash, PolicyRef, WithholdReason};
use crate::risk::Registry;
use crate::rule::condition::Pulse;
use crate::rule::predicate::pane_at;
use crate::time::HostTime;

/// So many changes may wait for the episodes before them to end.
const MAX_STEPS: usize = 64;

/// What follows in a snapshot: a change that waits for its time.
const NEXT: u8 = 1;
/// The steps of models.
const REGISTRY: u8 = 2;

/// The policy in force, and how it came to be.
#[derive(Debug)]
pub(crate) struct Force {
    /// From the last policy of which no retired rule is left; the last one is in force.
    steps: Vec<Step>,
    /// What is executed: the policy in force, with retired rules behind its own.
    pub plan: Arc<Policy>,
    /// Who is on duty.
    pub roster: Arc<Roster>,
    /// Which versions of models score whom.
    pub registry: Registry,
    /// What comes next.
    next: Option<Approved>,
}

/// A policy that followed another, and the rules of that one which had open episodes.
#[derive(Debug)]
struct Step {
    policy: Arc<Policy>,
    open: Vec<u32>,
}

impl Force {
    pub fn new(policy: Arc<Policy>) -> Self {
        let step = Step { policy: Arc::clone(&policy), open: Vec::new() };
        let (roster, registry) = (Arc::default(), Registry::default());
        Self { steps: Vec::from([step]), plan: policy, roster, registry, next: None }
    }

    pub fn policy(&self) -> &Arc<Policy> {
        // There is one from the beginning.
        self.steps.last().map_or(&self.plan, |step| &step.policy)
    }

    /// When the next change takes effect.
    #[inline]
    pub fn changes_at(&self) -> Option<HostTime> {
        self.next.as_ref().map(|next| next.effective_at)
    }

    /// Another roster is in force; what the record says of it.
    pub fn take_roster(&mut self, roster: Roster) -> Body {
        let mut text = Vec::new();
        for shift in roster.shifts() {
            // Serialising a shift cannot fail: it has no maps.
            text.extend(serde_json::to_vec(shift).unwrap_or_default());
            text.push(b'\n');
        }
        let shifts = roster.shifts().count() as u64;
        self.roster = Arc::new(roster);
        Body::RosterChanged { shifts, hash: Hash::of(&text) }
    }

    /// Plans a change, in place of one that was planned before.
    fn plan_change(&mut self, change: Approved) -> Result<(), Error> {
        if !change.is_for(self.policy().hash()) {
            return Err(Error::new(Code::StaleProposal).at("from"));
        }
        if !change.to.keeps_kinds_of(&self.plan) {
            return Err(Error::new(Code::KindRenumbered).at("to.kinds"));
        }
        if self.steps.len() >= MAX_STEPS {
            let hint = "episodes of too many earlier versions are open: close them first";
            return Err(Error::new(Code::TooManyItems).hint(hint));
        }
        self.next = Some(change);
        Ok(())
    }

    /// The policy that was planned comes into force, for these patients.
    fn change(&mut self, patients: &mut [Patient]) -> Option<Body> {
        let next = self.next.take()?;
        let open: BTreeSet<u32> = patients.iter().flat_map(open_rules).collect();
        let open: Vec<u32> = open.into_iter().collect();
        self.step(Step { policy: next.to, open }, |old, to| {
            patients.iter_mut().for_each(|patient| patient.migrate(old, to));
        });
        let to: PolicyRef = self.policy().reference();
        let (reason, owner, approver) = (next.reason, next.owner, next.approver);
        Some(Body::PolicyChanged { from: next.from, to, reason, owner, approver })
    }

    fn step(&mut self, step: Step, migrate: impl FnOnce(&Policy, &Succession)) {
        let is_open = |rule: usize| step.open.contains(&(rule as u32));
        let to = succeed(&self.plan, &step.policy, is_open);
        migrate(&self.plan, &to);
        if to.policy.rules().iter().all(|rule| rule.retired.is_none()) {
            let roster = Arc::clone(&self.roster);
            let registry = core::mem::take(&mut self.registry);
            *self = Self { roster, registry, ..Self::new(step.policy) };
        } else {
            self.plan = Arc::new(to.policy);
            self.steps.push(step);
        }
    }

    pub fn save(&self, w: &mut Writer) {
        w.len(self.steps.len());
        for step in &self.steps {
            step.policy.hash().save(w);
            w.list(step.open.iter());
        }
        self.roster.save(w);
        let steps = self.registry.history();
        let follows = if self.next.is_some() { NEXT } else { 0 };
        (follows | if steps.is_empty() { 0 } else { REGISTRY }).save(w);
        if let Some(next) = &self.next {
            next.to.hash().save(w);
            [&next.owner, &next.reason, &next.approver].into_iter().for_each(|text| w.text(text));
            next.effective_at.save(w);
        }
        if !steps.is_empty() {
            w.list(steps.iter());
        }
    }

    /// Finds the policies among those given.
    pub fn load(r: &mut Reader<'_>, policies: &[Arc<Policy>]) -> Result<Self, Error> {
        let find = |hash: Hash| {
            let found = policies.iter().find(|p| p.hash() == hash);
            found.cloned().ok_or_else(|| Error::new(Code::SnapshotPolicy))
        };
        let mut force: Option<Self> = None;
        let steps = r.len()?;
        r.ensure(steps <= MAX_STEPS)?;
        for _ in 0..steps {
            let step = Step { policy: find(r.read()?)?, open: r.list()? };
            match &mut force {
                Some(force) => force.step(step, |_, _| {}),
                None => force = Some(Self::new(step.policy)),
            }
        }
        let mut force = force.ok_or_else(corrupt)?;
        force.roster = Arc::new(r.read()?);
        let follows: u8 = r.read()?;
        r.ensure(follows & !(NEXT | REGISTRY) == 0)?;
        if follows & NEXT != 0 {
            let (to, from) = (find(r.read()?)?, force.policy().reference());
            let (owner, reason, approver) = (r.text()?, r.text()?, r.text()?);
            let effective_at = r.read()?;
            force.next = Some(Approved { from, to, owner, reason, approver, effective_at });
        }
        if follows & REGISTRY != 0 {
            force.registry = Registry::from_history(r.list()?);
        }
        Ok(force)
    }
}

fn open_rules(patient: &Patient) -> impl Iterator<Item = u32> + '_ {
    patient.alerts.iter().filter(|alert| alert.is_open()).map(|alert| alert.rule as u32)
}

impl Engine {
    /// Takes an approved change of the policy in: it takes effect at its time, or at once. It replaces
    /// one that has not taken effect yet.
    ///
    /// Rules that mean the same go on with all their state. Episodes of rules that changed or went away
    /// stay on the version that opened them until they are closed; meanwhile the changed rule speaks up
    /// only for what is worse. Keys of patients and devices stay, and so do the numbers of kinds.
    ///
    /// # Errors
    /// The outer error is [`Code::OutputQueueFull`]: nothing happened, call again. The inner one is
    /// [`Code::StaleProposal`]: the change was proposed for a policy that is not in force,
    /// [`Code::KindRenumbered`]: readings under way would be taken for another declared kind, or
    /// [`Code::TooManyItems`]: episodes of too many earlier versions are open.
    pub fn handle_change(
        &mut self,
        change: Approved,
        now: HostTime,
    ) -> Result<Result<(), Error>, Error> {
        self.advance(now)?;
        let planned = self.force.plan_change(change);
        if planned.is_ok() {
            // Room is left for one call's outputs; the rest waits for the next call.
            let _ = self.fire_due(self.desk.now);
        }
        Ok(planned)
    }

    /// What is due has happened up to the time of the change. Old data that wait to be read are read
    /// by the policy under which they came.
    pub(super) fn change_policy(&mut self, at: HostTime) -> Result<(), Error> {
        for patient in self.patients.iter_mut().filter(|patient| patient.backlog.is_some()) {
            self.desk.ensure_room()?;
            patient.close_backlog(&mut self.desk.call(&self.force, at));
        }
        self.desk.ensure_room()?;
        if let Some(body) = self.force.change(&mut self.patients) {
            self.desk.policy_changed(&self.force.plan, at, body);
            for patient in &mut self.patients {
                patient.settle_in(&mut self.desk.call(&self.force, at));
            }
            (0..self.patients.len() as u32).for_each(|key| self.arm(key));
        }
        Ok(())
    }
}

impl Monitor {
    /// Takes an approved change of the policy in; as
    /// [`Engine::handle_change`](super::Engine::handle_change).
    pub fn handle_change(
        &mut self,
        change: Approved,
        now: HostTime,
    ) -> Result<Result<(), Error>, Error> {
        self.advance(now)?;
        let planned = self.force.plan_change(change);
        if planned.is_ok() {
            let _ = self.fire_due(self.desk.now);
        }
        Ok(planned)
    }

    pub(super) fn change_policy(&mut self, at: HostTime) -> Result<(), Error> {
        self.patient.close_backlog(&mut self.desk.call(&self.force, at));
        self.desk.ensure_room()?;
        if let Some(body) = self.force.change(core::slice::from_mut(&mut self.patient)) {
            self.desk.policy_changed(&self.force.plan, at, body);
            self.patient.settle_in(&mut self.desk.call(&self.force, at));
        }
        Ok(())
    }
}

impl Patient {
    /// Another policy is in force: what explains alerts may be other things, and whose route is gone is
    /// told of by another one.
    fn settle_in(&mut self, call: &mut Call<'_>) {
        if self.alerts.iter().all(|alert| !alert.is_open()) {
            return;
        }
        self.attend_all(call, None);
        let astray = |alert: &&Alert| alert.escalation.route.is_none();
        let rounds = self.alerts.iter().filter(astray);
        let rounds: Vec<_> =
            rounds.filter_map(|a| Some((a.id, a.escalation.running?.reason))).collect();
        for (id, reason) in rounds {
            self.stop(call, id, WithholdReason::Superseded, false);
            self.begin(call, id, reason);
        }
    }

    /// Goes on under another policy.
    fn migrate(&mut self, old: &Policy, to: &Succession) {
        let mut lane = Lane::new(&to.policy);
        lane.newest = self.lane.newest;
        lane.background.situation = core::mem::take(&mut self.lane.background.situation);
        for (index, source) in to.signals.iter().enumerate() {
            if let Some(source) = *source {
                let (from, def) = (&self.lane.signals[source], &to.policy.signals()[index]);
                lane.signals[index].take_over(from, &old.signals()[source], def);
                // The new panes may reach less far back.
                let pane = from.ring.good_before(pane_at(
                    lane.signals[index].ring.start_of(lane.signals[index].ring.oldest()),
                    old.signals()[source].pane_ms,
                ));
                let left = pane.map(|pane| from.ring.last_of(pane));
                let before = self.lane.background.carried.get(source).copied().flatten();
                lane.carry_over(index, left.or(before));
            }
        }
        for (index, source) in to.rules.iter().enumerate() {
            if let Some(source) = *source {
                let state = core::mem::replace(&mut self.lane.rules[source], RuleState::Resting);
                let retired = to.policy.rules()[index].retired.is_some();
                if self.goes_on(&state, retired) {
                    lane.rules[index] = state;
                    let pulse = lane.pulses.at(&to.policy, &mut lane.signals, index);
                    *pulse = self.lane.pulses.of(old, &self.lane.signals, source);
                    pulse.wake();
                }
            }
        }
        lane.background.usual.offset = self.lane.background.usual.offset;
        for (index, source) in to.baselines.iter().enumerate() {
            if let Some(source) = *source {
                let restarted = self.lane.background.restarted(source as u16);
                if restarted != i64::MIN {
                    lane.background.restart(index as u16, restarted);
                }
                lane.background.usual.baselines[index] =
                    self.lane.background.usual.baselines[source].clone();
            }
        }
        for mut kept in core::mem::take(&mut self.lane.background.usual.kept) {
            let source = Some(usize::from(kept.index));
            if let Some(index) = to.baselines.iter().position(|from| *from == source) {
                kept.index = index as u16;
                lane.background.usual.kept.push(kept);
            }
        }
        self.take_nights_over(&mut lane, old, to);
        lane.count_absent();
        self.lane = lane;
        self.know_profile(&to.policy);
        self.alerts.retain_mut(|alert| {
            let follows = to.rules.iter().position(|source| *source == Some(alert.rule));
            let rule = follows.or_else(|| {
                let (named, _) = to.policy.rule(old.rules()[alert.rule].id())?;
                Some(named)
            });
            alert.rule = rule.unwrap_or(alert.rule);
            // Who is told is for the people of today: by the route of the same name, or by another
            // one, see `settle_in`.
            let named = alert.escalation.route.and_then(|route| {
                let routes = &old.care().routes;
                to.policy.care().route_named(&routes.get(usize::from(route))?.id)
            });
            alert.escalation.route = named;
            rule.is_some()
        });
        if let Some(care) = &mut self.care {
            care.shelves.retain_mut(|shelf| {
                let named = to.policy.rule(old.rules()[shelf.rule].id());
                shelf.rule = named.map_or(shelf.rule, |(rule, _)| rule);
                named.is_some()
            });
        }
    }

    /// What nights added up to, where they are the same.
    fn take_nights_over(&self, lane: &mut Lane, old: &Policy, to: &Succession) {
        for (derived, def) in to.policy.summaries() {
            let source = to.signals[usize::from(derived.signal)];
            let mut summaries = old.summaries();
            if let Some((_, was)) = summaries.find(|(was, _)| Some(was.signal.into()) == source) {
                lane.background.summaries[usize::from(def.place)] =
                    self.lane.background.summaries[usize::from(was.place)].clone();
            }
        }
    }

    /// A retired rule goes on only for a patient with an open episode.
    fn goes_on(&self, state: &RuleState, retired: bool) -> bool {
        let alert = match state {
            RuleState::Limits(watch) => watch.alert,
            RuleState::Missing(absence) => absence.alert,
            RuleState::Resting => return false,
        };
        let is_open = || self.alerts.iter().any(|a| Some(a.id) == alert && a.is_open());
        !retired || is_open()
    }

    /// The episode of a rule is over: a retired rule has nothing to do any more, and what follows it
    /// may speak for itself.
    pub(super) fn episode_over(&mut self, call: &mut Call<'_>, rule: usize) {
        let Some(retired) = &call.policy.rules()[rule].retired else {
            return;
        };
        let successor = retired.successor;
        self.lane.rules[rule] = RuleState::Resting;
        let lane = &mut self.lane;
        *lane.pulses.at(call.policy, &mut lane.signals, rule) = Pulse::default();
        self.lane.count_absent();
        self.successor_speaks(call, successor);
    }

    /// What an earlier version of a rule said of its signal or its limits, it says no more.
    pub(super) fn successor_speaks(&mut self, call: &mut Call<'_>, successor: Option<u16>) {
        let Some(successor) = successor.map(usize::from) else {
            return;
        };
        match &self.lane.rules[successor] {
            RuleState::Limits(_) => self.annunciate(call, successor, None),
            RuleState::Missing(absence) if absence.since.is_some() && absence.alert.is_none() => {
                self.missing_alert(call, successor);
            }
            RuleState::Missing(_) | RuleState::Resting => {}
        }
    }

    /// Whether an open episode of an earlier version of a rule says as much.
    pub(super) fn is_spoken_for(
        &self,
        policy: &Policy,
        rule: usize,
        level: crate::record::Level,
    ) -> bool {
        let rules = policy.rules().iter().enumerate().rev();
        // Retired rules are the last ones.
        let retired = rules.map_while(|(index, def)| Some((index, def.retired.as_ref()?)));
        let mut before = retired.filter(|(_, r)| r.successor.map(usize::from) == Some(rule));
        before.any(|(index, _)| {
            let id = self.alert_of(index);
            let shadow = policy.rules()[rule].only_records();
            self.alerts.iter().any(|a| {
                let says = level_of(a.condition).is_some_and(|said| said >= level);
                let heard = !a.shadow || shadow;
                Some(a.id) == id && a.is_open() && a.is_active() && says && heard
            })
        })
    }
}
