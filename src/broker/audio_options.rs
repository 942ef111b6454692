//! Option dictionaries of the audio format, `a{sv}`, into what the house works with. Nothing is silently ignored.

use zbus::OwnedVariant;

use super::options::{Dict, Reader};
use crate::api::audio::{
    AudioFileOptions, DiscProperties, GAP_MAX, ReplayGain, Texts, TrackProperties, check_isrc, check_text,
    check_upc_ean,
};
use crate::api::language::{Language, Letters};
use crate::api::{Error, ErrorKind, Result};

/// Options of `AddAudioTrackStream` and `AddDataTrackStream`: `wait` b.
///
/// # Errors
/// `InvalidArgs`, for this as for every function here: an unknown key, a wrong type, or a value out of range.
pub fn stream(dict: Dict) -> Result<bool> {
    let mut from = Reader::new(dict);
    let wait = from.take("wait")?.unwrap_or_default();
    from.finish().map(|()| wait)
}

/// Options of `AddAudioFile`: `gapless` b, `replay-gain` s, `tags` b, `wait` b. The flag is `wait`.
pub fn file(dict: Dict) -> Result<(AudioFileOptions, bool)> {
    let mut from = Reader::new(dict);
    let gains = [("none", ReplayGain::None), ("track", ReplayGain::Track), ("album", ReplayGain::Album)];
    let options = AudioFileOptions {
        gapless: from.take("gapless")?.unwrap_or_default(),
        replay_gain: from.choose("replay-gain", &gains)?,
        without_tags: !from.take("tags")?.unwrap_or(true),
    };
    let wait = from.take("wait")?.unwrap_or_default();
    from.finish().map(|()| (options, wait))
}

/// Properties of a disc, laid over the present ones: the texts, `DiscId`, `Genre`, `UpcEan`, `Language` and `Letters` s, `Gapless`,
/// `TrackAtOnce` and `DataTrack` b.
pub fn disc(dict: Dict, present: DiscProperties) -> Result<DiscProperties> {
    let mut from = Reader::new(dict);
    let mut disc = present;
    texts(&mut from, &mut disc.texts)?;
    text(&mut from, "DiscId", &mut disc.disc_id)?;
    text(&mut from, "Genre", &mut disc.genre)?;
    if let Some(number) = from.take::<String>("UpcEan")? {
        disc.upc_ean = check_upc_ean(&number)?;
    }
    if let Some(name) = from.take::<String>("Language")? {
        disc.language = if name.is_empty() { None } else { Some(Language::named(&name)?) };
    }
    letters(&mut from, &mut disc.letters)?;
    disc.gapless = from.take("Gapless")?.unwrap_or(disc.gapless);
    disc.track_at_once = from.take("TrackAtOnce")?.unwrap_or(disc.track_at_once);
    disc.data_track = from.take("DataTrack")?.unwrap_or(disc.data_track);
    from.finish().map(|()| disc)
}

/// Properties of a track, laid over the present ones: the texts, `Isrc` s, `PreGap` and `SoundingGap` u, `Indexes` au,
/// `CopyPermitted` and `PreEmphasis` b.
pub fn track(dict: Dict, present: TrackProperties) -> Result<TrackProperties> {
    let mut from = Reader::new(dict);
    let mut track = present;
    texts(&mut from, &mut track.texts)?;
    if let Some(code) = from.take::<String>("Isrc")? {
        track.isrc = check_isrc(&code)?;
    }
    if let Some(gap) = from.take::<u32>("PreGap")? {
        if gap > GAP_MAX {
            return Err(invalid(format!("“PreGap” is between 0 and {GAP_MAX} blocks, not {gap}.")));
        }
        track.pre_gap = Some(gap);
    }
    if let Some(gap) = from.take::<u32>("SoundingGap")? {
        if gap > GAP_MAX {
            return Err(invalid(format!("“SoundingGap” is between 0 and {GAP_MAX} blocks, not {gap}.")));
        }
        track.sounding_gap = gap;
    }
    if let Some(indexes) = from.take::<Vec<u32>>("Indexes")? {
        // 0 and 1 are the gap's and the track's own.
        if indexes.len() > 98
            || !indexes.is_sorted_by(|one, other| one < other)
            || indexes.first() == Some(&0)
        {
            return Err(invalid("“Indexes” are at most 98, ascending, and behind the track's beginning."));
        }
        track.indexes = indexes;
    }
    track.copy_permitted = from.take("CopyPermitted")?.unwrap_or(track.copy_permitted);
    track.pre_emphasis = from.take("PreEmphasis")?.unwrap_or(track.pre_emphasis);
    from.finish().map(|()| track)
}

/// Texts in another language, laid over the present ones: the texts, and `Letters` s.
pub fn translation(dict: Dict, present: Texts, present_letters: &mut Letters) -> Result<Texts> {
    let mut from = Reader::new(dict);
    let mut changed = present;
    texts(&mut from, &mut changed)?;
    letters(&mut from, present_letters)?;
    from.finish().map(|()| changed)
}

/// Texts in another language as they are shown.
pub fn translation_dict(texts: &Texts, letters: Letters) -> Dict {
    let mut dict = texts_dict(texts);
    dict.insert("Letters".to_owned(), string(letters.name()));
    dict
}

/// The properties of a disc as they are shown.
pub fn disc_dict(disc: &DiscProperties) -> Dict {
    let mut dict = texts_dict(&disc.texts);
    dict.insert("DiscId".to_owned(), string(&disc.disc_id));
    dict.insert("Genre".to_owned(), string(&disc.genre));
    dict.insert("UpcEan".to_owned(), string(&disc.upc_ean));
    dict.insert("Language".to_owned(), string(disc.language.map_or("", Language::name)));
    dict.insert("Letters".to_owned(), string(disc.letters.name()));
    dict.insert("Gapless".to_owned(), disc.gapless.into());
    dict.insert("TrackAtOnce".to_owned(), disc.track_at_once.into());
    dict.insert("DataTrack".to_owned(), disc.data_track.into());
    dict
}

/// The properties of a track as they are shown, with the gap that is before it.
pub fn track_dict(track: &TrackProperties, gap: u32) -> Dict {
    let mut dict = texts_dict(&track.texts);
    dict.insert("Isrc".to_owned(), string(&track.isrc));
    dict.insert("PreGap".to_owned(), gap.into());
    dict.insert("SoundingGap".to_owned(), track.sounding_gap.into());
    // An array of numbers is always a value; an empty one says as much as none.
    if let Ok(indexes) = OwnedVariant::try_from(zbus::Variant::from(track.indexes.clone())) {
        dict.insert("Indexes".to_owned(), indexes);
    }
    dict.insert("CopyPermitted".to_owned(), track.copy_permitted.into());
    dict.insert("PreEmphasis".to_owned(), track.pre_emphasis.into());
    dict
}

fn texts(from: &mut Reader, texts: &mut Texts) -> Result<()> {
    for (name, place) in Texts::NAMES.into_iter().zip(texts.all_mut()) {
        text(from, name, place)?;
    }
    Ok(())
}

fn letters(from: &mut Reader, letters: &mut Letters) -> Result<()> {
    if let Some(name) = from.take::<String>("Letters")? {
        let found = Letters::NAMES.iter().find(|(own, _)| *own == name);
        let wrong = || invalid(format!("“Letters” are “latin-1”, “ascii”, “ms-jis” or empty, not “{name}”."));
        *letters = found.map(|(_, letters)| *letters).ok_or_else(wrong)?;
    }
    Ok(())
}

fn text(from: &mut Reader, name: &'static str, place: &mut String) -> Result<()> {
    if let Some(text) = from.take::<String>(name)? {
        check_text(name, &text)?;
        *place = text;
    }
    Ok(())
}

fn texts_dict(texts: &Texts) -> Dict {
    Texts::NAMES.into_iter().zip(texts.all()).map(|(name, text)| (name.to_owned(), string(text))).collect()
}

fn string(text: &str) -> OwnedVariant {
    zbus::Str::from(text.to_owned()).into()
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidArgs, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dict<const N: usize>(pairs: [(&str, OwnedVariant); N]) -> Dict {
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    #[test]
    fn what_is_not_given_stays_and_what_is_wrong_changes_nothing() {
        let present = TrackProperties { isrc: "DEA123456789".into(), ..TrackProperties::default() };
        let changed =
            track(dict([("Title", string("Ode")), ("PreGap", 75_u32.into())]), present.clone()).unwrap();
        assert_eq!((changed.texts.title.as_str(), changed.pre_gap), ("Ode", Some(75)));
        assert_eq!(changed.isrc, "DEA123456789");
        for wrong in [
            ("Isrc", string("x")),
            ("PreGap", 4501_u32.into()),
            ("Title", string("a\tb")),
            ("Name", true.into()),
        ] {
            assert_eq!(track(dict([wrong]), present.clone()).unwrap_err().kind, ErrorKind::InvalidArgs);
        }
    }

    #[test]
    fn a_disc_shows_what_was_set() {
        let set = disc(
            dict([("UpcEan", string("724384260958")), ("Gapless", true.into())]),
            DiscProperties::default(),
        );
        let shown = disc_dict(&set.unwrap());
        assert_eq!(String::try_from(shown["UpcEan"].try_clone().unwrap()).unwrap(), "0724384260958");
        assert_eq!(shown.len(), 14);
    }
}
