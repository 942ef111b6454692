//! An audio disc in the making: from files, or from a cue sheet, to the service's tracks.

use std::fs::File;
use std::io::{self, BufWriter, PipeWriter};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use crate::api::audio::{AUDIO_BLOCK, GAP_MAX, Texts};
use crate::api::{self, names};
use crate::audio::Source as Sound;
use crate::audio::cue::{CueSheet, CueTrack, Sounds, StreamError, write_image};
use crate::cli::args::Bus;
use crate::cli::client::{Client, Options};
use crate::cli::exit::{Exit, Reached};
use crate::cli::failure::{Failure, Result};
use crate::cli::follow::{Follow, follow};
use crate::cli::messages::tr;
use crate::cli::screen::Screen;
use crate::cli::view::RecorderView;

use super::audio::AudioArgs;
use super::burn::{BurnArgs, kilobytes};
use super::burning::Burning;
use super::sources::Source;

/// What is to become an audio disc.
pub(super) enum Album {
    /// Files, a track each.
    Files(Vec<PathBuf>),
    /// A cue sheet, and the folder that its files lie in.
    Sheet(Box<CueSheet>, PathBuf),
}

impl Album {
    /// The album that these files are.
    ///
    /// # Errors
    /// A cue sheet that cannot be read, or among other files.
    pub fn of(files: &[PathBuf]) -> Result<Self> {
        let is_sheet = |path: &PathBuf| path.extension().is_some_and(|kind| kind.eq_ignore_ascii_case("cue"));
        match files {
            [sheet] if is_sheet(sheet) => {
                let bytes = std::fs::read(sheet).map_err(|error| Failure::unreadable(sheet, &error))?;
                let read = CueSheet::parse(&bytes)
                    .map_err(|error| Failure::usage(format!("{}: {error}", sheet.display())))?;
                let folder = sheet.parent().unwrap_or(Path::new("")).to_owned();
                Ok(Self::Sheet(Box::new(read), folder))
            }
            files if files.iter().any(is_sheet) => Err(Failure::usage(tr!(
                "a cue sheet is a whole disc: give it alone, or the files without it"
            ))),
            files => {
                // What is not there is known before anything is asked of the service. A pipe can be opened but once.
                let look = |file| std::fs::metadata(file).map_err(|error| Failure::unreadable(file, &error));
                files.iter().try_for_each(|file| look(file).map(drop))?;
                Ok(Self::Files(files.to_vec()))
            }
        }
    }
}

impl Burning {
    /// From the connection to the staged tracks: nothing here touches the disc.
    pub(super) async fn stage_album(
        &mut self,
        bus: Bus,
        args: &AudioArgs,
        burn: &BurnArgs,
        (album, data): (&Album, &[Source]),
        screen: &mut Screen,
    ) -> Result<()> {
        self.block = AUDIO_BLOCK;
        let client = self.client.insert(Client::connect(bus).await?);
        self.events = Some(client.events().await?);
        let recorders = RecorderView::all(&client.objects().await?);
        let recorder = RecorderView::choose(recorders, args.recorder.as_deref(), bus)?;
        let recorder = self.recorder.insert(recorder);
        kilobytes(burn.speed.as_deref(), recorder.kind())?;
        let options = Options::new().object("recorder", &recorder.path).text("client-name", "discmaster");
        let session = self.session.insert(client.open(options).await?).clone();
        let format = client.select_format(&session, names::REDBOOK).await?;
        client.select_recorder(&session, &recorder.path, Options::new()).await?;
        if !data.is_empty() {
            self.set(&format, Options::new().flag("DataTrack", true)).await?;
            // Files go through the session's other format.
            let files = format!("{session}/{}", names::JOLIET);
            self.take_in(&files, burn, data, screen).await?;
        }
        match album {
            Album::Files(files) => self.stage_files(args, &format, files, screen).await,
            Album::Sheet(sheet, folder) => self.stage_sheet(args, &format, sheet, folder, screen).await,
        }
    }

    async fn stage_files(
        &mut self,
        args: &AudioArgs,
        format: &str,
        files: &[PathBuf],
        screen: &mut Screen,
    ) -> Result<()> {
        let disc = Options::new().flag("Gapless", args.gapless).flag("TrackAtOnce", args.track_at_once);
        self.set(format, disc).await?;
        for path in files {
            screen.say(&tr!("Taking in {}", path.display()));
            let file = File::open(path).map_err(|error| Failure::unreadable(path, &error))?;
            let options = Options::new().flag("gapless", args.gapless).setting("tags", args.cd_text);
            let job = self.service()?.add_sound(format, "AddAudioFile", file.as_fd(), options).await?;
            self.follow_sound(job, screen).await?;
        }
        match &args.write_cue {
            Some(to) => self.write_sheet(format, files, to).await,
            None => Ok(()),
        }
    }

    /// Writes a sheet that names these files, a track each.
    async fn write_sheet(&self, format: &str, files: &[PathBuf], to: &Path) -> Result<()> {
        let folder = std::path::absolute(to).map_err(|error| Failure::io(to.display(), &error))?;
        let folder = folder.parent().unwrap_or(Path::new("/"));
        let name = |file: &PathBuf| {
            let whole = std::path::absolute(file).map_err(|error| Failure::io(file.display(), &error))?;
            // Beside the sheet a name is enough, and stays true when both are moved.
            let name = whole.strip_prefix(folder).unwrap_or(&whole);
            name.to_str().map(str::to_owned).ok_or_else(|| {
                Failure::usage(tr!("{} has a name that no cue sheet can hold", file.display()))
            })
        };
        let names = files.iter().map(name).collect::<Result<Vec<_>>>()?;
        let sheet = self.service()?.cue_sheet(format, &names).await?;
        std::fs::write(to, sheet).map_err(|error| Failure::io(to.display(), &error))
    }

    async fn stage_sheet(
        &mut self,
        args: &AudioArgs,
        format: &str,
        sheet: &CueSheet,
        folder: &Path,
        screen: &mut Screen,
    ) -> Result<()> {
        let wrong = |error: StreamError| Failure::usage(tr!("the cue sheet cannot be burned: {}", error));
        let data = usize::from(sheet.begins_with_data().map_err(wrong)?);
        if data > 0 && !args.data.is_empty() {
            return Err(Failure::usage(tr!("the cue sheet has a track of data already: leave out --data")));
        }
        let mut disc = Options::new()
            // Tracks that are written one by one have a gap where the sheet has none.
            .flag("Gapless", !args.track_at_once)
            .flag("TrackAtOnce", args.track_at_once)
            .flag("DataTrack", data > 0)
            .text("UpcEan", &sheet.disc.upc_ean);
        if args.cd_text {
            disc = texts(disc, &sheet.disc.texts)
                .text("Genre", &sheet.disc.genre)
                .text("DiscId", &sheet.disc.disc_id);
        }
        self.set(format, disc).await?;
        if data > 0 {
            self.stage_image(format, sheet, folder, screen).await?;
        } else if sheet.sounding_gap(0, 0) > 0 {
            screen.say(&tr!("note: {}", tr!("what the cue sheet has before the first track is left out")));
        }
        let mut writer = Writer::start(sheet.clone(), folder.to_owned());
        let mut before = 0;
        for (at, track) in sheet.tracks.iter().enumerate().skip(data) {
            screen.say(&tr!("Taking in track {}", at + 1));
            let client = self.service()?;
            client.create_track(format).await?;
            let (reader, sink) = io::pipe().map_err(|error| Failure::io(tr!("a pipe"), &error))?;
            let job = client.add_sound(format, "AddAudioTrackStream", reader.as_fd(), Options::new()).await?;
            drop(reader);
            writer.write(at, sink)?;
            let followed = self.follow_sound(job, screen).await;
            // A file that fails ends its pipe early, and knows better why.
            let blocks = writer.written(at).await?;
            followed?;
            let client = self.service()?;
            client.tell(format, "Redbook", "CloseAudioTrack").await?;
            // Tracks of sound are counted by themselves.
            let number = u32::try_from(at + 1 - data).unwrap_or(u32::MAX);
            let silent = if at > 0 && at == data { sheet.gap_behind_data() } else { track.pre_gap };
            let gap = sheet.sounding_gap(at, std::mem::replace(&mut before, blocks));
            let options = properties(track, args.cd_text)
                .number("PreGap", Some(silent.min(GAP_MAX)).filter(|gap| at > 0 && *gap > 0));
            let sounding = Some(gap).filter(|blocks| at > data && (1..=GAP_MAX).contains(blocks));
            client.set_track(format, number, options.number("SoundingGap", sounding)).await?;
        }
        Ok(())
    }

    /// Takes in the image of a sheet's track of data.
    async fn stage_image(
        &mut self,
        format: &str,
        sheet: &CueSheet,
        folder: &Path,
        screen: &mut Screen,
    ) -> Result<()> {
        screen.say(&tr!("Taking in track {}, of data", 1));
        let (reader, sink) = io::pipe().map_err(|error| Failure::io(tr!("a pipe"), &error))?;
        let client = self.service()?;
        let job = client.add_sound(format, "AddDataTrackStream", reader.as_fd(), Options::new()).await?;
        drop(reader);
        let (sheet, folder) = (sheet.clone(), folder.to_owned());
        let written = tokio::task::spawn_blocking(move || {
            let mut sink = BufWriter::with_capacity(1 << 16, sink);
            let written = write_image(&sheet, |name| open(&folder, name), &mut sink);
            // What is left in the buffer of an image that failed is not to be passed on.
            if written.is_err() {
                drop(sink.into_parts());
            }
            written
        });
        let followed = self.follow_sound(job, screen).await;
        match written.await.map_err(|_| gave_up())? {
            Ok(()) => followed,
            // The service takes no more: it says why.
            Err(StreamError::Sink(error)) if error.kind() == io::ErrorKind::BrokenPipe => followed,
            Err(error) => Err(unfit(1, error)),
        }
    }

    async fn set(&self, format: &str, options: Options) -> Result<()> {
        self.service()?.set(format, "Redbook", "SetRedbookProperties", options).await
    }

    async fn follow_sound(&mut self, job: String, screen: &mut Screen) -> Result<()> {
        let job = &*self.job.insert(job);
        let (Some(client), Some(events)) = (&self.client, &mut self.events) else { return Ok(()) };
        let what = Follow { job, medium: "", harmless: true, until: None };
        follow(what, client, events, screen).await?;
        self.job = None;
        Ok(())
    }

    fn service(&self) -> Result<&Client> {
        self.client
            .as_ref()
            .ok_or_else(|| Failure::new(Exit::Other, "Unexpected", tr!("there is no connection")))
    }
}

/// What a sheet says of a track, as properties.
fn properties(track: &CueTrack, with_texts: bool) -> Options {
    let said = &track.properties;
    let begin = track.index(1);
    let points = track.indexes.iter().filter(|point| point.number > 1);
    let indexes = points
        .filter_map(|point| begin.filter(|begin| begin.file == point.file).map(|begin| point.at - begin.at))
        .filter(|point| *point > 0)
        .collect();
    let options = Options::new()
        .text("Isrc", &said.isrc)
        .flag("CopyPermitted", said.copy_permitted)
        .flag("PreEmphasis", said.pre_emphasis)
        .numbers("Indexes", indexes);
    if with_texts { texts(options, &said.texts) } else { options }
}

fn texts(options: Options, texts: &Texts) -> Options {
    Texts::NAMES.into_iter().zip(texts.all()).fold(options, |options, (name, text)| options.text(name, text))
}

/// Decodes a sheet's files in a thread of its own, into one pipe after the other.
struct Writer {
    ask: std::sync::mpsc::Sender<(usize, PipeWriter)>,
    done: tokio::sync::mpsc::UnboundedReceiver<std::result::Result<u64, StreamError>>,
}

impl Writer {
    fn start(sheet: CueSheet, folder: PathBuf) -> Self {
        let (ask, asked) = std::sync::mpsc::channel::<(usize, PipeWriter)>();
        let (tell, done) = tokio::sync::mpsc::unbounded_channel();
        std::thread::spawn(move || {
            let mut sounds = Sounds::new(&sheet, |name| open(&folder, name));
            while let Ok((track, sink)) = asked.recv() {
                let written = sounds.write(track, &mut BufWriter::with_capacity(1 << 16, sink));
                if tell.send(written).is_err() {
                    break;
                }
            }
        });
        Self { ask, done }
    }

    fn write(&self, track: usize, sink: PipeWriter) -> Result<()> {
        self.ask.send((track, sink)).map_err(|_| gave_up())
    }

    /// Blocks of sound of a track, the last of which may not be whole.
    async fn written(&mut self, track: usize) -> Result<u32> {
        match self.done.recv().await {
            Some(Ok(bytes)) => Ok(u32::try_from(bytes.div_ceil(AUDIO_BLOCK as u64)).unwrap_or(u32::MAX)),
            // The service takes no more: it says why.
            Some(Err(StreamError::Sink(error))) if error.kind() == io::ErrorKind::BrokenPipe => Ok(0),
            Some(Err(error)) => Err(unfit(track + 1, error)),
            None => Err(gave_up()),
        }
    }
}

/// A track of a cue sheet that its files do not make.
fn unfit(number: usize, error: StreamError) -> Failure {
    let message = tr!("track {number}: {error}", number, error = &error);
    match error {
        StreamError::File(error) => {
            Failure::reported(api::Error { message, ..error.into() }, Reached::Nothing)
        }
        _ => Failure::new(Exit::NothingWritten, "Io", message),
    }
}

fn gave_up() -> Failure {
    Failure::new(Exit::Other, "Unexpected", tr!("the cue sheet's files are not decoded any more"))
}

/// Opens a file of a sheet. Sheets keep the name of the file that somebody made another kind of since.
fn open(folder: &Path, name: &str) -> io::Result<Box<dyn Sound>> {
    let path = folder.join(name.replace('\\', "/"));
    let first = match File::open(&path) {
        Ok(file) => return Ok(Box::new(file)),
        Err(error) => error,
    };
    let others =
        ["flac", "wav", "m4a", "mp3", "ogg", "aiff"].into_iter().map(|kind| path.with_extension(kind));
    match others.into_iter().find_map(|path| File::open(path).ok()) {
        Some(file) => Ok(Box::new(file)),
        None => Err(first),
    }
}
