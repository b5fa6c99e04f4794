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

/// Every key has a row in the table of tests, and every test named on that page exists.
#[test]
fn the_page_of_tests_names_every_key_and_no_test_that_is_missing() {
    fn missing<S: Section>(part: &str) -> impl Iterator<Item = &'static str> {
        let names = S::KEYS.iter().map(|key| key.name);
        let aliases = S::ALIASES.iter().map(|(alias, _)| *alias);
        names
            .chain(aliases)
            .filter(move |name| !part.contains(&format!("\n| `{name}` | ")))
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("../docs/compatibility.md")).unwrap();
    let part = |title: &str| {
        let (_, rest) = page.split_once(&format!("## Keys of {title}\n")).unwrap();
        rest.split("\n## ").next().unwrap_or(rest)
    };
    let unlisted: Vec<_> = missing::<Settings>(part("[pgbouncer]"))
        .chain(missing::<ConnectString>(part("[databases]")))
        .chain(missing::<UserSettings>(part("[users]")))
        .collect();
    assert!(unlisted.is_empty(), "without a row: {unlisted:?}");
    let mut text = String::new();
    all_sources(&root.join("src"), &mut text).unwrap();
    all_sources(&root.join("tests"), &mut text).unwrap();
    let named = page.split('`').filter(|word| is_test(word));
    let unknown: Vec<_> = named
        .filter(|path| {
            let name = path.rsplit("::").next().unwrap_or(path);
            !text.contains(&format!("fn {name}("))
        })
        .collect();
    assert!(unknown.is_empty(), "no such tests: {unknown:?}");
}

/// The last column of the page of tests says yes of those, and of no others, whose source has
/// PgBouncer answer as well.
#[test]
fn the_page_of_tests_says_which_of_them_ask_pgbouncer() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("../docs/compatibility.md")).unwrap();
    let mut wrong = Vec::new();
    for line in page.lines().filter(|line| line.matches(" |").count() == 3) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, what, tests, says, _] = cells[..] else {
            continue;
        };
        let mut tests = tests.split('`').filter(|word| is_test(word)).peekable();
        if tests.peek().is_none() {
            continue; // whole files, and the head of the table
        }
        let asks = tests.any(|test| asks_pgbouncer(root, test));
        if asks != says.starts_with("yes") {
            wrong.push(format!(
                "{what}: expected {}, got \"{says}\"",
                if asks { "yes" } else { "no yes" }
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether the integration test with this path asks PgBouncer, itself or by a function of its file.
fn asks_pgbouncer(root: &Path, test: &str) -> bool {
    let (room, name) = test.rsplit_once("::").unwrap();
    let file = format!("tests/integration/{}.rs", room.replace("::", "/"));
    // A test of a part asks nobody.
    fs::read_to_string(root.join(file))
        .is_ok_and(|text| says_pgbouncer(&text, name, &mut Vec::new()))
}

fn says_pgbouncer<'a>(text: &'a str, name: &'a str, seen: &mut Vec<&'a str>) -> bool {
    const WORDS: [&str; 4] = ["PgBouncer", "POOLERS", "POOLER_PROCESSES", "EVERYWHERE"];
    if seen.contains(&name) {
        return false;
    }
    seen.push(name);
    let Some((_, rest)) = text.split_once(&format!("fn {name}(")) else {
        return false;
    };
    let body = rest.split("\n}\n").next().unwrap_or(rest);
    let code = body
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let not_name = |c: char| !c.is_alphanumeric() && c != '_';
    for line in code {
        if line.split(not_name).any(|word| WORDS.contains(&word)) {
            return true;
        }
        for (before, _) in line.match_indices('(').map(|(at, _)| line.split_at(at)) {
            let called = before.rsplit(not_name).next().unwrap_or(before);
            if !called.is_empty() && says_pgbouncer(text, called, seen) {
                return true;
            }
        }
    }
    false
}

/// Whether a word in code marks is the path of a test: its last part is a sentence.
fn is_test(word: &str) -> bool {
    let name = word.rsplit_once("::").map_or("", |(_, name)| name);
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.matches('_').count() >= 2 && name.chars().all(plain)
}

/// The text of every source file under `folder`.
fn all_sources(folder: &Path, text: &mut String) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            all_sources(&path, text)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(&path)?);
        }
    }
    Ok(())
}
