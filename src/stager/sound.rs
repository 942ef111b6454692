//! The tracks of an audio disc. Their sound lies in one unnamed file of the stash, one behind another in whole blocks,
//! and never in memory.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;

use rustix::fs::{FileType, fstat, ftruncate};

use super::data_track::DataTrack;
use super::feed::{feed_album, ring_failed};
use super::place::{AtPlaces, read_exactly, ready, write_all};
use super::plan::Image;
use super::pulse::Pulse;
use super::stash::Stash;
use crate::api::audio::{
    AUDIO_BLOCK, AlbumState, AudioFileOptions, AudioFileSummary, ReplayGain, TRACK_MIN, TRACKS_MAX, Texts,
};
use crate::api::{Error, ErrorKind, Result};
use crate::audio::{Decode, Gain, Tags, Wishes};
use crate::wire::broker_stager::{Answer, AudioAsk};
use crate::wire::ring::{CHUNK, Producer, RingEnd};

const BLOCK: u64 = AUDIO_BLOCK as u64;
/// Bytes that are taken at once.
const PIECE: usize = 64 * AUDIO_BLOCK;
/// Bytes of a chunk of the ring: whole blocks.
const RING_PIECE: usize = CHUNK / AUDIO_BLOCK * AUDIO_BLOCK;

/// The staged tracks.
#[derive(Debug, Default)]
pub struct Sound {
    file: Option<OwnedFd>,
    tracks: Vec<Track>,
    open: bool,
    /// What becomes the track of data before them, where that comes ready-made.
    image: Option<DataTrack>,
}

/// A track's place in the file.
#[derive(Clone, Copy, Debug)]
struct Track {
    /// Where it begins; the track before ends here.
    start: u64,
    /// Bytes of sound.
    sound: u64,
    /// Blocks with the silence behind the sound.
    blocks: u32,
    /// Silence was added because it was shorter than a track must be.
    padded: bool,
}

/// Answers a request about sound.
///
/// # Errors
/// What the request's part of [`Sound`] says.
pub fn answer(
    image: &mut Image,
    ask: AudioAsk,
    fds: impl Iterator<Item = OwnedFd>,
    pulse: &mut Pulse<'_>,
) -> Result<Answer> {
    let mut fds = fds;
    let mut brought = None;
    let (sound, stash) = image.sound();
    match ask {
        AudioAsk::State => {}
        AudioAsk::Create => sound.create()?,
        AudioAsk::Stream { room } => {
            if let Some(fd) = fds.next() {
                sound.stream(fd, room, stash, pulse)?;
            }
        }
        AudioAsk::File { options, room } => {
            if let Some(fd) = fds.next() {
                brought = Some(sound.add_file(fd, options, room, stash, pulse)?);
            }
        }
        AudioAsk::Close { room } => sound.close(room, stash)?,
        AudioAsk::Image { room } => {
            if let Some(fd) = fds.next() {
                sound.set_image(fd, room, stash, pulse)?;
            }
        }
        AudioAsk::Feed { data } => {
            if let (Some(memory), Some(wake)) = (fds.next(), fds.next()) {
                feed_album(image, data, RingEnd { memory, wake }, pulse)?;
            }
        }
    }
    Ok(Answer::Album(Box::new((image.sound().0.state(), brought))))
}

impl Sound {
    /// What is staged.
    pub fn state(&self) -> AlbumState {
        let closed = self.closed().len();
        let blocks = |track: &Track| u32::try_from(track.sound.div_ceil(BLOCK)).unwrap_or(u32::MAX);
        let padded = (1..).zip(&self.tracks).filter(|(_, track)| track.padded).map(|(number, _)| number);
        AlbumState {
            tracks: self.tracks[..closed].iter().map(|track| track.blocks).collect(),
            open: self.tracks.get(closed).map(blocks),
            padded: padded.collect(),
            image: self.image.as_ref().map(DataTrack::blocks),
        }
    }

    /// Opens a track.
    ///
    /// # Errors
    /// `TrackOpen`; `LimitsExceeded` for the hundredth.
    pub fn create(&mut self) -> Result<()> {
        if self.open {
            return Err(track_open());
        }
        if self.tracks.len() >= TRACKS_MAX {
            let message =
                format!("A disc holds {TRACKS_MAX} tracks, and so many are staged. Record them first.");
            return Err(Error::new(ErrorKind::LimitsExceeded, message));
        }
        let start = self.end();
        self.tracks.push(Track { start, sound: 0, blocks: 0, padded: false });
        self.open = true;
        Ok(())
    }

    /// Takes raw sound into the open track until its source ends.
    ///
    /// # Errors
    /// `TrackNotOpen`; `DiscFull` when there was more than the room, which is then taken up. `UserAbort`, `FileUnreadable`
    /// and the stash's errors: what came before stays, but for the last in bytes that are no whole block.
    pub fn stream(&mut self, source: OwnedFd, room: u64, stash: &Stash, pulse: &mut Pulse<'_>) -> Result<()> {
        if !self.open {
            return Err(track_not_open());
        }
        let mut source = File::from(source);
        let begin = self.last().map_or(0, |track| track.sound);
        // Where the bytes of the track's last block ended, this goes on.
        let most = begin.next_multiple_of(BLOCK).saturating_add(room.saturating_mul(BLOCK)) - begin;
        let mut taken = 0;
        let mut buffer = vec![0; PIECE];
        loop {
            pulse.beat(taken, None)?;
            if !ready(&source, pulse)? {
                continue;
            }
            let read = match source.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => read as u64,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => {
                    let message = format!(
                        "The sound could not be read on: {error}. What came before stays in the track."
                    );
                    return Err(Error::new(ErrorKind::FileUnreadable, message));
                }
            };
            let fits = read.min(most - taken);
            self.append(&buffer[..fits as usize], stash)?;
            taken += fits;
            if fits < read {
                let message = format!(
                    "The disc is full: {} blocks of 2352 bytes of this sound were taken into the track, and the rest was \
                     not. Close the track, or clear it and use a larger disc.",
                    taken / BLOCK
                );
                return Err(Error::new(ErrorKind::DiscFull, message).with("kept-blocks", taken / BLOCK));
            }
        }
    }

    /// Decodes a file as a track of its own.
    ///
    /// # Errors
    /// `TrackOpen`, `LimitsExceeded`, `DiscFull`, what is wrong with the file, `UserAbort`, and the stash's errors. The tracks
    /// are then as they were.
    pub fn add_file(
        &mut self,
        source: OwnedFd,
        options: AudioFileOptions,
        room: u64,
        stash: &Stash,
        pulse: &mut Pulse<'_>,
    ) -> Result<AudioFileSummary> {
        let before = (self.tracks.clone(), self.open, self.end());
        let result = self.try_add_file(source, options, room, stash, pulse);
        if result.is_err() {
            let (tracks, open, end) = before;
            (self.tracks, self.open) = (tracks, open);
            // What stays behind the end would be written over anyway.
            let _ = self.file.as_ref().map(|file| ftruncate(file, end));
        }
        result
    }

    fn try_add_file(
        &mut self,
        source: OwnedFd,
        options: AudioFileOptions,
        room: u64,
        stash: &Stash,
        pulse: &mut Pulse<'_>,
    ) -> Result<AudioFileSummary> {
        let name = name_of(&source);
        let refused = |why: String| {
            Error::new(ErrorKind::FileUnreadable, format!("{name} {why}; nothing was added."))
                .with("path", name.as_str())
        };
        let kind = fstat(&source).map(|stat| FileType::from_raw_mode(stat.st_mode));
        if kind != Ok(FileType::RegularFile) {
            return Err(refused(
                "is not a file: sound without a file goes through AddAudioTrackStream".into(),
            ));
        }
        let gain = match options.replay_gain {
            ReplayGain::None => Gain::None,
            ReplayGain::Track => Gain::Track,
            ReplayGain::Album => Gain::Album,
        };
        let source = Box::new(AtPlaces::new(source));
        let mut decode = Decode::open(source, &name, Wishes { gain })?;
        self.create()?;
        let mut lead = if options.gapless { self.rest_of_block() } else { 0 };
        let full = |needed: u64| {
            let message = format!(
                "{name} takes {needed} blocks of 2352 bytes, and the disc has room for {room}; nothing was added. Leave \
                 something out, or use a larger disc."
            );
            Error::new(ErrorKind::DiscFull, message)
                .with("needed-blocks", needed)
                .with("available-blocks", room)
        };
        if let Some(frames) = decode.expected() {
            let bytes = frames.saturating_mul(4);
            pulse.expect(bytes);
            let needed = bytes.saturating_sub(lead).div_ceil(BLOCK);
            if needed > room {
                return Err(full(needed));
            }
        }
        let mut done = 0_u64;
        let mut bytes = Vec::with_capacity(PIECE);
        loop {
            pulse.beat(done, None)?;
            bytes.clear();
            let more = decode.read(&mut bytes)?;
            done += bytes.len() as u64;
            let first = lead.min(bytes.len() as u64) as usize;
            self.complete_track_before(&bytes[..first], stash)?;
            lead -= first as u64;
            self.append(&bytes[first..], stash)?;
            let blocks = self.last().map_or(0, |track| track.sound.div_ceil(BLOCK));
            if blocks > room {
                return Err(full(blocks));
            }
            if !more {
                break;
            }
        }
        self.close(room - self.last().map_or(0, |track| track.sound.div_ceil(BLOCK)), stash)?;
        pulse.listen()?;
        Ok(summary(decode.tags(), done, decode.account().clipped))
    }

    /// Closes the open track.
    ///
    /// # Errors
    /// `TrackNotOpen`; `TrackNotBigEnough` when there is nothing in it, and it is then gone; `DiscFull` when there is no room
    /// for the silence that it needs.
    pub fn close(&mut self, room: u64, stash: &Stash) -> Result<()> {
        let Some(track) = self.tracks.last().copied().filter(|_| self.open) else {
            return Err(track_not_open());
        };
        let number = self.tracks.len();
        if track.sound == 0 {
            self.tracks.pop();
            self.open = false;
            let message =
                format!("Track {number} has no sound, and was taken back. Add some before it is closed.");
            return Err(Error::new(ErrorKind::TrackNotBigEnough, message));
        }
        let sounding = track.sound.div_ceil(BLOCK);
        let blocks = sounding.max(u64::from(TRACK_MIN));
        if blocks - sounding > room {
            let message = format!(
                "Track {number} is shorter than four seconds, and the disc has no room for the silence that makes it so \
                 long. Add to it, or clear what is staged."
            );
            return Err(Error::new(ErrorKind::DiscFull, message)
                .with("needed-blocks", blocks - sounding)
                .with("available-blocks", room));
        }
        let end = track.start + blocks * BLOCK;
        self.check_quota(end, stash)?;
        let file = self.file(stash)?;
        // Silence is zeroes, and zeroes that were never written take no room.
        ftruncate(file, track.start + track.sound).map_err(|errno| stash.failed(&errno))?;
        ftruncate(file, end).map_err(|errno| stash.failed(&errno))?;
        if let Some(track) = self.tracks.last_mut() {
            track.blocks = u32::try_from(blocks).unwrap_or(u32::MAX);
            track.padded = sounding < blocks;
        }
        self.open = false;
        Ok(())
    }

    /// Takes in an image that becomes the track of data, instead of any before it.
    ///
    /// # Errors
    /// As for [`DataTrack::take`]; the one before stays then.
    pub fn set_image(
        &mut self,
        source: OwnedFd,
        room: u64,
        stash: &Stash,
        pulse: &mut Pulse<'_>,
    ) -> Result<()> {
        let left = stash.quota().saturating_sub(self.end());
        self.image = Some(DataTrack::take(source, room, left, stash, pulse)?);
        Ok(())
    }

    /// What becomes the track of data, where that came ready-made.
    pub const fn image(&self) -> Option<&DataTrack> {
        self.image.as_ref()
    }

    /// Blocks of the closed tracks.
    pub fn blocks(&self) -> u64 {
        self.closed().iter().map(|track| u64::from(track.blocks)).sum()
    }

    /// Streams the closed tracks into a ring, behind `before` blocks of something else.
    ///
    /// # Errors
    /// `InvalidImage` when there is none, `FileAccess` when the stash cannot be read, `UserAbort`, or `HelperFailed` when the
    /// recorder's side is gone.
    pub fn stream_out(&self, producer: &mut Producer, before: u64, pulse: &mut Pulse<'_>) -> Result<()> {
        let closed = self.closed();
        let nothing =
            || Error::new(ErrorKind::InvalidImage, "No track is staged: there is nothing to record.");
        let file = self.file.as_ref().filter(|_| !closed.is_empty()).ok_or_else(nothing)?;
        producer.count_in(AUDIO_BLOCK);
        let mut done = before;
        for track in closed {
            let end = track.start + u64::from(track.blocks) * BLOCK;
            let mut at = track.start;
            while at < end {
                pulse.beat(done, Some(producer.fill()))?;
                match producer.slot().map_err(ring_failed)? {
                    Some(slot) => {
                        let piece =
                            RING_PIECE.min(slot.len()).min(usize::try_from(end - at).unwrap_or(usize::MAX));
                        read_exactly(file, &mut slot[..piece], at)?;
                        producer.commit(piece).map_err(ring_failed)?;
                        at += piece as u64;
                        done += (piece / AUDIO_BLOCK) as u64;
                    }
                    None => {
                        if producer.wait(pulse.watch(), None).map_err(ring_failed)?.also {
                            pulse.listen()?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn closed(&self) -> &[Track] {
        &self.tracks[..self.tracks.len() - usize::from(self.open)]
    }

    /// Bytes that are missing in the last block of the track before the open one, if nothing but its last block is filled up.
    fn rest_of_block(&self) -> u64 {
        match self.tracks.len().checked_sub(2).and_then(|at| self.tracks.get(at)) {
            Some(track) if !track.padded => u64::from(track.blocks) * BLOCK - track.sound,
            _ => 0,
        }
    }

    /// Writes the beginning of a sound into the silence at the end of the track before the open one.
    fn complete_track_before(&mut self, bytes: &[u8], stash: &Stash) -> Result<()> {
        let Some(before) = self.tracks.len().checked_sub(2).filter(|_| !bytes.is_empty()) else {
            return Ok(());
        };
        let at = self.tracks[before].start + self.tracks[before].sound;
        write_all(self.file(stash)?, bytes, at, stash)?;
        self.tracks[before].sound += bytes.len() as u64;
        Ok(())
    }

    /// Appends to the open track.
    fn append(&mut self, bytes: &[u8], stash: &Stash) -> Result<()> {
        let Some(track) = self.tracks.last().copied() else { return Err(track_not_open()) };
        let at = track.start + track.sound;
        self.check_quota(at + bytes.len() as u64, stash)?;
        write_all(self.file(stash)?, bytes, at, stash)?;
        if let Some(track) = self.tracks.last_mut() {
            track.sound += bytes.len() as u64;
        }
        Ok(())
    }

    fn check_quota(&self, end: u64, stash: &Stash) -> Result<()> {
        let image = self.image.as_ref().map_or(0, DataTrack::bytes);
        if end.saturating_add(image) <= stash.quota() {
            return Ok(());
        }
        let message = format!(
            "The sound takes more than the {} bytes that the stash may have. Record what is staged, or clear it.",
            stash.quota()
        );
        Err(Error::new(ErrorKind::NotEnoughDiskForStash, message).with("available-bytes", stash.quota()))
    }

    fn file(&mut self, stash: &Stash) -> Result<&OwnedFd> {
        if self.file.is_none() {
            self.file = Some(stash.unnamed()?);
        }
        self.file.as_ref().ok_or_else(track_not_open)
    }

    fn last(&self) -> Option<&Track> {
        self.tracks.last()
    }

    /// Where the next track begins.
    fn end(&self) -> u64 {
        self.last().map_or(0, |track| {
            track.start + (u64::from(track.blocks) * BLOCK).max(track.sound.next_multiple_of(BLOCK))
        })
    }
}

fn summary(tags: &Tags, bytes: u64, clipped: u64) -> AudioFileSummary {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    AudioFileSummary {
        texts: Texts {
            title: text(&tags.title),
            performer: text(&tags.performer),
            songwriter: text(&tags.songwriter),
            composer: text(&tags.composer),
            arranger: text(&tags.arranger),
            // A comment in a file is rarely a message to listeners.
            message: String::new(),
        },
        album: Texts {
            title: text(&tags.album),
            performer: tags.album_performer.clone().unwrap_or_default(),
            ..Texts::default()
        },
        isrc: tags
            .isrc
            .as_deref()
            .and_then(|code| crate::api::audio::check_isrc(code).ok())
            .unwrap_or_default(),
        bytes,
        clipped,
    }
}

/// What a descriptor's file is called, for its owner.
fn name_of(file: &OwnedFd) -> String {
    use std::os::fd::AsRawFd;
    let link = format!("/proc/self/fd/{}", file.as_raw_fd());
    let path =
        std::fs::read_link(link).map_or_else(|_| "the file".to_owned(), |path| path.display().to_string());
    super::errors::brief(&path).into_owned()
}

fn track_open() -> Error {
    Error::new(ErrorKind::TrackOpen, "An audio track is open. Close it with CloseAudioTrack first.")
}

fn track_not_open() -> Error {
    Error::new(ErrorKind::TrackNotOpen, "No audio track is open. Open one with CreateAudioTrack first.")
}
