//! Goldens of every recipe, what is refused, and what must hold of every plan.

use std::fmt::Write as _;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::api::{
    self, Close, DiscStatus, ErrorKind, MediaKind, RecordOptions, Unfinished, Verify, WriteMode as Wish,
};

pub(super) mod discs;

use discs::*;

const SMALL: Content = Content { blocks: 4321, start: 0 };

fn wishes() -> RecordOptions {
    RecordOptions::default()
}

fn golden(name: &str, plan: &Result<Plan, Refusal>) {
    let text = match plan {
        Ok(plan) => plan.to_string(),
        Err(refusal) => panic!("{name}: refused: {refusal}"),
    };
    self::text(name, &text);
}

fn text(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("src/burn/goldens/{name}.txt"));
    if std::env::var_os("DISCMASTER_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
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
fn plans_for_a_cd_as_a_session_at_once_are_the_ones_that_the_goldens_show() {
    let wishes = RecordOptions { write_mode: Wish::SessionAtOnce, ..wishes() };
    golden("cd-r-session-at-once", &plan_record(&cd_r(), SMALL, &wishes));
    let appendable = RecordOptions { close: Close::Appendable, ..wishes };
    golden("cd-rw-session-at-once-appendable", &plan_record(&cd_rw(), SMALL, &appendable));
    let simulate = RecordOptions { simulate: true, ..wishes };
    let short = Content { blocks: 123, start: 0 };
    golden("cd-r-session-at-once-short-simulate", &plan_record(&cd_r(), short, &simulate));
}

#[test]
fn a_session_at_once_is_refused_by_what_cannot_take_it() {
    let wishes = RecordOptions { write_mode: Wish::SessionAtOnce, ..wishes() };
    for (facts, start, why) in [
        (dvd_r(), 0, "only CDs are"),
        (Facts { masters: false, ..cd_r() }, 0, "this drive does not"),
        (second(cd_r(), 2, 15_723), 15_723, "it holds a session"),
    ] {
        let refusal = plan_record(&facts, Content { start, ..SMALL }, &wishes).unwrap_err();
        assert_eq!(refusal.kind(), ErrorKind::NotSupported);
        assert!(refusal.to_string().contains(why), "{refusal}");
    }
}

#[test]
fn plans_for_two_layers_and_for_discs_written_at_once_are_the_ones_that_the_goldens_show() {
    let appendable = RecordOptions { close: Close::Appendable, ..wishes() };
    let simulate = RecordOptions { simulate: true, ..wishes() };
    let both = Content { blocks: 3_000_007, start: 0 };
    let at = |start| Content { start, ..SMALL };
    golden("dvd-r-finalise", &plan_record(&dvd_r(), SMALL, &wishes()));
    golden("dvd-r-appendable", &plan_record(&dvd_r(), SMALL, &appendable));
    golden("dvd-r-simulate", &plan_record(&dvd_r(), SMALL, &simulate));
    let simulate_more = RecordOptions { simulate: true, ..appendable };
    golden("dvd-r-appendable-simulate", &plan_record(&dvd_r(), SMALL, &simulate_more));
    golden("dvd-r-second-session", &plan_record(&second(dvd_r(), 2, 33_000), at(33_000), &wishes()));
    golden("dvd-r-dl-finalise", &plan_record(&dvd_r_dl(), both, &wishes()));
    golden("dvd-rw-finalise", &plan_record(&dvd_rw(), SMALL, &wishes()));
    golden("dvd-rw-appendable", &plan_record(&dvd_rw(), SMALL, &appendable));
    let blanked_quickly = Facts { incremental: false, ..dvd_rw() };
    golden("dvd-rw-blanked-quickly", &plan_record(&blanked_quickly, SMALL, &wishes()));
    golden("dvd+r-dl-two-layers", &plan_record(&dvd_plus_r_dl(), both, &wishes()));
    golden("dvd+r-dl-one-layer", &plan_record(&dvd_plus_r_dl(), SMALL, &wishes()));
    golden("dvd+r-dl-appendable", &plan_record(&dvd_plus_r_dl(), both, &appendable));
    golden("bd-r-finalise", &plan_record(&bd_r(), SMALL, &wishes()));
    golden("bd-r-appendable", &plan_record(&bd_r(), SMALL, &appendable));
    golden("bd-r-second-session", &plan_record(&second(bd_r(), 2, 6400), at(6400), &wishes()));
}

#[test]
fn plans_for_discs_that_are_overwritten_are_the_ones_that_the_goldens_show() {
    let read_back = RecordOptions { verify: Verify::Full, ..wishes() };
    let record = |name: &str, facts: &Facts| golden(name, &plan_record(facts, SMALL, &wishes()));
    let behind = |facts| Facts { status: DiscStatus::Other, ..facts };
    record("dvd+rw-unformatted", &unformatted(dvd_plus_rw()));
    record("dvd+rw-suspended", &formatted_so(FormatState::Suspended, dvd_plus_rw()));
    record("dvd+rw-formatting", &formatted_so(FormatState::Running, dvd_plus_rw()));
    record("dvd+rw-formatted", &dvd_plus_rw());
    record("dvd-rw-overwrite-formatted", &dvd_rw_overwrite());
    let longer = Content { blocks: 6401, start: 0 };
    golden("dvd-rw-overwrite-longer", &plan_record(&dvd_rw_overwrite(), longer, &wishes()));
    let grown = plan_record(&behind(dvd_rw_overwrite()), Content { blocks: 4321, start: 2112 }, &wishes());
    golden("dvd-rw-overwrite-grown", &grown);
    record("dvd-rw-overwrite-intermediate", &formatted_so(FormatState::Intermediate, dvd_rw_overwrite()));
    record("dvd-ram", &dvd_ram());
    golden("dvd-ram-read-back", &plan_record(&dvd_ram(), SMALL, &read_back));
    record("bd-re", &bd_re());
    golden("bd-re-read-back", &plan_record(&bd_re(), SMALL, &read_back));
    golden("bd-re-unformatted", &plan_record(&unformatted(bd_re()), SMALL, &read_back));
    let second = plan_record(&behind(bd_re()), Content { blocks: 4321, start: 6400 }, &wishes());
    golden("bd-re-behind-another", &second);
}

#[test]
fn erasures_and_formats_are_the_ones_that_the_goldens_show() {
    let mut erasures = String::new();
    for facts in all().into_iter().filter(|facts| facts.rewritable) {
        for full in [false, true] {
            let plan = plan_erase(&facts, full).unwrap();
            let how = if full { "fully" } else { "quickly" };
            writeln!(erasures, "{} {how}\n{plan}", facts.kind().name()).unwrap();
        }
    }
    let bare = plan_erase(&unformatted(dvd_plus_rw()), false).unwrap();
    writeln!(erasures, "DVD+RW never formatted\n{bare}").unwrap();
    text("erasures", &erasures);
    let mut table = String::new();
    for facts in all() {
        for choice in formats(&facts) {
            for full in [false, true] {
                let plan = plan_format(&facts, Some(&choice.name), full).unwrap();
                let how = if full { "fully" } else { "quickly" };
                let (kind, name, blocks) = (facts.kind().name(), &choice.name, choice.blocks);
                writeln!(table, "{kind} {name} {how}, {blocks} blocks\n{plan}").unwrap();
            }
        }
    }
    text("formats", &table);
}

#[test]
fn plans_for_burns_that_were_cut_off_are_the_ones_that_the_goldens_show() {
    let resume = RecordOptions { unfinished: Unfinished::Resume, ..wishes() };
    let open = |facts| Facts { last_session: SessionState::Incomplete, ..second(facts, 1, 1600) };
    let first = |facts| Facts { track_start: Some(0), ..open(facts) };
    golden("dvd+r-resumed", &plan_record(&first(dvd_plus_r()), SMALL, &resume));
    let appendable = RecordOptions { close: Close::Appendable, ..resume };
    golden("dvd-r-resumed", &plan_record(&first(dvd_r()), SMALL, &appendable));
    // All of the content is there already.
    let whole = Content { blocks: 1590, start: 0 };
    golden("bd-r-resumed-to-close", &plan_record(&first(bd_r()), whole, &resume));
    let later = Facts { track_start: Some(640), last_track: 2, ..open(bd_r()) };
    golden("bd-r-second-session-resumed", &plan_record(&later, Content { start: 640, ..SMALL }, &resume));
}

#[test]
fn a_burn_is_not_gone_on_with_where_none_was_cut_off_or_none_can_go_on() {
    let resume = RecordOptions { unfinished: Unfinished::Resume, ..wishes() };
    let open = |facts| Facts {
        track_start: Some(0),
        ..Facts { last_session: SessionState::Incomplete, ..second(facts, 1, 1600) }
    };
    let no_address = Facts { next_writable: None, ..open(dvd_plus_r()) };
    let short = Content { blocks: 1500, start: 0 };
    for (what, facts, content, kind, says) in [
        ("blank", dvd_plus_r(), SMALL, ErrorKind::CannotWriteToMedia, "nothing to close or to go on with"),
        ("whole", second(dvd_plus_r(), 2, 6384), SMALL, ErrorKind::CannotWriteToMedia, "nothing to close"),
        ("overwritten", dvd_plus_rw(), SMALL, ErrorKind::CannotWriteToMedia, "nothing to close"),
        ("a CD", open(cd_r()), SMALL, ErrorKind::NotSupported, "a CD's track ends"),
        (
            "at once",
            Facts { reserved: true, ..open(dvd_r()) },
            SMALL,
            ErrorKind::NotSupported,
            "recorded at once",
        ),
        ("lost", no_address, SMALL, ErrorKind::NotSupported, "offers no address"),
        ("longer", open(dvd_plus_r()), short, ErrorKind::WrongDisc, "it is another image"),
        (
            "elsewhere",
            open(dvd_plus_r()),
            Content { start: 16, ..SMALL },
            ErrorKind::WrongDisc,
            "takes its next",
        ),
    ] {
        let refusal = plan_record(&facts, content, &resume).expect_err(what);
        assert_eq!(refusal.kind(), kind, "{what}: {refusal}");
        assert!(refusal.to_string().contains(says), "{what}: {refusal}");
    }
}

#[test]
fn a_session_that_was_cut_off_is_closed_as_its_medium_wants_it() {
    let open = |facts| Facts { last_session: SessionState::Incomplete, ..second(facts, 2, 4336) };
    for facts in all().into_iter().filter(|facts| !facts.overwrites()) {
        let plan = plan_close(&open(facts.clone())).unwrap();
        let acts: Vec<_> = plan.steps.iter().map(|step| step.act.to_string()).collect();
        let page = match facts.kind() {
            MediaKind::CdR | MediaKind::CdRw => "mode    track at once, multi 11b",
            MediaKind::DvdPlusR | MediaKind::DvdPlusRDualLayer | MediaKind::BdR => "",
            _ => "mode    incremental, multi 11b",
        };
        let (pages, closes) = acts.split_at(acts.len() - 2);
        assert!(pages.len() == usize::from(!page.is_empty()) && pages.concat().starts_with(page), "{plan}");
        assert_eq!(closes, ["close   track 2", "close   session (f2)"], "{plan}");
        assert_eq!(plan_close(&facts).unwrap_err(), Refusal::NothingOpen(facts.kind()));
        assert_eq!(plan_close(&second(facts, 1, 336)).unwrap_err().kind(), ErrorKind::CannotWriteToMedia);
    }
}

#[test]
fn the_last_block_fits_and_one_more_does_not() {
    for facts in all() {
        let room = facts.usable_blocks();
        let content = |blocks| Content { blocks, start: 0 };
        assert!(plan_record(&facts, content(room), &wishes()).is_ok(), "{facts:?}");
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
    let appendable = RecordOptions { close: Close::Appendable, ..wishes() };
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
        ("holding data", Facts { status: DiscStatus::Other, ..bd_re() }, SMALL, wishes()),
        (
            "off its blocks",
            Facts { status: DiscStatus::Other, ..bd_re() },
            Content { start: 48, ..SMALL },
            wishes(),
        ),
        ("HD DVD", Facts { profile: 0x51, ..cd_r() }, SMALL, wishes()),
        ("layer jump", Facts { profile: 0x16, ..cd_r() }, SMALL, wishes()),
        ("BD-R random", Facts { profile: 0x42, ..cd_r() }, SMALL, wishes()),
        ("DVD-R DL, appendable", dvd_r_dl(), SMALL, appendable),
        ("blanked quickly, appendable", Facts { incremental: false, ..dvd_rw() }, SMALL, appendable),
        ("simulated BD-R", bd_r(), SMALL, simulate),
        ("simulated DVD-RAM", dvd_ram(), SMALL, simulate),
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
         cut off: CannotWriteToMedia\nprotected: CannotWriteToMedia\npressed: CannotWriteToMedia\n\
         holding data: CannotWriteToMedia\noff its blocks: WrongDisc\nHD DVD: MediumInvalidType\n\
         layer jump: MediumInvalidType\nBD-R random: MediumInvalidType\nDVD-R DL, appendable: NotSupported\n\
         blanked quickly, appendable: NotSupported\nsimulated BD-R: NotSupported\n\
         simulated DVD-RAM: NotSupported\n\
         unheard of: MediumInvalidType\nreader: DeviceInvalidType\nno address: DiscInfo\n\
         simulated DVD+R: NotSupported\nno test write: NotSupported\n\
         simulated and verified: InvalidArgs\n\
         empty: InvalidImage\nelsewhere: WrongDisc\nendless: DiscFull\nbehind 31 bits: DiscFull\n"
    );
}

#[test]
fn a_refusal_says_what_to_do_with_a_rewritable_disc() {
    let closed = |facts| plan_record(&Facts { status: DiscStatus::Closed, ..facts }, SMALL, &wishes());
    assert!(closed(cd_rw()).unwrap_err().to_string().contains("Erase it"));
    assert!(!closed(cd_r()).unwrap_err().to_string().contains("Erase it"));
    let hd = plan_record(&Facts { profile: 0x51, ..cd_r() }, SMALL, &wishes()).unwrap_err().to_string();
    assert!(hd.contains("HD DVD-R is not recorded") && hd.contains("CD-R, CD-RW, DVD-R"), "{hd}");
    let once = plan_record(
        &Facts { incremental: false, ..dvd_rw() },
        SMALL,
        &RecordOptions { close: Close::Appendable, ..wishes() },
    );
    assert!(once.unwrap_err().to_string().contains("Erase it fully"));
}

#[test]
fn only_what_is_rewritable_is_erased_and_only_where_the_drive_can() {
    let kind = |facts: Facts| plan_erase(&facts, false).unwrap_err().kind();
    assert_eq!(kind(cd_r()), ErrorKind::MediumInvalidType);
    assert_eq!(kind(dvd_plus_r()), ErrorKind::MediumInvalidType);
    assert_eq!(kind(bd_r()), ErrorKind::MediumInvalidType);
    assert_eq!(kind(Facts { can_blank: false, ..cd_rw() }), ErrorKind::DeviceInvalidType);
    assert_eq!(kind(Facts { can_blank: false, ..dvd_rw() }), ErrorKind::DeviceInvalidType);
    assert_eq!(kind(Facts { can_write: false, ..bd_re() }), ErrorKind::DeviceInvalidType);
    assert!(plan_erase(&Facts { status: DiscStatus::Closed, next_writable: None, ..cd_rw() }, true).is_ok());
}

#[test]
fn a_disc_is_formatted_only_as_the_drive_offers_and_not_once_it_is_written() {
    let kind = |facts: &Facts, name| plan_format(facts, name, false).unwrap_err().kind();
    for facts in [cd_r(), cd_rw(), dvd_r(), dvd_r_dl(), dvd_plus_r(), dvd_plus_r_dl()] {
        assert_eq!(kind(&facts, None), ErrorKind::MediumInvalidType);
        assert_eq!(formats(&facts), []);
    }
    let error = plan_format(&bd_re(), Some("spares"), false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgs);
    assert!(error.to_string().contains("default, most-spares, fewest-spares, no-spares"), "{error}");
    assert_eq!(kind(&Facts { format: Format::default(), ..bd_r() }, None), ErrorKind::MediumInvalidType);
}

#[test]
fn the_speed_is_one_that_the_drive_offers_and_not_above_the_wish() {
    assert_eq!(cd_r().speed_for(6000), 5645);
    assert_eq!(cd_r().speed_for(5645), 5645);
    assert_eq!(cd_r().speed_for(1), 2822);
    assert_eq!(Facts { write_speeds: vec![], ..cd_r() }.speed_for(1234), 1234);
}

fn any_facts() -> impl Strategy<Value = Facts> {
    let disc = (0..all().len()).prop_map(|at| all().swap_remove(at));
    let address = prop_oneof![Just(Some(0)), Just(Some(-150)), Just(None), any::<i32>().prop_map(Some)];
    let status = prop_oneof![
        6 => Just(DiscStatus::Blank),
        1 => Just(DiscStatus::Closed),
        2 => Just(DiscStatus::Appendable),
        2 => Just(DiscStatus::Other)
    ];
    let room = prop_oneof![0_u64..5_000_000, any::<u64>()];
    let state = prop_oneof![
        Just(FormatState::None),
        Just(FormatState::Intermediate),
        Just(FormatState::Running),
        Just(FormatState::Suspended),
        Just(FormatState::Complete)
    ];
    let flags = any::<[bool; 7]>();
    (disc, address, status, room, (state, any::<u32>()), any::<Option<u32>>(), flags).prop_map(
        |(disc, next_writable, status, free_blocks, (state, formatted), last_lead_out, flags)| {
            let [underrun_free, test_write, odd, incremental, spares, cut_off, reserved] = flags;
            let track_start = match (odd, next_writable) {
                (false, Some(next)) => u32::try_from(next).ok().map(|next| next / 2),
                _ => last_lead_out,
            };
            let blocks = if odd { formatted } else { disc.format.blocks };
            Facts {
                next_writable,
                track_start,
                reserved,
                status,
                last_session: if cut_off { SessionState::Incomplete } else { disc.last_session },
                free_blocks,
                last_lead_out: if odd { last_lead_out } else { disc.last_lead_out },
                underrun_free,
                test_write,
                incremental,
                defect_management: spares,
                format: Format { state, blocks, ..disc.format.clone() },
                ..disc
            }
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
        read_back in any::<bool>(),
        session_at_once in any::<bool>(),
        resumes in any::<bool>(),
        behind in 0_u32..100_000,
        at_the_address in prop::bool::weighted(0.9),
    ) {
        let behind = if facts.overwrites() && facts.status == DiscStatus::Other { behind * 32 } else { 7 };
        let own = facts.start().filter(|start| at_the_address && (*start > 0 || !facts.overwrites()));
        let own = own.map(|start| if resumes { start.saturating_sub(facts.recorded()) } else { start });
        let start = own.unwrap_or(if facts.status == DiscStatus::Blank { 0 } else { behind });
        let unfinished = if resumes { Unfinished::Resume } else { Unfinished::Refuse };
        let close = if appendable { Close::Appendable } else { Close::Finalise };
        let verify = if read_back { Verify::Full } else { Verify::None };
        let write_mode = if session_at_once { Wish::SessionAtOnce } else { Wish::Auto };
        let wishes = RecordOptions { simulate, close, verify, write_mode, unfinished, ..wishes() };
        if let Ok(plan) = plan_record(&facts, Content { blocks, start }, &wishes) {
            holds(&plan, blocks, simulate)?;
        }
    }

    #[test]
    fn nothing_is_wiped_beyond_the_disc_nor_off_its_blocks(facts in any_facts(), full in any::<bool>()) {
        let formats = formats(&facts);
        let wipes = formats.iter().map(|choice| (plan_format(&facts, Some(&choice.name), full), choice.blocks));
        let room = u64::from(facts.room());
        for (plan, room) in wipes.chain([(plan_erase(&facts, full), room)]) {
            let Ok(plan) = plan else { continue };
            for step in &plan.steps {
                match &step.act {
                    Act::Fill { from, blocks, alignment, .. } => {
                        // A DVD-RW grows by a packet where it was shorter.
                        let end = u64::from(*from) + u64::from(*blocks);
                        prop_assert!(end <= room.next_multiple_of(16));
                        prop_assert_eq!((from % alignment, blocks % alignment), (0, 0));
                    }
                    Act::Write { .. } | Act::Reserve(_) | Act::CloseTrack(_) => prop_assert!(false),
                    _ => {}
                }
            }
        }
    }
}

fn holds(plan: &Plan, image: u64, simulate: bool) -> Result<(), TestCaseError> {
    let mut next = u64::from(plan.expected.next_writable);
    let end = next + plan.expected.free_blocks;
    let (mut written, mut dirty, mut reserved, mut mode) = (0, false, None, None);
    for step in &plan.steps {
        match &step.act {
            Act::Write { from, recorded, content, blocks, alignment, streaming, least } => {
                prop_assert_eq!(u64::from(*from) + u64::from(*recorded), next);
                prop_assert!(recorded <= blocks);
                prop_assert_eq!(blocks % alignment, 0);
                prop_assert!(content <= blocks && least <= blocks);
                prop_assert!(!streaming || !simulate && from % alignment == 0);
                if let Some(reserved) = reserved {
                    prop_assert_eq!((reserved, least), (*blocks, blocks));
                }
                next += u64::from(*blocks - *recorded);
                written += u64::from(*content);
                dirty = true;
                prop_assert!(next <= end);
            }
            Act::Flush => dirty = false,
            Act::Redirect { session, .. } => {
                prop_assert!(!dirty && !simulate && written > 0);
                prop_assert_eq!(
                    (*session, step.if_it_fails),
                    (plan.expected.next_writable, Harm::WrittenNotClosed)
                );
                dirty = true;
            }
            Act::CloseTrack(_) | Act::CloseSession { .. } | Act::StopFormat => {
                prop_assert!(!dirty && !simulate);
                let at_once = [Some(WriteMode::DiscAtOnce), Some(WriteMode::SessionAtOnce)];
                prop_assert!(!at_once.contains(&mode), "what is written at once closes itself");
                prop_assert_eq!(step.if_it_fails, Harm::WrittenNotClosed);
            }
            Act::Reserve(blocks) => {
                prop_assert_eq!(mode, Some(WriteMode::DiscAtOnce));
                reserved = Some(*blocks);
            }
            Act::CueSheet([.., track, end]) => {
                prop_assert_eq!((mode, track.start.lba()), (Some(WriteMode::SessionAtOnce), 0));
                reserved = Some(end.start.lba().cast_unsigned());
            }
            Act::PreGap { from, blocks } => {
                prop_assert!(reserved.is_some() && written == 0);
                prop_assert_eq!((*from, *blocks), (-150, 150));
            }
            Act::Format(_) | Act::LayerBreak(_) | Act::Calibrate => prop_assert!(written == 0 && !simulate),
            Act::Blank { .. } | Act::Fill { .. } | Act::AwaitFormat => {
                prop_assert!(false, "a burn never wipes");
            }
            Act::SetSpeed(_) => prop_assert_eq!(step.if_it_fails, Harm::DiscUntouched),
            Act::WriteParameters(parameters) => {
                prop_assert_eq!(parameters.test, simulate);
                mode = Some(parameters.mode);
            }
        }
    }
    prop_assert!(!dirty);
    prop_assert_eq!(written, image);
    Ok(())
}
