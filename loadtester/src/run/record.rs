//! From a finished run to its record.

use poolproof_reports::{
    RunRecord,
    record::{ConfigFile, Environment as EnvironmentRecord, SCHEMA_VERSION, TargetInfo, Tool},
};

use super::Run;
use crate::{
    engine::cpu_time,
    environment::{Environment, facts::Machine},
};

impl Run<'_> {
    /// All that a report needs.
    pub(super) fn into_record(self, environment: &Environment, command: Vec<String>) -> RunRecord {
        let Machine {
            os,
            kernel,
            cpu_model,
            cores,
            memory_bytes,
        } = Machine::read();
        RunRecord {
            schema_version: SCHEMA_VERSION,
            tool: Tool {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                commit: option_env!("POOLPROOF_COMMIT").map(str::to_owned),
                command,
            },
            started_at: format!("{:.0}", self.clock),
            duration_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            seed: self.plan.seed,
            quick: self.plan.quick,
            environment: EnvironmentRecord {
                kind: environment.kind(),
                os,
                kernel,
                cpu_model,
                cores,
                memory_bytes,
                postgres_version: environment.postgres_version().to_owned(),
                container_engine: environment.container_engine(),
                cpu_time: Some(cpu_time()),
            },
            targets: self.infos,
            scenarios: self.done,
        }
    }
}

/// Adds what a target was started with. A file that another scenario changed stands beside the
/// first one.
pub(super) fn merge_info(infos: &mut Vec<TargetInfo>, info: &TargetInfo, scenario: &str) {
    let Some(known) = infos.iter_mut().find(|known| known.name == info.name) else {
        infos.push(info.clone());
        return;
    };
    for file in &info.config_files {
        if known
            .config_files
            .iter()
            .all(|known| known.text != file.text)
        {
            known.config_files.push(ConfigFile {
                name: format!("{} ({scenario})", file.name),
                text: file.text.clone(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(text: &str) -> TargetInfo {
        TargetInfo {
            name: "proxy".into(),
            version: "1".into(),
            started_as: "proxy".into(),
            config_files: vec![ConfigFile {
                name: "pgbouncer.ini".into(),
                text: text.into(),
            }],
            image: None,
        }
    }

    #[test]
    fn only_a_changed_file_is_kept_twice() {
        let mut infos = Vec::new();
        for (text, scenario) in [("a", "one"), ("a", "two"), ("b", "three")] {
            merge_info(&mut infos, &info(text), scenario);
        }
        let names: Vec<&str> = infos[0]
            .config_files
            .iter()
            .map(|file| file.name.as_str())
            .collect();
        assert_eq!(names, ["pgbouncer.ini", "pgbouncer.ini (three)"]);
    }
}
