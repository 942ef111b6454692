//! From a file to the samples of a disc: 44.1 kHz, 16 bits, left and right, least byte first.
//!
//! What has that form already comes through bit by bit. Everything else is mixed, resampled and dithered in that order,
//! in numbers of 64 bits.

use super::decode::Packets;
use super::dither::Dither;
use super::error::{AudioError, Problem};
use super::mix::Mix;
use super::resample::Resample;
use super::source::{Source, Watch};
use super::tags::Tags;
use super::{FRAME, RATE};

/// What is wanted of a file's sound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Adjust the loudness.
    pub gain: Gain,
}

/// Which of a file's notes on its loudness is followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gain {
    /// None: as it is.
    #[default]
    None,
    /// The track's: every track equally loud.
    Track,
    /// The album's: tracks keep their differences.
    Album,
}

/// What became of a file's sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// What the file was: “FLAC, 44100 Hz, 2 channels”.
    pub format: String,
    /// Frames that came out.
    pub frames: u64,
    /// Every sample is the file's own.
    pub exact: bool,
    /// Samples that were too loud and were cut.
    pub clipped: u64,
}

/// A file on its way to a disc.
pub struct Decode {
    name: String,
    watch: Watch,
    packets: Packets,
    tags: Tags,
    /// What is to be added, as a factor.
    gain: f64,
    /// Chosen once the first packet has shown what the sound is.
    way: Option<Way>,
    frames: u64,
    over: bool,
}

enum Way {
    Exact { mono: bool, samples: Vec<i16> },
    Made(Box<Made>),
}

struct Made {
    mix: Mix,
    resample: Option<Resample>,
    dither: Dither,
    planes: Vec<Vec<f64>>,
    left: Vec<f64>,
    right: Vec<f64>,
}

impl Decode {
    /// Opens a file that is called `name` in errors.
    ///
    /// # Errors
    /// When it cannot be read, or is not a sound file that can be decoded.
    pub fn open(source: Box<dyn Source>, name: &str, wishes: Wishes) -> Result<Self, AudioError> {
        let watch = Watch::default();
        let (packets, tags) = Packets::open(source, &watch).map_err(|problem| AudioError {
            name: name.to_owned(),
            milliseconds: None,
            byte: watch.at(),
            problem,
        })?;
        let hundredths = match wishes.gain {
            Gain::None => None,
            Gain::Track => tags.track_gain.or(tags.album_gain),
            Gain::Album => tags.album_gain.or(tags.track_gain),
        };
        let gain = hundredths.map_or(1.0, |gain| 10_f64.powf(f64::from(gain) / 2000.0));
        Ok(Self { name: name.to_owned(), watch, packets, tags, gain, way: None, frames: 0, over: false })
    }

    /// What the file says of its sound.
    pub const fn tags(&self) -> &Tags {
        &self.tags
    }

    /// Frames that will come out, as far as the file tells.
    pub fn expected(&self) -> Option<u64> {
        let frames = u128::from(self.packets.expected()?) * u128::from(RATE);
        u64::try_from(frames.div_ceil(u128::from(self.packets.rate().max(1)))).ok()
    }

    /// Appends more of the sound to `out`, some thousand frames; false at its end.
    ///
    /// # Errors
    /// When the rest of the file cannot be read or decoded, or there is nothing in it. What came before is the beginning of
    /// its sound.
    pub fn read(&mut self, out: &mut Vec<u8>) -> Result<bool, AudioError> {
        if self.over {
            return Ok(false);
        }
        let before = out.len();
        let more = self.step(out).map_err(|problem| self.error(problem))?;
        self.frames += ((out.len() - before) / FRAME) as u64;
        self.over = !more;
        if self.over && self.frames == 0 {
            return Err(self.error(Problem::Empty));
        }
        Ok(more)
    }

    /// What became of the sound so far.
    pub fn account(&self) -> Account {
        let channels = self.packets.channels().count();
        let (exact, clipped) = match &self.way {
            None | Some(Way::Exact { .. }) => (true, 0),
            Some(Way::Made(made)) => (false, made.dither.clipped()),
        };
        let (container, codec) = (self.packets.container(), self.packets.codec());
        let format = format!("{container} ({codec}), {} Hz, {channels} channels", self.packets.rate());
        Account { format, frames: self.frames, exact, clipped }
    }

    fn step(&mut self, out: &mut Vec<u8>) -> Result<bool, Problem> {
        if !self.packets.next()? {
            if let Some(Way::Made(made)) = &mut self.way {
                made.finish(out)?;
            }
            return Ok(false);
        }
        if self.way.is_none() {
            self.way = Some(self.choose()?);
        }
        let sound = self.packets.current();
        let slice = sound.buffer.slice(sound.part);
        match &mut self.way {
            Some(Way::Exact { mono, samples }) => {
                slice.copy_to_vec_interleaved(samples);
                for sample in samples.iter() {
                    let bytes = sample.to_le_bytes();
                    out.extend_from_slice(&bytes);
                    if *mono {
                        out.extend_from_slice(&bytes);
                    }
                }
            }
            Some(Way::Made(made)) => {
                slice.copy_to_vecs_planar(&mut made.planes);
                made.take(self.gain, out)?;
            }
            None => {}
        }
        Ok(true)
    }

    fn choose(&self) -> Result<Way, Problem> {
        let mix = Mix::of(self.packets.channels())?;
        let rate = self.packets.rate();
        // A factor of one is exactly that when nothing is to be adjusted.
        let untouched = self.gain == 1.0;
        if rate == RATE && untouched && mix.is_plain() && self.packets.fits_16_bits() {
            return Ok(Way::Exact { mono: self.packets.channels().count() == 1, samples: Vec::new() });
        }
        let resample = if rate == RATE { None } else { Some(Resample::new(rate)?) };
        let made = Made {
            mix,
            resample,
            dither: Dither::new(),
            planes: Vec::new(),
            left: Vec::new(),
            right: Vec::new(),
        };
        Ok(Way::Made(Box::new(made)))
    }

    fn error(&self, problem: Problem) -> AudioError {
        let rate = u64::from(self.packets.rate().max(1));
        AudioError {
            name: self.name.clone(),
            milliseconds: Some(self.packets.decoded().saturating_mul(1000) / rate),
            byte: self.watch.at(),
            problem,
        }
    }
}

impl Made {
    fn take(&mut self, gain: f64, out: &mut Vec<u8>) -> Result<(), Problem> {
        self.mix.apply(&self.planes, &mut self.left, &mut self.right);
        if gain != 1.0 {
            self.left.iter_mut().chain(&mut self.right).for_each(|sample| *sample *= gain);
        }
        let dither = &mut self.dither;
        match &mut self.resample {
            None => {
                write(dither, &self.left, &self.right, out);
                Ok(())
            }
            Some(resample) => {
                resample.push([&self.left, &self.right], |left, right| write(dither, left, right, out))
            }
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Problem> {
        let dither = &mut self.dither;
        match &mut self.resample {
            None => Ok(()),
            Some(resample) => resample.finish(|left, right| write(dither, left, right, out)),
        }
    }
}

fn write(dither: &mut Dither, left: &[f64], right: &[f64], out: &mut Vec<u8>) {
    for (left, right) in left.iter().zip(right) {
        out.extend_from_slice(&dither.sample(*left).to_le_bytes());
        out.extend_from_slice(&dither.sample(*right).to_le_bytes());
    }
}
