//! What must be true of everything that an engine puts out.

use std::collections::{BTreeMap, BTreeSet};

use rpm_core::record::{Body, Hash, IntentKey, Record, explain, read_line};
use rpm_core::{Engine, Output, PatientId, PatientKey, Receipt, TenantId};

type Whose = Option<(Option<TenantId>, PatientId)>;

/// What came out, and what callers were told.
#[derive(Clone, Default)]
pub struct Ledger {
    /// The last number, the last hash and the count of inputs of each stream.
    chains: BTreeMap<Whose, (u64, Hash, u64)>,
    /// The reason of a refusal whose input has not come out yet.
    refused: Option<String>,
    /// The intent of a record that has not come out yet.
    planned: Option<IntentKey>,
    /// Those that have.
    intents: BTreeSet<IntentKey>,
    /// Refused inputs that came out.
    put_out: u64,
    accepted: u64,
    duplicate: u64,
    quarantined: u64,
    /// Everything, in order.
    lines: Vec<String>,
    /// What is about patients without a tenant: the record and its place in `lines`.
    records: BTreeMap<PatientId, Vec<(Record, usize)>>,
}

impl Ledger {
    pub fn receipt(&mut self, receipt: Receipt) {
        *match receipt {
            Receipt::Accepted => &mut self.accepted,
            Receipt::Duplicate => &mut self.duplicate,
            Receipt::Quarantined(_) => &mut self.quarantined,
        } += 1;
    }

    pub fn batch(&mut self, accepted: u64, duplicate: u64, quarantined: u64) {
        self.accepted += accepted;
        self.duplicate += duplicate;
        self.quarantined += quarantined;
    }

    pub fn output(&mut self, output: Output) {
        match output {
            Output::Record(sealed) => {
                assert!(self.refused.is_none(), "a refused input did not come out");
                let (record, hash) = read_line(&sealed.line).expect("a line that verifies");
                assert_eq!(record, sealed.record, "the line says something else");
                self.follow(record, hash, sealed.line);
            }
            Output::Quarantined { reason, .. } => {
                let said = self.refused.take();
                assert_eq!(said.as_deref(), Some(reason.name()), "refused without a record");
                self.put_out += 1;
            }
            Output::Deliver(intent) => {
                assert!(self.intents.insert(intent.key), "a key twice");
                let planned = self.planned.take();
                assert_eq!(planned, Some(intent.key), "an intent without its record");
                assert!(!intent.parts.is_empty(), "a message that says nothing");
            }
            Output::Cancel(cancel) => {
                assert!(self.intents.contains(&cancel.key), "taken back, and never sent");
            }
            _ => {}
        }
    }

    fn follow(&mut self, record: Record, hash: Hash, line: String) {
        let patient = record.patient.clone();
        let whose = patient.clone().map(|patient| (record.tenant.clone(), patient));
        let (seq, prev, inputs) = self.chains.entry(whose).or_default();
        *seq += 1;
        assert_eq!((record.seq, record.prev), (*seq, *prev), "the chain is broken");
        assert!(record.inputs >= *inputs, "inputs were forgotten");
        (*prev, *inputs) = (hash, record.inputs);
        assert_eq!(self.planned, None, "a record of an intent that did not come out");
        match &record.body {
            Body::EventQuarantined { reason, .. } => self.refused = Some(reason.clone()),
            Body::DeliveryPlanned { key, .. } => self.planned = Some(*key),
            _ => {}
        }
        if let (Some(patient), None) = (patient, &record.tenant) {
            self.records.entry(patient).or_default().push((record, self.lines.len()));
        }
        self.lines.push(line);
    }

    /// The lines about a patient without a tenant.
    pub fn lines(&self, patient: &PatientId) -> Vec<&str> {
        let records = self.records.get(patient).into_iter().flatten();
        records.map(|(_, place)| self.lines[*place].as_str()).collect()
    }

    pub fn into_lines(self) -> Vec<String> {
        self.lines
    }

    /// After every output was polled.
    pub fn settle(&self, engine: &mut Engine) {
        assert!(self.refused.is_none(), "a refused input did not come out");
        assert_eq!(self.put_out, self.quarantined, "refused and put out");
        let keys = 0..engine.len() as u32;
        let counts = keys.clone().filter_map(|key| engine.counts(PatientKey(key)));
        let (mut accepted, mut duplicate, mut quarantined) = (0, 0, 0);
        for counts in counts {
            accepted += counts.accepted;
            duplicate += counts.duplicate;
            quarantined += counts.quarantined;
            assert!(counts.unmonitored <= counts.accepted);
            assert!(counts.beyond_horizon <= counts.accepted);
        }
        assert_eq!((accepted, duplicate), (self.accepted, self.duplicate), "counts add up");
        // Those that belong to no patient are refused, and are nobody's.
        assert!(quarantined <= self.quarantined, "counts add up");
        for (patient, records) in &self.records {
            let Some(key) = engine.find_patient(None, patient) else {
                continue;
            };
            let chain = engine.chain(key).expect("a patient has a stream");
            let last = self.chains.get(&Some((None, patient.clone())));
            assert_eq!(last.map(|(seq, hash, _)| (*seq, *hash)), Some((chain.len(), chain.head())));
            for alert in engine.alerts(key) {
                let why = explain(records.iter().map(|(record, _)| record), alert.id);
                let why = why.expect("an alert was opened by a record");
                assert_eq!(why.status, alert.status(), "the record stream knows another status");
                assert!(!why.to_string().is_empty());
            }
        }
        for key in keys.map(PatientKey) {
            let rules: Vec<_> = engine.policy().rules().iter().map(|r| r.id().to_owned()).collect();
            for rule in rules {
                let state = engine.condition(key, &rule);
                let why = engine.why(key, &rule).expect("the rule exists");
                assert_eq!(Some(why.state), state);
                assert!(!why.to_string().is_empty());
            }
        }
    }
}
