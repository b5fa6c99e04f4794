//! Passwords never reach a record, a report or a terminal.

/// Stands for a password.
const MASKED: &str = "********";

/// `text` with every secret in it replaced.
#[must_use]
pub fn mask(text: &str, secrets: &[String]) -> String {
    secrets
        .iter()
        .filter(|secret| !secret.is_empty())
        .fold(text.to_owned(), |text, secret| {
            text.replace(secret.as_str(), MASKED)
        })
}

/// `text` with the password of an address such as `postgres://me:secret@host/db?password=secret`
/// replaced, in both places where an address may hold one.
#[must_use]
pub fn mask_url(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let rest = match rest.rsplit_once('@') {
        Some((login, place)) => {
            let login = login
                .split_once(':')
                .map_or_else(|| login.to_owned(), |(user, _)| format!("{user}:{MASKED}"));
            format!("{login}@{place}")
        }
        None => rest.to_owned(),
    };
    format!("{scheme}://{}", mask_parameter(&rest))
}

fn mask_parameter(rest: &str) -> String {
    let Some((place, query)) = rest.split_once('?') else {
        return rest.to_owned();
    };
    let query: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some(("password", _)) => format!("password={MASKED}"),
            _ => pair.to_owned(),
        })
        .collect();
    format!("{place}?{}", query.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lose_their_passwords() {
        for (text, expected) in [
            ("direct,proxy", "direct,proxy"),
            ("a=postgres://me@h/db", "a=postgres://me@h/db"),
            (
                "a=postgres://me:pw@h:1/db",
                "a=postgres://me:********@h:1/db",
            ),
            ("a=postgres://me:p@w@h/db", "a=postgres://me:********@h/db"),
            (
                "a=postgres://h/db?user=me&password=pw&x=1",
                "a=postgres://h/db?user=me&password=********&x=1",
            ),
        ] {
            assert_eq!(mask_url(text), expected);
        }
    }

    #[test]
    fn every_occurrence_of_a_secret_goes() {
        let secrets = ["pw".to_owned(), String::new()];
        assert_eq!(mask("pw and pw", &secrets), "******** and ********");
    }
}
