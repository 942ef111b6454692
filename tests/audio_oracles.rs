//! Decoding, judged by the encoders and decoders of others: flac, lame, oggenc, sox and ffmpeg.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::f64::consts::TAU;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use discmaster::audio::{Account, Decode, Gain, Problem, Wishes};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// Frames of the test sound: not a multiple of any packet's length.
const FRAMES: usize = 150_001;

#[test]
fn what_a_disc_can_hold_comes_through_bit_by_bit() {
    let bench = Bench::new();
    let sound = noise(FRAMES, 1);
    let wav = bench.wav("a.wav", 44_100, 2, &sound);
    let files = [
        bench.run("flac", &["-s", "-8", "-o", "OUT", "IN"], &wav, "a.flac"),
        bench.run("flac", &["-s", "--ogg", "-o", "OUT", "IN"], &wav, "a.oga"),
        bench.ffmpeg(&[], &wav, "a.aiff"),
        bench.ffmpeg(&[], &wav, "a.caf"),
        bench.ffmpeg(&["-c:a", "alac"], &wav, "alac.m4a"),
        bench.ffmpeg(&["-c:a", "alac"], &wav, "alac.caf"),
        bench.run("sox", &["IN", "OUT"], &wav, "sox.aifc"),
        bench.run(
            "sh",
            &["-c", "ffmpeg -v error -i \"$1\" -f wav - | cat > \"$2\"", "sh", "IN", "OUT"],
            &wav,
            "pipe.wav",
        ),
        wav,
    ];
    for file in files {
        let (out, account) = decoded(&file).unwrap();
        assert!(account.exact, "{file:?}: {account:?}");
        assert_eq!(account.frames as usize, FRAMES, "{file:?}");
        assert!(out == sound, "{file:?} differs");
    }
}

#[test]
fn a_header_that_announces_gigantic_packets_takes_no_memory() {
    let bench = Bench::new();
    let wav = bench.wav("a.wav", 44_100, 2, &noise(1000, 1));
    let file = bench.ffmpeg(&[], &wav, "a.caf");
    let mut bytes = fs::read(&file).unwrap();
    // Frames of a packet, in the description that follows the file's header.
    bytes[40..44].copy_from_slice(&0x7fff_ffff_u32.to_be_bytes());
    fs::write(&file, &bytes).unwrap();
    let error = decoded(&file).unwrap_err().to_string();
    assert!(error.contains("it announces packets of 4294967294 samples"), "{error}");
}

#[test]
fn one_channel_and_eight_bits_are_exact_too() {
    let bench = Bench::new();
    let mono: Vec<i16> = noise(FRAMES / 2, 2);
    let both: Vec<i16> = mono.iter().flat_map(|sample| [*sample, *sample]).collect();
    let wav = bench.wav("mono.wav", 44_100, 1, &mono);
    assert!(decoded(&wav).unwrap().0 == both);
    assert!(decoded(&bench.run("flac", &["-s", "-o", "OUT", "IN"], &wav, "mono.flac")).unwrap().0 == both);

    let bytes = bench.run("sox", &["-D", "IN", "-b", "8", "OUT"], &wav, "eight.wav");
    let judge = samples(&bench.run("sox", &["-D", "IN", "-t", "s16", "-c", "2", "OUT"], &bytes, "eight.pcm"));
    let (out, account) = decoded(&bytes).unwrap();
    assert!(account.exact && out == judge);
}

#[test]
fn encoders_delays_are_trimmed_and_the_sound_is_that_of_another_decoder() {
    let bench = Bench::new();
    let sound = music(FRAMES, 44_100);
    let wav = bench.wav("a.wav", 44_100, 2, &sound);
    let files = [
        bench.run("lame", &["--quiet", "-b", "192", "IN", "OUT"], &wav, "cbr.mp3"),
        bench.run("lame", &["--quiet", "-V", "2", "IN", "OUT"], &wav, "vbr.mp3"),
        bench.run("oggenc", &["-Q", "-q", "6", "-o", "OUT", "IN"], &wav, "a.ogg"),
        bench.ffmpeg(&["-c:a", "aac", "-b:a", "192k"], &wav, "aac.m4a"),
        bench.ffmpeg(&["-c:a", "aac", "-b:a", "192k", "-movflags", "+faststart"], &wav, "fast.m4a"),
    ];
    for file in files {
        let (out, account) = decoded(&file).unwrap();
        assert_eq!(account.frames as usize, FRAMES, "{file:?}");
        assert!(!account.exact);
        // The sound itself, where it was: a shift by one frame would be far off.
        let error = rms(&out, &sound);
        assert!(error < 400.0, "{file:?}: {error} from the original");
        let judge = samples(&bench.ffmpeg(&["-f", "s16le", "-ar", "44100"], &file, "judge.pcm"));
        let error = rms(&out, &judge[..out.len().min(judge.len())]);
        assert!(error < 1.5, "{file:?}: {error} from ffmpeg");
    }
}

#[test]
fn halves_of_a_sound_join_without_a_gap() {
    let bench = Bench::new();
    let sound = music(FRAMES, 44_100);
    let at = 2 * 70_007;
    let halves = [bench.wav("1.wav", 44_100, 2, &sound[..at]), bench.wav("2.wav", 44_100, 2, &sound[at..])];
    let encoders: [(&str, &[&str], &str); 4] = [
        ("flac", &["-s", "-o", "OUT", "IN"], "flac"),
        ("lame", &["--quiet", "-b", "320", "IN", "OUT"], "mp3"),
        ("oggenc", &["-Q", "-q", "9", "-o", "OUT", "IN"], "ogg"),
        ("ffmpeg", &["-v", "error", "-i", "IN", "-c:a", "aac", "-b:a", "256k", "OUT"], "m4a"),
    ];
    for (program, arguments, kind) in encoders {
        let mut joined = Vec::new();
        for half in &halves {
            let name = format!("{}.{kind}", half.file_stem().unwrap().to_str().unwrap());
            joined.extend(decoded(&bench.run(program, arguments, half, &name)).unwrap().0);
        }
        assert_eq!(joined.len(), sound.len(), "{kind}");
        let around = at - 4000..at + 4000;
        let error = rms(&joined[around.clone()], &sound[around]);
        assert!(error < if kind == "flac" { 0.1 } else { 500.0 }, "{kind}: {error} around the join");
    }
}

#[test]
fn other_rates_and_depths_keep_their_length_and_their_tones() {
    let bench = Bench::new();
    for (rate, bits) in [(48_000, 24), (96_000, 24), (88_200, 24), (192_000, 24), (32_000, 16), (22_050, 16)]
    {
        let name = format!("{rate}.flac");
        let file = bench.path(&name);
        let made = Command::new("sox")
            .args(["-D", "-r", &rate.to_string(), "-n", "-b", &bits.to_string(), "-c", "2"])
            .arg(&file)
            .args(["synth", "3", "sine", "1000", "gain", "-6"])
            .status();
        assert!(made.unwrap().success());
        let (out, account) = decoded(&file).unwrap();
        assert!(!account.exact && account.clipped == 0);
        assert_eq!(account.frames, 44_100 * 3, "{rate}");
        // Away from the edges nothing but the tone is left, and noise of half a step.
        let left: Vec<f64> =
            out.iter().step_by(2).skip(10_000).take(88_200).map(|one| f64::from(*one)).collect();
        let noise = beside_tone(&left, 1000.0);
        assert!(noise < if bits == 24 { 0.6 } else { 0.75 }, "{rate}: {noise} steps of noise");
    }
}

#[test]
fn six_channels_are_mixed_as_another_program_mixes_them() {
    let bench = Bench::new();
    let file = bench.path("six.wav");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i"])
        .arg("anoisesrc=r=44100:d=1:a=0.4:s=1[a];anoisesrc=r=44100:d=1:a=0.4:s=2[b];anoisesrc=r=44100:d=1:a=0.4:s=3[c];\
              anoisesrc=r=44100:d=1:a=0.4:s=4[d];anoisesrc=r=44100:d=1:a=0.4:s=5[e];anoisesrc=r=44100:d=1:a=0.4:s=6[f];\
              [a][b][c][d][e][f]join=inputs=6:channel_layout=5.1")
        .args(["-c:a", "pcm_s24le"])
        .arg(&file)
        .status();
    assert!(made.unwrap().success());
    let (out, _) = decoded(&file).unwrap();
    let judge = samples(&bench.ffmpeg(&["-f", "s16le", "-ac", "2", "-lfe_mix_level", "0"], &file, "six.pcm"));
    assert_eq!(out.len(), judge.len());
    assert!(rms(&out, &judge) < 1.0, "{}", rms(&out, &judge));
}

#[test]
fn loudness_is_adjusted_only_when_asked() {
    let bench = Bench::new();
    let wav = bench.wav("a.wav", 44_100, 2, &music(FRAMES, 44_100));
    let tagged = [
        "-s",
        "-T",
        "REPLAYGAIN_TRACK_GAIN=-6.02 dB",
        "-T",
        "TITLE=Ode",
        "-T",
        "ISRC=DEA123456789",
        "-o",
        "OUT",
        "IN",
    ];
    let file = bench.run("flac", &tagged, &wav, "gain.flac");
    let (plain, account) = decoded(&file).unwrap();
    assert!(account.exact);
    let (quiet, account) =
        decode(Box::new(File::open(&file).unwrap()), "a", Wishes { gain: Gain::Track }).unwrap();
    assert!(!account.exact);
    let halved: Vec<i16> = plain.iter().map(|sample| sample / 2).collect();
    assert!(rms(&quiet, &halved) < 3.0);
    let decode = Decode::open(Box::new(File::open(&file).unwrap()), "a", Wishes::default()).unwrap();
    assert_eq!(decode.tags().title.as_deref(), Some("Ode"));
    assert_eq!(decode.tags().isrc.as_deref(), Some("DEA123456789"));
}

#[test]
fn a_file_that_is_cut_off_is_refused_with_its_name_and_the_place() {
    let bench = Bench::new();
    let wav = bench.wav("a.wav", 44_100, 2, &noise(FRAMES, 3));
    for file in bench.one_of_each(&wav) {
        let bytes = fs::read(&file).unwrap();
        let cut = bench.path("cut");
        fs::write(&cut, &bytes[..bytes.len() * 6 / 10]).unwrap();
        if file.extension().is_some_and(|kind| kind == "aac") {
            // A stream of frames without a count ends where it ends, but not inside of a frame.
            assert!(matches!(decoded(&cut).unwrap_err().problem, Problem::CutOff(_)));
            continue;
        }
        let error = decoded(&cut).unwrap_err();
        assert!(matches!(error.problem, Problem::CutOff(_) | Problem::Damaged(_)), "{file:?}: {error}");
        assert!(error.to_string().contains("cut") && error.to_string().contains("byte"), "{error}");
    }
}

#[test]
fn what_is_no_sound_file_or_has_no_decoder_is_refused_by_name() {
    let bench = Bench::new();
    let wav = bench.wav("a.wav", 44_100, 2, &noise(20_000, 4));
    let refused = |file: &Path| decoded(file).unwrap_err().problem;
    assert_eq!(refused(&bench.ffmpeg(&[], &wav, "a.wv")), Problem::Foreign("WavPack"));
    assert_eq!(
        refused(&bench.ffmpeg(&["-c:a", "libvorbis"], &wav, "a.webm")),
        Problem::Foreign("Matroska or WebM")
    );
    assert_eq!(refused(&bench.ffmpeg(&["-rf64", "always"], &wav, "rf64.wav")), Problem::Foreign("RF64"));
    assert!(matches!(refused(&bench.ffmpeg(&["-c:a", "libopus"], &wav, "a.opus")), Problem::Unsupported(_)));
    assert!(matches!(
        refused(&bench.ffmpeg(&["-c:a", "libmp3lame"], &wav, "mp3.wav")),
        Problem::Unsupported(_)
    ));
    let text = bench.path("a.txt");
    fs::write(&text, "This is not music.\n".repeat(1000)).unwrap();
    assert_eq!(refused(&text), Problem::NotAudio);
    assert_eq!(refused(&bench.wav("empty.wav", 44_100, 2, &[])), Problem::Empty);
    let silence = bench.path("zeros");
    fs::write(&silence, vec![0; 100_000]).unwrap();
    assert_eq!(refused(&silence), Problem::NotAudio);
}

#[test]
fn a_file_that_cannot_be_read_to_its_end_says_why() {
    struct Broken(File);
    impl io::Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if (300_000..400_000).contains(&io::Seek::stream_position(&mut self.0)?) {
                return Err(io::Error::from_raw_os_error(5));
            }
            self.0.read(buffer)
        }
    }
    impl io::Seek for Broken {
        fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }
    let bench = Bench::new();
    let wav = bench.wav("a.wav", 44_100, 2, &noise(FRAMES, 5));
    for file in [wav.clone(), bench.run("flac", &["-s", "-o", "OUT", "IN"], &wav, "a.flac")] {
        let error =
            decode(Box::new(Broken(File::open(file).unwrap())), "/m/a", Wishes::default()).unwrap_err();
        assert!(matches!(&error.problem, Problem::Unreadable(why) if why.contains("os error 5")), "{error}");
        assert!(error.milliseconds.is_some_and(|at| at > 500), "{error}");
    }
}

/// Files with bytes that nobody meant: an error or some sound, but never a panic that gets out, nor more sound than there
/// could be.
#[test]
fn spoilt_files_are_survived() {
    let bench = Bench::new();
    let wav = bench.wav("a.wav", 44_100, 2, &music(12_000, 44_100));
    let files: Vec<Vec<u8>> = bench.one_of_each(&wav).iter().map(|file| fs::read(file).unwrap()).collect();
    let spoil = (
        0..files.len(),
        any::<prop::sample::Index>(),
        prop::collection::vec(any::<u8>(), 1..9),
        any::<[bool; 2]>(),
    );
    let mut runner = TestRunner::new(Config { cases: 600, ..Config::default() });
    let result = runner.run(&spoil, |(file, at, bytes, [early, cut])| {
        let mut file = files[file].clone();
        // Headers are worth more trouble than sound.
        let room = if early { file.len().min(400) } else { file.len() };
        let at = at.index(room);
        let end = (at + bytes.len()).min(file.len());
        file[at..end].copy_from_slice(&bytes[..end - at]);
        if cut {
            file.truncate(end.max(20));
        }
        let most = 4_000_000;
        let mut out = Vec::new();
        if let Ok(mut decode) = Decode::open(Box::new(io::Cursor::new(file)), "spoilt", Wishes::default()) {
            while out.len() < most && decode.read(&mut out).unwrap_or(false) {}
        }
        prop_assert!(out.len() < most, "sound without end");
        Ok(())
    });
    result.unwrap();
}

/// A folder of files.
struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn wav(&self, name: &str, rate: u32, channels: u16, samples: &[i16]) -> PathBuf {
        let length = samples.len() as u32 * 2;
        let mut bytes = Vec::from(*b"RIFF");
        bytes.extend((36 + length).to_le_bytes());
        bytes.extend(*b"WAVEfmt \x10\0\0\0\x01\0");
        bytes.extend(channels.to_le_bytes());
        bytes.extend(rate.to_le_bytes());
        bytes.extend((rate * u32::from(channels) * 2).to_le_bytes());
        bytes.extend((channels * 2).to_le_bytes());
        bytes.extend(*b"\x10\0data");
        bytes.extend(length.to_le_bytes());
        bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    fn run(&self, program: &str, arguments: &[&str], input: &Path, output: &str) -> PathBuf {
        let output = self.path(output);
        let _ = fs::remove_file(&output);
        let mut command = Command::new(program);
        for argument in arguments {
            match *argument {
                "IN" => command.arg(input),
                "OUT" => command.arg(&output),
                other => command.arg(other),
            };
        }
        let ran = command.output().unwrap_or_else(|error| panic!("{program}: {error}"));
        assert!(ran.status.success(), "{program}: {}", String::from_utf8_lossy(&ran.stderr));
        output
    }

    fn ffmpeg(&self, arguments: &[&str], input: &Path, output: &str) -> PathBuf {
        self.run("ffmpeg", &[&["-v", "error", "-i", "IN"], arguments, &["OUT"]].concat(), input, output)
    }

    /// The sound of a file in every kind of file.
    fn one_of_each(&self, wav: &Path) -> Vec<PathBuf> {
        vec![
            wav.to_owned(),
            self.run("flac", &["-s", "-o", "OUT", "IN"], wav, "each.flac"),
            self.run("flac", &["-s", "--ogg", "-o", "OUT", "IN"], wav, "each.oga"),
            self.run("lame", &["--quiet", "IN", "OUT"], wav, "each.mp3"),
            self.run("oggenc", &["-Q", "-o", "OUT", "IN"], wav, "each.ogg"),
            self.ffmpeg(&[], wav, "each.aiff"),
            self.ffmpeg(&[], wav, "each.caf"),
            self.ffmpeg(&["-c:a", "alac"], wav, "each-alac.m4a"),
            self.ffmpeg(&["-c:a", "aac"], wav, "each.m4a"),
            self.ffmpeg(&["-c:a", "aac", "-movflags", "+faststart"], wav, "each-fast.m4a"),
            self.ffmpeg(&["-c:a", "aac"], wav, "each.aac"),
        ]
    }
}

fn decoded(file: &Path) -> Result<(Vec<i16>, Account), discmaster::audio::AudioError> {
    let name = file.display().to_string();
    decode(Box::new(File::open(file).unwrap()), &name, Wishes::default())
}

fn decode(
    source: Box<dyn discmaster::audio::Source>,
    name: &str,
    wishes: Wishes,
) -> Result<(Vec<i16>, Account), discmaster::audio::AudioError> {
    let mut decode = Decode::open(source, name, wishes)?;
    let mut bytes = Vec::new();
    while decode.read(&mut bytes)? {}
    let samples = bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    Ok((samples, decode.account()))
}

fn samples(file: &Path) -> Vec<i16> {
    fs::read(file).unwrap().chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

fn noise(count: usize, seed: u64) -> Vec<i16> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as i16
    };
    (0..count * 2).map(|_| next()).collect()
}

/// Tones that move, different left and right.
fn music(frames: usize, rate: u32) -> Vec<i16> {
    let tone = |at: f64, base: f64| {
        let wobble = (at * 0.7).sin() * 3.0;
        ((at * base * TAU + wobble).sin() * 0.4 + (at * base * 3.1 * TAU).sin() * 0.2) * 20_000.0
    };
    (0..frames)
        .flat_map(|frame| {
            let at = frame as f64 / f64::from(rate);
            [tone(at, 220.0) as i16, tone(at, 331.0) as i16]
        })
        .collect()
}

fn rms(one: &[i16], other: &[i16]) -> f64 {
    assert_eq!(one.len(), other.len());
    let sum: f64 = one.iter().zip(other).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
    (sum / one.len() as f64).sqrt()
}

/// What is left of a sound without its tone, by least squares.
fn beside_tone(sound: &[f64], frequency: f64) -> f64 {
    let step = std::f64::consts::TAU * frequency / 44_100.0;
    let (mut sine, mut cosine) = (0.0, 0.0);
    for (at, sample) in sound.iter().enumerate() {
        let (sin, cos) = (at as f64 * step).sin_cos();
        sine += sample * sin * 2.0 / sound.len() as f64;
        cosine += sample * cos * 2.0 / sound.len() as f64;
    }
    let rest = sound.iter().enumerate().map(|(at, sample)| {
        let (sin, cos) = (at as f64 * step).sin_cos();
        (sample - sine * sin - cosine * cos).powi(2)
    });
    (rest.sum::<f64>() / sound.len() as f64).sqrt()
}
