//! The stager behind its channel, as the broker sees it.

mod add;
mod burn;
mod import;
mod life;
mod model;

use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::*;
use crate::api::{self, AddOptions, AddSummary, ErrorKind};
use crate::wire::broker_stager::{Answer, Ask, Begin, Tell};
use crate::wire::ring::{self, CHUNK, Consumer, RingEnd, Take};
use crate::wire::{ChannelError, pair};

/// A stager on a thread of its own, the broker's end, and a directory to play in.
struct Bench {
    broker: BrokerEnd,
    stager: Option<JoinHandle<std::result::Result<Ended, ChannelError>>>,
    directory: tempfile::TempDir,
    next: u32,
}

impl Bench {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Begin)) -> Self {
        let (broker, stager): (BrokerEnd, StagerEnd) = pair().unwrap();
        let stager = Some(thread::spawn(move || serve(&stager)));
        let directory = tempfile::tempdir().unwrap();
        let mut bench = Self { broker, stager, directory, next: 0 };
        fs::create_dir(bench.path("stash")).unwrap();
        fs::create_dir(bench.path("in")).unwrap();
        let mut begin = Begin {
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
            groups: Vec::new(),
            stash: bench.path("stash"),
            quota: 64 << 20,
            max_entries: 10_000,
        };
        change(&mut begin);
        assert_eq!(bench.ask(Ask::Begin(begin)).unwrap(), Answer::Nothing);
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A file below `in`, with its directories.
    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path("in").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn send(&mut self, ask: Ask, fds: &[BorrowedFd<'_>]) -> u32 {
        self.next += 1;
        self.broker.send(&ToStager { id: self.next, ask }, fds).unwrap();
        self.next
    }

    fn answer(&self, id: u32) -> api::Result<Answer> {
        loop {
            let (message, _) = self.broker.receive().unwrap();
            assert_eq!(message.id, id);
            if let Tell::Done(result) = message.tell {
                return result;
            }
        }
    }

    fn ask(&mut self, ask: Ask) -> api::Result<Answer> {
        let id = self.send(ask, &[]);
        self.answer(id)
    }

    fn add(&mut self, path: &Path, options: AddOptions) -> api::Result<AddSummary> {
        self.add_within(path, options, None)
    }

    fn add_within(
        &mut self,
        path: &Path,
        options: AddOptions,
        capacity: Option<u64>,
    ) -> api::Result<AddSummary> {
        let ask = Ask::Add { path: Some(path.to_owned()), options, capacity };
        match self.ask(ask)? {
            Answer::Added(summary) => Ok(summary),
            other => panic!("{other:?}"),
        }
    }

    /// Adds all of `in` to the root.
    fn add_in(&mut self) -> api::Result<AddSummary> {
        let path = self.path("in");
        self.add(&path, AddOptions::default())
    }

    fn add_copy(&mut self) -> api::Result<AddSummary> {
        let path = self.path("in");
        self.add(&path, AddOptions { copy: true, ..AddOptions::default() })
    }

    fn list(&mut self, path: &str) -> Vec<String> {
        match self.ask(Ask::List(path.to_owned())).unwrap() {
            Answer::Entries(entries, false) => entries.into_iter().map(|entry| entry.name).collect(),
            other => panic!("{other:?}"),
        }
    }

    fn blocks(&mut self, ask: Ask) -> api::Result<u64> {
        match self.ask(ask)? {
            Answer::Blocks(blocks) => Ok(blocks),
            other => panic!("{other:?}"),
        }
    }

    fn plan(&mut self) -> api::Result<u64> {
        self.blocks(Ask::Plan { start: 0, redirects: false, recorded: None })
    }

    /// Starts a feed into a small ring.
    fn feed(&mut self) -> (u32, Consumer) {
        let (producer, consumer) = ring::create(4 * CHUNK).unwrap();
        let id = self.send(Ask::Feed, &[producer.memory.as_fd(), producer.wake.as_fd()]);
        (id, Consumer::attach(consumer).unwrap())
    }

    /// Plans and streams the image, and gives its bytes.
    fn burn(&mut self) -> api::Result<Vec<u8>> {
        let blocks = self.plan()?;
        let (id, mut consumer) = self.feed();
        let mut image = Vec::new();
        let end = drain(&mut consumer, &mut image);
        self.answer(id)?;
        assert_eq!((end, image.len() as u64), (Take::End, blocks * 2048));
        Ok(image)
    }

    /// Closes the channel and waits for the stager to leave.
    fn leave(mut self) -> std::result::Result<Ended, ChannelError> {
        let stager = self.stager.take().unwrap();
        drop(self.broker);
        stager.join().unwrap()
    }
}

/// Takes what comes until an end.
fn drain(consumer: &mut Consumer, image: &mut Vec<u8>) -> Take {
    let mut chunk = vec![0; CHUNK];
    loop {
        match consumer.take(&mut chunk).unwrap() {
            Take::Bytes(len) => image.extend_from_slice(&chunk[..len]),
            Take::Empty => {
                let woken = consumer.wait(None, Some(Duration::from_secs(20))).unwrap();
                assert!(woken.ring, "the stager sleeps");
            }
            end => return end,
        }
    }
}

/// Whether the image has this content at the start of a block.
fn holds(image: &[u8], content: &[u8]) -> bool {
    image.chunks_exact(2048).any(|block| block.starts_with(content))
}

fn count(image: &[u8], content: &[u8]) -> usize {
    image.chunks_exact(2048).filter(|block| block.starts_with(content)).count()
}

fn directory(path: &Path) -> OwnedFd {
    fs::File::open(path).unwrap().into()
}

fn text(error: &api::Error, key: &str) -> String {
    match &error.details[key] {
        api::Detail::Text(text) => text.clone(),
        api::Detail::Number(number) => number.to_string(),
    }
}

fn link(target: &str, at: &Path) {
    symlink(target, at).unwrap();
}
