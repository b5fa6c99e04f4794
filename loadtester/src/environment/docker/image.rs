//! Images: the ones that the user names, and our own, which are built when they are missing.

use std::sync::Arc;

use bollard::{models::ImageInspect, query_parameters::CreateImageOptionsBuilder};
use futures_util::TryStreamExt;
use poolproof_reports::record::ContainerImage;

use super::{build::Builder, engine::Engine, error::DockerError};
use crate::engine::Stop;

/// Label of the image that holds this very program: the hash of the program.
const PROGRAM_LABEL: &str = "poolproof.program";

/// An image that is on this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Image {
    /// As it is named on the command line.
    pub(super) name: String,
    /// Its identity.
    pub(super) id: String,
    /// Its digest in the registry that it came from; an image that was built here has none.
    pub(super) digest: Option<String>,
}

impl Image {
    /// What the record says of it.
    pub(super) fn record(&self) -> ContainerImage {
        ContainerImage {
            name: self.name.clone(),
            id: self.id.clone(),
            digest: self.digest.clone(),
        }
    }
}

/// Where images come from.
#[derive(Debug)]
pub(super) struct Images<'a> {
    /// The engine that keeps them.
    pub(super) engine: &'a Arc<Engine>,
    /// Builds our own.
    pub(super) builder: Builder,
    /// The user's wish to end.
    pub(super) stop: &'a Stop,
}

/// One of the images that we know how to build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ours {
    /// PostgreSQL 17.
    Postgres,
    /// PgBouncer 1.24.
    PgBouncer,
    /// This very program.
    Own,
}

impl Ours {
    const ALL: [Self; 3] = [Self::Postgres, Self::PgBouncer, Self::Own];

    /// Its name in the engine.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Postgres => "poolproof/postgres",
            Self::PgBouncer => "poolproof/pgbouncer",
            Self::Own => "poolproof/own",
        }
    }

    /// Its folder below `images/`.
    pub(super) fn folder(self) -> &'static str {
        self.name().trim_start_matches("poolproof/")
    }
}

impl Images<'_> {
    /// The image of this name: as it is on this machine, else pulled, or built where it is ours.
    pub(super) fn named(&self, name: &str) -> Result<Image, DockerError> {
        let ours = Ours::ALL.into_iter().find(|ours| ours.name() == name);
        if let Some(found) = self.find(name)? {
            let current = ours != Some(Ours::Own) || self.holds_this_program(&found)?;
            if current {
                return Ok(image(name, found));
            }
        }
        match ours {
            Some(ours) => self.builder.build(ours, self.stop)?,
            None => self.pull(name)?,
        }
        let found = self.find(name)?.ok_or_else(|| DockerError::NoImage {
            image: name.to_owned(),
            reason: "the engine does not have it afterwards".to_owned(),
        })?;
        Ok(image(name, found))
    }

    fn find(&self, name: &str) -> Result<Option<ImageInspect>, DockerError> {
        self.engine
            .find(format!("look for the image {name}"), async |docker| {
                docker.inspect_image(name).await
            })
    }

    /// Whether an image holds the program that runs here and not an earlier build of it.
    fn holds_this_program(&self, found: &ImageInspect) -> Result<bool, DockerError> {
        let config = found.config.as_ref();
        let labels = config.and_then(|config| config.labels.as_ref());
        let held = labels.and_then(|labels| labels.get(PROGRAM_LABEL));
        Ok(held.map(String::as_str) == Some(self.builder.program_hash()?))
    }

    fn pull(&self, name: &str) -> Result<(), DockerError> {
        let name = with_tag(name);
        let options = CreateImageOptionsBuilder::new().from_image(&name).build();
        let pulled = self.engine.ask("pull", async |docker| {
            let progress = docker.create_image(Some(options), None, None);
            progress.try_for_each(|_| async { Ok(()) }).await
        });
        pulled.map_err(|error| match error {
            DockerError::Refused { reason, .. } => DockerError::NoImage {
                image: name,
                reason,
            },
            other => other,
        })
    }
}

/// Without a tag the engine would pull every one that there is.
fn with_tag(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or(name);
    if last.contains([':', '@']) {
        name.to_owned()
    } else {
        format!("{name}:latest")
    }
}

fn image(name: &str, found: ImageInspect) -> Image {
    Image {
        name: name.to_owned(),
        id: found.id.unwrap_or_default(),
        digest: found.repo_digests.unwrap_or_default().into_iter().next(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tag_is_pulled() {
        for (name, expected) in [
            ("edoburu/pgbouncer", "edoburu/pgbouncer:latest"),
            ("edoburu/pgbouncer:1.24", "edoburu/pgbouncer:1.24"),
            ("registry:5000/pooler", "registry:5000/pooler:latest"),
            ("pooler@sha256:4aea", "pooler@sha256:4aea"),
        ] {
            assert_eq!(with_tag(name), expected);
        }
    }
}
