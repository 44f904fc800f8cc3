use super::*;
use crate::{audit::LogKeys, identity::Identity};

fn export(records: &[&str]) -> (Identity, Export) {
    let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
    let owner = Identity::generate(&mut rng);
    let keys = LogKeys::derive(owner.secret());
    let mut head = Head::GENESIS;
    let mut entries = Vec::new();
    for record in records {
        let (entry, next) = head.append(&keys, record);
        entries.push((entry, *next.hash()));
        head = next;
    }
    let checkpoint = Checkpoint::sign(owner.witness(), &head, UnixTime(1_795_300_000), &[7; 32]);
    let export = Export::new(
        *owner.public().statement(),
        entries,
        checkpoint.into_iter().collect(),
    );
    (owner, export)
}

#[test]
fn an_export_round_trips_and_verifies() {
    let (_, export) = export(&[r#"{"event":"sent"}"#, r#"{"event":"gap \"1\" ñ"}"#]);
    let text = export.to_ndjson();
    assert_eq!(Export::parse(&text), Ok(export.clone()));
    let attested = Export::parse(&text)
        .unwrap()
        .replay()
        .unwrap()
        .attest(&[])
        .unwrap();
    assert_eq!((attested.signed(), attested.anchored_at()), (Some(1), None));
    assert_eq!(attested.records().count(), 2);
    let kept = export.checkpoints.clone();
    assert_eq!(
        export
            .replay()
            .unwrap()
            .attest(&kept)
            .unwrap()
            .anchored_at(),
        Some(1)
    );
}

#[test]
fn an_empty_log_has_no_checkpoint() {
    let (owner, export) = export(&[]);
    assert!(export.checkpoints.is_empty());
    assert!(Checkpoint::sign(owner.witness(), &Head::GENESIS, UnixTime(0), &[0; 32]).is_none());
    assert_eq!(Export::parse(&export.to_ndjson()), Ok(export));
}

#[test]
fn other_encodings_of_an_export_are_refused() {
    let (_, export) = export(&["{}"]);
    let text = export.to_ndjson();
    let lines: Vec<&str> = text.lines().collect();
    for (what, bad) in [
        ("no last newline", text.trim_end().to_owned()),
        ("empty line", format!("{text}\n")),
        ("carriage returns", text.replace('\n', "\r\n")),
        ("space", text.replacen("\":", "\": ", 1)),
        ("version", text.replacen("audit\":1", "audit\":2", 1)),
        (
            "upper case hex",
            text.replacen(lines[0], &lines[0].replace("owner\":\"", "owner\":\"A"), 1),
        ),
        ("index", text.replacen("\"i\":0", "\"i\":1", 1)),
        (
            "unknown key",
            text.replacen("{\"i\":0", "{\"i\":0,\"j\":0", 1),
        ),
        ("array", text.replacen(lines[0], "[1,\"\"]", 1)),
        (
            "checkpoint before its entry",
            [lines[0], lines[2], lines[1], ""].join("\n"),
        ),
        ("nothing", String::new()),
    ] {
        assert_eq!(Export::parse(&bad), Err(AuditError::Malformed), "{what}");
    }
}

#[test]
fn a_rewritten_log_fails_against_a_kept_checkpoint() {
    let (owner, first) = export(&["{}", "[]"]);
    let kept = first.checkpoints.clone();
    let (_, again) = export(&["{}", "[]"]);
    let forged = Export {
        owner: *owner.public().statement(),
        checkpoints: vec![],
        ..again
    };
    let replayed = forged.replay().unwrap();
    assert_eq!(replayed.attest(&kept).unwrap_err(), AuditError::Checkpoint);
    let mut cut = first;
    cut.entries.pop();
    assert_eq!(
        cut.replay().unwrap().attest(&[]).unwrap_err(),
        AuditError::Truncated
    );
}
