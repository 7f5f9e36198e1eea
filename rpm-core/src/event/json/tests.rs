use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::event::kind::{Kind, KindRef, code_name};
use crate::event::{
    AbsentReason, Body, ClockRepair, Context, Device, DeviceStatus, Enrolment, Expected, Lineage,
    Profile, Quality,
};
use crate::id::{DeviceId, PatientId, TenantId};
use crate::redact::Phi;
use crate::time::{Duration, HostTime, Timestamp};
use crate::value::Value;

pub(super) const FULL: &str = r#"{"v":"1.0","tenant":"north","patient":"p1","device":{"id":"d1","model":"m","firmware":"1.2","class":"finger-oximeter"},"sequence":17,"observed_at":"2026-03-01T02:13:05Z","received_at":"2026-03-01T02:13:06Z","reading":{"kind":"spo2","value":97.4,"unit":"%"},"quality":["motion"],"lineage":{"adapter":"gatt/1"}}"#;

/// An event with this body (a field with its name) and only what every event has.
pub(super) fn with(body: &str) -> String {
    format!(r#"{{"v":"1.0","patient":"p1","device":"d1","observed_at":0,{body}}}"#)
}

fn reading(value: &str, unit: &str) -> String {
    with(&format!(r#""reading":{{"kind":"body_temperature","value":{value},"unit":{unit}}}"#))
}

fn read(text: &str) -> Result<Event, Error> {
    parse(text.as_bytes())
}

fn fault(text: &str) -> (Code, String) {
    let error = read(text).expect_err(text);
    assert_eq!(parse_reading(text.as_bytes()), None, "{text}");
    (error.code(), error.path().unwrap_or("").to_string())
}

fn value_of(event: &Event) -> Value {
    match &event.body {
        Body::Reading { value: Ok(value), .. } | Body::Correction { value, .. } => *value,
        _ => panic!("no value"),
    }
}

#[test]
fn the_example_of_the_documentation() {
    let event = read(FULL).unwrap();
    assert_eq!(event.tenant.as_ref().unwrap().as_str(), "north");
    assert_eq!(event.patient.as_str(), "p1");
    assert_eq!(event.device.class.as_deref(), Some("finger-oximeter"));
    assert_eq!(event.sequence, Some(17));
    assert_eq!(event.observed_at.to_string(), "2026-03-01T02:13:05Z");
    assert_eq!(event.received_at.unwrap().to_string(), "2026-03-01T02:13:06Z");
    assert_eq!(value_of(&event), Value::from_thousandths(97_400));
    assert_eq!(event.quality, Quality::MOTION);
    assert_eq!(event.lineage.adapter.as_deref(), Some("gatt/1"));
    assert_eq!(event.lineage.original_value, None);
    assert_eq!(write(&event), FULL);
    assert_eq!(parse_reading(FULL.as_bytes()).unwrap().to_event(), Ok(event));
}

#[test]
fn every_body_is_read() {
    for (body, name) in [
        (r#""correction":{"kind":"spo2","value":"96","unit":"%"}"#, "correction"),
        (r#""void":{"kind":"spo2"}"#, "void"),
        (r#""device_status":{"worn":true,"battery_percent":80,"link_up":false}"#, "device_status"),
        (r#""context":{"activity":"rest","asleep":true,"on_oxygen":false}"#, "context"),
        (r#""enrolment":{"signals":[{"kind":"spo2","cadence":"60 s","from":0}]}"#, "enrolment"),
        (r#""profile":{"age_band":"adult","conditions":["copd"],"spo2_scale":2}"#, "profile"),
    ] {
        let event = read(&with(body)).unwrap();
        assert!(format!("{event:?}").contains(name));
        assert_eq!(read(&write(&event)), Ok(event));
        assert_eq!(parse_reading(with(body).as_bytes()), None);
    }
}

#[test]
fn values_are_exact_and_what_was_delivered_is_kept() {
    for (value, unit, thousandths) in [
        ("36.6", r#""Cel""#, 36_600),
        ("\"36.6\"", r#""Cel""#, 36_600),
        ("3.66e1", r#""Cel""#, 36_600),
        ("100.4", r#""[degF]""#, 38_000),
        ("\"102.2\"", r#""degF""#, 39_000),
        ("36.60049999999999", r#""Cel""#, 36_600),
        ("36.6005", r#""Cel""#, 36_601),
        ("-17.8", r#""Cel""#, -17_800),
    ] {
        let text = reading(value, unit);
        let event = read(&text).unwrap();
        assert_eq!(value_of(&event).thousandths(), thousandths, "{value}");
        let canonical = unit == "\"Cel\"" && !value.starts_with("36.600");
        assert_eq!(event.lineage.original_value.is_none(), canonical, "{value}");
        assert_eq!(event.lineage.original_unit.is_none(), canonical, "{value}");
        assert_eq!(parse_reading(text.as_bytes()).unwrap().to_event(), Ok(event.clone()));
        assert_eq!(read(&write(&event)), Ok(event));
    }
}

#[test]
fn kinds_have_names_loinc_codes_and_declared_names() {
    let loinc = with(r#""reading":{"kind":{"loinc":"2708-6"},"value":97,"unit":"%"}"#);
    let name = with(r#""reading":{"kind":"spo2","value":97,"unit":"%"}"#);
    assert_eq!(read(&loinc), read(&name));
    let declared = read(&with(r#""reading":{"kind":"lactate","value":1.2,"unit":"mmol/L"}"#));
    let declared = declared.unwrap();
    assert_eq!(declared.lineage.original_unit.as_deref(), Some("mmol/L"));
    assert_eq!(read(&write(&declared)), Ok(declared));
    for (text, at) in [
        (r#""reading":{"kind":{"loinc":"0-0"},"value":97,"unit":"%"}"#, "reading.kind.loinc"),
        (r#""reading":{"kind":"Sp O2","value":97,"unit":"%"}"#, "reading.kind"),
    ] {
        assert_eq!(fault(&with(text)), (Code::UnknownKind, at.into()));
    }
}

#[test]
fn coded_kinds_and_absent_values() {
    for (text, value) in [
        (r#""reading":{"kind":"consciousness","value":"V"}"#, Ok(2_000)),
        (r#""reading":{"kind":"consciousness","value":2,"unit":"1"}"#, Ok(2_000)),
        (r#""reading":{"kind":"on_oxygen","value":"oxygen"}"#, Ok(1_000)),
        (r#""reading":{"kind":"spo2","absent":"not-a-number"}"#, Err(AbsentReason::NotANumber)),
        (r#""reading":{"kind":"spo2","absent":"error","unit":"%"}"#, Err(AbsentReason::Error)),
    ] {
        let event = read(&with(text)).unwrap();
        let Body::Reading { value: got, .. } = event.body else { panic!("{text}") };
        assert_eq!(got, value.map(Value::from_thousandths), "{text}");
    }
    let both = with(r#""reading":{"kind":"spo2","value":97,"absent":"error"}"#);
    assert_eq!(fault(&both), (Code::ExclusiveFields, "reading.absent".into()));
}

#[test]
fn times_are_rfc_3339_or_milliseconds() {
    let at = |time: &str| {
        let text = format!(
            r#"{{"v":1,"patient":"p","device":"d","observed_at":{time},"void":{{"kind":"spo2"}}}}"#
        );
        read(&text).map(|e| e.observed_at.as_millis()).map_err(|e| e.code())
    };
    assert_eq!(at("1772331185000"), Ok(1_772_331_185_000));
    assert_eq!(at("\"2026-03-01T02:13:05Z\""), Ok(1_772_331_185_000));
    assert_eq!(at("\"2026-03-01T03:13:05.250+01:00\""), Ok(1_772_331_185_250));
    assert_eq!(at("\"2024-02-29T00:00:00Z\""), Ok(1_709_164_800_000));
    for bad in [
        "-1",
        "1e12",
        "1.5",
        "9223372036854775807",
        "99999999999999999999",
        "\"2026-02-29T00:00:00Z\"",
        "\"2024-01-01 08:00:00 -0500\"",
        "\"1969-12-31T23:59:59Z\"",
        "\"\"",
    ] {
        assert_eq!(at(bad), Err(Code::BadTimestamp), "{bad}");
    }
    assert_eq!(at("true"), Err(Code::WrongType));
}

#[test]
fn version_0_is_cast_up() {
    let old = r#"{"v":0,"p":"p1","dev":"d1","seq":17,"t":0,"kind":"spo2","value":97,"unit":"%"}"#;
    let new = r#"{"v":"1.0","patient":"p1","device":"d1","sequence":17,"observed_at":0,
                  "reading":{"kind":"spo2","value":97,"unit":"%"}}"#;
    assert_eq!(read(old), read(new));
    assert!(read(old).is_ok());
    let broken = |from: &str, to: &str| fault(&old.replace(from, to));
    assert_eq!(broken("\"t\":0,", ""), (Code::MissingField, "t".into()));
    assert_eq!(broken("97", "\"x\""), (Code::NotANumber, "value".into()));
    assert_eq!(broken("\"%\"", "\"C\""), (Code::AmbiguousUnit, "unit".into()));
    assert_eq!(broken("\"seq\"", "\"sequence\""), (Code::UnknownField, "sequence".into()));
}

#[test]
fn newer_minor_versions_are_read_as_far_as_known() {
    let newer = FULL
        .replace("1.0", "1.7")
        .replace("\"unit\"", "\"posture\": [1, {\"a\" : 2}],\"unit\"")
        .replace("[\"motion\"]", "[\"motion\",\"tattoo\"],\"mood\":\"good\"");
    let event = read(&newer).unwrap();
    assert_eq!(value_of(&event), Value::from_thousandths(97_400));
    assert_eq!(event.quality, Quality::MOTION.with(Quality::QUESTIONABLE));
    let kept = event.unknown.as_deref().unwrap();
    assert_eq!(
        kept,
        r#"{"v":"1.7","reading.posture":[1, {"a" : 2}],"quality":["motion","tattoo"],"mood":"good"}"#
    );
    assert_eq!(read(&write(&event)), Ok(event));
    assert_eq!(parse_reading(newer.as_bytes()), None);
    assert_eq!(read(&FULL.replace("1.0", "1.7")), read(FULL));
}

#[test]
fn unknown_fields_of_this_version_are_named() {
    let unknown = |text: &str| {
        let (code, path) = fault(text);
        assert_eq!(code, Code::UnknownField, "{text}");
        path
    };
    assert_eq!(unknown(&FULL.replace("\"tenant\"", "\"tennant\"")), "tennant");
    assert_eq!(unknown(&FULL.replace("\"model\"", "\"modell\"")), "device.modell");
    assert_eq!(unknown(&FULL.replace("\"adapter\"", "\"adaptor\"")), "lineage.adaptor");
    assert_eq!(unknown(&FULL.replace("\"value\"", "\"value\":1,\"valu\"")), "reading.valu");
    // A name that could be a patient's is not shown.
    assert_eq!(unknown(&FULL.replace("\"adapter\"", "\"Ada L.\"")), "lineage");
}

#[test]
fn every_error_names_its_field() {
    let missing =
        |field: &str| fault(&FULL.replace(&format!("\"{field}\":"), "\"unknown\":{},\"x\":"));
    for field in ["v", "patient", "device", "observed_at", "reading"] {
        assert_eq!(missing(field), (Code::MissingField, field.into()));
    }
    let broken = |from: &str, to: &str| {
        let text = FULL.replace(from, to);
        assert_ne!(text, FULL);
        fault(&text)
    };
    for (from, to, code, path) in [
        ("}}", "}", Code::MalformedJson, ""),
        ("{\"v\"", "[{\"v\"", Code::WrongType, ""),
        ("97.4", "NaN", Code::MalformedJson, ""),
        ("97.4", "-Infinity", Code::MalformedJson, ""),
        ("97.4", "01", Code::MalformedJson, ""),
        ("\"p1\"", "\"\\ud800\"", Code::MalformedJson, "patient"),
        ("\"1.0\"", "\"2.0\"", Code::UnknownSchema, "v"),
        ("\"1.0\"", "7", Code::UnknownSchema, "v"),
        ("\"1.0\"", "\"one\"", Code::UnknownSchema, "v"),
        ("\"1.0\"", "\"0.1\"", Code::UnknownSchema, "v"),
        ("\"1.0\"", "1.0", Code::WrongType, "v"),
        ("\"1.0\"", "null", Code::WrongType, "v"),
        ("\"p1\"", "1", Code::WrongType, "patient"),
        ("\"p1\"", "\"\"", Code::BadIdentifier, "patient"),
        ("\"p1\"", "\"a\\u0000b\"", Code::BadIdentifier, "patient"),
        ("\"north\"", "null", Code::WrongType, "tenant"),
        ("\"d1\"", "[]", Code::WrongType, "device.id"),
        ("\"m\"", "3", Code::WrongType, "device.model"),
        ("17", "-17", Code::OutOfRange, "sequence"),
        ("17", "18446744073709551616", Code::OutOfRange, "sequence"),
        ("17", "17.0", Code::WrongType, "sequence"),
        ("17", "\"17\"", Code::WrongType, "sequence"),
        ("\"2026-03-01T02:13:05Z\"", "\"yesterday\"", Code::BadTimestamp, "observed_at"),
        ("\"2026-03-01T02:13:06Z\"", "\"\"", Code::BadTimestamp, "received_at"),
        ("97.4", "\"NaN\"", Code::NotANumber, "reading.value"),
        ("97.4", "\"Infinity\"", Code::NotANumber, "reading.value"),
        ("97.4", "\"\"", Code::NotANumber, "reading.value"),
        ("97.4", "null", Code::WrongType, "reading.value"),
        ("97.4", "true", Code::WrongType, "reading.value"),
        ("97.4", "[97.4]", Code::WrongType, "reading.value"),
        ("97.4", "1e99", Code::OutOfRange, "reading.value"),
        ("97.4", "9223372036854775807", Code::OutOfRange, "reading.value"),
        ("97.4", "-9223372036854775808", Code::OutOfRange, "reading.value"),
        ("\"value\":97.4,", "", Code::MissingField, "reading.value"),
        (",\"unit\":\"%\"", "", Code::MissingField, "reading.unit"),
        ("\"%\"", "\"mm[Hg]\"", Code::UnknownUnit, "reading.unit"),
        ("\"%\"", "\"furlong\"", Code::UnknownUnit, "reading.unit"),
        ("\"%\"", "\"F\"", Code::AmbiguousUnit, "reading.unit"),
        ("\"spo2\"", "[]", Code::WrongType, "reading.kind"),
        ("\"kind\":\"spo2\",", "", Code::MissingField, "reading.kind"),
        ("[\"motion\"]", "\"motion\"", Code::WrongType, "quality"),
        ("[\"motion\"]", "[\"motion\",\"mud\"]", Code::UnknownCode, "quality[1]"),
        ("\"gatt/1\"", "\"a\",\"signature\":\"maybe\"", Code::UnknownCode, "lineage.signature"),
        ("\"gatt/1\"", "\"a\",\"adapter\":\"b\"", Code::DuplicateField, "lineage.adapter"),
        ("\"tenant\"", "\"patient\"", Code::DuplicateField, "patient"),
        ("\"quality\"", "\"void\":{\"kind\":\"spo2\"},\"quality\"", Code::ExclusiveFields, "void"),
        (
            "{\"kind\":\"spo2\",\"value\":97.4,\"unit\":\"%\"}",
            "[\"spo2\",97.4,\"%\"]",
            Code::WrongType,
            "reading",
        ),
        ("{\"adapter\":\"gatt/1\"}", "[\"gatt/1\"]", Code::WrongType, "lineage"),
    ] {
        assert_eq!(broken(from, to), (code, path.into()), "{from} -> {to}");
    }
}

#[test]
fn every_error_of_the_other_bodies_names_its_field() {
    for (body, code, path) in [
        (r#""device_status":{"worn":1}"#, Code::WrongType, "device_status.worn"),
        (
            r#""device_status":{"battery_percent":101}"#,
            Code::OutOfRange,
            "device_status.battery_percent",
        ),
        (
            r#""device_status":{"battery_percent":256}"#,
            Code::OutOfRange,
            "device_status.battery_percent",
        ),
        (r#""context":{"asleep":"no"}"#, Code::WrongType, "context.asleep"),
        (r#""context":{"mood":"no"}"#, Code::UnknownField, "context.mood"),
        (r#""context":[]"#, Code::WrongType, "context"),
        (r#""enrolment":{}"#, Code::MissingField, "enrolment.signals"),
        (r#""enrolment":{"signals":{}}"#, Code::WrongType, "enrolment.signals"),
        (
            r#""enrolment":{"signals":[{"kind":"spo2","cadence":"60","from":0}]}"#,
            Code::BadDuration,
            "enrolment.signals[0].cadence",
        ),
        (r#""profile":{"spo2_scale":3}"#, Code::OutOfRange, "profile.spo2_scale"),
        (r#""profile":{"utc_offset_min":-841}"#, Code::OutOfRange, "profile.utc_offset_min"),
        (r#""profile":{"conditions":["a",1]}"#, Code::WrongType, "profile.conditions[1]"),
        (
            r#""profile":{"declined_channels":["sms",1]}"#,
            Code::WrongType,
            "profile.declined_channels[1]",
        ),
        (r#""void":{"kind":"spo2","value":1}"#, Code::UnknownField, "void.value"),
        (
            r#""correction":{"kind":"spo2","absent":"error"}"#,
            Code::MissingField,
            "correction.value",
        ),
        (
            r#""correction":{"kind":"consciousness","value":"Z"}"#,
            Code::UnknownCode,
            "correction.value",
        ),
    ] {
        assert_eq!(fault(&with(body)), (code, path.into()), "{body}");
    }
}

#[test]
fn oversized_input_is_refused() {
    let long = "x".repeat(10 << 20);
    assert_eq!(fault(&FULL.replace("p1", &long)).0, Code::TooLarge);
    let long = "x".repeat(1 << 19);
    assert_eq!(fault(&FULL.replace("p1", &long)), (Code::BadIdentifier, "patient".into()));
    for (from, path) in [("gatt/1", "lineage.adapter"), ("finger-oximeter", "device.class")] {
        assert_eq!(fault(&FULL.replace(from, &long)), (Code::TooLarge, path.into()));
    }
    let digits = "9".repeat(1 << 19);
    assert_eq!(fault(&FULL.replace("97.4", &digits)), (Code::TooLarge, "reading.value".into()));
    let flags = ["\"motion\""; 65].join(",");
    assert_eq!(fault(&FULL.replace("\"motion\"", &flags)), (Code::TooLarge, "quality".into()));
    let fields: Vec<_> = (0..100).map(|n| format!("\"f{n}\":0")).collect();
    assert_eq!(fault(&format!("{{{}}}", fields.join(","))).0, Code::TooLarge);
}

#[test]
fn deep_nesting_is_refused() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = format!("{}0{}", open.repeat(10_000), close.repeat(10_000));
        assert_eq!(
            fault(&FULL.replace("97.4", &nested)),
            (Code::WrongType, "reading.value".into())
        );
        let unknown = format!("\"x\":{nested},\"tenant\"");
        assert_eq!(fault(&FULL.replace("\"tenant\"", &unknown)).0, Code::UnknownField);
    }
    assert_eq!(fault(&"[".repeat(100_000)).0, Code::WrongType);
    assert_eq!(fault(&format!("{}{}", "[".repeat(10_000), "]".repeat(10_000))).0, Code::WrongType);
}

#[test]
fn halves_of_an_object_are_not_put_together() {
    let kind = r#""reading":{"kind":"spo2"}"#;
    let value = r#""reading":{"value":97,"unit":"%"}"#;
    let twice = fault(&with(&format!("{kind},{value}")));
    assert_eq!(twice, (Code::DuplicateField, "reading".into()));
    let whole = r#""reading":{"kind":"spo2","value":97,"unit":"%"}"#;
    let lineage = r#""lineage":{"adapter":"a"},"lineage":{"signature":"device"}"#;
    let twice = fault(&with(&format!("{whole},{lineage}")));
    assert_eq!(twice, (Code::DuplicateField, "lineage".into()));
    let device = FULL.replace(r#""id":"d1""#, r#""id":"d1","id":"d1""#);
    assert_eq!(fault(&device).0, Code::DuplicateField);
}

#[test]
fn truncation_anywhere_is_an_error() {
    for end in 0..FULL.len() {
        assert_eq!(fault(&FULL[..end]).0, Code::MalformedJson, "{end}");
    }
    assert_eq!(fault(&format!("{FULL}x")).0, Code::MalformedJson);
    assert!(read(&format!(" \n{FULL}\r\n")).is_ok());
}

#[test]
fn other_encodings_are_refused() {
    let utf16: Vec<u8> = FULL.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(parse(&utf16).is_err());
    let marked = format!("\u{feff}{FULL}");
    assert_eq!(fault(&marked).0, Code::MalformedJson);
    let latin1: Vec<u8> =
        FULL.replace("north", "n?rd").bytes().map(|b| if b == b'?' { 0xf6 } else { b }).collect();
    assert_eq!(parse(&latin1).unwrap_err().code(), Code::BadEncoding);
    for bad in [&[0xff, 0xfe][..], b"\xed\xa0\x80", b"\xc0\x80"] {
        assert_eq!(parse(bad).unwrap_err().code(), Code::BadEncoding);
        assert_eq!(parse_reading(bad), None);
    }
    assert!(read(&FULL.replace("north", "n\u{f6}rd \u{1f3e5}")).is_ok());
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z][a-z0-9 -]{0,12}", "\\PC{1,8}", Just("a\"\\\n\t\u{1}b".to_string())]
}

fn id() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zA-Z0-9:/-]{1,16}", "\\PC{1,8}", Just("q\"\\".to_string())]
        .prop_filter("no control characters", |t| !t.chars().any(char::is_control))
}

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![0_i64..253_402_300_799_999, (0_i64..4_000_000_000).prop_map(|s| s * 1000)]
}

fn kind() -> impl Strategy<Value = KindRef> {
    let known = (0..u16::try_from(crate::event::kind::TABLE.len()).unwrap())
        .prop_map(|n| KindRef::Known(Kind(n)));
    let declared = "x_[a-z0-9_]{0,10}".prop_map(|n| KindRef::Declared(n.into()));
    prop_oneof![4 => known, 1 => declared]
}

/// A kind with a value that its codes, if any, have.
fn kind_and_value() -> impl Strategy<Value = (KindRef, Value)> {
    (kind(), any::<i32>()).prop_map(|(kind, n)| {
        let coded = matches!(&kind, KindRef::Known(k) if code_name(*k, Value::ZERO).is_some());
        let n = if coded { n.rem_euclid(2) * 1000 } else { n };
        (kind, Value::from_thousandths(n))
    })
}

fn absent() -> impl Strategy<Value = AbsentReason> {
    proptest::sample::select(&ABSENT[..]).prop_map(|(_, reason)| reason)
}

fn body() -> impl Strategy<Value = Body> {
    let reading = kind_and_value().prop_map(|(kind, v)| Body::Reading { kind, value: Ok(v) });
    let absent = (kind(), absent()).prop_map(|(kind, why)| Body::Reading { kind, value: Err(why) });
    let correction = kind_and_value().prop_map(|(kind, value)| Body::Correction { kind, value });
    let void = kind().prop_map(|kind| Body::Void { kind });
    let flag = || option::of(any::<bool>());
    let status = (flag(), option::of(0_u8..=100), flag()).prop_map(|(worn, battery, link_up)| {
        Body::DeviceStatus(DeviceStatus { worn, battery_percent: battery, link_up })
    });
    let word = || option::of(text());
    let context = (word(), flag(), flag(), word(), word()).prop_map(|(a, b, c, d, e)| {
        let (activity, asleep, on_oxygen, posture, care_phase) = (a, b, c, d, e);
        Body::Context(Context { activity, asleep, on_oxygen, posture, care_phase })
    });
    let profile = (word(), vec(text(), 0..4), word(), option::of(1_u8..=2), flag());
    let more = (option::of(-840_i16..=840), vec(text(), 0..3));
    let profile = (profile, more).prop_map(|((a, b, c, d, e), (f, declined_channels))| {
        let (age_band, conditions, cohort, spo2_scale, consent) = (a, b, c, d, e);
        let utc_offset_min = f;
        Body::Profile(Box::new(Profile {
            age_band,
            conditions,
            cohort,
            spo2_scale,
            utc_offset_min,
            consent,
            declined_channels,
        }))
    });
    let rare = prop_oneof![absent, correction, void, status, context, enrolment(), profile];
    prop_oneof![reading, rare]
}

fn enrolment() -> impl Strategy<Value = Body> {
    let expected = (kind(), 0_i64..=i64::MAX, time(), option::of(time()));
    let expected = expected.prop_map(|(kind, cadence, from, until)| Expected {
        kind,
        cadence: Duration::from_millis(cadence),
        from: Timestamp::from_millis(from),
        until: until.map(Timestamp::from_millis),
    });
    vec(expected, 0..4).prop_map(|signals| Body::Enrolment(Enrolment { signals }))
}

fn lineage() -> impl Strategy<Value = Lineage> {
    let word = || option::of(text());
    let signature = proptest::sample::select(&SIGNATURE[..]).prop_map(|(_, s)| s);
    let repair = (any::<i64>(), text())
        .prop_map(|(offset_ms, evidence)| ClockRepair { offset_ms, evidence });
    (word(), word(), word(), signature, option::of(repair)).prop_map(|(a, v, u, s, r)| Lineage {
        adapter: a,
        original_value: v.map(Phi::new),
        original_unit: u,
        signature: s,
        clock_repair: r,
    })
}

pub(super) fn event() -> impl Strategy<Value = Event> {
    let word = || option::of(text());
    let device = (id(), word(), word(), word()).prop_map(|(id, model, firmware, class)| Device {
        id: DeviceId::new(&id).unwrap(),
        model,
        firmware,
        class,
    });
    let unknown = option::of(Just(Box::from(r#"{"v":"1.7","x":[1,{"a":2}]}"#)));
    let times = (time(), option::of(time()));
    let head = (option::of(id()), id(), device, option::of(any::<u64>()), times);
    let rest = (body(), any::<u8>(), prop_oneof![Just(Lineage::default()), lineage()], unknown);
    (head, rest).prop_map(|((tenant, patient, device, sequence, times), rest)| Event {
        tenant: tenant.map(|t| TenantId::new(&t).unwrap()),
        patient: PatientId::new(&patient).unwrap(),
        device,
        sequence,
        observed_at: Timestamp::from_millis(times.0),
        received_at: times.1.map(HostTime::from_millis),
        body: rest.0,
        quality: Quality::from_bits(rest.1),
        lineage: rest.2,
        unknown: rest.3,
    })
}

/// Texts that are nearly events: the example with one part replaced by another.
pub(super) fn nearly() -> impl Strategy<Value = String> {
    let parts = [
        "\"v\"",
        "\"1.0\"",
        "\"tenant\"",
        "\"north\"",
        "\"p1\"",
        "\"d1\"",
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "17",
        "97.4",
        "\"%\"",
        "\"spo2\"",
        "\"motion\"",
        "\"value\"",
        "\"2026-03-01T02:13:05Z\"",
        "{\"kind\":\"spo2\",\"value\":97.4,\"unit\":\"%\"}",
        "[\"motion\"]",
        "\"model\":\"m\",",
        "\"reading\"",
    ];
    let others = [
        "",
        "null",
        "0",
        "-1",
        "1e400",
        "\"\"",
        "\"\\u00e9\"",
        "[]",
        "{}",
        "true",
        "\"F\"",
        "1772331185000",
        "\"1.3\"",
        "\"bpm\"",
        "\"97.4\"",
        "\"9.74E1\"",
        "97.45678",
        "[\"spo2\",97.4,\"%\"]",
        "\"lactate\"",
        "\"consciousness\"",
        "\"V\"",
        "\"2026-03-01T02:13:05.5+02:00\"",
        " ",
        "\"absent\"",
        "\"signature\"",
        "\"device\"",
        "{\"id\":\"d1\"}",
        "{\"loinc\":\"2708-6\"}",
        "\u{7f}",
        "\\",
        "\"unit\"",
    ];
    let select = proptest::sample::select::<&str>;
    vec((select(parts.to_vec()), select(others.to_vec())), 1..3).prop_map(|swaps| {
        swaps.iter().fold(FULL.to_string(), |text, (from, to)| text.replacen(from, to, 1))
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back(event in event()) {
        let mut event = event;
        // Of a declared kind the delivered unit is the reading's own.
        let text = write(&event);
        let back = parse(text.as_bytes()).unwrap();
        if event.lineage.original_unit.is_none() {
            event.lineage.original_unit = back.lineage.original_unit.clone();
        }
        prop_assert_eq!(&back, &event);
        prop_assert_eq!(write(&back), text.clone());
        if let Some(quick) = parse_reading(text.as_bytes()) {
            prop_assert_eq!(quick.to_event().unwrap(), event);
        }
    }

    /// The quick way accepts only what the general way accepts, and reads the same.
    #[test]
    fn the_quick_way_agrees(text in nearly()) {
        if let Some(quick) = parse_reading(text.as_bytes()) {
            prop_assert_eq!(quick.to_event(), parse(text.as_bytes()), "{}", text);
        }
    }

    #[test]
    fn anything_else_is_a_typed_error(bytes in vec(any::<u8>(), 0..200)) {
        prop_assert!(parse(&bytes).is_err());
        prop_assert_eq!(parse_reading(&bytes), None);
    }

    /// No error, however it comes about, shows what was in a field.
    #[test]
    fn errors_show_no_content(
        (from, to) in (0..FULL.len(), 0..FULL.len()),
        junk in "[ -~]{0,6}",
    ) {
        let secret = FULL
            .replace("north", "SECRET0")
            .replace("p1", "SECRET1")
            .replace("d1", "SECRET2")
            .replace("97.4", "31.415")
            .replace("finger-oximeter", "SECRET3");
        let (from, to) = (from.min(to), from.max(to));
        let text = format!("{}{junk}{}", &secret[..from], &secret[to..]);
        let Err(error) = parse(text.as_bytes()) else { return Ok(()) };
        let shown = format!("{error} {error:?}");
        prop_assert!(!shown.contains("SECRET") && !shown.contains("31.415"), "{}", shown);
    }
}
