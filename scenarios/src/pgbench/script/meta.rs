//! Backslash commands.

use super::{
    Block, Duration, Expression, Keeps, Protocol, Range, Script, Step, Value, suggestion,
    variable_len,
};

const COMMANDS: [&str; 11] = [
    "set",
    "sleep",
    "gset",
    "aset",
    "if",
    "elif",
    "else",
    "endif",
    "startpipeline",
    "syncpipeline",
    "endpipeline",
];

const UNITS: [(&str, Duration); 3] = [
    ("us", Duration::from_micros(1)),
    ("ms", Duration::from_millis(1)),
    ("s", Duration::from_secs(1)),
];

impl Script<'_> {
    /// Reads the command whose backslash is at `at`; returns where the next line begins.
    pub(super) fn command(&mut self, at: usize) -> usize {
        let end = at + line_len(&self.text[at..]);
        let name_end = at + 1 + word_len(&self.text[at + 1..end]);
        let name = &self.text[at + 1..name_end];
        let rest = name_end..end;
        match name.to_ascii_lowercase().as_str() {
            "set" => self.set(rest),
            "sleep" => self.sleep(rest),
            "gset" => self.keeps(at, rest, Keeps::One),
            "aset" => self.keeps(at, rest, Keeps::Each),
            "if" => self.begin_if(at, rest),
            "elif" => self.elif(at, rest),
            "else" => self.otherwise(at, rest),
            "endif" => self.end_if(at, rest),
            "startpipeline" => self.start_pipeline(at, rest),
            "syncpipeline" => self.within_pipeline(at, rest, Step::SyncPipeline),
            "endpipeline" => self.within_pipeline(at, rest, Step::EndPipeline),
            other => {
                let near = suggestion(other, COMMANDS.iter().copied());
                let names = COMMANDS.join(", \\");
                self.refuse(
                    at..name_end,
                    format!("expected a command of the subset (\\{names}), got \\{other}{near}"),
                );
            }
        }
        end
    }

    fn set(&mut self, rest: Range<usize>) {
        let start = rest.start + blank_len(&self.text[rest.clone()]);
        let name_len = word_len(&self.text[start..rest.end]);
        let name = self.text[start..start + name_len].to_owned();
        if name.is_empty() || variable_len(&name) != name.len() {
            let why = format!("expected a variable's name, got {name:?}");
            self.refuse(start..start, why);
            return;
        }
        if name == "nonce" {
            self.refuse(
                start..start,
                "expected another name: :nonce is the generator's".into(),
            );
            return;
        }
        let line = self.line_of(rest.start);
        if let Some(value) = self.expression(start + name_len..rest.end) {
            let slot = self.slot(&name);
            self.program.steps.push(Step::Set { slot, value, line });
        }
    }

    /// `\sleep NUMBER [us|ms|s]`, where the number may be a variable.
    fn sleep(&mut self, rest: Range<usize>) {
        let line = self.line_of(rest.start);
        let words: Vec<&str> = self.text[rest.clone()].split_whitespace().collect();
        let (amount, unit) = match *words.as_slice() {
            [amount] => {
                // The unit may follow the number at once.
                let digits = amount.len()
                    - amount
                        .trim_start_matches(|c: char| c.is_ascii_digit())
                        .len();
                if digits == 0 || digits == amount.len() {
                    (amount, "s")
                } else {
                    amount.split_at(digits)
                }
            }
            [amount, unit] => (amount, unit),
            _ => ("", ""),
        };
        let unit = UNITS
            .iter()
            .find(|(name, _)| unit.eq_ignore_ascii_case(name))
            .map(|(_, unit)| *unit);
        let units = match (amount.strip_prefix(':'), amount.parse()) {
            (Some(name), _) if variable_len(name) == name.len() && !name.is_empty() => {
                Some(Expression::Variable(self.slot(name)))
            }
            (_, Ok(number)) => Some(Expression::Constant(Value::Int(number))),
            _ => None,
        };
        match (units, unit) {
            (Some(_), Some(_)) if self.pipeline.is_some() => {
                self.refuse(
                    rest,
                    "\\sleep within a pipeline is outside of the subset".into(),
                );
            }
            (Some(units), Some(unit)) => {
                self.program.steps.push(Step::Sleep { units, unit, line });
            }
            _ => {
                let got = words.join(" ");
                let why = format!("expected \\sleep NUMBER with us, ms or s, got {got:?}");
                self.refuse(rest, why);
            }
        }
    }

    /// `\gset` and `\aset`, which belong to the statement before them.
    fn keeps(&mut self, at: usize, rest: Range<usize>, keeps: fn(String) -> Keeps) {
        let prefix = self.text[rest].trim().to_owned();
        let last_is_ask = matches!(self.program.steps.last(), Some(Step::Ask(_)));
        let pipelined = self.pipeline.is_some();
        let refused = match self.program.asks.last_mut().filter(|_| last_is_ask) {
            _ if pipelined => "\\gset and \\aset are not allowed in a pipeline",
            _ if !prefix.is_empty() && variable_len(&prefix) != prefix.len() => {
                "expected nothing or the begin of variables' names"
            }
            Some(ask) if ask.keeps == Keeps::Nothing => {
                ask.keeps = keeps(prefix);
                return;
            }
            Some(_) => "expected one \\gset or \\aset after a statement, got another",
            None => "expected a statement before \\gset or \\aset, got none",
        };
        self.refuse(at..at, refused.into());
    }

    fn begin_if(&mut self, at: usize, rest: Range<usize>) {
        let unless = self.unless(rest);
        self.blocks.push(Block {
            start: at,
            unless,
            ends: Vec::new(),
        });
    }

    /// A step that leaves the branch when the condition does not hold; where to is not known yet.
    fn unless(&mut self, rest: Range<usize>) -> Option<usize> {
        let line = self.line_of(rest.start);
        let condition = self.expression(rest)?;
        let step = Step::Unless {
            condition,
            to: usize::MAX,
            line,
        };
        self.program.steps.push(step);
        Some(self.program.steps.len() - 1)
    }

    fn elif(&mut self, at: usize, rest: Range<usize>) {
        if self.end_branch(at, "\\elif") {
            let unless = self.unless(rest);
            if let Some(block) = self.blocks.last_mut() {
                block.unless = unless;
            }
        }
    }

    fn otherwise(&mut self, at: usize, rest: Range<usize>) {
        self.nothing_else(rest);
        self.end_branch(at, "\\else");
    }

    /// Ends a branch of the block: it goes on behind the block, and the next branch begins here.
    fn end_branch(&mut self, at: usize, command: &str) -> bool {
        let here = self.program.steps.len() + 1;
        let Some(block) = self.blocks.last_mut() else {
            self.refuse(at..at, format!("expected \\if before {command}, got none"));
            return false;
        };
        let Some(unless) = block.unless.take() else {
            // After \else there is no further branch; after a condition that was refused there is one.
            if self.found.is_empty() {
                self.refuse(
                    at..at,
                    format!("expected \\endif after \\else, got {command}"),
                );
            }
            return false;
        };
        block.ends.push(here - 1);
        self.program.steps.push(Step::Go(usize::MAX));
        self.leads(unless, here);
        true
    }

    fn end_if(&mut self, at: usize, rest: Range<usize>) {
        self.nothing_else(rest);
        let Some(block) = self.blocks.pop() else {
            self.refuse(at..at, "expected \\if before \\endif, got none".into());
            return;
        };
        let here = self.program.steps.len();
        for step in block.unless.into_iter().chain(block.ends) {
            self.leads(step, here);
        }
    }

    fn leads(&mut self, step: usize, there: usize) {
        if let Some(Step::Unless { to, .. } | Step::Go(to)) = self.program.steps.get_mut(step) {
            *to = there;
        }
    }

    fn start_pipeline(&mut self, at: usize, rest: Range<usize>) {
        self.nothing_else(rest);
        if self.protocol == Protocol::Simple {
            let why = "expected protocol extended or prepared for a pipeline, got simple";
            self.refuse(at..at, why.into());
        }
        if self.pipeline.is_some() {
            self.refuse(
                at..at,
                "expected \\endpipeline before another \\startpipeline".into(),
            );
        }
        self.pipeline = Some((at, self.blocks.len()));
        self.program.steps.push(Step::StartPipeline);
    }

    fn within_pipeline(&mut self, at: usize, rest: Range<usize>, step: Step) {
        self.nothing_else(rest);
        match self.pipeline {
            None => self.refuse(
                at..at,
                "expected \\startpipeline before this, got none".into(),
            ),
            Some((_, depth)) if depth != self.blocks.len() => {
                let why = "expected a pipeline that ends in the branch that it began in";
                self.refuse(at..at, why.into());
            }
            Some(_) if step == Step::EndPipeline => self.pipeline = None,
            Some(_) => {}
        }
        self.program.steps.push(step);
    }

    fn nothing_else(&mut self, rest: Range<usize>) {
        let more = self.text[rest.clone()].trim();
        if !more.is_empty() {
            let why = format!("expected the end of the line, got {more:?}");
            self.refuse(rest, why);
        }
    }
}

/// Bytes of the line at the begin of `text`; a backslash at its end continues it.
fn line_len(text: &str) -> usize {
    let mut len = 0;
    for line in text.split_inclusive('\n') {
        len += line.len();
        let end = line.trim_end_matches(['\n', '\r']);
        if !end.ends_with('\\') || !line.ends_with('\n') {
            break;
        }
    }
    len
}

fn word_len(text: &str) -> usize {
    text.find(char::is_whitespace).unwrap_or(text.len())
}

fn blank_len(text: &str) -> usize {
    text.len() - text.trim_start().len()
}
