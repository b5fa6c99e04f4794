//! The one way in which a section's keys are declared.
//!
//! [`section!`] takes a single table and makes of it the struct that the program reads, its
//! defaults, and the list of [`Key`]s that the parser, the documentation and `SHOW CONFIG` use.

use super::value::Expected;

/// Whether a running pooler takes a new value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// On reload or `SET`.
    Live,
    /// Only when started again.
    Restart,
}

/// What this version does with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It acts on it.
    Honoured,
    /// It is known and checked, and does not act on it.
    NotYet,
    /// It can mean nothing here, for this reason.
    Moot(&'static str),
}

/// One key of a section whose settings are an `S`.
pub struct Key<S: 'static> {
    /// Name in the file.
    pub name: &'static str,
    /// Meaning, in a sentence or two.
    pub meaning: &'static str,
    /// Whether a running pooler takes a new value.
    pub change: Change,
    /// What this version does with it.
    pub support: Support,
    /// Reads a value into the settings.
    pub parse: fn(&mut S, &str) -> Result<(), Expected>,
    /// Prints the value in the settings.
    pub show: fn(&S) -> String,
}

/// A section, as [`section!`] makes it.
pub trait Section: Default + Sized + 'static {
    /// Every key that it knows, in the order of the documentation.
    const KEYS: &'static [Key<Self>];

    /// Older names that are still taken, each with the key that it stands for.
    const ALIASES: &'static [(&'static str, &'static str)];

    /// The key called `name`, letter for letter, as PgBouncer compares.
    #[must_use]
    fn key(name: &str) -> Option<&'static Key<Self>> {
        let called = |wanted: &str| Self::KEYS.iter().find(|key| key.name == wanted);
        called(name).or_else(|| {
            let (_, name) = Self::ALIASES.iter().find(|(alias, _)| *alias == name)?;
            called(name)
        })
    }
}

/// Declares a section: `name: Type = default, Change, Support;` under a line of documentation
/// that is at once the meaning shown to operators.
macro_rules! section {
    (
        $(#[$meta:meta])*
        pub struct $Section:ident (aliases $aliases:expr) {
            $(
                $(#[doc = $meaning:literal])+
                $field:ident : $Type:ty = $default:expr, $change:ident, $support:expr;
            )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $Section {
            $( $(#[doc = $meaning])+ pub $field: $Type, )*
        }

        impl Default for $Section {
            fn default() -> Self {
                Self { $( $field: $default, )* }
            }
        }

        impl $crate::config::section::Section for $Section {
            const KEYS: &'static [$crate::config::section::Key<Self>] = {
                #[expect(clippy::allow_attributes, reason = "not every section uses every variant")]
                #[allow(unused_imports, reason = "not every section uses every variant")]
                use $crate::config::section::{Change::*, Support::*};
                &[ $( $crate::config::section::Key {
                    name: stringify!($field),
                    meaning: concat!($($meaning),+),
                    change: $change,
                    support: $support,
                    parse: |section, text| {
                        section.$field = <$Type as $crate::config::value::Value>::parse(text)?;
                        Ok(())
                    },
                    show: |section| $crate::config::value::Value::show(&section.$field),
                }, )* ]
            };
            const ALIASES: &'static [(&'static str, &'static str)] = $aliases;
        }
    };
}
pub(crate) use section;
