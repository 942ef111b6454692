//! A sheet as text, in UTF-8, as every reader takes it.

use std::fmt;

use super::{CueSheet, CueTrack, FileKind, Mode};
use crate::api::audio::Texts;

impl fmt::Display for CueSheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let disc = &self.disc;
        for (name, text) in [("REM GENRE", &disc.genre), ("REM DISC_ID", &disc.disc_id)] {
            command(f, "", name, text)?;
        }
        if !disc.upc_ean.is_empty() {
            writeln!(f, "CATALOG {}", disc.upc_ean)?;
        }
        if let Some(name) = &self.cd_text_file {
            writeln!(f, "CDTEXTFILE \"{name}\"")?;
        }
        texts(f, "", &disc.texts)?;
        let mut file = None;
        for at in 0..self.tracks.len() {
            self.track(f, at, &mut file)?;
        }
        // Files that no track begins in may still belong to the last.
        (file.map_or(0, |file| file + 1)..self.files.len()).try_for_each(|at| self.file(f, at))
    }
}

impl CueSheet {
    /// A track, with the FILE commands that come before and inside of it.
    fn track(&self, f: &mut fmt::Formatter<'_>, at: usize, file: &mut Option<usize>) -> fmt::Result {
        let track = &self.tracks[at];
        self.files_up_to(f, track.indexes.first().map(|index| index.file), file)?;
        let mode = Mode::NAMES.iter().find(|(mode, _)| *mode == track.mode).map_or("AUDIO", |(_, name)| name);
        writeln!(f, "  TRACK {:02} {mode}", track.number)?;
        texts(f, "    ", &track.properties.texts)?;
        flags(f, track)?;
        if !track.properties.isrc.is_empty() {
            writeln!(f, "    ISRC {}", track.properties.isrc)?;
        }
        if track.pre_gap > 0 {
            writeln!(f, "    PREGAP {}", msf(track.pre_gap))?;
        }
        for index in &track.indexes {
            self.files_up_to(f, Some(index.file), file)?;
            writeln!(f, "    INDEX {:02} {}", index.number, msf(index.at))?;
        }
        if track.post_gap > 0 {
            writeln!(f, "    POSTGAP {}", msf(track.post_gap))?;
        }
        Ok(())
    }

    fn files_up_to(
        &self,
        f: &mut fmt::Formatter<'_>,
        to: Option<usize>,
        file: &mut Option<usize>,
    ) -> fmt::Result {
        let Some(to) = to else { return Ok(()) };
        let from = file.map_or(0, |file| file + 1);
        (from..=to).try_for_each(|at| self.file(f, at))?;
        *file = Some(file.map_or(to, |file| file.max(to)));
        Ok(())
    }

    fn file(&self, f: &mut fmt::Formatter<'_>, at: usize) -> fmt::Result {
        let Some(file) = self.files.get(at) else { return Ok(()) };
        let kind = match file.kind {
            FileKind::Sound => "WAVE",
            FileKind::Binary => "BINARY",
            FileKind::Motorola => "MOTOROLA",
        };
        writeln!(f, "FILE \"{}\" {kind}", file.name)
    }
}

/// Commands that readers know, and the rest as remarks, which none stumbles over.
fn texts(f: &mut fmt::Formatter<'_>, indent: &str, texts: &Texts) -> fmt::Result {
    Texts::NAMES.iter().zip(texts.all()).try_for_each(|(name, text)| {
        let known = ["Title", "Performer", "Songwriter"].contains(name);
        let name = format!("{}{}", if known { "" } else { "REM " }, name.to_ascii_uppercase());
        command(f, indent, &name, text)
    })
}

fn command(f: &mut fmt::Formatter<'_>, indent: &str, name: &str, text: &str) -> fmt::Result {
    if text.is_empty() {
        return Ok(());
    }
    writeln!(f, "{indent}{name} {}", quoted(text))
}

fn flags(f: &mut fmt::Formatter<'_>, track: &CueTrack) -> fmt::Result {
    let flags = [
        (track.properties.copy_permitted, " DCP"),
        (track.properties.pre_emphasis, " PRE"),
        (track.four_channels, " 4CH"),
    ];
    if flags.iter().any(|(set, _)| *set) {
        let set: String = flags.iter().filter(|(set, _)| *set).map(|(_, flag)| *flag).collect();
        writeln!(f, "    FLAGS{set}")?;
    }
    Ok(())
}

/// A text in quotes. A sheet has no way to write a quote inside of them: two small ones stand for it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "''"))
}

fn msf(blocks: u32) -> String {
    format!("{:02}:{:02}:{:02}", blocks / 75 / 60, blocks / 75 % 60, blocks % 75)
}
