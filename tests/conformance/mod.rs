//! Runs the protocol's vectors. The same code runs natively and in browsers.
//!
//! A file is `{"about": …, "section": …, "cases": […]}`; its name gives the kind
//! of its cases. A case without `valid` is valid. A valid case must be accepted
//! and every field compared. An invalid case must be refused by the protocol, not
//! by this reader: a case that cannot be read, or that has an unknown field, is a
//! failure.

#![allow(unreachable_pub, reason = "shared by a test and an example")]

mod batches;
mod case;
mod cells;
mod enrolment;
mod keys;
mod others;

use std::collections::BTreeSet;

use case::{Broken, Case, Verdict};
use serde::Deserialize;

/// The kinds of files, with the permitted fields of their cases and the check.
const KINDS: &[Kind] = &[
    Kind {
        file: "audit.json",
        fields: others::AUDIT,
        check: others::audit,
    },
    Kind {
        file: "batch.json",
        fields: batches::BATCH,
        check: batches::batch,
    },
    Kind {
        file: "cell.json",
        fields: cells::CELL,
        check: cells::cell,
    },
    Kind {
        file: "channel.json",
        fields: keys::CHANNEL,
        check: keys::channel,
    },
    Kind {
        file: "enrolment.json",
        fields: enrolment::ENROLMENT,
        check: enrolment::enrolment,
    },
    Kind {
        file: "fragments.json",
        fields: cells::FRAGMENTS,
        check: cells::fragments,
    },
    Kind {
        file: "identity.json",
        fields: keys::IDENTITY,
        check: keys::identity,
    },
    Kind {
        file: "medcrypt.json",
        fields: others::MEDCRYPT,
        check: others::medcrypt,
    },
    Kind {
        file: "proof.json",
        fields: keys::PROOF,
        check: keys::proof,
    },
    Kind {
        file: "rendezvous.json",
        fields: enrolment::RENDEZVOUS,
        check: enrolment::rendezvous,
    },
    Kind {
        file: "secure_encryption.json",
        fields: cells::SECURE_ENCRYPTION,
        check: cells::secure_encryption,
    },
    Kind {
        file: "select.json",
        fields: batches::SELECT,
        check: batches::select,
    },
    Kind {
        file: "shares.json",
        fields: others::SHARES,
        check: others::shares,
    },
];

struct Kind {
    file: &'static str,
    fields: &'static [&'static str],
    check: fn(&Case<'_>) -> Result<Verdict, Broken>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "about")]
    _about: String,
    #[serde(rename = "section")]
    _section: u32,
    cases: Vec<serde_json::Map<String, serde_json::Value>>,
}

/// The number of cases of a file, all of which passed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub valid: usize,
    pub invalid: usize,
    /// Why the invalid cases are invalid, and the step that refused them.
    pub refused: BTreeSet<(String, &'static str)>,
}

/// Runs one file. An error has one line per failed case.
pub fn run_file(name: &str, text: &str) -> Result<Count, Vec<String>> {
    let Some(kind) = KINDS.iter().find(|kind| kind.file == name) else {
        return Err(vec![format!("{name}: no such kind of vectors")]);
    };
    let file: File =
        serde_json::from_str(text).map_err(|error| vec![format!("{name}: {error}")])?;
    if file.cases.is_empty() {
        return Err(vec![format!("{name}: no cases")]);
    }
    let mut count = Count::default();
    let mut failures = Vec::new();
    for (i, fields) in file.cases.iter().enumerate() {
        let case = Case::new(fields);
        match run_case(kind, &case) {
            Ok(None) => count.valid += 1,
            Ok(Some(step)) => {
                count.invalid += 1;
                count.refused.insert((case.why().to_owned(), step));
            }
            Err(Broken(what)) => failures.push(format!("{name} case {i} ({}): {what}", case.why())),
        }
    }
    if failures.is_empty() {
        Ok(count)
    } else {
        Err(failures)
    }
}

/// Runs one case; returns the step that refused an invalid case.
fn run_case(kind: &Kind, case: &Case<'_>) -> Result<Option<&'static str>, Broken> {
    case.only(kind.fields)?;
    let valid = case.valid()?;
    match ((kind.check)(case)?, valid) {
        (Verdict::Accepted(differing), true) => match differing.first() {
            None => case.all_used().map(|()| None),
            Some(field) => Err(Broken(format!("another {field}"))),
        },
        (Verdict::Accepted(_), false) => Err(Broken("accepted".into())),
        (Verdict::Refused(step), true) => Err(Broken(format!("refused: {step}"))),
        (Verdict::Refused(step), false) => Ok(Some(step)),
    }
}
