//! `discmaster list`

use clap::Args;

use crate::cli::args::Bus;
use crate::cli::client::Client;
use crate::cli::failure::Result;
use crate::cli::messages::{tr, word};
use crate::cli::screen::Screen;
use crate::cli::units;
use crate::cli::view::{MediumView, RecorderView};

/// List the recorders, who holds them, and the discs in them
///
/// With --json an array with an object for each recorder: id, path, device, vendor, product, revision, serial, seat,
/// takes, state, holder, medium. The medium is null, or an object as `info` describes it.
#[derive(Debug, Args)]
pub struct ListArgs {}

/// Lists the recorders.
///
/// # Errors
/// There is no service.
pub async fn run(bus: Bus, screen: &mut Screen) -> Result<()> {
    let recorders = RecorderView::all(&Client::connect(bus).await?.objects().await?);
    if screen.json() {
        return screen.object(&recorders);
    }
    if recorders.is_empty() {
        screen.say(&tr!("There is no recorder."));
    }
    let rows: Vec<[String; 5]> = recorders.iter().map(row).collect();
    table(&rows).iter().try_for_each(|line| screen.data(line))
}

fn row(recorder: &RecorderView) -> [String; 5] {
    [
        recorder.id.clone(),
        recorder.name(),
        word(&recorder.state),
        if recorder.holder.is_empty() { "-".to_owned() } else { recorder.holder.clone() },
        recorder.medium.as_ref().map_or_else(|| tr!("no disc"), disc),
    ]
}

/// A disc in a few words: `CD-R, blank, 736.9 MB free`.
pub(super) fn disc(medium: &MediumView) -> String {
    let free = medium.free_blocks.saturating_mul(2048);
    let mut words = vec![medium.kind.clone()];
    words.extend(medium.flags.iter().filter(|flag| *flag != "rewritable").map(|flag| word(flag)));
    if free > 0 {
        words.push(tr!("{} free", units::size(free)));
    }
    words.join(", ")
}

/// Rows as lines of aligned columns.
pub(super) fn table<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &[String; N]| {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["sr0".to_owned(), "idle".to_owned()], ["vd10".to_owned(), "burning".to_owned()]];
        assert_eq!(table(&rows), ["sr0   idle", "vd10  burning"]);
    }

    #[test]
    fn a_disc_is_told_in_a_few_words() {
        let mut medium = MediumView {
            kind: "CD-RW".to_owned(),
            flags: vec!["blank".to_owned(), "rewritable".to_owned()],
            free_blocks: 359_847,
            ..MediumView::default()
        };
        assert_eq!(disc(&medium), "CD-RW, blank, 737.0 MB free");
        medium.flags = vec!["closed".to_owned()];
        medium.free_blocks = 0;
        assert_eq!(disc(&medium), "CD-RW, closed");
    }
}
