//! The documentation says what the tables say, and the tables what the program does.

use std::fmt::Write;
use std::path::Path;
use std::{fs, io};

use expect_test::expect_file;

use super::super::section::{Change, Section, Support};
use super::super::{ConnectString, Peer, Settings, UserSettings};

/// The keys of a section as a table in Markdown.
fn table<S: Section>() -> String {
    let mut text = String::from("| key | default | changes | this version | meaning |\n");
    text.push_str("|---|---|---|---|---|\n");
    let defaults = S::default();
    for key in S::KEYS {
        let default = match (key.show)(&defaults).as_str() {
            "" => String::new(),
            shown => format!("`{shown}`"),
        };
        let change = match key.change {
            Change::Live => "on reload",
            Change::Restart => "on restart",
        };
        let support = match key.support {
            Support::Honoured => "honoured".to_owned(),
            Support::NotYet => "not yet: warned".to_owned(),
            Support::Moot(reason) => format!("ignored, warned: {reason}"),
        };
        let (name, meaning) = (key.name, key.meaning.trim());
        writeln!(
            text,
            "| `{name}` | {default} | {change} | {support} | {meaning} |"
        )
        .unwrap();
    }
    for (alias, name) in S::ALIASES {
        writeln!(text, "| `{alias}` | | | | Another name of `{name}`. |").unwrap();
    }
    text
}

/// `page` with what stands between the two comments of `section` replaced by `table`.
fn with_table(page: &str, section: &str, table: &str) -> String {
    let (begin, end) = (
        format!("<!-- {section} -->\n"),
        format!("<!-- end of {section} -->"),
    );
    let (before, rest) = page.split_once(&begin).unwrap();
    let (_, after) = rest.split_once(&end).unwrap();
    format!("{before}{begin}\n{table}\n{end}{after}")
}

/// UPDATE_EXPECT=1 writes the tables into the page.
#[test]
fn the_page_has_the_tables() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let mut page = fs::read_to_string(&path).unwrap();
    page = with_table(&page, "[pgbouncer]", &table::<Settings>());
    page = with_table(&page, "[databases]", &table::<ConnectString>());
    page = with_table(&page, "[users]", &table::<UserSettings>());
    page = with_table(&page, "[peers]", &table::<Peer>());
    expect_file![path].assert_eq(&page);
}

/// The text of every source file under `folder`, but for tests and the tables themselves.
fn sources(folder: &Path, text: &mut String) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if path.is_dir() {
            sources(&path, text)?;
        } else if !["settings.rs", "tests.rs", "documentation.rs"].contains(&name)
            || path.ends_with("pool/settings.rs")
        {
            text.push_str(&fs::read_to_string(&path)?);
        }
    }
    Ok(())
}

/// Whether `sources` read a field called `name`.
fn is_read(sources: &str, name: &str) -> bool {
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    let dotted = format!(".{name}");
    sources
        .match_indices(&dotted)
        .any(|(at, found)| ends(&sources[at + found.len()..]))
}

#[test]
fn what_is_called_honoured_is_read_somewhere() {
    fn honoured<S: Section>() -> impl Iterator<Item = &'static str> {
        S::KEYS
            .iter()
            .filter(|key| key.support == Support::Honoured)
            .map(|key| key.name)
    }
    let mut text = String::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut text,
    )
    .unwrap();
    let names = honoured::<Settings>()
        .chain(honoured::<ConnectString>())
        .chain(honoured::<UserSettings>())
        .chain(honoured::<Peer>());
    let unread: Vec<&str> = names.filter(|name| !is_read(&text, name)).collect();
    assert!(
        unread.is_empty(),
        "called honoured and read nowhere: {unread:?}"
    );
    assert!(!is_read(&text, "no_such_key"));
}
