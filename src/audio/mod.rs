//! Sound for audio discs: from the files of musicians to the samples of the Red Book, 44.1 kHz, 16 bits, stereo.
//!
//! Pure: no bus, no process, no path. Whoever uses it hands in something to read and seek, and says how to call it in
//! errors. Nothing here holds more than a few packets of a file in memory.
//!
//! - [`pcm`]: the whole way from a file to samples
//! - `container`, `complete`: what kind of file it is, and whether all of it is there
//! - `decode`, `trim`, `mp4`: packets, without what an encoder put before and behind the sound
//! - `mix`, `resample`, `dither`: to two channels, to 44.1 kHz, to 16 bits
//! - [`tags`]: titles and names, as a file tells them
//! - [`cd_text`]: texts as a disc carries them
//! - [`cue`]: cue sheets
//! - [`error`]: what is wrong with a file, and where

pub mod cd_text;
mod complete;
mod container;
pub mod cue;
mod decode;
mod dither;
pub mod error;
mod mix;
mod mp4;
pub mod pcm;
mod resample;
mod source;
pub mod tags;
mod trim;

pub use error::{AudioError, Problem};
pub use pcm::{Account, Decode, Gain, Wishes};
pub use source::Source;
pub use tags::Tags;

/// Samples a second of a compact disc (IEC 60908).
pub const RATE: u32 = 44_100;
/// Bytes of a block of sound, 1/75 of a second.
pub const BLOCK: usize = 2352;
/// Bytes of a frame: a sample of 16 bits for each of two channels.
pub const FRAME: usize = 4;
/// Frames of a block.
pub const FRAMES: usize = BLOCK / FRAME;
