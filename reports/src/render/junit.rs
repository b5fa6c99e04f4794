//! JUnit, which every CI system reads.

use std::collections::BTreeMap;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::{
    GateReport, RunRecord,
    gate::{Judgement, Verdict},
};

/// One test case for each judgement, in one suite for each scenario. No verdict is an error and
/// not a failure: the run could not tell.
#[must_use]
pub fn junit(record: &RunRecord, gate: &GateReport) -> String {
    let mut report = Report::new("poolproof");
    let mut by_scenario: BTreeMap<&str, Vec<&Judgement>> = BTreeMap::new();
    for judgement in &gate.judgements {
        by_scenario
            .entry(&judgement.scenario)
            .or_default()
            .push(judgement);
    }
    for run in &record.scenarios {
        let name = run.scenario.name.as_str();
        let mut suite = TestSuite::new(name);
        let judgements = by_scenario.remove(name).unwrap_or_default();
        suite.add_test_cases(judgements.into_iter().map(case));
        report.add_test_suite(suite);
    }
    let mut xml = Vec::new();
    #[expect(
        clippy::expect_used,
        reason = "writing to memory does not fail, and all names are XML-safe by type"
    )]
    report.serialize(&mut xml).expect("XML in memory");
    String::from_utf8_lossy(&xml).into_owned()
}

fn case(judgement: &Judgement) -> TestCase {
    let Judgement {
        scenario,
        target,
        verdict,
        sentence,
        ..
    } = judgement;
    let kind = match verdict {
        Verdict::Pass => None,
        Verdict::Fail => Some((NonSuccessKind::Failure, "threshold")),
        Verdict::NoVerdict => Some((NonSuccessKind::Error, "no-verdict")),
        Verdict::NotApplicable => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(sentence.as_str());
            return named(judgement, status);
        }
    };
    let status = kind.map_or_else(TestCaseStatus::success, |(kind, name)| {
        let mut status = TestCaseStatus::non_success(kind);
        status
            .set_type(name)
            .set_message(sentence.as_str())
            .set_description(format!("{target} in {scenario}: {sentence}"));
        status
    });
    named(judgement, status)
}

fn named(judgement: &Judgement, status: TestCaseStatus) -> TestCase {
    let name = format!("{}: {}", judgement.target, judgement.asked());
    let mut case = TestCase::new(name, status);
    case.set_classname(format!("{}.{}", judgement.scenario, judgement.target));
    case
}
