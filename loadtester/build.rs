//! Tells the program which commit it is built from.
//!
//! `POOLPROOF_COMMIT` says so where there is no repository, as in an image. A development build does
//! not ask git, or each commit would build everything again.

use std::{env, process::Command};

fn main() {
    println!("cargo::rerun-if-env-changed=POOLPROOF_COMMIT");
    let told = env::var("POOLPROOF_COMMIT").ok();
    let released = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let commit = told.or_else(|| released.then(commit_of_repository).flatten());
    if let Some(commit) = commit {
        println!("cargo::rustc-env=POOLPROOF_COMMIT={commit}");
    }
}

/// The commit that is checked out, if there is a repository and a git to ask.
fn commit_of_repository() -> Option<String> {
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    println!("cargo::rerun-if-changed={log}");
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !said.trim().is_empty()).then(|| said.trim().to_owned())
}
