//! What lasts and what does not: the staged image, properties, the choice of format, recorder and disc.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::HashMap;
use std::fs;

use support::burner::Burner;
use support::{Bench, options};
use zbus::OwnedVariant;

/// `RecordDisc`, to its end; the error's name, or nothing.
async fn burn(burner: &Burner) -> String {
    burner.recorded(options([("verify", "full".into())])).await.name
}

/// Nothing is staged, and nothing can be recorded.
async fn is_empty(burner: &Burner) {
    assert_eq!(burner.used().await, 0);
    assert_eq!(burner.record().await.unwrap_err().name, "InvalidImage");
}

#[tokio::test]
async fn the_image_stays_valid_after_every_burn_until_it_is_cleared() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let burner = Burner::ready(&bench, "vd0", 70_000, false).await;
    let used = burner.used().await;
    let disc = |name: &str| bench.dir().join(name).to_str().unwrap().to_owned();
    let insert = async |name: &str| {
        bench.control("vd0", &["insert", &disc(name), "--create=cd-r"]);
        burner.select().await.unwrap();
    };
    assert_eq!(burner.recorded(options([("simulate", true.into())])).await.name, "");
    assert_eq!(burner.used().await, used);
    bench.control("vd0", &["fault", "write sense(3/0C/00)"]);
    assert_eq!(burn(&burner).await, "WriteFailed");
    assert_eq!(burner.used().await, used);
    for name in ["second.disc", "third.disc"] {
        insert(name).await;
        assert_eq!(burn(&burner).await, "", "{name}");
        assert_eq!(burner.used().await, used);
    }
    for name in ["second.iso", "third.iso"] {
        assert!(fs::metadata(disc(name)).unwrap().len() >= used * 2048, "{name}");
    }

    insert("fourth.disc").await;
    burner.client.call::<()>(&burner.session, "Session", "ClearFormatContent", &()).await.unwrap();
    is_empty(&burner).await;
    // Format, recorder and disc are still those that were selected.
    burner.add(&bench, 3000).await;
    assert_eq!(burn(&burner).await, "");
}

#[tokio::test]
async fn selecting_a_format_discards_what_is_staged_even_if_it_is_the_same() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let burner = Burner::ready(&bench, "vd0", 70_000, false).await;
    let Burner { client, session, joliet, .. } = &burner;
    let unknown = client.refusal(session, "Session", "SetActiveDiscMasterFormat", &"udf").await;
    assert_eq!(unknown.unwrap().name, "org.freedesktop.DBus.Error.InvalidArgs");
    assert!(burner.used().await > 0, "a refusal changes nothing");
    let mut signals = client.signals().await;
    burner.format().await;
    signals.up_to(session, "PnPActivity").await;
    is_empty(&burner).await;
    let (entries, _): (Vec<(String, String, u64, i64)>, bool) =
        client.call(joliet, "Joliet", "List", &"/").await.unwrap();
    assert_eq!(entries, []);
    // The recorder stays, and the disc in it.
    burner.add(&bench, 3000).await;
    assert_eq!(burn(&burner).await, "");
}

#[tokio::test]
async fn taking_the_last_entry_out_leaves_nothing_to_record() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let burner = Burner::ready(&bench, "vd0", 70_000, false).await;
    let empty = bench.dir().join("empty");
    fs::create_dir(&empty).unwrap();
    burner.client.call::<()>(&burner.joliet, "Joliet", "Remove", &"/content.bin").await.unwrap();
    is_empty(&burner).await;
    burner.stage(&empty).await.unwrap();
    is_empty(&burner).await;
}

#[tokio::test]
async fn a_used_disc_is_refused_when_it_is_selected_with_what_to_do() {
    let bench = Bench::new().recorder("vd0", "cd-r").recorder("vd1", "cd-rw").start().await;
    for (recorder, advice) in [("vd0", "Insert a blank disc"), ("vd1", "Erase it first")] {
        let burner = Burner::ready(&bench, recorder, 70_000, false).await;
        assert_eq!(burn(&burner).await, "");
        let refused = burner.select().await.unwrap_err();
        assert_eq!(refused.name, "CannotWriteToMedia");
        assert!(refused.message.contains(advice), "{}", refused.message);
        // A selection that was refused leaves the one before, whose disc is not what it was.
        assert_eq!(burn(&burner).await, "WrongDisc");
        burner.close().await.unwrap();
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_the_image_stays_as_it_was() {
    let bench = Bench::new().recorder("vd0", "cd-r").recorder("vd1", "cd-r:400").start().await;
    let client = bench.client().await;
    let session = client.open(options([])).await.unwrap();
    let (joliet, recorder) = (format!("{session}/joliet"), "/org/discmaster1/recorders/vd0".to_owned());
    let burner = Burner { client, session, joliet, recorder };
    burner.format().await;
    burner.select().await.unwrap();
    burner.add(&bench, 500 * 2048).await;
    let used = burner.used().await;
    burner.select_other("/org/discmaster1/recorders/vd1").await.unwrap();
    let total: u64 = burner.client.call(&burner.joliet, "Joliet", "GetTotalDataBlocks", &()).await.unwrap();
    let job = burner.record().await.unwrap();
    let (_, error, message, details) = burner.client.result(&job).await;
    assert_eq!(error, "org.discmaster1.Error.DiscFull");
    assert_eq!((&details["needed-blocks"], &details["available-blocks"]), (&used.into(), &total.into()));
    assert!(message.contains(&used.to_string()) && message.contains(&total.to_string()), "{message}");
    // Nor does another addition; what was staged before it is still all there is.
    let more = bench.dir().join("more.bin");
    fs::write(&more, "more").unwrap();
    assert_eq!(burner.stage(&more).await.unwrap_err().name, "DiscFull");
    assert_eq!(burner.used().await, used);
    burner.select().await.unwrap();
    assert_eq!(burn(&burner).await, "");
}

#[tokio::test]
async fn properties_last_until_close_and_the_speed_until_the_next_selection() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let burner = Burner::open(&bench, "vd0", false).await;
    let Burner { client, joliet, recorder, .. } = &burner;
    let figures = async |names: [&str; 2]| -> [u32; 2] {
        let properties: HashMap<String, OwnedVariant> =
            client.call(recorder, "Recorder", "GetRecorderProperties", &()).await.unwrap();
        names.map(|name| properties[name].try_clone().unwrap().try_into().unwrap())
    };
    let set = async |name: &'static str, value: u32| {
        let body = (options([(name, value.into())]),);
        client.refusal(recorder, "Recorder", "SetRecorderProperties", &body).await.map(|one| one.name)
    };
    let both = ["WriteSpeed", "AudioGapSize"];
    burner.format().await;
    let [fastest, speed] = figures(["MaxWriteSpeed", "WriteSpeed"]).await;
    assert!(fastest > 1000 && speed == fastest, "{fastest}, {speed}");
    assert_eq!((set("WriteSpeed", 1000).await, set("AudioGapSize", 75).await), (None, None));
    assert_eq!(figures(both).await, [1000, 75]);
    burner.select().await.unwrap();
    assert_eq!(figures(both).await, [fastest, 75]);
    assert_eq!(set("WriteSpeed", 2000).await, None);
    assert!(set("WriteSpeed", fastest + 1).await.is_some());
    assert_eq!(figures(both).await, [2000, 75]);
    let named = (options([("VolumeName", "LETTERS".into()), ("LongNames", true.into())]),);
    client.call::<()>(joliet, "Joliet", "SetJolietProperties", &named).await.unwrap();
    burner.close().await.unwrap();
    assert_eq!(figures(both).await, [fastest, 150]);

    let burner = Burner::open(&bench, "vd0", false).await;
    burner.format().await;
    let properties: HashMap<String, OwnedVariant> =
        burner.client.call(&burner.joliet, "Joliet", "GetJolietProperties", &()).await.unwrap();
    assert_eq!(properties["VolumeName"], zbus::Str::from("").into());
    assert_eq!(properties["LongNames"], false.into());
}
