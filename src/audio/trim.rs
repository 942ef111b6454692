//! What an encoder put before and behind the sound, and what the file says of it.

use super::container::Container;
use super::mp4;

/// The part of what a decoder puts out that is the sound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trim {
    /// Frames before the sound.
    pub skip: u64,
    /// Frames of the sound; `None` when it goes on to the end.
    pub keep: Option<u64>,
}

impl Trim {
    /// The part of the frames `from..from + frames` of the decoder's output that is sound, counted from `from`.
    pub fn part(self, from: u64, frames: usize) -> std::ops::Range<usize> {
        let end = self.keep.map_or(u64::MAX, |keep| self.skip.saturating_add(keep));
        let cut = |at: u64| usize::try_from(at.saturating_sub(from)).unwrap_or(usize::MAX).min(frames);
        let (start, end) = (cut(self.skip), cut(end));
        start..end.max(start)
    }

    /// Nothing more of the sound comes behind this frame of the decoder's output.
    pub fn is_over(self, at: u64) -> bool {
        self.keep.is_some_and(|keep| at >= self.skip.saturating_add(keep))
    }
}

/// What the container says of a track, in frames.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told {
    /// Its length.
    pub frames: Option<u64>,
    /// Frames before the sound.
    pub delay: Option<u32>,
    /// Frames behind it.
    pub padding: Option<u32>,
}

/// What to trim. MP3 and Ogg are trimmed by their decoders.
pub fn of(container: Container, told: Told, edits: Option<&mp4::Edits>, rate: u32) -> Trim {
    match container {
        Container::Mp4 => edits.map_or_else(Trim::default, |edits| edits.trim(told.frames, rate)),
        Container::Caf => {
            let skip = told.delay.map_or(0, u64::from);
            let padded = skip > 0 || told.padding.is_some_and(|padding| padding > 0);
            Trim { skip, keep: told.frames.filter(|_| padded) }
        }
        Container::Wave
        | Container::Aiff
        | Container::Flac
        | Container::Mpeg
        | Container::Ogg
        | Container::Adts => Trim::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sound_is_cut_out_of_packets_of_any_length() {
        let trim = Trim { skip: 10, keep: Some(5) };
        assert_eq!(trim.part(0, 8), 8..8);
        assert_eq!(trim.part(8, 4), 2..4);
        assert_eq!(trim.part(12, 8), 0..3);
        assert_eq!(trim.part(20, 8), 0..0);
        assert_eq!((trim.is_over(14), trim.is_over(15)), (false, true));
        assert_eq!(Trim::default().part(7, 8), 0..8);
        assert_eq!(Trim { skip: u64::MAX, keep: Some(u64::MAX) }.part(0, 8), 8..8);
    }
}
