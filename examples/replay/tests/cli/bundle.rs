//! The main job: the recordings that come with the project.

use std::fs;
use std::path::Path;

use crate::common::{Scratch, text};

/// One test, for all of them would write to the same directory.
#[test]
fn the_bundled_recordings_become_tables_records_and_pictures() {
    let scratch = Scratch::new("bundle");
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/replay");
    let replay = || {
        let output = scratch.replay(&[]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        let read = |name: &str| fs::read_to_string(target.join(name)).unwrap();
        let files = ["records.jsonl", "alerts.jsonl", "quarantine.jsonl", "summary.json"];
        (files.map(read), read("index.html"), String::from_utf8(output.stdout).unwrap())
    };
    let (files, page, told) = replay();
    assert!(told.contains("priority") && told.contains("duration"), "{told}");
    let pictures: Vec<&str> =
        page.split("<img src=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(!pictures.is_empty());
    for picture in pictures {
        let svg = fs::read_to_string(target.join(picture)).unwrap();
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{picture}");
        assert!(svg.contains("class=\"trace\"") && svg.contains("class=\"bar "), "{picture}");
    }
    assert!(replay() == (files, page, told), "a second run gives the same bytes");
    let verified = scratch.replay(&["verify", &target.display().to_string()]);
    assert_eq!(verified.status.code(), Some(0), "{}", text(&verified));
    // Each recording by the policy that decided it: one of them has objectives.
    let figures = scratch.replay(&["kpi", &target.display().to_string()]);
    assert_eq!(figures.status.code(), Some(0), "{}", text(&figures));
    assert_eq!(text(&figures).matches("\nservice levels at").count(), 1, "{}", text(&figures));
}
