//! `TARGET=PORT` and `TARGET=IMAGE`.

use std::str::FromStr;

use crate::targets::CatalogTarget;

/// A port for a target, as `--port proxy=6432` chooses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortChoice {
    /// For which target; `direct` is PostgreSQL.
    pub target: CatalogTarget,
    /// Which port.
    pub port: u16,
}

/// An image for a target, as `--image direct=postgres:17` chooses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageChoice {
    /// For which target; `direct` is PostgreSQL.
    pub target: CatalogTarget,
    /// Which image.
    pub image: String,
}

impl FromStr for ImageChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (target, image) = text
            .split_once('=')
            .filter(|(_, image)| !image.is_empty())
            .ok_or_else(|| {
                format!("expected TARGET=IMAGE, such as direct=postgres:17, got {text:?}")
            })?;
        Ok(Self {
            target: target.parse().map_err(|error| format!("{error}"))?,
            image: image.to_owned(),
        })
    }
}

impl FromStr for PortChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (target, port) = text
            .split_once('=')
            .ok_or_else(|| format!("expected TARGET=PORT, such as proxy=6432, got {text:?}"))?;
        let port_number = port.parse().ok().filter(|port| *port > 0);
        Ok(Self {
            target: target.parse().map_err(|error| format!("{error}"))?,
            port: port_number
                .ok_or_else(|| format!("expected a port from 1 to 65535, got {port:?}"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_chosen_by_target() {
        let choice: ImageChoice = "direct=registry:5000/postgres:17"
            .parse()
            .expect("a choice");
        assert_eq!(choice.image, "registry:5000/postgres:17");
        for text in ["postgres", "direct=", "dircet=postgres"] {
            assert!(text.parse::<ImageChoice>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_port_is_chosen_by_target() {
        let choice: PortChoice = "direct=5544".parse().expect("a choice");
        assert_eq!(
            (choice.target, choice.port),
            (CatalogTarget::direct(), 5544)
        );
        for (text, expected) in [
            ("6432", "expected TARGET=PORT"),
            ("proxy=0", "expected a port from 1"),
            ("proxy=70000", "expected a port from 1"),
            ("prxy=1", "did you mean proxy?"),
        ] {
            let error = text.parse::<PortChoice>().expect_err(text);
            assert!(error.contains(expected), "{error}");
        }
    }
}
