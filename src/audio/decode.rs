//! Packets out of a file, decoded: a thin shell around the decoders, which are not trusted to survive whatever a file
//! holds.

use std::panic::{AssertUnwindSafe, catch_unwind};

use symphonia::core::audio::{Channels, GenericAudioBufferRef};
use symphonia::core::codecs::audio::well_known::CODEC_ID_ALAC;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::common::Limit;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::{Hint, Probe};
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;
use symphonia::default::{formats, get_codecs, meta};

use super::complete;
use super::container::{Container, sniff};
use super::error::Problem;
use super::mp4::Edits;
use super::source::{Source, Watch, Watched};
use super::tags::Tags;
use super::trim::{self, Told, Trim};

/// A file that is being decoded.
pub struct Packets {
    reader: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track: u32,
    container: Container,
    rate: u32,
    channels: Channels,
    /// Bits of a sample in the file, where samples have bits.
    bits: Option<u32>,
    trim: Trim,
    /// Frames that the file announces, when they are exact.
    announced: Option<u64>,
    decoded: u64,
    watch: Watch,
    over: bool,
}

/// What a packet holds.
pub struct Sound<'a> {
    /// All frames that were decoded.
    pub buffer: GenericAudioBufferRef<'a>,
    /// Those that are to be heard.
    pub part: std::ops::Range<usize>,
}

impl Packets {
    /// Opens a file, and reads its tags.
    pub fn open(source: Box<dyn Source>, watch: &Watch) -> Result<(Self, Tags), Problem> {
        let unreadable = |error: std::io::Error| Problem::Unreadable(error.to_string());
        let mut file = Watched::new(source, watch.clone()).map_err(unreadable)?;
        let (container, start) = sniff(&mut file).map_err(unreadable)??;
        let counted = complete::check(&mut file, container, start).map_err(unreadable)??;
        let edits = match container {
            Container::Mp4 => {
                let read = Edits::read(&mut file).map_err(unreadable)?;
                Some(read.ok_or_else(|| Problem::CutOff("its table of contents is not there".into()))?)
            }
            _ => None,
        };
        std::io::Seek::rewind(&mut file).map_err(unreadable)?;
        let (mut packets, tags) =
            guarded(AssertUnwindSafe(|| Self::probe(file, container, edits.as_ref(), watch)))?;
        packets.announced = packets.announced.filter(|_| counted);
        Ok((packets, tags))
    }

    fn probe(
        file: Watched,
        container: Container,
        edits: Option<&Edits>,
        watch: &Watch,
    ) -> Result<(Self, Tags), Problem> {
        let stream = MediaSourceStream::new(Box::new(file), Default::default());
        let limits = MetadataOptions::default()
            .limit_tag_bytes(Limit::Maximum(TAGS))
            .limit_visual_bytes(Limit::Maximum(1));
        let mut reader = probe_for(container)
            .probe(&Hint::new(), stream, FormatOptions::default(), limits)
            .map_err(|error| explain(error, watch))?;
        let tags = tags(reader.as_mut());
        let missing = |what: &str| Problem::Damaged(format!("it does not tell its {what}"));
        let track = reader.default_track(TrackType::Audio).ok_or(Problem::Empty)?;
        let params =
            track.codec_params.as_ref().and_then(|params| params.audio()).ok_or_else(|| missing("codec"))?;
        // Decoders make room for what a header announces before they have seen a packet.
        let channels = params.channels.as_ref().map_or(1, |channels| channels.count() as u64);
        let samples = params.max_frames_per_packet.unwrap_or(0).saturating_mul(channels);
        if samples > PACKET {
            return Err(Problem::Damaged(format!("it announces packets of {samples} samples")));
        }
        let decoder = get_codecs()
            .make_audio_decoder(params, &AudioDecoderOptions::default())
            .map_err(|error| explain(error, watch))?;
        // A decoder may know better than the container.
        let known = decoder.codec_params();
        let rate = known.sample_rate.or(params.sample_rate).ok_or_else(|| missing("rate"))?;
        let channels =
            known.channels.clone().or_else(|| params.channels.clone()).ok_or_else(|| missing("channels"))?;
        let told = Told { frames: track.num_frames, delay: track.delay, padding: track.padding };
        let trim = trim::of(container, told, edits, rate);
        let packets = Self {
            bits: known.bits_per_sample.or(params.bits_per_sample).or_else(|| alac_bits(params)),
            track: track.id,
            announced: told.frames,
            decoder,
            container,
            rate,
            channels,
            trim,
            decoded: 0,
            watch: watch.clone(),
            over: false,
            reader,
        };
        Ok((packets, tags))
    }

    /// Goes on to the next packet; false at the end of the sound.
    pub fn next(&mut self) -> Result<bool, Problem> {
        guarded(AssertUnwindSafe(|| self.advance()))?;
        Ok(!self.over)
    }

    /// What is in the packet that [`Packets::next`] went on to.
    pub fn current(&self) -> Sound<'_> {
        let buffer = self.decoder.last_decoded();
        let frames = buffer.frames();
        let part = self.trim.part(self.decoded.saturating_sub(frames as u64), frames);
        Sound { buffer, part }
    }

    fn advance(&mut self) -> Result<(), Problem> {
        for _ in 0..SILENT_PACKETS {
            if self.over || self.trim.is_over(self.decoded) {
                self.over = true;
                return Ok(());
            }
            let packet = match self.reader.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => return self.end(),
                Err(Error::IoError(error))
                    if error.kind() == std::io::ErrorKind::UnexpectedEof && self.ends_anywhere() =>
                {
                    return self.end();
                }
                Err(error) => return Err(explain(error, &self.watch)),
            };
            if packet.track_id != self.track {
                continue;
            }
            let buffer = self.decoder.decode(&packet).map_err(|error| explain(error, &self.watch))?;
            let (rate, channels) = (buffer.spec().rate(), buffer.spec().channels());
            if rate != self.rate || *channels != self.channels {
                // Until something was decoded, a container may have been wrong.
                if self.decoded > 0 {
                    let text = |rate: u32, channels: &Channels| {
                        format!("{} channels at {rate} Hz", channels.count())
                    };
                    return Err(Problem::Changes {
                        before: text(self.rate, &self.channels),
                        after: text(rate, channels),
                    });
                }
                (self.rate, self.channels) = (rate, channels.clone());
            }
            if buffer.frames() > 0 {
                self.decoded += buffer.frames() as u64;
                return Ok(());
            }
        }
        Err(Problem::Damaged("packet follows packet without any sound in them".into()))
    }

    /// No packet follows: is that the end?
    fn end(&mut self) -> Result<(), Problem> {
        self.over = true;
        if let Some(error) = self.watch.failure() {
            return Err(Problem::Unreadable(error));
        }
        let slack = match self.container {
            // An encoder's count of MPEG frames may or may not include its own.
            Container::Mpeg => MPEG_FRAME,
            // Programs exist that count the last packet whole, whatever is in it.
            Container::Caf if !self.codec().starts_with("pcm") => CAF_PACKET,
            _ => 0,
        };
        let wanted = match self.trim.keep {
            Some(keep) => Some(self.trim.skip.saturating_add(keep)),
            None => self.announced,
        };
        match wanted {
            Some(wanted) if self.decoded.saturating_add(slack) < wanted => Err(Problem::CutOff(format!(
                "it announces {wanted} frames of sound and has {}",
                self.decoded
            ))),
            _ => Ok(()),
        }
    }

    /// Sound without packets that was written to a pipe ends where it ends.
    fn ends_anywhere(&self) -> bool {
        matches!(self.container, Container::Wave) && self.announced.is_none()
    }

    /// The container's name.
    pub const fn container(&self) -> &'static str {
        self.container.name()
    }

    /// The codec's name.
    pub fn codec(&self) -> &'static str {
        self.decoder.codec_info().short_name
    }

    /// Frames a second.
    pub const fn rate(&self) -> u32 {
        self.rate
    }

    /// The channels.
    pub const fn channels(&self) -> &Channels {
        &self.channels
    }

    /// Samples are whole numbers of at most 16 bits.
    pub fn fits_16_bits(&self) -> bool {
        match self.decoder.last_decoded() {
            GenericAudioBufferRef::F32(_) | GenericAudioBufferRef::F64(_) => false,
            GenericAudioBufferRef::U8(_)
            | GenericAudioBufferRef::S8(_)
            | GenericAudioBufferRef::U16(_)
            | GenericAudioBufferRef::S16(_) => true,
            _ => self.bits.is_some_and(|bits| bits <= 16),
        }
    }

    /// Frames that the sound will have, as far as the file tells.
    pub fn expected(&self) -> Option<u64> {
        self.trim.keep.or(self.announced)
    }

    /// Frames that were decoded.
    pub const fn decoded(&self) -> u64 {
        self.decoded
    }
}

/// A probe that knows one container, so that no other is found in its sound.
fn probe_for(container: Container) -> Probe {
    let mut probe = Probe::new();
    match container {
        Container::Wave => probe.register_format::<formats::WavReader<'_>>(),
        Container::Aiff => probe.register_format::<formats::AiffReader<'_>>(),
        Container::Caf => probe.register_format::<formats::CafReader<'_>>(),
        Container::Flac => probe.register_format::<formats::FlacReader<'_>>(),
        Container::Mpeg => probe.register_format::<formats::MpaReader<'_>>(),
        Container::Ogg => probe.register_format::<formats::OggReader<'_>>(),
        Container::Mp4 => probe.register_format::<formats::IsoMp4Reader<'_>>(),
        Container::Adts => probe.register_format::<formats::AdtsReader<'_>>(),
    }
    probe.register_metadata::<meta::ApeReader<'_>>();
    probe.register_metadata::<meta::Id3v1Reader<'_>>();
    probe.register_metadata::<meta::Id3v2Reader<'_>>();
    probe
}

/// Apple's lossless codec tells the bits of its samples in its configuration alone.
fn alac_bits(params: &AudioCodecParameters) -> Option<u32> {
    let config = params.extra_data.as_deref().filter(|_| params.codec == CODEC_ID_ALAC)?;
    config.get(5).copied().map(u32::from)
}

/// All that a file says, what was said last first.
fn tags(reader: &mut dyn FormatReader) -> Tags {
    let mut tags = Tags::default();
    let mut metadata = reader.metadata();
    if let Some(latest) = metadata.skip_to_latest() {
        tags.take(latest);
    }
    tags
}

/// What a decoder's error means for the file.
fn explain(error: Error, watch: &Watch) -> Problem {
    if let Some(error) = watch.failure() {
        return Problem::Unreadable(error);
    }
    match error {
        Error::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Problem::CutOff("it ends in the middle of something".into())
        }
        Error::IoError(error) => Problem::Damaged(error.to_string()),
        Error::DecodeError(what) | Error::LimitError(what) => Problem::Damaged(what.into()),
        Error::SeekError(_) => Problem::Damaged("it cannot be sought in".into()),
        Error::Unsupported(what) => Problem::Unsupported(what.into()),
        Error::ResetRequired => {
            Problem::Unsupported("several recordings one behind another in one file".into())
        }
        other => Problem::Damaged(other.to_string()),
    }
}

/// Runs a decoder that may give up in the middle.
fn guarded<T>(work: impl FnOnce() -> Result<T, Problem> + std::panic::UnwindSafe) -> Result<T, Problem> {
    catch_unwind(work).unwrap_or_else(|_| Err(Problem::Damaged("its decoder gave up on it".into())))
}

/// Bytes of a tag.
const TAGS: usize = 1 << 20;
/// Samples of a packet at most, of all channels: four times the largest that FLAC has.
const PACKET: u64 = 1 << 21;
/// Packets without sound before a file is given up.
const SILENT_PACKETS: usize = 10_000;
/// Samples of a packet of ALAC or AAC in CAF.
const CAF_PACKET: u64 = 4096;
/// Samples of an MPEG frame of layer 3.
const MPEG_FRAME: u64 = 1152;
