//! Holds the workspace to the rules that no compiler knows: who may depend on whom, how large a file
//! grows, and where modules live.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a helper of a test fails the test"
)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// A longer file has more than one subject.
const FILE_LINES_MAX: usize = 500;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("a workspace around the crate")
        .to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Rust sources of the workspace below `folder`, without what a build made.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no sources below {}", folder.display());
    found
}

#[test]
fn dependencies_run_one_way() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("proxy", &[][..]),
        ("scenarios", &[]),
        ("reports", &["poolproof-scenarios"]),
        (
            "loadtester",
            &[
                "poolproof-proxy",
                "poolproof-reports",
                "poolproof-scenarios",
            ],
        ),
    ]);
    for (folder, allowed) in allowed {
        let manifest: toml::Table = read(&root().join(folder).join("Cargo.toml"))
            .parse()
            .expect("valid TOML");
        let forbidden: Vec<&String> = ["dependencies", "dev-dependencies", "build-dependencies"]
            .iter()
            .filter_map(|kind| manifest.get(*kind)?.as_table())
            .flat_map(toml::Table::keys)
            .filter(|name| name.starts_with("poolproof") && !allowed.contains(&name.as_str()))
            .collect();
        assert!(
            forbidden.is_empty(),
            "{folder} may not depend on {forbidden:?}"
        );
    }
}

#[test]
fn the_load_tester_does_not_speak_through_the_proxys_codec() {
    for path in sources(&root().join("loadtester/src")) {
        for line in read(&path)
            .lines()
            .filter(|line| line.contains("poolproof_proxy::"))
        {
            assert!(
                line.contains("poolproof_proxy::cli"),
                "only the proxy's command line may be used, got in {}: {}",
                path.display(),
                line.trim()
            );
        }
    }
}

#[test]
fn files_have_one_subject() {
    let large: Vec<String> = sources(&root())
        .into_iter()
        .map(|path| (read(&path).lines().count(), path))
        .filter(|(lines, _)| *lines > FILE_LINES_MAX)
        .map(|(lines, path)| format!("{} ({lines} lines)", path.display()))
        .collect();
    assert!(
        large.is_empty(),
        "split along the domain, over {FILE_LINES_MAX} lines: {large:#?}"
    );
}

#[test]
fn modules_are_files_beside_their_folders() {
    let old_style: Vec<_> = sources(&root())
        .into_iter()
        .filter(|path| path.ends_with("mod.rs"))
        .collect();
    assert!(
        old_style.is_empty(),
        "foo.rs beside foo/, not foo/mod.rs: {old_style:?}"
    );
}
