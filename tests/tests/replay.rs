//! Orders that were under way, or had ended, under earlier code: the workflows as they are now
//! replay them, so that a change of a workflow strands nobody's order.
#![allow(clippy::unwrap_used, reason = "a test says by panicking that something is not as it was")]

#[path = "faults/replayer.rs"]
mod replayer;

use std::{fs, path::Path};

use temporalio_client::WorkflowHistory;

#[tokio::test]
async fn every_recorded_order_replays_with_the_workflows_as_they_are_now() {
    let recorded = recorded();
    assert!(recorded.len() >= 20, "{} histories are recorded", recorded.len());
    let history = |(name, json): (String, String)| (name, read(&json));
    replayer::assert_replays(recorded.into_iter().map(history).collect()).await;
}

/// What the other test relies on: a story that goes another way is noticed.
#[tokio::test]
#[should_panic(expected = "do not replay any more")]
async fn a_story_that_goes_another_way_is_noticed() {
    let (_, paid) = recorded().into_iter().find(|(name, _)| name == "paid").unwrap();
    let other = paid.replace("\"name\": \"capture\"", "\"name\": \"capture_at_once\"");
    assert_ne!(other, paid, "a paid order's money was captured");
    replayer::assert_replays(vec![("paid".to_owned(), read(&other))]).await;
}

fn read(json: &str) -> WorkflowHistory {
    WorkflowHistory::from_json(json.as_bytes()).unwrap()
}

/// The histories of `tests/histories`, by their names.
fn recorded() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("histories");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let histories = files.filter(|path| path.extension().is_some_and(|kind| kind == "json"));
    let named = |path: std::path::PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (name, fs::read_to_string(&path).unwrap())
    };
    histories.map(named).collect()
}
