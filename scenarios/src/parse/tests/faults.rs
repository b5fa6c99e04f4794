//! Faults in a file, and what is said of wrong ones.

use super::*;

#[test]
fn faults_take_what_they_need_and_nothing_else() {
    let check = |fault: &str| {
        let text = format!("{}\n[[fault]]\n{fault}", changed("", ""));
        match Scenario::parse(&text, "f") {
            Ok(scenario) => scenario.faults[0].to_string(),
            Err(error) => error.to_string(),
        }
    };
    for (fault, expected) in [
        (
            "kind = \"backends-killed\"\nat = \"999ms\"",
            "backends-killed",
        ),
        (
            "kind = \"backends-killed\"\nat = \"1s\"",
            "f:17:6: at: expected a time before the load is over, which lasts 1s, got 1s",
        ),
        (
            "kind = \"link-reset\"\non = \"BindComplete\"",
            "link-reset between target and PostgreSQL after BindComplete",
        ),
        (
            "kind = \"link-delayed\"\nfor = \"1s\"",
            "expected a key \"by\", got none",
        ),
        (
            "kind = \"postgres-frozen\"",
            "expected a key \"for\", got none",
        ),
        (
            "kind = \"backends-killed\"\nfor = \"1s\"",
            "for: backends-killed does not take it",
        ),
        (
            "kind = \"clients-vanish\"",
            "expected a key \"clients\", got none",
        ),
        (
            "kind = \"pooler-reloded\"",
            "did you mean \"pooler-reloaded\"?",
        ),
        ("at = \"1s\"", "expected a key \"kind\", got none"),
    ] {
        let said = check(fault);
        assert!(said.contains(expected), "{fault}: {said}");
    }
}
