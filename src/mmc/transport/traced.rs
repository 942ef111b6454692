//! A transport that remembers the last commands and how they ended, for the details of an error.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use super::{Data, Outcome, Status, Transport, TransportError};
use crate::mmc::opcode::Opcode;

/// Commands that are remembered.
const REMEMBERED: usize = 50;
/// The longest command there is, bytes.
const CDB_MAX: usize = 16;

/// One command that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracedCommand {
    cdb: [u8; CDB_MAX],
    cdb_len: u8,
    /// How it ended; none if no answer came.
    pub status: Option<Status>,
    /// Bytes that travelled.
    pub transferred: usize,
    /// How long the answer took.
    pub took: Duration,
    /// How often in a row the same command ended the same way.
    pub times: u32,
}

impl TracedCommand {
    /// The command's bytes.
    pub fn cdb(&self) -> &[u8] {
        &self.cdb[..usize::from(self.cdb_len)]
    }

    /// The same as text: two hexadecimal digits a byte, spaces between.
    pub fn hex(&self) -> String {
        self.cdb().iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
    }
}

/// One line: name, bytes, how it ended.
impl fmt::Display for TracedCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (took, bytes) = (self.took.as_millis(), self.transferred);
        write!(f, "{} [{}] {took} ms, {bytes} bytes: ", Opcode(self.cdb[0]), self.hex())?;
        match self.status {
            Some(Status::Good) => write!(f, "good")?,
            Some(Status::Busy) => write!(f, "busy")?,
            Some(Status::Check(sense)) => write!(f, "{sense}")?,
            None => write!(f, "no answer")?,
        }
        if self.times > 1 {
            write!(f, " ({} times)", self.times)?;
        }
        Ok(())
    }
}

/// Wraps a transport and keeps its last 50 commands.
#[derive(Debug)]
pub struct Traced<T> {
    inner: T,
    commands: VecDeque<TracedCommand>,
}

impl<T: Transport> Traced<T> {
    /// Wraps `inner`.
    pub fn new(inner: T) -> Self {
        Self { inner, commands: VecDeque::with_capacity(REMEMBERED) }
    }

    /// The remembered commands, oldest first.
    pub fn commands(&self) -> impl Iterator<Item = &TracedCommand> {
        self.commands.iter()
    }

    /// The last command of this name that did not end well.
    pub fn last_failed(&self, name: &str) -> Option<&TracedCommand> {
        let failed = |command: &&TracedCommand| {
            command.status.is_none_or(|status| status != Status::Good)
                && Opcode(command.cdb[0]).to_string() == name
        };
        self.commands.iter().rev().find(failed)
    }

    /// The remembered commands as lines of text, oldest first.
    pub fn lines(&self) -> Vec<String> {
        self.commands.iter().map(ToString::to_string).collect()
    }

    /// The transport inside.
    pub fn inner(&mut self) -> &mut T {
        &mut self.inner
    }

    fn remember(&mut self, command: TracedCommand) {
        // Polls would push everything else out: equal ones in a row share a line.
        if let Some(last) = self.commands.back_mut()
            && last.cdb() == command.cdb()
            && last.status == command.status
        {
            last.times = last.times.saturating_add(1);
            last.took = command.took;
            return;
        }
        if self.commands.len() == REMEMBERED {
            self.commands.pop_front();
        }
        self.commands.push_back(command);
    }
}

impl<T: Transport> Transport for Traced<T> {
    fn execute(&mut self, cdb: &[u8], data: Data<'_>, timeout: Duration) -> Result<Outcome, TransportError> {
        let started = Instant::now();
        let outcome = self.inner.execute(cdb, data, timeout);
        let length = cdb.len().min(CDB_MAX);
        let mut bytes = [0; CDB_MAX];
        bytes[..length].copy_from_slice(&cdb[..length]);
        self.remember(TracedCommand {
            cdb: bytes,
            cdb_len: u8::try_from(length).unwrap_or(0),
            status: outcome.as_ref().ok().map(|outcome| outcome.status),
            transferred: outcome.as_ref().map_or(0, |outcome| outcome.transferred),
            took: started.elapsed(),
            times: 1,
        });
        outcome
    }

    fn name(&self) -> &str {
        self.inner.name()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mmc::sense::Sense;

    /// Refuses a command whose second byte is set, with that byte as ASC.
    struct Picky;

    impl Transport for Picky {
        fn execute(&mut self, cdb: &[u8], data: Data<'_>, _: Duration) -> Result<Outcome, TransportError> {
            let status = match cdb[1] {
                0 => Status::Good,
                asc => Status::Check(Sense::new(5, asc, 0)),
            };
            Ok(Outcome { status, transferred: data.len() })
        }

        fn name(&self) -> &str {
            "picky"
        }
    }

    fn run(traced: &mut Traced<Picky>, cdb: &[u8]) {
        traced.execute(cdb, Data::None, Duration::ZERO).unwrap();
    }

    #[test]
    fn keeps_the_last_fifty_in_order() {
        let mut traced = Traced::new(Picky);
        for number in 0..60 {
            run(&mut traced, &[0, 0, 0, 0, number, 0]);
        }
        let numbers: Vec<_> = traced.commands().map(|command| command.cdb()[4]).collect();
        assert_eq!(numbers, (10..60).collect::<Vec<_>>());
    }

    #[test]
    fn equal_commands_in_a_row_share_a_line() {
        let mut traced = Traced::new(Picky);
        for _ in 0..100 {
            run(&mut traced, &[0; 6]);
        }
        run(&mut traced, &[0x2a, 0x24, 1]);
        let lines = traced.lines();
        assert_eq!(lines.len(), 2);
        assert!(
            lines[0].starts_with("test-unit-ready [00 00 00 00 00 00]") && lines[0].ends_with("(100 times)")
        );
        assert!(lines[1].ends_with("5/24/00 (invalid field in CDB)"), "{}", lines[1]);
    }

    #[test]
    fn a_command_of_any_length_is_survived() {
        let mut traced = Traced::new(Picky);
        run(&mut traced, &[0; 64]);
        assert_eq!(traced.commands().next().unwrap().cdb().len(), 16);
    }
}
