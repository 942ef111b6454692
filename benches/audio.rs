//! Sound files to samples: `speed FILE…` measures how fast and in how much memory each is decoded, resampled and dithered;
//! `fuzz MINUTES FILE…` decodes files of which bytes were changed, and reads cue sheets and CD-TEXT likewise, until the time
//! is over. `tests/bench-audio` makes the files, and measures others beside.

#![expect(clippy::expect_used, reason = "a benchmark that cannot be set up has nothing to measure")]

use std::fs;
use std::io::{self, Cursor};
use std::panic::{self, AssertUnwindSafe};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use discmaster::audio::cue::{CueSheet, Sounds, write_image};
use discmaster::audio::{Decode, FRAME, RATE, Source, Wishes, cd_text};
use nix::sys::resource::{Resource, UsageWho, getrusage, setrlimit};
use nix::sys::time::TimeValLike;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    match arguments.next().as_deref() {
        Some("speed") => arguments.for_each(|file| speed(&file)),
        Some("fuzz") => {
            let minutes = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1.0);
            fuzz(Duration::from_secs_f64(minutes * 60.0), &arguments.collect::<Vec<_>>());
        }
        // `cargo bench` runs every benchmark without a word.
        _ => println!("audio: see tests/bench-audio"),
    }
}

/// A line for a file: seconds of sound, CPU seconds, KiB of memory at most.
fn speed(file: &str) {
    let before = cpu();
    let source = fs::File::open(file).expect("a file");
    let mut decode = Decode::open(Box::new(source), file, Wishes::default()).expect("a sound file");
    let (mut out, mut bytes) = (Vec::new(), 0);
    while decode.read(&mut out).expect("sound") {
        bytes += out.len();
        out.clear();
    }
    let seconds = (bytes + out.len()) as f64 / (FRAME as f64 * f64::from(RATE));
    println!("{seconds:.3} {:.3} {}", cpu() - before, peak());
}

fn cpu() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("figures");
    (usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64 / 1e6
}

/// The most memory that was resident, KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

/// Panics of decoders of others, which the decoding stops.
static STOPPED: AtomicU64 = AtomicU64::new(0);

/// What came of the inputs so far.
#[derive(Default)]
struct Tally {
    tried: u64,
    /// Inputs that were taken to their end.
    whole: u64,
    /// The longest that one took.
    longest: Duration,
    escaped: u64,
}

fn fuzz(time: Duration, files: &[String]) {
    // What needs more than this is not bounded by the length of its input.
    setrlimit(Resource::RLIMIT_AS, ADDRESSES, ADDRESSES).expect("a limit");
    panic::set_hook(Box::new(|_| {
        STOPPED.fetch_add(1, Ordering::Relaxed);
    }));
    let corpus: Vec<(String, Vec<u8>)> =
        files.iter().map(|file| (file.clone(), fs::read(file).expect("a file"))).collect();
    let mut tallies: Vec<Tally> = corpus.iter().map(|_| Tally::default()).collect();
    let (begun, mut seed) = (Instant::now(), std::process::id().into());
    while begun.elapsed() < time {
        for ((name, bytes), tally) in corpus.iter().zip(&mut tallies) {
            seed += 1;
            try_one(name, bytes, seed, tally);
        }
    }
    println!("| Input | tried | taken to the end | longest, ms | panics |\n|---|---|---|---|---|");
    for ((name, _), tally) in corpus.iter().zip(&tallies) {
        let name = name.rsplit('/').next().unwrap_or_default();
        let Tally { tried, whole, longest, escaped } = tally;
        println!("| {name} | {tried} | {whole} | {} | {escaped} |", longest.as_millis());
    }
    let stopped = STOPPED.load(Ordering::Relaxed);
    println!(
        "\n{:.1} minutes, at most {} KiB resident, {stopped} panics inside of decoders",
        begun.elapsed().as_secs_f64() / 60.0,
        peak()
    );
    if tallies.iter().any(|tally| tally.escaped > 0 || tally.longest > TOO_LONG) {
        std::process::exit(1);
    }
}

fn try_one(name: &str, bytes: &[u8], seed: u64, tally: &mut Tally) {
    let input = Dice(seed).spoil(bytes);
    let kept = (seed, input.len());
    let started = Instant::now();
    let taken = panic::catch_unwind(AssertUnwindSafe(|| match name.rsplit('.').next() {
        Some("cue") => sheet(&input),
        Some("cdt") => texts(&input),
        _ => sound(input),
    }));
    let took = started.elapsed();
    tally.tried += 1;
    tally.longest = tally.longest.max(took);
    match taken {
        Ok(whole) => tally.whole += u64::from(whole),
        Err(_) => {
            eprintln!("{name}: a panic came out: seed and length {kept:?}");
            tally.escaped += 1;
        }
    }
    if took > TOO_LONG {
        eprintln!("{name}: took {took:?}: seed and length {kept:?}");
    }
}

fn sound(input: Vec<u8>) -> bool {
    let Ok(mut decode) = Decode::open(Box::new(Cursor::new(input)), "input", Wishes::default()) else {
        return false;
    };
    let mut out = Vec::new();
    for _ in 0..MOST_PIECES {
        out.clear();
        match decode.read(&mut out) {
            Ok(true) => {}
            Ok(false) => return true,
            Err(error) => {
                let _ = error.to_string();
                return false;
            }
        }
    }
    true
}

fn sheet(input: &[u8]) -> bool {
    match CueSheet::parse(input) {
        Err(error) => {
            let _ = error.to_string();
            false
        }
        Ok(sheet) => {
            for track in 0..sheet.tracks.len() {
                let _ = (sheet.parts(track), sheet.sounding_gap(track, 4500));
            }
            let _ = CueSheet::parse(sheet.to_string().as_bytes());
            let data = sheet.begins_with_data().is_ok_and(|data| data);
            if data {
                let _ = write_image(&sheet, sectors, &mut io::sink());
            }
            let mut sounds = Sounds::new(&sheet, sectors);
            for track in usize::from(data)..sheet.tracks.len() {
                let _ = sounds.write(track, &mut io::sink());
            }
            true
        }
    }
}

/// Whatever a sheet names: some sectors of mode 1.
fn sectors(_: &str) -> io::Result<Box<dyn Source>> {
    static SECTORS: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mut sector = vec![0xff; 2352];
        (sector[0], sector[11], sector[15]) = (0, 0, 1);
        sector.repeat(1200)
    });
    Ok(Box::new(Cursor::new(SECTORS.as_slice())))
}

fn texts(input: &[u8]) -> bool {
    let packs: Vec<_> = input.as_chunks().0.to_vec();
    let _ = (cd_text::languages(&packs), cd_text::read(&packs), cd_text::whole(input));
    (0..8).for_each(|block| drop(cd_text::read_block(&packs, block)));
    true
}

/// Numbers by chance, the same for a seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as usize % sides.max(1)
    }

    /// A file with some changes, most of them where containers have their headers.
    fn spoil(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.roll(6) {
            let near = [64, 512, 4096, bytes.len()][self.roll(4)].min(bytes.len());
            let at = self.roll(near);
            let Some(rest) = bytes.get_mut(at..) else { break };
            match self.roll(8) {
                0 => rest.iter_mut().take(1).for_each(|byte| *byte ^= 1 << self.roll(8)),
                1 => rest.iter_mut().take(1).for_each(|byte| *byte = self.roll(256) as u8),
                2 => {
                    let extreme = EXTREMES[self.roll(EXTREMES.len())];
                    let bytes = if self.roll(2) == 0 { extreme.to_be_bytes() } else { extreme.to_le_bytes() };
                    rest.iter_mut().zip(bytes).for_each(|(byte, new)| *byte = new);
                }
                3 => bytes.truncate(at),
                4 => drop(bytes.drain(at..(at + 1 + self.roll(300)).min(bytes.len()))),
                5 => {
                    let again = bytes[at..(at + 1 + self.roll(300)).min(bytes.len())].to_vec();
                    drop(bytes.splice(at..at, again));
                }
                6 => {
                    let length = 1 + self.roll(40);
                    rest.iter_mut().take(length).for_each(|byte| *byte = self.roll(256) as u8);
                }
                _ => {
                    let (from, length) = (self.roll(rest.len()), 1 + self.roll(64));
                    rest.copy_within(from..(from + length).min(rest.len()), 0);
                }
            }
        }
        bytes
    }
}

/// Lengths and counts that programs stumble over.
const EXTREMES: [u32; 9] = [0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
/// Bytes of addresses: a decoder's tables, and no more.
const ADDRESSES: u64 = 1 << 30;
const TOO_LONG: Duration = Duration::from_secs(20);
/// Pieces of some thousand frames: an hour and more. A short file may say that it is long, and then has to end.
const MOST_PIECES: usize = 100_000;
