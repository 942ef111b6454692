//! How each kind of medium is recorded, erased and formatted: a table, a row a medium, and a file a way of writing.

mod cd_sao;
mod cd_tao;
mod dvd_minus;
mod overwrite;
mod sequential;

use crate::api::{FormatChoice, MediaKind};

use super::check::{self, Order, Refusal};
use super::facts::Facts;
use super::plan::{Act, CloseFunction, Formatting, Harm, LONG, QUICK, Step, WriteMode, WriteParameters};

/// How one kind of medium is recorded.
#[derive(Debug)]
pub(super) struct Recipe {
    /// The medium.
    pub kind: MediaKind,
    /// The shortest track, in blocks; less content is padded.
    pub least: u32,
    /// Blocks of which a track is a multiple.
    pub alignment: u32,
    /// The medium knows test writes; whether the drive does, its features tell.
    pub test_write: bool,
    /// The steps from the first setting to the last close.
    pub record: fn(&Facts, &Order) -> Result<Vec<Step>, Refusal>,
    /// The steps that erase it, every block or what counts; none for what is written once.
    erase: Option<fn(&Facts, bool) -> Vec<Step>>,
    /// The ways to format it that the drive offers, in full or quickly, the usual one first.
    formats: fn(&Facts, bool) -> Vec<Choice>,
}

/// A way to format a disc.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    /// Its name, on the bus and on the command line.
    pub name: &'static str,
    /// Blocks that the disc has afterwards.
    pub blocks: u32,
    /// How.
    pub steps: Vec<Step>,
}

/// Medium by medium; what content and wishes change about a row stands at the head of its file.
#[rustfmt::skip]
const RECIPES: &[Recipe] = &[
    Recipe { kind: MediaKind::CdR,                 least: 300, alignment: 1,  test_write: true,  record: cd,                        erase: None,                    formats: none },
    Recipe { kind: MediaKind::CdRw,                least: 300, alignment: 1,  test_write: true,  record: cd,                        erase: Some(blank),             formats: none },
    Recipe { kind: MediaKind::DvdMinusR,           least: 16,  alignment: 16, test_write: true,  record: dvd_minus::record,         erase: None,                    formats: none },
    Recipe { kind: MediaKind::DvdMinusRDualLayer,  least: 16,  alignment: 16, test_write: true,  record: dvd_minus::record,         erase: None,                    formats: none },
    Recipe { kind: MediaKind::DvdMinusRwSequential, least: 16, alignment: 16, test_write: true,  record: dvd_minus::record,         erase: Some(blank),             formats: overwrite::of_dvd_rw },
    Recipe { kind: MediaKind::DvdMinusRwRestrictedOverwrite, least: 16, alignment: 16, test_write: false, record: overwrite::record, erase: Some(overwrite::erase_dvd_rw), formats: overwrite::of_dvd_rw },
    Recipe { kind: MediaKind::DvdPlusR,            least: 16,  alignment: 16, test_write: false, record: sequential::dvd_plus_r,    erase: None,                    formats: none },
    Recipe { kind: MediaKind::DvdPlusRDualLayer,   least: 16,  alignment: 16, test_write: false, record: sequential::dvd_plus_r,    erase: None,                    formats: none },
    Recipe { kind: MediaKind::DvdPlusRw,           least: 16,  alignment: 16, test_write: false, record: overwrite::record,         erase: Some(overwrite::erase),  formats: overwrite::of_dvd_plus_rw },
    Recipe { kind: MediaKind::DvdRam,              least: 16,  alignment: 16, test_write: false, record: overwrite::record,         erase: Some(overwrite::erase),  formats: overwrite::of_dvd_ram },
    Recipe { kind: MediaKind::BdR,                 least: 32,  alignment: 32, test_write: false, record: sequential::bd_r,          erase: None,                    formats: sequential::of_bd_r },
    Recipe { kind: MediaKind::BdRe,                least: 32,  alignment: 32, test_write: false, record: overwrite::record,         erase: Some(overwrite::erase),  formats: overwrite::of_bd_re },
];

/// Media that are recorded nowhere here: profile, name, why.
const UNRECORDED: &[(u16, &str, &str)] = &[
    (0x16, "DVD-R DL in layer jump recording", "it was begun in a way that hardly any reader understands"),
    (0x2a, "DVD+RW DL", "such discs were never sold, and no drive could be tried"),
    (
        0x42,
        "BD-R formatted for random recording",
        "its sectors are handed out by a file system, and not in sequence",
    ),
    (0x50, "HD DVD-ROM", "HD DVD was given up in 2008"),
    (0x51, "HD DVD-R", "HD DVD was given up in 2008"),
    (0x52, "HD DVD-RAM", "HD DVD was given up in 2008"),
    (0x53, "HD DVD-RW", "HD DVD was given up in 2008"),
    (0x58, "HD DVD-R DL", "HD DVD was given up in 2008"),
    (0x5a, "HD DVD-RW DL", "HD DVD was given up in 2008"),
];

/// The recipe for the disc that `facts` describe.
pub(super) fn recipe(facts: &Facts) -> Result<&'static Recipe, Refusal> {
    let kind = facts.kind();
    if matches!(kind, MediaKind::CdRom | MediaKind::DvdRom | MediaKind::BdRom) {
        return Err(Refusal::ReadOnly(kind));
    }
    if let Some((_, name, why)) = UNRECORDED.iter().find(|(profile, ..)| *profile == facts.profile) {
        return Err(Refusal::Unrecorded { name, why });
    }
    RECIPES.iter().find(|recipe| recipe.kind == kind).ok_or(Refusal::UnknownMedium(kind, facts.profile))
}

/// The names of the media that can be recorded, for messages.
pub(super) fn supported() -> String {
    RECIPES.iter().map(|recipe| recipe.kind.name()).collect::<Vec<_>>().join(", ")
}

impl Recipe {
    /// The steps that erase the disc.
    pub fn erase(&self, facts: &Facts, full: bool) -> Result<Vec<Step>, Refusal> {
        let erase = self.erase.ok_or(Refusal::NotErasable(self.kind))?;
        check::erase(facts)?;
        Ok(erase(facts, full))
    }

    /// The ways to format the disc, for whoever has to choose.
    pub fn formats(&self, facts: &Facts) -> Vec<FormatChoice> {
        let choices = (self.formats)(facts, false).into_iter();
        choices
            .map(|choice| FormatChoice { name: choice.name.to_owned(), blocks: choice.blocks.into() })
            .collect()
    }

    /// The steps that format the disc.
    pub fn format(&self, facts: &Facts, wanted: Option<&str>, full: bool) -> Result<Vec<Step>, Refusal> {
        let choices = (self.formats)(facts, full);
        let names = || choices.iter().map(|choice| choice.name).collect::<Vec<_>>().join(", ");
        let found = match wanted {
            None => choices.first(),
            Some(name) => choices.iter().find(|choice| choice.name == name),
        };
        match (found, wanted) {
            (Some(choice), _) => {
                check::format(facts)?;
                Ok(choice.steps.clone())
            }
            (None, Some(name)) if !choices.is_empty() => {
                Err(Refusal::NoSuchFormat { kind: self.kind, name: name.to_owned(), offered: names() })
            }
            (None, _) => Err(Refusal::NotFormattable(self.kind)),
        }
    }
}

/// The steps that close a session that was cut off, its track first, and leave the disc appendable. Where page 05h decides
/// about that, it is set as for writing.
pub(super) fn unfinished(facts: &Facts) -> Vec<Step> {
    let mode = match facts.kind() {
        MediaKind::CdR | MediaKind::CdRw => Some(WriteMode::TrackAtOnce),
        MediaKind::DvdMinusR | MediaKind::DvdMinusRDualLayer | MediaKind::DvdMinusRwSequential => {
            Some(WriteMode::Incremental)
        }
        _ => None,
    };
    let page = mode.map(|mode| {
        let underrun_free = facts.underrun_free;
        let parameters = WriteParameters { mode, test: false, underrun_free, appendable: true };
        Step::new(Act::WriteParameters(parameters), QUICK, Harm::DiscUntouched)
    });
    let session = Act::CloseSession { function: CloseFunction::Session, otherwise: None };
    let closes = [Act::CloseTrack(facts.last_track.max(1)), session];
    page.into_iter().chain(closes.map(|act| Step::new(act, LONG, Harm::DiscUnfinished))).collect()
}

/// A CD, in the way that was asked for.
fn cd(facts: &Facts, order: &Order) -> Result<Vec<Step>, Refusal> {
    if order.at_once { cd_sao::record(facts, order) } else { cd_tao::record(facts, order) }
}

/// BLANK. What it leaves undone when it is quick, a DVD-RW pays for: most drives write it at once alone then.
fn blank(_: &Facts, full: bool) -> Vec<Step> {
    let limit = if full { super::plan::EVERY_BLOCK } else { LONG };
    vec![Step::new(Act::Blank { full }, limit, Harm::DiscUnfinished)]
}

/// The formats of a disc that has none.
const fn none(_: &Facts, _: bool) -> Vec<Choice> {
    Vec::new()
}

/// The step that formats, as quickly as formats go or block by block.
const fn format(formatting: Formatting, limit: std::time::Duration) -> Step {
    Step::new(Act::Format(formatting), limit, Harm::DiscUnfinished)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_medium_has_two_recipes() {
        for (at, recipe) in RECIPES.iter().enumerate() {
            assert!(RECIPES[..at].iter().all(|earlier| earlier.kind != recipe.kind), "{:?}", recipe.kind);
        }
    }
}
