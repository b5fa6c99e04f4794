//! What was done to a target and what had to hold meanwhile: the faults and invariants of a cell, over
//! all its windows.

use std::time::Duration;

use crate::{
    format,
    record::{Cell, FaultMark, InvariantCheck},
};

/// A fault as it came in every window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What was done.
    pub name: String,
    /// When it began in the first window that had it.
    pub at: Duration,
    /// When it was undone there.
    pub until: Duration,
    /// What it did there.
    pub effect: String,
    /// Windows that had it.
    pub windows: u64,
    /// Transactions that failed after it, in all windows.
    pub failed: u64,
    /// The longest time until the target served as before, among the windows in which it did.
    pub slowest: Option<Duration>,
    /// Windows at whose end it did not.
    pub unrecovered: u64,
}

/// Faults in the order in which they came; those of one place and name in the windows are one.
#[must_use]
pub fn faults(cell: &Cell) -> Vec<Fault> {
    let mut faults: Vec<Fault> = Vec::new();
    for window in &cell.windows {
        for (place, mark) in window.faults.iter().enumerate() {
            match faults.get_mut(place).filter(|one| one.name == mark.name) {
                Some(fault) => fault.add(mark),
                None => faults.push(Fault::of(mark)),
            }
        }
    }
    faults
}

impl Fault {
    fn of(mark: &FaultMark) -> Self {
        let mut fault = Self {
            name: mark.name.clone(),
            at: Duration::from_millis(mark.at_ms),
            until: Duration::from_millis(mark.until_ms),
            effect: mark.effect.clone(),
            windows: 0,
            failed: 0,
            slowest: None,
            unrecovered: 0,
        };
        fault.add(mark);
        fault
    }

    fn add(&mut self, mark: &FaultMark) {
        self.windows += 1;
        self.failed += mark.failed;
        match mark.recovered_after_ms {
            Some(millis) => self.slowest = self.slowest.max(Some(Duration::from_millis(millis))),
            None => self.unrecovered += 1,
        }
    }

    /// When the target served as before, in words.
    #[must_use]
    pub fn recovery(&self) -> String {
        let slowest = self
            .slowest
            .map(|time| format!("after {} at the latest", format::duration(time)));
        let never = (self.unrecovered > 0).then(|| {
            let windows = format::counted(self.windows, "window", "windows");
            format!("not by the end of {} of {windows}", self.unrecovered)
        });
        let told: Vec<String> = slowest.into_iter().chain(never).collect();
        told.join(", ")
    }

    /// The whole in a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        format!(
            "{} at {}: {}; {} failed; served as before {}",
            self.name,
            format::duration(self.at),
            self.effect,
            format::counted(self.failed, "transaction", "transactions"),
            self.recovery(),
        )
    }
}

/// Invariants by name, in the order in which they were looked at first; the counts of all windows
/// together.
#[must_use]
pub fn invariants(cell: &Cell) -> Vec<InvariantCheck> {
    let mut all: Vec<InvariantCheck> = Vec::new();
    for check in cell.windows.iter().flat_map(|window| &window.invariants) {
        match all.iter_mut().find(|one| one.name == check.name) {
            Some(known) => {
                known.looks += check.looks;
                known.violations += check.violations;
                known.first = known.first.take().or_else(|| check.first.clone());
            }
            None => all.push(check.clone()),
        }
    }
    all
}

/// What the looks at an invariant came to, in words.
#[must_use]
pub fn looks(check: &InvariantCheck) -> String {
    let looks = format::counted(check.looks, "look", "looks");
    match (check.looks, check.violations, &check.first) {
        (_, 0, _) if check.looks > 0 => format!("held in {looks}"),
        (0, 0, _) => "could not be looked at".to_owned(),
        (_, violations, first) => {
            let first = first.as_deref().unwrap_or("without a word");
            format!(
                "did not hold in {} of {looks}, first: {first}",
                format::count(violations)
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{CellStatus, Window};

    fn cell(windows: Vec<Window>) -> Cell {
        Cell {
            target: "proxy".to_owned(),
            status: CellStatus::Measured,
            windows,
            warm_up: None,
        }
    }

    fn mark(name: &str, recovered_after_ms: Option<u64>) -> FaultMark {
        FaultMark {
            name: name.to_owned(),
            at_ms: 2_000,
            until_ms: 2_500,
            effect: "7 backends ended".to_owned(),
            failed: 3,
            recovered_after_ms,
        }
    }

    #[test]
    fn faults_of_all_windows_are_told_once() {
        let window = |faults| Window {
            faults,
            ..Window::default()
        };
        let cell = cell(vec![
            window(vec![mark("killed", Some(300)), mark("frozen", Some(9))]),
            window(vec![mark("killed", Some(410)), mark("frozen", None)]),
        ]);
        let told: Vec<String> = faults(&cell).iter().map(Fault::sentence).collect();
        let expected = [
            "killed at 2.00 s: 7 backends ended; 6 transactions failed; served as before after \
             410 ms at the latest",
            "frozen at 2.00 s: 7 backends ended; 6 transactions failed; served as before after \
             9.00 ms at the latest, not by the end of 1 of 2 windows",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn invariants_of_all_windows_are_added_up() {
        let check = |looks, violations, first: Option<&str>| Window {
            invariants: vec![InvariantCheck {
                name: "bank".to_owned(),
                looks,
                violations,
                first: first.map(str::to_owned),
            }],
            ..Window::default()
        };
        let held = cell(vec![check(20, 0, None), check(30, 0, None)]);
        assert_eq!(looks(&invariants(&held)[0]), "held in 50 looks");
        let broken = cell(vec![
            check(20, 0, None),
            check(30, 2, Some("the sum was 99 and not 100")),
            check(9, 1, Some("later")),
        ]);
        assert_eq!(
            looks(&invariants(&broken)[0]),
            "did not hold in 3 of 59 looks, first: the sum was 99 and not 100"
        );
        assert_eq!(looks(&InvariantCheck::default()), "could not be looked at");
    }
}
