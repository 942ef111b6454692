//! Option dictionaries, `a{sv}`, into what the house works with. Nothing is silently ignored.

use std::collections::HashMap;

use zbus::{OwnedObjectPath, OwnedVariant};

use super::config::Defaults;
use super::recorder::{Recorder, Settings};
use crate::api::{
    AddOptions, Close, Error, ErrorKind, JolietProperties, Multisession, RecordOptions, Result, SpecialFiles,
    Unfinished, Verify, WriteMode,
};

/// An option dictionary as it arrives.
pub type Dict = HashMap<String, OwnedVariant>;

/// The longest client name, in characters.
const LONGEST_NAME: usize = 64;

/// The longest path, in bytes: the kernel's limit (PATH_MAX), which holds in images as well.
const LONGEST_PATH: usize = 4096;

/// The longest volume name, in bytes. Its characters are counted by the stager, which knows the format.
const LONGEST_VOLUME_NAME: usize = 128;

/// The longest gap between audio tracks that IMAPI allows, in blocks: three seconds.
const LONGEST_GAP: u32 = 225;

/// Options of `DiscMaster.Open`.
#[derive(Debug, Default)]
pub struct OpenOptions {
    /// Lock this recorder alone.
    pub recorder: Option<OwnedObjectPath>,
    /// The session belongs to the user, and not to the connection.
    pub detached: bool,
    /// Who to name to others.
    pub client_name: Option<String>,
}

/// Options of `Recorder.Erase`.
#[derive(Clone, Copy, Debug, Default)]
pub struct EraseOptions {
    /// Open the tray at the end.
    pub eject: bool,
    /// Unmount the disc first, should it be mounted.
    pub unmount: bool,
    /// Reply when the job has ended.
    pub wait: bool,
}

/// Options of `Recorder.Format`.
#[derive(Clone, Debug, Default)]
pub struct FormatOptions {
    /// The name of the format; `None` is the usual one.
    pub choice: Option<String>,
    /// Every block is written or tried.
    pub full: bool,
    /// Open the tray at the end.
    pub eject: bool,
    /// Unmount the disc first, should it be mounted.
    pub unmount: bool,
    /// Reply when the job has ended.
    pub wait: bool,
}

/// Options of `DiscMaster.Open`: `recorder` o, `detached` b, `client-name` s.
///
/// # Errors
/// `InvalidArgs`, for this as for every function here: an unknown key, a wrong type, or a value out of range.
pub fn open(dict: Dict) -> Result<OpenOptions> {
    let mut from = Reader::new(dict);
    let options = OpenOptions {
        recorder: from.take("recorder")?,
        detached: from.take("detached")?.unwrap_or_default(),
        client_name: from.take("client-name")?.map(client_name).transpose()?,
    };
    from.finish().map(|()| options)
}

/// Options of `Session.RecordDisc`: `simulate` b, `eject` b, `unmount` b, `verify` s, `speed` u, `close` s, `unfinished` s,
/// `write-mode` s, `wait` b. What is left out is as the `defaults` have it. The flag is `wait`.
pub fn record(dict: Dict, defaults: Defaults) -> Result<(RecordOptions, bool)> {
    let mut from = Reader::new(dict);
    let simulate = from.take("simulate")?.unwrap_or_default();
    let options = RecordOptions {
        simulate,
        eject: from.take("eject")?.unwrap_or(defaults.eject),
        unmount: from.take("unmount")?.unwrap_or_default(),
        verify: from
            .chosen("verify", &[("none", Verify::None), ("quick", Verify::Quick), ("full", Verify::Full)])?
            .unwrap_or(if simulate { Verify::None } else { defaults.verify }),
        speed: from.take("speed")?,
        close: from
            .chosen("close", &[("finalise", Close::Finalise), ("appendable", Close::Appendable)])?
            .unwrap_or(defaults.close),
        unfinished: from.choose(
            "unfinished",
            &[("refuse", Unfinished::Refuse), ("close", Unfinished::Close), ("resume", Unfinished::Resume)],
        )?,
        write_mode: from.choose(
            "write-mode",
            &[("auto", WriteMode::Auto), ("session-at-once", WriteMode::SessionAtOnce)],
        )?,
        // A property of the recorder, not of one burn.
        unprotected: false,
    };
    let wait = from.take("wait")?.unwrap_or_default();
    if options.speed == Some(0) {
        return Err(invalid("The option “speed” must be above 0 kB/s; leave it out for the fastest."));
    }
    from.finish().map(|()| (options, wait))
}

/// Options of `AddData` and `AddPath`: `destination` s, `overwrite` b, `copy` b, `special-files` s, `wait` b.
/// The flag is `wait`.
pub fn add(dict: Dict) -> Result<(AddOptions, bool)> {
    let mut from = Reader::new(dict);
    let options = AddOptions {
        destination: from.take("destination")?.map(path).transpose()?.unwrap_or_default(),
        overwrite: from.take("overwrite")?.unwrap_or_default(),
        copy: from.take("copy")?.unwrap_or_default(),
        special_files: from
            .choose("special-files", &[("refuse", SpecialFiles::Refuse), ("skip", SpecialFiles::Skip)])?,
    };
    let wait = from.take("wait")?.unwrap_or_default();
    from.finish().map(|()| (options, wait))
}

/// Options of `Session.SetActiveDiscRecorder`: `multisession` s.
pub fn select(dict: Dict) -> Result<Multisession> {
    let mut from = Reader::new(dict);
    let names = [("auto", Multisession::Auto), ("new", Multisession::New), ("append", Multisession::Append)];
    let multisession = from.choose("multisession", &names)?;
    from.finish().map(|()| multisession)
}

/// Options of `Recorder.Erase`: `eject` b, `unmount` b, `wait` b.
pub fn erase(dict: Dict) -> Result<EraseOptions> {
    let mut from = Reader::new(dict);
    let options = EraseOptions {
        eject: from.take("eject")?.unwrap_or_default(),
        unmount: from.take("unmount")?.unwrap_or_default(),
        wait: from.take("wait")?.unwrap_or_default(),
    };
    from.finish().map(|()| options)
}

/// Options of `Recorder.Format`: `format` s, `full` b, `eject` b, `unmount` b, `wait` b.
pub fn format(dict: Dict) -> Result<FormatOptions> {
    let mut from = Reader::new(dict);
    let options = FormatOptions {
        choice: from.take::<String>("format")?.filter(|name| !name.is_empty()),
        full: from.take("full")?.unwrap_or_default(),
        eject: from.take("eject")?.unwrap_or_default(),
        unmount: from.take("unmount")?.unwrap_or_default(),
        wait: from.take("wait")?.unwrap_or_default(),
    };
    from.finish().map(|()| options)
}

/// Properties of the data format, laid over the present ones: `VolumeName` s, `LongNames` b.
pub fn joliet_properties(dict: Dict, present: &JolietProperties) -> Result<JolietProperties> {
    let mut from = Reader::new(dict);
    let properties = JolietProperties {
        volume_name: from.take("VolumeName")?.unwrap_or_else(|| present.volume_name.clone()),
        long_names: from.take("LongNames")?.unwrap_or(present.long_names),
    };
    if properties.volume_name.len() > LONGEST_VOLUME_NAME {
        return Err(invalid("“VolumeName” has at most 32 characters."));
    }
    from.finish().map(|()| properties)
}

/// The properties of IMAPI's recorder: `WriteSpeed` and `MaxWriteSpeed` u, kB/s; `AudioGapSize` u, blocks;
/// `BufferUnderrunFreeCapable` and `EnableBufferUnderrunFree` b.
pub fn recorder_settings(recorder: &Recorder) -> Dict {
    let capable = recorder.inspection.as_ref().is_some_and(|seen| seen.buffer_underrun_free);
    let speed = recorder.settings.write_speed.unwrap_or_else(|| recorder.max_write_speed());
    [
        ("WriteSpeed", speed.into()),
        ("MaxWriteSpeed", recorder.max_write_speed().into()),
        ("AudioGapSize", recorder.settings.audio_gap.into()),
        ("BufferUnderrunFreeCapable", capable.into()),
        ("EnableBufferUnderrunFree", (capable && !recorder.settings.unprotected).into()),
    ]
    .into_iter()
    .map(|(key, value): (&str, OwnedVariant)| (key.to_owned(), value))
    .collect()
}

/// The settings that a sparse set of properties makes of the present ones.
///
/// # Errors
/// As everywhere here, and for the properties that cannot be set.
pub fn set_recorder_settings(dict: Dict, recorder: &Recorder) -> Result<Settings> {
    let mut settings = recorder.settings;
    let read_only = ["MaxWriteSpeed", "BufferUnderrunFreeCapable"];
    if let Some(key) = read_only.into_iter().find(|key| dict.contains_key(*key)) {
        return Err(invalid(format!("“{key}” can be read only.")));
    }
    let mut from = Reader::new(dict);
    let fastest = recorder.max_write_speed();
    if let Some(speed) = from.take("WriteSpeed")? {
        if speed == 0 || (fastest > 0 && speed > fastest) {
            return Err(invalid(format!("“WriteSpeed” is between 1 and {fastest} kB/s, not {speed}.")));
        }
        settings.write_speed = Some(speed);
    }
    if let Some(gap) = from.take("AudioGapSize")? {
        if gap > LONGEST_GAP {
            return Err(invalid(format!("“AudioGapSize” is between 0 and {LONGEST_GAP} blocks, not {gap}.")));
        }
        settings.audio_gap = gap;
    }
    if let Some(protect) = from.take::<bool>("EnableBufferUnderrunFree")? {
        settings.unprotected = !protect;
    }
    from.finish().map(|()| settings)
}

/// Takes options out of a dictionary by name, and complains of what is left.
pub struct Reader {
    left: Dict,
    known: Vec<&'static str>,
}

impl Reader {
    /// A reader of this dictionary.
    pub const fn new(dict: Dict) -> Self {
        Self { left: dict, known: Vec::new() }
    }

    /// The option of this name; `None` when it was not given.
    pub fn take<T: OptionType>(&mut self, key: &'static str) -> Result<Option<T>> {
        self.known.push(key);
        let Some(value) = self.left.remove(key) else { return Ok(None) };
        let is = value.value_signature().to_string();
        let mismatch = || invalid(format!("The option “{key}” must be {}, not of type “{is}”.", T::WHAT));
        T::read(value).map(Some).ok_or_else(mismatch)
    }

    /// An option that is one of several words; its default when it was not given.
    ///
    /// # Errors
    /// As everywhere here.
    pub fn choose<T: Copy + Default>(&mut self, key: &'static str, words: &[(&str, T)]) -> Result<T> {
        Ok(self.chosen(key, words)?.unwrap_or_default())
    }

    /// The same; `None` when it was not given.
    ///
    /// # Errors
    /// As everywhere here.
    pub fn chosen<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Result<Option<T>> {
        let Some(given) = self.take::<String>(key)? else { return Ok(None) };
        words.iter().find(|(word, _)| *word == given).map(|(_, value)| Some(*value)).ok_or_else(|| {
            let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            invalid(format!("The option “{key}” is one of {}, not “{given}”.", words.join(", ")))
        })
    }

    /// Succeeds when every option given was a known one.
    pub fn finish(self) -> Result<()> {
        match self.left.keys().min() {
            None => Ok(()),
            Some(key) => {
                let known = self.known.join(", ");
                Err(invalid(format!("“{key}” is unknown here. Known are: {known}.")))
            }
        }
    }
}

/// A type that an option can have.
pub trait OptionType: Sized {
    /// How the type is named to a person.
    const WHAT: &'static str;
    /// The value, if it is of this type.
    fn read(value: OwnedVariant) -> Option<Self>;
}

macro_rules! option_types {
    ($($of:ty: $what:literal,)+) => {$(
        impl OptionType for $of {
            const WHAT: &'static str = $what;
            fn read(value: OwnedVariant) -> Option<Self> {
                Self::try_from(value).ok()
            }
        }
    )+};
}

option_types! {
    bool: "a boolean (b)",
    u32: "an unsigned 32-bit number (u)",
    String: "a string (s)",
    OwnedObjectPath: "an object path (o)",
    Vec<u32>: "an array of unsigned 32-bit numbers (au)",
}

/// A path that a client gives, if it is of a length that a path can have.
///
/// # Errors
/// As everywhere here.
pub fn path(path: String) -> Result<String> {
    if path.len() > LONGEST_PATH {
        let length = path.len();
        return Err(invalid(format!("A path has at most {LONGEST_PATH} bytes, and this one has {length}.")));
    }
    Ok(path)
}

fn client_name(name: String) -> Result<String> {
    let fits = !name.is_empty() && name.chars().count() <= LONGEST_NAME;
    if fits && !name.chars().any(char::is_control) {
        return Ok(name);
    }
    Err(invalid(format!(
        "The option “client-name” takes 1 to {LONGEST_NAME} characters, none of them a control character."
    )))
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidArgs, message)
}

#[cfg(test)]
mod tests {
    use zbus::Variant;

    use super::*;

    fn dict<const N: usize>(pairs: [(&str, Variant<'_>); N]) -> Dict {
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value.try_into_owned().unwrap())).collect()
    }

    #[test]
    fn options_left_out_take_their_defaults() {
        let (options, wait) = record(dict([]), Defaults::default()).unwrap();
        assert_eq!((options, wait), (RecordOptions::default(), false));
    }

    #[test]
    fn options_given_are_taken() {
        let given = dict([
            ("simulate", true.into()),
            ("unmount", true.into()),
            ("verify", "full".into()),
            ("speed", 7056_u32.into()),
            ("close", "appendable".into()),
            ("unfinished", "close".into()),
            ("write-mode", "session-at-once".into()),
            ("wait", true.into()),
        ]);
        let expected = RecordOptions {
            simulate: true,
            eject: false,
            unmount: true,
            verify: Verify::Full,
            speed: Some(7056),
            close: Close::Appendable,
            unfinished: Unfinished::Close,
            write_mode: WriteMode::SessionAtOnce,
            unprotected: false,
        };
        assert_eq!(record(given, Defaults::default()).unwrap(), (expected, true));
    }

    #[test]
    fn what_a_call_leaves_out_is_as_the_administrator_has_it() {
        let defaults = Defaults { verify: Verify::Full, close: Close::Appendable, eject: true };
        let (options, _) = record(dict([]), defaults).unwrap();
        assert_eq!((options.verify, options.close, options.eject), (Verify::Full, Close::Appendable, true));
        let given = dict([("verify", "none".into()), ("close", "finalise".into()), ("eject", false.into())]);
        let (options, _) = record(given, defaults).unwrap();
        assert_eq!((options.verify, options.close, options.eject), (Verify::None, Close::Finalise, false));
        // Nothing is there to be verified.
        assert_eq!(record(dict([("simulate", true.into())]), defaults).unwrap().0.verify, Verify::None);
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let error = record(dict([("simulat", true.into())]), Defaults::default()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidArgs);
        assert!(error.message.contains("“simulat”"), "{}", error.message);
        assert!(error.message.contains("simulate, eject"), "{}", error.message);
    }

    #[test]
    fn a_wrong_type_is_refused_by_name() {
        let error = record(dict([("eject", "yes".into())]), Defaults::default()).unwrap_err();
        assert_eq!(error.message, "The option “eject” must be a boolean (b), not of type “s”.");
        assert!(open(dict([("recorder", "/org/discmaster1/recorders/sr0".into())])).is_err());
        assert!(record(dict([("speed", (-1_i32).into())]), Defaults::default()).is_err());
    }

    #[test]
    fn a_word_that_is_none_of_the_choices_is_refused_with_the_choices() {
        let error = select(dict([("multisession", "always".into())])).unwrap_err();
        assert_eq!(error.message, "The option “multisession” is one of auto, new, append, not “always”.");
    }

    #[test]
    fn properties_left_out_stay_as_they_are() {
        let present = JolietProperties { volume_name: "BEFORE".into(), long_names: true };
        let changed = joliet_properties(dict([("VolumeName", "AFTER".into())]), &present).unwrap();
        assert_eq!(changed, JolietProperties { volume_name: "AFTER".into(), long_names: true });
    }

    #[test]
    fn paths_and_volume_names_have_an_end() {
        let given = |bytes: usize| dict([("destination", "é".repeat(bytes / 2).into())]);
        assert_eq!(add(given(4096)).unwrap().0.destination.len(), 4096);
        assert_eq!(add(given(4098)).unwrap_err().kind, ErrorKind::InvalidArgs);
        let given = |bytes: usize| dict([("VolumeName", "x".repeat(bytes).into())]);
        let present = JolietProperties::default();
        assert_eq!(joliet_properties(given(128), &present).unwrap().volume_name.len(), 128);
        assert_eq!(joliet_properties(given(129), &present).unwrap_err().kind, ErrorKind::InvalidArgs);
    }

    #[test]
    fn a_client_name_is_short_and_printable() {
        assert!(open(dict([("client-name", "a\nb".into())])).is_err());
        assert!(open(dict([("client-name", "x".repeat(65).into())])).is_err());
        assert_eq!(
            open(dict([("client-name", "é".repeat(64).into())])).unwrap().client_name.unwrap().len(),
            128
        );
    }
}
