//! What the text of a setting may mean: one parser and one printer per type.

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use super::secret::Secret;

/// What a parser would have taken, as words that complete «expected …».
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected(pub Cow<'static, str>);

impl Expected {
    pub(crate) const fn new(words: &'static str) -> Self {
        Self(Cow::Borrowed(words))
    }
}

/// A type that a setting can have.
pub trait Value: Sized {
    /// Reads the text of a setting, outer white space already gone.
    ///
    /// # Errors
    /// What would have been understood.
    fn parse(text: &str) -> Result<Self, Expected>;

    /// The text that `SHOW CONFIG` prints; `parse` understands it.
    fn show(&self) -> String;
}

impl Value for bool {
    fn parse(text: &str) -> Result<Self, Expected> {
        let is = |word: &&str| text.eq_ignore_ascii_case(word);
        if ["1", "yes", "on", "true", "t"].iter().any(is) {
            Ok(true)
        } else if ["0", "no", "off", "false", "f"].iter().any(is) {
            Ok(false)
        } else {
            Err(Expected::new("0 or 1 (also off/on, no/yes, false/true)"))
        }
    }

    fn show(&self) -> String {
        u8::from(*self).to_string()
    }
}

impl Value for u32 {
    fn parse(text: &str) -> Result<Self, Expected> {
        // PgBouncer keeps numbers in a C int; a larger one would read differently there. It also
        // takes hexadecimal ones, and octal ones after a 0, which surprises and is refused here.
        let number = match text.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => text.parse(),
        };
        match number {
            Ok(number) if i32::try_from(number).is_ok() && is_plain(text) => Ok(number),
            _ => Err(Expected::new("a whole number from 0 to 2147483647")),
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// Neither signed nor, but for zero itself, with a leading zero that C would take for octal.
fn is_plain(number: &str) -> bool {
    let octal = number.len() > 1 && number.starts_with('0') && !number.starts_with("0x");
    !octal && !number.contains('+')
}

impl Value for u16 {
    fn parse(text: &str) -> Result<Self, Expected> {
        text.parse()
            .map_err(|_| Expected::new("a whole number from 0 to 65535"))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for String {
    fn parse(text: &str) -> Result<Self, Expected> {
        Ok(text.to_owned())
    }

    fn show(&self) -> String {
        self.clone()
    }
}

impl Value for PathBuf {
    fn parse(text: &str) -> Result<Self, Expected> {
        if text.is_empty() {
            Err(Expected::new("a path"))
        } else {
            Ok(Self::from(text))
        }
    }

    fn show(&self) -> String {
        self.display().to_string()
    }
}

impl Value for Secret {
    fn parse(text: &str) -> Result<Self, Expected> {
        Ok(Self::new(text))
    }

    fn show(&self) -> String {
        // A secret is never printed, not even to an administrator.
        "****".to_owned()
    }
}

/// A setting that may be absent: empty text means that it is.
impl<T: Value> Value for Option<T> {
    fn parse(text: &str) -> Result<Self, Expected> {
        if text.is_empty() {
            Ok(None)
        } else {
            T::parse(text).map(Some)
        }
    }

    fn show(&self) -> String {
        self.as_ref().map_or_else(String::new, T::show)
    }
}

/// Seconds, with decimals if need be.
impl Value for Duration {
    fn parse(text: &str) -> Result<Self, Expected> {
        // No timer needs more than the 68 years that also keep Instant arithmetic from overflowing.
        const LONGEST_SECONDS: f64 = i32::MAX as f64;
        match text.parse::<f64>() {
            Ok(seconds) if (0.0..=LONGEST_SECONDS).contains(&seconds) => {
                Ok(Self::from_secs_f64(seconds))
            }
            _ => Err(Expected::new("seconds, such as 15 or 0.5")),
        }
    }

    fn show(&self) -> String {
        self.as_secs_f64().to_string()
    }
}

/// A time after which something ends; zero switches it off. Written in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeout(Duration);

impl Timeout {
    /// A timeout of whole seconds; zero is none.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// The time, or `None` when switched off.
    #[must_use]
    pub const fn get(self) -> Option<Duration> {
        if self.0.is_zero() { None } else { Some(self.0) }
    }
}

impl From<Duration> for Timeout {
    fn from(time: Duration) -> Self {
        Self(time)
    }
}

impl Value for Timeout {
    fn parse(text: &str) -> Result<Self, Expected> {
        Duration::parse(text).map(Self)
    }

    fn show(&self) -> String {
        self.0.show()
    }
}

/// A greatest number of something; zero means that there is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limit(Option<NonZeroU32>);

impl Limit {
    /// A limit; zero is none.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(NonZeroU32::new(number))
    }

    /// The greatest number allowed, or `None` for no limit.
    #[must_use]
    pub const fn get(self) -> Option<u32> {
        match self.0 {
            Some(number) => Some(number.get()),
            None => None,
        }
    }
}

impl Value for Limit {
    fn parse(text: &str) -> Result<Self, Expected> {
        u32::parse(text).map(Self::new)
    }

    fn show(&self) -> String {
        self.get().unwrap_or(0).to_string()
    }
}

/// Names separated by commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameList(Vec<String>);

impl NameList {
    /// Whether `name` is in the list, letter for letter.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|listed| listed == name)
    }

    /// Whether `name` is in the list, the case of ASCII letters aside, as PostgreSQL takes the
    /// names of its parameters.
    #[must_use]
    pub fn contains_ignoring_case(&self, name: &str) -> bool {
        self.0
            .iter()
            .any(|listed| listed.eq_ignore_ascii_case(name))
    }

    /// The names in the order written.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl<'a> FromIterator<&'a str> for NameList {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        Self(names.into_iter().map(str::to_owned).collect())
    }
}

impl Value for NameList {
    fn parse(text: &str) -> Result<Self, Expected> {
        Ok(text
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .collect())
    }

    fn show(&self) -> String {
        self.0.join(",")
    }
}

/// A time written in milliseconds; zero leaves the system's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Milliseconds(u32);

impl Milliseconds {
    /// The time, or `None` for the system's own.
    #[must_use]
    pub const fn get(self) -> Option<Duration> {
        match self.0 {
            0 => None,
            millis => Some(Duration::from_millis(millis as u64)),
        }
    }
}

impl Value for Milliseconds {
    fn parse(text: &str) -> Result<Self, Expected> {
        u32::parse(text)
            .map(Self)
            .map_err(|_| Expected::new("whole milliseconds"))
    }

    fn show(&self) -> String {
        self.0.to_string()
    }
}

/// Permission bits of a socket, written in octal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileMode(pub u32);

impl Value for FileMode {
    fn parse(text: &str) -> Result<Self, Expected> {
        match u32::from_str_radix(text, 8) {
            Ok(bits) if bits <= 0o7777 && !text.starts_with('+') => Ok(Self(bits)),
            _ => Err(Expected::new("permission bits in octal, such as 0777")),
        }
    }

    fn show(&self) -> String {
        format!("{:04o}", self.0)
    }
}
