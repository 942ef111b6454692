//! Noise of a fixed seed: arguments as a client sends them who is careless, confused, or hostile.

use std::collections::HashMap;

use zbus::{ObjectPath, Str, Variant};

/// A source of noise. The same seed makes the same noise (splitmix64).
#[derive(Debug)]
pub struct Noise(u64);

/// What a method takes in one place.
#[derive(Clone, Copy, Debug)]
pub enum Argument {
    Flag,
    /// A string, with some that mean something.
    Word(&'static [&'static str]),
    /// An object's path, with some that mean something.
    Path(&'static [&'static str]),
    /// A descriptor of a directory.
    Directory,
    /// Anything.
    Anything,
    /// `a{sv}`, by the names that are known and a letter for the type of each.
    Options(&'static [(&'static str, char)]),
}

impl Noise {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.number() % limit as u64) as usize
    }

    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// The arguments of a call: half the time of the right types, else one of another or a heap of anything.
    pub fn arguments(&mut self, wanted: &[Argument], directory: &std::fs::File) -> Vec<Variant<'static>> {
        if self.one_in(4) {
            return (0..self.below(4)).map(|_| self.anything(3)).collect();
        }
        let mut arguments: Vec<_> = wanted.iter().map(|one| self.argument(*one, directory)).collect();
        if self.one_in(3) && !arguments.is_empty() {
            let at = self.below(arguments.len());
            arguments[at] = self.anything(3);
        }
        arguments
    }

    /// A value of any type, nested so deep at most.
    pub fn anything(&mut self, depth: usize) -> Variant<'static> {
        match self.below(if depth == 0 { 8 } else { 12 }) {
            0 => self.one_in(2).into(),
            1 => (self.number() as u8).into(),
            2 => (self.number() as i32).into(),
            3 => (self.number() as u32).into(),
            4 => self.number().into(),
            5 => f64::from_bits(self.number()).into(),
            6 => Str::from(self.word(&[])).into(),
            7 => self.path(&[]),
            8 => Variant::new(self.anything(depth - 1)),
            9 => (0..self.below(20)).map(|_| self.word(&["", "/"])).collect::<Vec<_>>().into(),
            10 => (self.number() as i16, self.word(&[])).into(),
            _ => {
                let many = self.below(6);
                let pairs = (0..many).map(|_| (self.word(&["wait"]), self.anything(depth - 1)));
                pairs.collect::<HashMap<_, _>>().into()
            }
        }
    }

    fn argument(&mut self, wanted: Argument, directory: &std::fs::File) -> Variant<'static> {
        match wanted {
            Argument::Flag => self.one_in(2).into(),
            Argument::Word(known) => Str::from(self.word(known)).into(),
            Argument::Path(known) => self.path(known),
            Argument::Directory => {
                let directory = directory.try_clone().expect("a descriptor");
                zbus::Fd::from(std::os::fd::OwnedFd::from(directory)).into()
            }
            Argument::Anything => Variant::new(self.anything(2)),
            Argument::Options(known) => self.options(known).into(),
        }
    }

    fn options(&mut self, known: &[(&str, char)]) -> HashMap<String, Variant<'static>> {
        let mut options = HashMap::new();
        for (name, kind) in known {
            if self.one_in(3) {
                let value = match kind {
                    _ if self.one_in(6) => self.anything(2),
                    'b' => self.one_in(2).into(),
                    'u' => (self.number() as u32 >> self.below(32)).into(),
                    'o' => self.path(&["/org/discmaster1/recorders/vd0"]),
                    _ => {
                        let known = ["none", "full", "append", "new", "skip", "/", "/a/b", "NAME"];
                        Str::from(self.word(&known)).into()
                    }
                };
                options.insert((*name).to_owned(), value);
            }
        }
        if self.one_in(8) {
            options.insert(self.word(&[]), self.anything(2));
        }
        options
    }

    fn word(&mut self, known: &[&str]) -> String {
        if !known.is_empty() && !self.one_in(4) {
            return (*self.pick(known)).to_owned();
        }
        let odd =
            ["", "/", "..", "/../..", "a\nb", "\u{fffd}", "ä", "💿", "%s%n", "\u{202e}x", "-1", "joliet"];
        match self.below(8) {
            0 => "x".repeat(self.below(2000)),
            1 => "/x".repeat(self.below(400)),
            _ => (*self.pick(&odd)).to_owned(),
        }
    }

    fn path(&mut self, known: &[&str]) -> Variant<'static> {
        let odd =
            ["/", "/org/discmaster1", "/org/discmaster1/recorders/vd9", "/a/b_c", "/org/discmaster1/jobs/0"];
        let path = if known.is_empty() || self.one_in(4) { *self.pick(&odd) } else { *self.pick(known) };
        ObjectPath::try_from(path.to_owned()).expect("a path").into()
    }
}
