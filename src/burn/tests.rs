//! Goldens of every recipe, what is refused, and what must hold of every plan.

use std::fmt::Write as _;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::api::{self, Close, DiscStatus, ErrorKind, RecordOptions, Verify};

fn cd_r() -> Facts {
    Facts {
        profile: 0x09,
        status: DiscStatus::Blank,
        last_session: SessionState::Empty,
        rewritable: false,
        protected: false,
        last_track: 1,
        next_writable: Some(0),
        free_blocks: 359_847,
        last_lead_out: Some(359_849),
        can_write: true,
        test_write: true,
        underrun_free: true,
        can_blank: true,
        write_speeds: vec![8467, 7056, 5645, 2822],
    }
}

fn cd_rw() -> Facts {
    Facts { profile: 0x0a, rewritable: true, write_speeds: vec![4234, 1764, 706], ..cd_r() }
}

fn dvd_plus_r() -> Facts {
    Facts {
        profile: 0x1b,
        free_blocks: 2_295_104,
        last_lead_out: None,
        test_write: false,
        can_blank: false,
        write_speeds: vec![22_160, 11_080, 5540],
        ..cd_r()
    }
}

/// A disc with one session on it, behind which another can follow.
fn second(facts: Facts, last_track: u16, next_writable: i32) -> Facts {
    let free_blocks = facts.free_blocks - u64::from(next_writable.unsigned_abs());
    Facts {
        status: DiscStatus::Appendable,
        last_track,
        next_writable: Some(next_writable),
        free_blocks,
        ..facts
    }
}

fn cut_off() -> Facts {
    Facts { last_session: SessionState::Incomplete, ..second(dvd_plus_r(), 1, 4336) }
}

const SMALL: Content = Content { blocks: 4321, start: 0 };

fn wishes() -> RecordOptions {
    RecordOptions::default()
}

fn golden(name: &str, plan: &Result<Plan, Refusal>) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("src/burn/goldens/{name}.txt"));
    let text = match plan {
        Ok(plan) => plan.to_string(),
        Err(refusal) => panic!("{name}: refused: {refusal}"),
    };
    if std::env::var_os("DISCMASTER_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, wanted, "{name} differs from {}", path.display());
}

#[test]
fn plans_are_the_ones_that_the_goldens_show() {
    let appendable = RecordOptions { close: Close::Appendable, ..wishes() };
    let simulate = RecordOptions { simulate: true, speed: Some(6000), ..wishes() };
    let short = Content { blocks: 123, start: 0 };
    let odd_address = Facts { next_writable: Some(-150), ..cd_r() };
    let no_bufe = Facts { underrun_free: false, ..cd_r() };
    golden("cd-r-finalise", &plan_record(&cd_r(), SMALL, &wishes()));
    golden("cd-r-appendable", &plan_record(&cd_r(), SMALL, &appendable));
    golden("cd-r-simulate", &plan_record(&cd_r(), SMALL, &simulate));
    golden("cd-r-short", &plan_record(&cd_r(), short, &wishes()));
    golden("cd-r-nwa-in-pregap", &plan_record(&odd_address, SMALL, &wishes()));
    golden("cd-r-without-underrun-protection", &plan_record(&no_bufe, SMALL, &wishes()));
    let unprotected = RecordOptions { unprotected: true, ..wishes() };
    golden("cd-r-without-underrun-protection", &plan_record(&cd_r(), SMALL, &unprotected));
    golden("cd-rw-finalise", &plan_record(&cd_rw(), SMALL, &RecordOptions { speed: Some(4234), ..wishes() }));
    golden("cd-rw-erase-minimal", &plan_erase(&cd_rw(), false));
    golden("cd-rw-erase-full", &plan_erase(&cd_rw(), true));
    golden("dvd+r-finalise", &plan_record(&dvd_plus_r(), SMALL, &wishes()));
    golden("dvd+r-appendable", &plan_record(&dvd_plus_r(), SMALL, &appendable));
    let at = |start| Content { start, ..SMALL };
    let appended = plan_record(&second(cd_r(), 2, 15_723), at(15_723), &appendable);
    golden("cd-r-second-session", &appended);
    golden("dvd+r-second-session", &plan_record(&second(dvd_plus_r(), 2, 6384), at(6384), &wishes()));
}

#[test]
fn the_last_block_fits_and_one_more_does_not() {
    for (facts, room) in [(cd_r(), 359_847), (dvd_plus_r(), 2_295_104)] {
        let content = |blocks| Content { blocks, start: 0 };
        assert!(plan_record(&facts, content(room), &wishes()).is_ok());
        let refusal = plan_record(&facts, content(room + 1), &wishes()).unwrap_err();
        assert_eq!(refusal.kind(), ErrorKind::DiscFull);
        let error = api::Error::from(refusal);
        assert!(error.details["needed-blocks"] != error.details["available-blocks"], "{error:?}");
        assert_eq!(error.details["available-blocks"], room.into());
    }
}

#[test]
fn the_lead_out_and_the_run_out_blocks_are_allowed_for() {
    let generous = Facts { free_blocks: 400_000, ..cd_r() };
    assert_eq!(generous.usable_blocks(), 359_847);
    let silent = Facts { last_lead_out: None, free_blocks: 1000, ..cd_r() };
    assert_eq!(silent.usable_blocks(), 998);
    assert_eq!(Facts { free_blocks: 16, ..dvd_plus_r() }.usable_blocks(), 16);
}

#[test]
fn the_address_in_the_pregap_is_believed_on_a_blank_cd_alone() {
    assert_eq!(Facts { next_writable: Some(-150), ..cd_r() }.start(), Some(0));
    assert_eq!(Facts { next_writable: Some(-150), ..dvd_plus_r() }.start(), None);
    assert_eq!(Facts { next_writable: Some(-151), ..cd_r() }.start(), None);
    assert_eq!(Facts { next_writable: Some(-150), status: DiscStatus::Appendable, ..cd_r() }.start(), None);
}

#[test]
fn what_cannot_be_recorded_is_refused_by_name() {
    let simulate = RecordOptions { simulate: true, ..wishes() };
    let simulate_and_verify = RecordOptions { verify: Verify::Full, ..simulate };
    let mut table = String::new();
    let cases: &[(&str, Facts, Content, RecordOptions)] = &[
        ("closed", Facts { status: DiscStatus::Closed, ..cd_r() }, SMALL, wishes()),
        ("closed, rewritable", Facts { status: DiscStatus::Closed, ..cd_rw() }, SMALL, wishes()),
        ("appendable", Facts { status: DiscStatus::Appendable, ..dvd_plus_r() }, SMALL, wishes()),
        (
            "cut off",
            Facts { status: DiscStatus::Appendable, ..cut_off() },
            Content { blocks: 9, start: 4336 },
            wishes(),
        ),
        ("protected", Facts { protected: true, ..cd_r() }, SMALL, wishes()),
        ("pressed", Facts { profile: 0x10, ..cd_r() }, SMALL, wishes()),
        ("BD-RE", Facts { profile: 0x43, ..cd_r() }, SMALL, wishes()),
        ("unheard of", Facts { profile: 0xf123, ..cd_r() }, SMALL, wishes()),
        ("reader", Facts { can_write: false, ..cd_r() }, SMALL, wishes()),
        ("no address", Facts { next_writable: None, ..cd_r() }, SMALL, wishes()),
        ("simulated DVD+R", dvd_plus_r(), SMALL, simulate),
        ("no test write", Facts { test_write: false, ..cd_r() }, SMALL, simulate),
        ("simulated and verified", cd_r(), SMALL, simulate_and_verify),
        ("empty", cd_r(), Content { blocks: 0, start: 0 }, wishes()),
        ("elsewhere", cd_r(), Content { blocks: 9, start: 16 }, wishes()),
        (
            "endless",
            Facts { free_blocks: u64::MAX, ..dvd_plus_r() },
            Content { blocks: u64::MAX, start: 0 },
            wishes(),
        ),
        (
            "behind 31 bits",
            Facts { free_blocks: u64::MAX, ..dvd_plus_r() },
            Content { blocks: 1 << 31, start: 0 },
            wishes(),
        ),
    ];
    for (name, facts, content, wishes) in cases {
        let refusal = plan_record(facts, *content, wishes).unwrap_err();
        writeln!(table, "{name}: {}", refusal.kind().name()).unwrap();
    }
    assert_eq!(
        table,
        "closed: CannotWriteToMedia\nclosed, rewritable: CannotWriteToMedia\nappendable: CannotWriteToMedia\n\
         cut off: CannotWriteToMedia\nprotected: CannotWriteToMedia\npressed: CannotWriteToMedia\nBD-RE: MediumInvalidType\n\
         unheard of: MediumInvalidType\nreader: DeviceInvalidType\nno address: DiscInfo\n\
         simulated DVD+R: NotSupported\nno test write: NotSupported\nsimulated and verified: InvalidArgs\n\
         empty: InvalidImage\nelsewhere: WrongDisc\nendless: DiscFull\nbehind 31 bits: DiscFull\n"
    );
}

#[test]
fn a_refusal_says_what_to_do_with_a_rewritable_disc() {
    let closed = |facts| plan_record(&Facts { status: DiscStatus::Closed, ..facts }, SMALL, &wishes());
    assert!(closed(cd_rw()).unwrap_err().to_string().contains("Erase it"));
    assert!(!closed(cd_r()).unwrap_err().to_string().contains("Erase it"));
    let bd = plan_record(&Facts { profile: 0x43, ..cd_r() }, SMALL, &wishes()).unwrap_err().to_string();
    assert!(bd.contains("BD-RE") && bd.contains("CD-R, CD-RW, DVD+R"), "{bd}");
}

#[test]
fn only_what_is_rewritable_is_erased_and_only_where_the_drive_can() {
    let kind = |facts: Facts| plan_erase(&facts, false).unwrap_err().kind();
    assert_eq!(kind(cd_r()), ErrorKind::MediumInvalidType);
    assert_eq!(kind(dvd_plus_r()), ErrorKind::MediumInvalidType);
    assert_eq!(kind(Facts { profile: 0x43, ..cd_rw() }), ErrorKind::MediumInvalidType);
    assert_eq!(kind(Facts { can_blank: false, ..cd_rw() }), ErrorKind::DeviceInvalidType);
    assert!(plan_erase(&Facts { status: DiscStatus::Closed, next_writable: None, ..cd_rw() }, true).is_ok());
}

#[test]
fn the_speed_is_one_that_the_drive_offers_and_not_above_the_wish() {
    assert_eq!(cd_r().speed_for(6000), 5645);
    assert_eq!(cd_r().speed_for(5645), 5645);
    assert_eq!(cd_r().speed_for(1), 2822);
    assert_eq!(Facts { write_speeds: vec![], ..cd_r() }.speed_for(1234), 1234);
}

fn any_facts() -> impl Strategy<Value = Facts> {
    let disc =
        prop_oneof![Just(cd_r()), Just(cd_rw()), Just(dvd_plus_r()), Just(Facts { profile: 0x41, ..cd_r() })];
    let address = prop_oneof![Just(Some(0)), Just(Some(-150)), Just(None), any::<i32>().prop_map(Some)];
    let status = prop_oneof![6 => Just(DiscStatus::Blank), 1 => Just(DiscStatus::Closed), 1 => Just(DiscStatus::Appendable)];
    let room = prop_oneof![0_u64..5_000_000, any::<u64>()];
    (disc, address, status, room, any::<Option<u32>>(), any::<[bool; 3]>()).prop_map(
        |(disc, next_writable, status, free_blocks, last_lead_out, [underrun_free, test_write, odd])| Facts {
            next_writable,
            status,
            free_blocks,
            last_lead_out: if odd { last_lead_out } else { disc.last_lead_out },
            underrun_free,
            test_write,
            ..disc
        },
    )
}

proptest! {
    #[test]
    fn every_plan_writes_in_order_inside_the_free_area_and_flushes_before_it_closes(
        facts in any_facts(),
        blocks in prop_oneof![0_u64..600, 0_u64..5_000_000, any::<u64>()],
        simulate in any::<bool>(),
        appendable in any::<bool>(),
        at_the_address in prop::bool::weighted(0.9),
    ) {
        let start = facts.start().filter(|_| at_the_address).unwrap_or(7);
        let close = if appendable { Close::Appendable } else { Close::Finalise };
        let wishes = RecordOptions { simulate, close, ..wishes() };
        if let Ok(plan) = plan_record(&facts, Content { blocks, start }, &wishes) {
            holds(&plan, blocks, simulate)?;
        }
    }
}

fn holds(plan: &Plan, image: u64, simulate: bool) -> Result<(), TestCaseError> {
    let mut next = u64::from(plan.expected.next_writable);
    let end = next + plan.expected.free_blocks;
    let (mut written, mut dirty) = (0, false);
    for step in &plan.steps {
        match &step.act {
            Act::Write { from, content, blocks, alignment, .. } => {
                prop_assert_eq!(u64::from(*from), next);
                prop_assert_eq!(blocks % alignment, 0);
                prop_assert!(content <= blocks);
                next += u64::from(*blocks);
                written += u64::from(*content);
                dirty = true;
                prop_assert!(next <= end);
            }
            Act::Flush => dirty = false,
            Act::CloseTrack(_) | Act::CloseSession { .. } => {
                prop_assert!(!dirty && !simulate);
                prop_assert_eq!(step.if_it_fails, Harm::WrittenNotClosed);
            }
            Act::Blank { .. } => prop_assert!(false, "a burn never blanks"),
            Act::SetSpeed(_) => prop_assert_eq!(step.if_it_fails, Harm::DiscUntouched),
            Act::WriteParameters(parameters) => prop_assert_eq!(parameters.test, simulate),
        }
    }
    prop_assert!(!dirty);
    prop_assert_eq!(written, image);
    Ok(())
}
