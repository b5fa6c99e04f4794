//! Folders of Unix sockets.

use std::path::Path;

/// Most bytes of a socket's path: `sun_path` of unix(7), less one for the zero byte and less the four that
/// BSD has fewer.
const PATH_BYTES_MAX: usize = 103;

/// `.s.PGSQL.5432`, as PostgreSQL and every pooler call it.
pub(crate) fn name(port: u16) -> String {
    format!(".s.PGSQL.{port}")
}

/// Whether a socket of any port can be in `folder`.
pub(super) fn fit(folder: &Path) -> bool {
    folder.join(name(u16::MAX)).as_os_str().len() <= PATH_BYTES_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_too_long_is_known_before() {
        // A slash and 14 bytes of name: 103 - 15.
        assert!(fit(Path::new(&"f".repeat(88))));
        assert!(!fit(Path::new(&"f".repeat(89))));
        assert_eq!(name(6432), ".s.PGSQL.6432");
    }
}
