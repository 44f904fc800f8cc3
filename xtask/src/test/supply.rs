//! The supply chain: cargo-deny over the Rust crates, `npm audit` over the npm packages. They need a
//! tool or a service that is not everywhere; a check that could not be made counts as skipped.

use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::suite::Checked;
use crate::workspace::Workspace;
use crate::{npm, tools};

/// One of the four checks of cargo-deny: advisories, bans, licenses, sources.
pub(super) fn deny(workspace: &Workspace, kind: &str) -> Result<Checked> {
    let Some(program) = tools::CARGO_DENY.find(workspace) else {
        let missing = tools::CARGO_DENY.missing();
        return Ok(Checked::Skipped(format!("{kind} not checked: {missing}")));
    };
    let output = Command::new(program)
        .args(["--color=never", "--locked", "check", kind])
        .current_dir(workspace.path("."))
        .output()
        .context("cargo-deny")?;
    judge_deny(
        kind,
        output.status.success(),
        &String::from_utf8_lossy(&output.stderr),
    )
}

fn judge_deny(kind: &str, success: bool, printed: &str) -> Result<Checked> {
    if success {
        return Ok(Checked::Passed(String::new()));
    }
    if kind == "advisories" && printed.contains("failed to fetch advisory database") {
        let reason = "advisories not checked: the advisory database cannot be fetched";
        return Ok(Checked::Skipped(reason.into()));
    }
    bail!("cargo deny check {kind}:\n{}", printed.trim());
}

/// Known vulnerabilities of the packages that the lock file in `folder` names.
pub(super) fn npm_audit(workspace: &Workspace, folder: &str) -> Result<Checked> {
    let output = npm::npm(
        &workspace.path(folder),
        &["audit", "--package-lock-only", "--json"],
    )
    .output()
    .context("npm audit")?;
    judge_audit(folder, &output.stdout)
}

fn judge_audit(folder: &str, json: &[u8]) -> Result<Checked> {
    let report: Value = serde_json::from_slice(json).context("npm audit --json")?;
    let Some(found) = report.get("vulnerabilities").and_then(Value::as_object) else {
        let reason = report.get("message").and_then(Value::as_str);
        let reason =
            reason.context("npm audit --json has neither vulnerabilities nor a message")?;
        return Ok(Checked::Skipped(format!("{folder} not audited: {reason}")));
    };
    if found.is_empty() {
        return Ok(Checked::Passed(String::new()));
    }
    let names: Vec<_> = found.keys().map(String::as_str).collect();
    bail!("npm audit in {folder}: {}", names.join(", "));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_fails() {
        let report = br#"{"auditReportVersion":2,"vulnerabilities":{"qr":{"severity":"low"}}}"#;
        let error = judge_audit("pkg", report).expect_err("a vulnerability");
        assert_eq!(error.to_string(), "npm audit in pkg: qr");
        assert!(judge_deny("bans", false, "error[banned]: crate 'openssl-sys'").is_err());
        assert!(judge_deny("advisories", false, "error[vulnerability]: RUSTSEC-1").is_err());
    }

    #[test]
    fn no_finding_passes() {
        let report = br#"{"auditReportVersion":2,"vulnerabilities":{}}"#;
        assert!(matches!(judge_audit("pkg", report), Ok(Checked::Passed(_))));
        assert!(matches!(
            judge_deny("bans", true, ""),
            Ok(Checked::Passed(_))
        ));
    }

    #[test]
    fn a_service_that_does_not_answer_is_a_skip_with_its_reason() {
        let refused = br#"{"message":"405 Method Not Allowed","statusCode":405}"#;
        let Ok(Checked::Skipped(reason)) = judge_audit("www", refused) else {
            panic!("not skipped");
        };
        assert_eq!(reason, "www not audited: 405 Method Not Allowed");
        let offline = "ERROR failed to fetch advisory database https://…";
        assert!(matches!(
            judge_deny("advisories", false, offline),
            Ok(Checked::Skipped(_))
        ));
        assert!(judge_deny("bans", false, offline).is_err());
        assert!(judge_audit("www", b"{}").is_err());
    }
}
