use proptest::prelude::*;

use super::*;

fn write(lba: i32, blocks: u32) -> Command {
    Command { opcode: Opcode::WRITE_10, lba: Some(lba), blocks, variant: 0 }
}

fn close(variant: u8) -> Command {
    Command { opcode: Opcode::CLOSE_TRACK_SESSION, lba: None, blocks: 0, variant }
}

fn script(text: &str) -> FaultScript {
    text.parse().unwrap()
}

#[test]
fn steps_follow_one_another_and_then_nothing_more_happens() {
    let mut script = script("write lba>=4096  3*sense(2/04/08) -> sense(3/0C/00)");
    assert_eq!(script.before(&write(4064, 32), Duration::ZERO), Verb::Pass);
    assert_eq!(script.unfired().count(), 1);
    for _ in 0..3 {
        assert_eq!(script.before(&write(4065, 32), Duration::ZERO), Verb::Sense(Sense::new(2, 4, 8)));
    }
    assert_eq!(script.before(&write(4096, 32), Duration::ZERO), Verb::Sense(Sense::new(3, 0x0c, 0)));
    assert_eq!(script.before(&write(4096, 32), Duration::ZERO), Verb::Pass);
    assert_eq!(script.unfired().count(), 0);
}

#[test]
fn conditions_on_count_and_time_hold_from_their_limit_on() {
    let mut nth = script("write nth=3 forever*busy");
    let verbs: Vec<_> = (0..5).map(|_| nth.before(&write(0, 1), Duration::ZERO)).collect();
    assert_eq!(verbs, [Verb::Pass, Verb::Pass, Verb::Busy, Verb::Busy, Verb::Busy]);
    let mut after = script("any after=12s hang(60s)");
    assert_eq!(after.before(&close(1), Duration::from_millis(11_999)), Verb::Pass);
    assert_eq!(after.before(&close(1), Duration::from_secs(12)), Verb::Hang(Duration::from_secs(60)));
}

#[test]
fn variants_of_one_command_are_told_apart() {
    for (text, fits) in [("close-track busy", 1), ("close-session busy", 2), ("finalize busy", 6)] {
        for variant in [1, 2, 6] {
            let verb = script(text).before(&close(variant), Duration::ZERO);
            assert_eq!(verb == Verb::Busy, variant == fits, "{text} {variant}");
        }
    }
}

#[test]
fn the_first_fault_with_something_to_say_decides() {
    let mut script = script("2Ah lba=5 vanish; write deferred(3/0C/00)  # late news\n\n# nothing");
    assert_eq!(
        script.before(&write(6, 4), Duration::ZERO),
        Verb::Deferred(Sense::new(3, 0x0c, 0).deferred())
    );
    assert_eq!(script.before(&write(2, 4), Duration::ZERO), Verb::Vanish);
}

#[test]
fn text_that_is_no_fault_is_refused_with_its_reason() {
    for (text, why) in [
        ("write", "does not say what happens"),
        ("wrte busy", "\"wrte\" is no command"),
        ("write lba>=x busy", "\"x\" is no block"),
        ("write after=12 busy", "is no time"),
        ("write nth=0 busy", "is no count"),
        ("write 0*busy", "is no count"),
        ("write sense(3/0C)", "is no sense data"),
        ("write sense(3/0C/00", "bracket"),
        ("write explode", "nothing that can happen"),
        ("write busy -> ", "nothing that can happen"),
        ("write hang(99999999999999999999s)", "no time"),
        ("write hang(999999999999999s)", "too long"),
        ("read-toc lie(1)", "is no lie"),
        ("read-toc lie(1=0)", "is no lie"),
        ("read-toc lie(1=0g)", "is no lie"),
        ("read-toc lie(70000=00)", "is no lie"),
        ("read-toc cut(-1)", "no length"),
        ("read-toc lost(1)", "nothing that can happen"),
    ] {
        let error = text.parse::<FaultScript>().unwrap_err().to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
}

#[test]
fn a_lie_replaces_bytes_and_makes_an_answer_longer_when_it_has_to() {
    let Verb::Lie(patches) = script("any lie(1=aabb, 5=01)").before(&close(1), Duration::ZERO) else {
        panic!()
    };
    let mut answer = vec![0; 4];
    patches.iter().for_each(|patch| patch.apply(&mut answer));
    assert_eq!(answer, [0, 0xaa, 0xbb, 0, 0, 1]);
}

fn any_verb() -> impl Strategy<Value = String> {
    let sense = (0_u8..16, any::<u8>(), any::<u8>()).prop_map(|(k, a, q)| format!("{k:X}/{a:02X}/{q:02X}"));
    let verb = prop_oneof![
        Just("pass".to_owned()),
        Just("busy".to_owned()),
        Just("vanish".to_owned()),
        (prop_oneof!["sense", "sense-after", "deferred"], sense)
            .prop_map(|(name, sense)| format!("{name}({sense})")),
        (1_u32..100_000).prop_map(|millis| format!("hang({millis}ms)")),
        Just("lost".to_owned()),
        Just("reset".to_owned()),
        any::<u16>().prop_map(|length| format!("cut({length})")),
        proptest::collection::vec((any::<u16>(), any::<u32>()), 1..4).prop_map(|patches| {
            let patches = patches.iter().map(|(at, bytes)| format!("{at}={bytes:08x}"));
            format!("lie({})", patches.collect::<Vec<_>>().join(","))
        }),
    ];
    (
        prop_oneof![Just(String::new()), Just("forever*".into()), (2_u32..99).prop_map(|n| format!("{n}*"))],
        verb,
    )
        .prop_map(|(times, verb)| times + &verb)
}

fn any_line() -> impl Strategy<Value = String> {
    let commands = prop_oneof![
        Just("any".to_owned()),
        Just("write".to_owned()),
        Just("close-session".to_owned()),
        Just("read-toc".to_owned()),
        Just("flush".to_owned()),
        any::<u8>().prop_map(|code| format!("{code:02X}h")),
    ];
    let condition = prop_oneof![
        any::<i32>().prop_map(|lba| format!("lba>={lba}")),
        any::<i32>().prop_map(|lba| format!("lba<={lba}")),
        any::<i32>().prop_map(|lba| format!("lba={lba}")),
        (1_u32..99).prop_map(|nth| format!("nth={nth}")),
        (0_u32..99_999).prop_map(|millis| format!("after={millis}ms")),
    ];
    let steps = proptest::collection::vec(any_verb(), 1..4);
    (commands, proptest::collection::vec(condition, 0..3), steps).prop_map(|(command, conditions, steps)| {
        format!("{command} {} {}", conditions.join(" "), steps.join(" -> "))
    })
}

proptest! {
    #[test]
    fn what_a_script_prints_is_the_same_script(lines in proptest::collection::vec(any_line(), 0..5)) {
        let script: FaultScript = lines.join("\n").parse().unwrap();
        let again: FaultScript = script.to_string().parse().unwrap();
        prop_assert_eq!(&again, &script);
        prop_assert_eq!(again.to_string(), script.to_string());
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,60}") {
        let _ = text.parse::<FaultScript>();
    }
}
