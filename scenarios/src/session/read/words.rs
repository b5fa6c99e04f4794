//! Cuts a line into words, quoted text and signs, each with its place.

use std::ops::Range;

use super::Wrong;
use crate::session::{Name, Payload};

/// Most words of one line.
const WORDS_MAX: usize = 4_096;

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Letters, digits, `_`, `.` and `-`.
    Plain(String),
    /// What stood in quotes.
    Quoted(Vec<u8>),
    /// One of `|(),=+*`.
    Sign(char),
}

/// The words of a line that were not taken yet.
pub(super) struct Words {
    words: Vec<(Word, Range<usize>)>,
    next: usize,
    end: usize,
}

impl Words {
    /// Cuts `line` from byte `from` on.
    pub(super) fn new(line: &str, from: usize) -> Result<Self, Wrong> {
        let mut words = Vec::new();
        let mut rest = from;
        while let Some(character) = line[rest..].chars().next() {
            let end = match character {
                ' ' | '\t' => {
                    rest += 1;
                    continue;
                }
                '"' => {
                    let (bytes, end) = quoted(line, rest)?;
                    words.push((Word::Quoted(bytes), rest..end));
                    end
                }
                '|' | '(' | ')' | ',' | '=' | '+' | '*' => {
                    words.push((Word::Sign(character), rest..rest + 1));
                    rest + 1
                }
                plain if is_plain(plain) => {
                    let length = line[rest..].find(|other| !is_plain(other));
                    let end = length.map_or(line.len(), |length| rest + length);
                    words.push((Word::Plain(line[rest..end].to_owned()), rest..end));
                    end
                }
                other => {
                    let span = rest..rest + other.len_utf8();
                    return Err(Wrong::new(
                        span,
                        format!("expected a word or text in quotes, got {other:?}"),
                    ));
                }
            };
            rest = end;
            if words.len() > WORDS_MAX {
                return Err(Wrong::new(
                    rest..rest,
                    format!("expected at most {WORDS_MAX} words on a line"),
                ));
            }
        }
        Ok(Self {
            words,
            next: 0,
            end: line.len(),
        })
    }

    /// Place of the next word.
    pub(super) fn place(&self) -> Range<usize> {
        let word = self.words.get(self.next);
        word.map_or(self.end..self.end, |(_, span)| span.clone())
    }

    /// The next word, which stays.
    pub(super) fn peek(&self) -> Option<&Word> {
        self.words.get(self.next).map(|(word, _)| word)
    }

    /// Takes the next word.
    fn take(&mut self) -> Option<Word> {
        let word = self.peek().cloned();
        self.next += usize::from(word.is_some());
        word
    }

    /// A problem with the next word.
    pub(super) fn wrong(&self, expected: &str) -> Wrong {
        let got = match self.peek() {
            None => "the end of the line".to_owned(),
            Some(Word::Plain(word)) => format!("`{word}`"),
            Some(Word::Quoted(_)) => "text in quotes".to_owned(),
            Some(Word::Sign(sign)) => format!("`{sign}`"),
        };
        Wrong::new(self.place(), format!("expected {expected}, got {got}"))
    }

    /// Nothing may be left.
    pub(super) fn end(&self) -> Result<(), Wrong> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.wrong("the end of the line")),
        }
    }

    /// Takes a plain word.
    pub(super) fn plain(&mut self, expected: &str) -> Result<String, Wrong> {
        match self.peek() {
            Some(Word::Plain(word)) => {
                let word = word.clone();
                self.next += 1;
                Ok(word)
            }
            _ => Err(self.wrong(expected)),
        }
    }

    /// Takes `word` if it comes next.
    pub(super) fn takes(&mut self, word: &str) -> bool {
        let comes = matches!(self.peek(), Some(Word::Plain(next)) if next == word);
        self.next += usize::from(comes);
        comes
    }

    /// Takes `sign` if it comes next.
    pub(super) fn takes_sign(&mut self, sign: char) -> bool {
        let comes = self.peek() == Some(&Word::Sign(sign));
        self.next += usize::from(comes);
        comes
    }

    /// Takes a number.
    pub(super) fn number<T: std::str::FromStr>(&mut self, expected: &str) -> Result<T, Wrong> {
        let wrong = self.wrong(expected);
        let word = self.plain(expected)?;
        word.parse().map_err(|_| wrong)
    }

    /// Takes numbers with commas between them.
    pub(super) fn numbers<T: std::str::FromStr>(
        &mut self,
        expected: &str,
    ) -> Result<Vec<T>, Wrong> {
        let mut numbers = vec![self.number(expected)?];
        while self.takes_sign(',') {
            numbers.push(self.number(expected)?);
        }
        Ok(numbers)
    }

    /// Whether text in quotes comes next.
    pub(super) fn quoted_comes(&self) -> bool {
        matches!(self.peek(), Some(Word::Quoted(_)))
    }

    /// Takes `"text" * 3 + "text"`.
    pub(super) fn payload(&mut self) -> Result<Payload, Wrong> {
        let mut payload = Payload::default();
        let place = self.place();
        loop {
            let Some(Word::Quoted(bytes)) = self.peek().cloned() else {
                return Err(self.wrong("text in quotes"));
            };
            self.take();
            let times = if self.takes_sign('*') {
                self.number("how many times")?
            } else {
                1
            };
            payload.push(bytes, times);
            if payload.len() > Payload::BYTES_MAX {
                return Err(Wrong::new(
                    place,
                    format!("expected at most {} bytes, got more", Payload::BYTES_MAX),
                ));
            }
            if !self.takes_sign('+') {
                return Ok(payload);
            }
        }
    }

    /// Takes the name of a statement or portal, in quotes or without.
    pub(super) fn name(&mut self) -> Result<Name, Wrong> {
        if self.quoted_comes() {
            return self.payload();
        }
        self.plain("a name, or \"\" for the unnamed one")
            .map(Payload::from)
    }
}

fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_.-".contains(character)
}

/// Text in quotes from byte `from` on, and where it ends.
fn quoted(line: &str, from: usize) -> Result<(Vec<u8>, usize), Wrong> {
    let mut bytes = Vec::new();
    let mut rest = line[from + 1..].char_indices();
    while let Some((index, character)) = rest.next() {
        let place = from + 1 + index;
        match character {
            '"' => return Ok((bytes, place + 1)),
            '\\' => {
                let escape = rest.next().map(|(_, escape)| escape);
                bytes.push(match escape {
                    Some('n') => b'\n',
                    Some('t') => b'\t',
                    Some('"') => b'"',
                    Some('\\') => b'\\',
                    Some('x') => hexadecimal(line, place, &mut rest)?,
                    _ => {
                        return Err(Wrong::new(
                            place..place + 1,
                            "expected \\n, \\t, \\\", \\\\ or \\xNN after the backslash",
                        ));
                    }
                });
            }
            plain => bytes.extend_from_slice(plain.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Err(Wrong::new(
        from..line.len(),
        "expected a closing quote, got the end of the line",
    ))
}

/// The byte of `\xNN` at `place`.
fn hexadecimal(
    line: &str,
    place: usize,
    rest: &mut std::str::CharIndices<'_>,
) -> Result<u8, Wrong> {
    let digits = line.get(place + 2..place + 4);
    let byte = digits
        .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
        .and_then(|digits| u8::from_str_radix(digits, 16).ok());
    rest.next();
    rest.next();
    byte.ok_or_else(|| {
        Wrong::new(
            place..place + 2,
            "expected two hexadecimal digits after \\x",
        )
    })
}
