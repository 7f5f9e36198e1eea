//! What people say of what was learned: that something else is usual now, or that it never was.

use alloc::string::{String, ToString};

use super::patient::{Call, Patient};
use super::{Engine, Monitor};
use crate::error::{Code, Error};
use crate::id::AlertId;
use crate::intake;
use crate::policy::Permission;
use crate::record::Body;
use crate::signal::baseline::{BaselineAction, BaselineCommand, Kept};
use crate::time::{HostTime, Timestamp};

impl Engine {
    /// Takes in what a person asks of what was learned of a patient.
    ///
    /// # Errors
    /// The outer error is [`Code::OutputQueueFull`]: nothing happened, call again. The inner one is
    /// [`Code::UnknownPatient`], [`Code::UnknownBaseline`], [`Code::NotPermitted`],
    /// [`Code::FutureTime`] or another reason why no reading could be of that time, or
    /// [`Code::NotPossibleNow`]: a median is of readings, which nobody can shift. Nothing changed then.
    pub fn handle_baseline(
        &mut self,
        command: &BaselineCommand,
        now: HostTime,
    ) -> Result<Result<(), Error>, Error> {
        let now = self.advance(now)?;
        let Some(patient) = self.patients.get_mut(command.patient.0 as usize) else {
            return Ok(Err(Error::new(Code::UnknownPatient)));
        };
        let mut call = self.desk.call(&self.force, now);
        let result = patient.relearn(&mut call, command);
        self.after(command.patient.0, true, now);
        Ok(result)
    }
}

impl Monitor {
    /// Takes in what a person asks of what was learned; as
    /// [`Engine::handle_baseline`](super::Engine::handle_baseline). Its patient key is ignored.
    pub fn handle_baseline(
        &mut self,
        command: &BaselineCommand,
        now: HostTime,
    ) -> Result<Result<(), Error>, Error> {
        let now = self.advance(now)?;
        let mut call = self.desk.call(&self.force, now);
        let result = self.patient.relearn(&mut call, command);
        let _ = self.fire_due(now);
        Ok(result)
    }
}

impl Patient {
    fn relearn(&mut self, call: &mut Call<'_>, command: &BaselineCommand) -> Result<(), Error> {
        let policy = call.policy;
        let found = policy.baselines().iter().position(|def| def.id == command.baseline);
        let index = found.ok_or_else(|| Error::new(Code::UnknownBaseline).at("baseline"))?;
        if !policy.care().permits(&command.role, Permission::Baseline) {
            return Err(Error::new(Code::NotPermitted).at("role"));
        }
        let def = &policy.baselines()[index];
        let width = policy.signals()[usize::from(def.signal)].pane_ms;
        if let BaselineAction::Restart { from: Some(from) } = command.action {
            let believable = intake::check_time(policy, from, call.now);
            believable.map_err(|code| Error::new(code).at("action.from"))?;
        }
        let newest = self.lane.newest;
        let baseline = &mut self.lane.background.usual.baselines[index];
        let (mut from, mut by_value, mut anew) = (None, None, i64::MIN);
        match command.action {
            BaselineAction::Restart { from: given } => {
                let start = given.map_or(newest, Timestamp::as_millis);
                baseline.restart(def, width, start);
                from = Some(Timestamp::from_millis(start));
                anew = start;
            }
            BaselineAction::Shift { by } => {
                if !baseline.shift(by.thousandths()) {
                    return Err(Error::new(Code::NotPossibleNow).at("action"));
                }
                by_value = Some(by.to_string());
            }
        }
        // What comes after all that has been added up.
        if newest != i64::MIN {
            self.lane.background.restart(index as u16, anew.max(newest + 1));
        }
        self.lane.wake();
        // What was kept was learned before.
        self.lane.background.usual.kept.retain(|kept| usize::from(kept.index) != index);
        self.note_relearning(command);
        let body = Body::BaselineChanged {
            baseline: command.baseline.clone(),
            change: command.action.name().into(),
            from,
            by_value,
            alert: None,
            by: command.actor.clone(),
            note: Some(command.reason.clone()).filter(|reason| !reason.is_empty()),
        };
        self.record(call, body);
        Ok(())
    }

    fn note_relearning(&mut self, command: &BaselineCommand) {
        self.chain.inputs += 1;
        let checksum = &mut self.chain.checksum;
        // Serialising an action cannot fail: it has no maps.
        let action = serde_json::to_string(&command.action).unwrap_or_default();
        for text in [&command.baseline, &command.actor, &command.role, &command.reason, &action] {
            checksum.feed_text(text.as_bytes());
        }
    }

    /// An episode begins: what is known now may be wanted back.
    pub(super) fn keep_usual(&mut self, call: &Call<'_>, rule: usize, alert: AlertId) {
        for (index, def) in call.policy.baselines().iter().enumerate() {
            if def.guards.iter().any(|guard| usize::from(*guard) == rule) {
                let baseline = self.lane.background.usual.baselines[index].clone();
                self.lane.background.usual.kept.push(Kept { alert, index: index as u16, baseline });
            }
        }
    }

    /// An episode was true: what was observed since it began was not usual.
    pub(super) fn forget_episode(&mut self, call: &mut Call<'_>, id: AlertId, by: &str) {
        let Some(from) = self.alert(id).map(|alert| alert.onset) else {
            return;
        };
        let kept = core::mem::take(&mut self.lane.background.usual.kept);
        let (told, kept) = kept.into_iter().partition(|kept| kept.alert == id);
        self.lane.background.usual.kept = kept;
        let until = self.lane.newest.saturating_add(1);
        for Kept { index, baseline, .. } in told {
            let index = usize::from(index);
            self.lane.background.usual.baselines[index].remove(baseline, from.as_millis(), until);
            let body = Body::BaselineChanged {
                baseline: call.policy.baselines()[index].id.clone(),
                change: String::from("remove"),
                from: Some(from),
                by_value: None,
                alert: Some(id),
                by: by.to_string(),
                note: None,
            };
            self.record(call, body);
        }
    }

    /// An episode is over, and nothing it kept is wanted back.
    pub(super) fn drop_kept(&mut self, id: AlertId) {
        self.lane.background.usual.kept.retain(|kept| kept.alert != id);
    }
}
