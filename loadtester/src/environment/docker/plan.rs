//! What a container is to be, and the same in the words of `docker run`. Pure.

use std::path::Path;

use super::{image::Image, network::Network, shares::Shares};

/// A container that is to be started.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    /// What it is in messages: the target's name, or PostgreSQL.
    pub(super) title: String,
    /// Its name in the engine, which other containers of our own network reach it by.
    pub(super) name: String,
    /// What it is made from.
    pub(super) image: &'a Image,
    /// Program that it runs instead of the image's own entry point.
    pub(super) entrypoint: Option<String>,
    /// Arguments.
    pub(super) args: Vec<String>,
    /// Variables, which may hold passwords and are shown nowhere.
    pub(super) env: Vec<String>,
    /// `UID:GID` that it runs as, instead of the image's own user.
    pub(super) user: Option<String>,
    /// Folder of this machine that it sees under the same path.
    pub(super) folder: Option<&'a Path>,
    /// Port that it listens on, inside and, if it is published, outside.
    pub(super) port: u16,
    /// How it is reached.
    pub(super) network: &'a Network,
    /// What of the machine it may use.
    pub(super) shares: &'a Shares,
    /// Size of its shared memory, where the engine's 64 MB are too little.
    pub(super) shm_bytes: Option<i64>,
    /// How it is asked to leave, where that is not the image's own way.
    pub(super) stop_signal: Option<&'static str>,
}

impl Plan<'_> {
    /// Its port as the engine writes it.
    pub(super) fn inner_port(&self) -> String {
        format!("{}/tcp", self.port)
    }

    /// Its mount as the engine writes it. Under the same path on both sides, a configuration reads
    /// the same whether a process or a container reads it.
    pub(super) fn bind(&self) -> Option<String> {
        let folder = self.folder?.display();
        Some(format!("{folder}:{folder}"))
    }

    /// The command line that would start it; variables are left out.
    pub(super) fn in_words(&self) -> String {
        let mut words = vec![
            "docker run --network".to_owned(),
            self.network.mode().to_owned(),
        ];
        let mut flag = |name: &str, value: Option<String>| {
            words.extend(value.map(|value| format!("{name} {value}")));
        };
        let published = self
            .network
            .name()
            .map(|_| format!("127.0.0.1:{0}:{0}", self.port));
        flag("--publish", published);
        flag("--cpuset-cpus", self.shares.cpuset.clone());
        flag("--cpus", self.shares.cpus_in_words());
        flag(
            "--memory",
            self.shares.memory_bytes.map(|bytes| bytes.to_string()),
        );
        let files = self.shares.open_files;
        flag(
            "--ulimit",
            files.map(|files| format!("nofile={files}:{files}")),
        );
        flag("--shm-size", self.shm_bytes.map(|bytes| bytes.to_string()));
        flag("--user", self.user.clone());
        flag("--volume", self.bind());
        flag("--entrypoint", self.entrypoint.clone());
        words.push(self.image.name.clone());
        words.extend(self.args.iter().cloned());
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_told_as_a_command_line_without_its_secrets() {
        let image = Image {
            name: "poolproof/pgbouncer".to_owned(),
            ..Image::default()
        };
        let shares = Shares {
            cpuset: Some("0-1".to_owned()),
            nano_cpus: Some(1_500_000_000),
            memory_bytes: Some(1 << 20),
            open_files: Some(1024),
        };
        let plan = Plan {
            title: "pgbouncer".to_owned(),
            name: "poolproof-1-pgbouncer".to_owned(),
            image: &image,
            entrypoint: Some("pgbouncer".to_owned()),
            args: vec!["/tmp/p/pgbouncer.ini".to_owned()],
            env: vec!["PASSWORD=sesame".to_owned()],
            user: Some("7:8".to_owned()),
            folder: Some(Path::new("/tmp/p")),
            port: 6432,
            network: &Network::Host,
            shares: &shares,
            shm_bytes: None,
            stop_signal: None,
        };
        assert_eq!(
            plan.in_words(),
            "docker run --network host --cpuset-cpus 0-1 --cpus 1.5 --memory 1048576 \
             --ulimit nofile=1024:1024 --user 7:8 --volume /tmp/p:/tmp/p --entrypoint pgbouncer \
             poolproof/pgbouncer /tmp/p/pgbouncer.ini"
        );
    }
}
