//! A transaction from its first step to its last.

use std::{collections::VecDeque, time::Instant};

use poolproof_scenarios::pgbench::Next;

use super::{After, Ask, At, Client, Desk, Doing, Failure, Status, Turn};
use crate::engine::{
    generator::{identity_of, script_fault},
    plan::{Key, Nonce},
    protocol::{Answer, Awaits, Coded, Encoded},
};

impl Client {
    /// Begins the transaction that is next, at `now`; its latency counts from `began`.
    pub(super) fn run(&mut self, began: Instant, now: Instant, desk: &mut Desk<'_>) -> Turn<After> {
        let transaction = self.pick(desk);
        let who = identity_of(desk.job.plan.mix.key(), self.visit.id);
        let program = &desk.script.transactions[transaction].program;
        self.machine.begin(program, who);
        let at = At {
            began,
            transaction,
            asked: now,
        };
        self.step(at, now, Status::Idle, desk)
    }

    /// Goes on with the transaction up to its next statement, sleep or end. `status` is what the server
    /// said last.
    pub(super) fn step(
        &mut self,
        at: At,
        now: Instant,
        status: Status,
        desk: &mut Desk<'_>,
    ) -> Turn<After> {
        let nonces = desk.job.plan.nonces;
        let at = At { asked: now, ..at };
        let mut pipeline: Option<VecDeque<Awaits>> = None;
        desk.out.clear();
        let coded = &desk.script.transactions[at.transaction];
        loop {
            let next = match self.machine.next(&coded.program) {
                Ok(next) => next,
                Err(fault) => {
                    let failure = script_fault(&coded.program, fault);
                    let latency = self.latency(at.began, now);
                    desk.tally.fault(desk.job.since(now), latency, failure);
                    return self.clean_up(status, now, desk);
                }
            };
            match next {
                Next::Ask(index) => {
                    let (expected, nonce) = self.encode(coded, index, nonces, &mut desk.out)?;
                    match &mut pipeline {
                        Some(pipeline) => pipeline.push_back(Awaits::Statement(expected, nonce)),
                        None => {
                            if coded.asks[index].wants_sync() {
                                desk.out.extend_from_slice(&desk.script.sync);
                            }
                            let answer = Answer::new(expected, nonce);
                            return self.send_and_wait(at, index, answer, desk);
                        }
                    }
                }
                Next::StartPipeline => pipeline = Some(VecDeque::new()),
                Next::SyncPipeline | Next::EndPipeline => {
                    desk.out.extend_from_slice(&desk.script.sync);
                    let mut awaits = pipeline.take().unwrap_or_default();
                    awaits.push_back(Awaits::Sync);
                    if next == Next::EndPipeline {
                        let answer = Answer::to_pipeline(awaits);
                        return self.send_and_wait(at, 0, answer, desk);
                    }
                    pipeline = Some(awaits);
                }
                Next::Sleep(time) => {
                    let until = now + time;
                    self.doing = Doing::Sleeping { until, at, status };
                    return Ok(After::Rest(until));
                }
                Next::Done => return self.done(at, status, now, desk),
            }
        }
    }

    fn send_and_wait(
        &mut self,
        at: At,
        statement: usize,
        answer: Answer,
        desk: &Desk<'_>,
    ) -> Turn<After> {
        self.doing = Doing::Asking(Ask {
            at,
            statement,
            answer,
            ended: None,
        });
        self.send(&desk.out)?;
        Ok(After::Stay)
    }

    /// The last step was taken.
    fn done(&mut self, at: At, status: Status, now: Instant, desk: &mut Desk<'_>) -> Turn<After> {
        if status != Status::Idle {
            return Err(Failure::violation(
                "expected status I after the last statement of a transaction, got an open one",
            ));
        }
        let latency = self.latency(at.began, now);
        desk.tally.succeed(desk.job.since(now), latency);
        if self.intended.is_some() {
            let service = now.saturating_duration_since(at.began);
            desk.tally.open.service.record(service);
        }
        Ok(self.rest(now, desk))
    }

    /// Goes on after an answer that has come whole.
    pub(super) fn answered(
        &mut self,
        status: Status,
        now: Instant,
        desk: &mut Desk<'_>,
    ) -> Turn<After> {
        let Doing::Asking(ask) = &mut self.doing else {
            return Ok(After::Stay);
        };
        let (at, statement) = (ask.at, ask.statement);
        for number in ask.answer.unparsed() {
            if let Some(link) = &mut self.link {
                link.forget(number);
            }
        }
        if let Some(error) = ask.answer.error() {
            let latency = self.latency(at.began, now);
            desk.tally.fail(desk.job.since(now), latency, error);
            return self.clean_up(status, now, desk);
        }
        let kept = ask.answer.kept()?;
        if !kept.is_empty() {
            let program = &desk.script.transactions[at.transaction].program;
            let columns = kept
                .iter()
                .map(|(name, value)| (name.as_str(), value.clone()));
            let keeps = &program.asks[statement].keeps;
            self.machine.keep(program, keeps, columns);
        }
        self.step(at, now, status, desk)
    }

    /// After a transaction that did not succeed: rolls back what it left open.
    fn clean_up(&mut self, status: Status, now: Instant, desk: &mut Desk<'_>) -> Turn<After> {
        match status {
            Status::Idle => Ok(self.rest(now, desk)),
            Status::InTransaction | Status::Failed => self.mend(now, desk),
        }
    }

    /// The server waits for the rows of a COPY.
    pub(super) fn copy_in(&mut self, desk: &mut Desk<'_>) -> Turn<()> {
        let Doing::Asking(ask) = &self.doing else {
            return Ok(());
        };
        desk.out.clear();
        let coded = &desk.script.transactions[ask.at.transaction];
        coded.asks[ask.statement].write_copy(ask.answer.nonce(), &mut desk.out);
        self.send(&desk.out)
    }

    /// Rolls back what a failed statement left open.
    fn mend(&mut self, now: Instant, desk: &mut Desk<'_>) -> Turn<After> {
        desk.out.clear();
        let nonce = Nonce::marker(0);
        // Any program does, as the statement has no variables.
        let program = &desk.script.transactions[0].program;
        let rollback = &desk.script.rollback;
        let expected = rollback
            .write(nonce, &self.machine, program, true, &mut desk.out)
            .map_err(|error| unsendable(&error))?;
        self.doing = Doing::Mending {
            began: now,
            answer: Answer::new(expected, nonce),
            ended: false,
        };
        self.send(&desk.out)?;
        Ok(After::Stay)
    }

    fn encode(
        &mut self,
        coded: &Coded,
        index: usize,
        nonces: Key,
        out: &mut bytes::BytesMut,
    ) -> Turn<(crate::engine::protocol::Expected, Nonce)> {
        let encoded: &Encoded = &coded.asks[index];
        let nonce = Nonce::new(nonces, self.visit.id, self.sequence);
        self.sequence += 1;
        let known = encoded.is_named()
            && self
                .link
                .as_mut()
                .is_some_and(|link| link.knows(encoded.number));
        let expected = encoded
            .write(nonce, &self.machine, &coded.program, known, out)
            .map_err(|error| unsendable(&error))?;
        Ok((expected, nonce))
    }
}

/// A value that no message can carry, such as a text with a zero byte.
fn unsendable(error: &std::io::Error) -> Failure {
    Failure::new(
        poolproof_reports::record::ErrorClass::Dropped,
        format!("the statement cannot be sent: {error}"),
    )
}
