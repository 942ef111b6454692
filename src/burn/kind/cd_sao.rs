//! CD-R and CD-RW, session at once (MMC-6 4.2.3.5.3, 6.37): one data track of which the drive is told before it is written.
//!
//! | wish | steps |
//! |---|---|
//! | any | page 05h: write type 2, multi 00b or 11b; cue sheet; 150 blocks of pre-gap from −150; every block; flush |
//! | simulate | the same, with test write |
//!
//! The flush writes what is left of the track, and lead-in and lead-out after page 05h: nothing is closed. There are no
//! run-out blocks, over which readers of discs written a track at once stumble.

use crate::api::Close;
use crate::burn::check::{Order, Refusal};
use crate::burn::facts::Facts;
use crate::burn::plan::{Act, Harm, LONG, QUICK, Step, WRITE, WriteMode, WriteParameters};
use crate::mmc::cue::{CueEntry, DataForm};
use crate::mmc::msf::Msf;
use crate::mmc::toc::LEAD_OUT;

/// One data track in mode 1. Whoever ends early fills it up: the drive waits for every block of its cue sheet.
pub(in crate::burn) fn record(facts: &Facts, order: &Order) -> Result<Vec<Step>, Refusal> {
    let parameters = WriteParameters {
        mode: WriteMode::SessionAtOnce,
        test: order.simulate,
        underrun_free: facts.underrun_free,
        appendable: order.close == Close::Appendable,
    };
    let begun = if order.simulate { Harm::DiscUntouched } else { Harm::DiscUnfinished };
    let end = Msf::from_lba(i32::try_from(order.blocks()).unwrap_or(i32::MAX));
    let end = end.ok_or(Refusal::NoSessionAtOnce(facts.kind(), "no CD is as long as the image"))?;
    Ok(vec![
        Step::new(Act::WriteParameters(parameters), QUICK, Harm::DiscUntouched),
        Step::new(Act::CueSheet(cue_sheet(end)), LONG, Harm::DiscUntouched),
        Step::new(Act::PreGap { from: -PRE_GAP, blocks: PRE_GAP.unsigned_abs() }, WRITE, begun),
        Step::new(order.write_whole(), WRITE, begun),
        Step::new(Act::Flush, LONG, begun),
    ])
}

/// Lead-in and lead-out are made by the drive; index 0 is the pre-gap, index 1 the track at block 0.
fn cue_sheet(end: Msf) -> [CueEntry; 4] {
    let entry = |track, index, form: DataForm, start| {
        let control_adr = DATA << 4 | CueEntry::POSITION;
        CueEntry { control_adr, track, index, form: form.0, scms: 0, start }
    };
    [
        entry(0, 0, DataForm::MODE_1_GENERATED, Msf::default()),
        entry(1, 0, DataForm::MODE_1, Msf::default()),
        entry(1, 1, DataForm::MODE_1, FIRST),
        entry(LEAD_OUT, 1, DataForm::MODE_1_GENERATED, end),
    ]
}

/// The control nibble of a track of data: copying is not permitted, which nobody heeds.
const DATA: u8 = 0x04;
/// Blocks before the first track of a disc.
const PRE_GAP: i32 = 150;
/// Block 0.
const FIRST: Msf = Msf::new(0, 2, 0);
