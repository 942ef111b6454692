//! `discmaster info`

use clap::Args;

use crate::cli::args::Bus;
use crate::cli::failure::Result;
use crate::cli::messages::{tr, word, words};
use crate::cli::screen::Screen;
use crate::cli::units;
use crate::cli::view::{MediumView, RecorderView, TrackView};

/// Describe a recorder and the disc in it
///
/// With --json an object: id, path, device, vendor, product, revision, serial, seat, takes (kinds of disc), state, holder, medium. The
/// medium is null, or an object: kind, flags, sessions, tracks (number, session, start, blocks, data),
/// next_writable_block, free_blocks, total_blocks, manufacturer_id, write_speeds, formats (name, blocks). Blocks are of
/// 2048 bytes, speeds in kB/s of 1000.
#[derive(Debug, Args)]
pub struct InfoArgs {
    /// The recorder, by id or device; needless where there is only one
    pub recorder: Option<String>,
}

/// Describes a recorder and its disc.
///
/// # Errors
/// There is no service, or no such recorder.
pub async fn run(bus: Bus, args: &InfoArgs, screen: &mut Screen) -> Result<()> {
    let (_, recorder) = super::recorder(bus, args.recorder.as_deref()).await?;
    if screen.json() {
        return screen.object(&recorder);
    }
    describe(&recorder).iter().try_for_each(|line| screen.data(line))
}

fn describe(recorder: &RecorderView) -> Vec<String> {
    let mut lines = vec![format!("{}: {}", recorder.id, recorder.name())];
    let mut add = |name: &str, value: &str| {
        if !value.is_empty() {
            lines.push(format!("  {:<13} {value}", format!("{name}:")));
        }
    };
    add(&tr!("device"), &recorder.device);
    add(&tr!("firmware"), &recorder.revision);
    add(&tr!("serial"), &recorder.serial);
    add(&tr!("seat"), &recorder.seat);
    add(&tr!("takes"), &recorder.takes.join(", "));
    add(&tr!("state"), &word(&recorder.state));
    add(&tr!("held by"), &recorder.holder);
    match &recorder.medium {
        None => add(&tr!("disc"), &tr!("none")),
        Some(medium) => {
            add(&tr!("disc"), &medium.kind);
            disc(medium, &mut add);
        }
    }
    lines
}

fn disc(medium: &MediumView, add: &mut impl FnMut(&str, &str)) {
    add(&tr!("condition"), &words(&medium.flags).join(", "));
    add(&tr!("free"), &room(medium.free_blocks));
    add(&tr!("capacity"), &room(medium.total_blocks));
    add(&tr!("maker"), &medium.manufacturer_id);
    if let Some(next) = medium.next_writable_block {
        add(&tr!("writes at"), &tr!("block {}", next));
    }
    let speeds: Vec<String> =
        medium.write_speeds.iter().map(|kbs| units::speed(*kbs, &medium.kind)).collect();
    add(&tr!("write speeds"), &speeds.join(", "));
    let formats: Vec<String> = medium
        .formats
        .iter()
        .map(|format| format!("{} ({})", format.name, units::size(format.blocks.saturating_mul(2048))))
        .collect();
    add(&tr!("formats"), &formats.join(", "));
    add(&tr!("sessions"), &medium.sessions.to_string());
    for track in &medium.tracks {
        add(&tr!("track {}", track.number), &told(track));
    }
}

fn told(track: &TrackView) -> String {
    let kind = if track.data { tr!("data") } else { tr!("audio") };
    tr!(
        "{kind}, session {session}, from block {start}, {room}",
        kind,
        session = track.session,
        start = track.start,
        room = room(track.blocks)
    )
}

fn room(blocks: u64) -> String {
    tr!(
        "{size} (one block)" | "{size} ({n} blocks)" % blocks,
        size = units::size(blocks.saturating_mul(2048))
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::client::Props;
    use crate::cli::view::FormatView;

    #[test]
    fn a_recorder_with_a_disc_is_told_line_by_line() {
        let track = TrackView { number: 1, session: 1, start: 0, blocks: 2464, data: true };
        let medium = MediumView {
            kind: "DVD+R".to_owned(),
            flags: vec!["appendable".to_owned()],
            sessions: 1,
            tracks: vec![track],
            next_writable_block: Some(4560),
            free_blocks: 2_290_544,
            total_blocks: 2_295_104,
            manufacturer_id: "CMC MAG M01".to_owned(),
            write_speeds: vec![22_160, 11_080],
            formats: vec![FormatView { name: "default".to_owned(), blocks: 2_295_104 }],
        };
        let mut recorder = RecorderView::of("/org/discmaster1/recorders/sr0", &Props::default(), None);
        recorder.vendor = "ASUS".to_owned();
        recorder.product = "DRW-24D5MT".to_owned();
        recorder.takes = vec!["CD-R".to_owned(), "DVD+R".to_owned()];
        recorder.state = "idle".to_owned();
        recorder.medium = Some(medium);
        #[rustfmt::skip]
        assert_eq!(describe(&recorder), [
            "sr0: ASUS DRW-24D5MT",
            "  takes:        CD-R, DVD+R",
            "  state:        idle",
            "  disc:         DVD+R",
            "  condition:    appendable",
            "  free:         4.69 GB (2290544 blocks)",
            "  capacity:     4.70 GB (2295104 blocks)",
            "  maker:        CMC MAG M01",
            "  writes at:    block 4560",
            "  write speeds: 16× (22160 kB/s), 8× (11080 kB/s)",
            "  formats:      default (4.70 GB)",
            "  sessions:     1",
            "  track 1:      data, session 1, from block 0, 5.0 MB (2464 blocks)",
        ]);
    }

    #[test]
    fn an_empty_recorder_says_so() {
        let recorder = RecorderView::of("/org/discmaster1/recorders/vd0", &Props::default(), None);
        assert_eq!(describe(&recorder), ["vd0: ", "  disc:         none"]);
    }
}
