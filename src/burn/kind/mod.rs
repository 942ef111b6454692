//! A recipe for each kind of medium. A medium joins by a file with its steps and a row in the table.

mod cd_tao;
mod dvd_plus_r;

use crate::api::MediaKind;

use super::check::{Order, Refusal};
use super::facts::Facts;
use super::plan::Step;

/// How one kind of medium is recorded.
#[derive(Debug)]
pub(super) struct Recipe {
    /// The medium.
    pub kind: MediaKind,
    /// The shortest track, in blocks; less content is padded.
    pub least: u32,
    /// Blocks of which a track is a multiple.
    pub alignment: u32,
    /// The medium knows test writes.
    pub test_write: bool,
    /// The steps from the first setting to the last close.
    pub record: fn(&Facts, &Order) -> Vec<Step>,
}

/// The recipe for the disc that `facts` describe.
pub(super) fn recipe(facts: &Facts) -> Result<&'static Recipe, Refusal> {
    let kind = facts.kind();
    if matches!(kind, MediaKind::CdRom | MediaKind::DvdRom | MediaKind::BdRom) {
        return Err(Refusal::ReadOnly(kind));
    }
    RECIPES.iter().find(|recipe| recipe.kind == kind).ok_or(Refusal::UnknownMedium(kind, facts.profile))
}

/// The names of the media that can be recorded, for messages.
pub(super) fn supported() -> String {
    RECIPES.iter().map(|recipe| recipe.kind.name()).collect::<Vec<_>>().join(", ")
}

const RECIPES: &[Recipe] = &[
    Recipe { kind: MediaKind::CdR, least: 300, alignment: 1, test_write: true, record: cd_tao::record },
    Recipe { kind: MediaKind::CdRw, least: 300, alignment: 1, test_write: true, record: cd_tao::record },
    Recipe {
        kind: MediaKind::DvdPlusR,
        least: 16,
        alignment: 16,
        test_write: false,
        record: dvd_plus_r::record,
    },
];

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
