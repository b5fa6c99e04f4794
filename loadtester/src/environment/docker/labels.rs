//! The mark on everything that we make in an engine, by which it is found again and told from what
//! is others'.

use std::collections::HashMap;

use crate::environment::owner::Owner;

/// Key of the label; its value names the process that made the thing.
const KEY: &str = "poolproof.owner";

/// Labels of what this process makes.
pub(super) fn of_this_process() -> HashMap<String, String> {
    HashMap::from([(KEY.to_owned(), Owner::this_process().to_string())])
}

/// What is asked of the engine to list only what is ours, living or left.
pub(super) fn filter() -> HashMap<String, Vec<String>> {
    HashMap::from([("label".to_owned(), vec![KEY.to_owned()])])
}

/// The process that made a thing with these labels.
pub(super) fn owner(labels: Option<&HashMap<String, String>>) -> Option<Owner> {
    Owner::parse(labels?.get(KEY)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_we_make_is_known_by_its_label() {
        let labels = of_this_process();
        assert_eq!(owner(Some(&labels)), Some(Owner::this_process()));
        assert!(owner(Some(&labels)).is_some_and(|owner| owner.is_alive()));
        assert_eq!(owner(Some(&HashMap::new())), None);
        assert!(filter()["label"].contains(&KEY.to_owned()));
    }
}
