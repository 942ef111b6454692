//! Recorders and their discs as clients live with them: they come and go, are opened and closed, erased, and recorded in
//! every way that they know.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::HashMap;
use std::fs;

use support::burner::Burner;
use support::{Bench, Client, Refusal, Signals, options};
use zbus::{OwnedObjectPath, OwnedVariant, Variant};

const VD0: &str = "/org/discmaster1/recorders/vd0";
const MEDIUM: &str = "org.discmaster1.Medium";
const RECORDER: &str = "org.discmaster1.Recorder";

type Details = HashMap<String, OwnedVariant>;
type Interfaces = HashMap<String, HashMap<String, OwnedVariant>>;

/// The next interfaces of this path that come (or go).
async fn interfaces(signals: &mut Signals, name: &str, path: &str) -> Vec<String> {
    loop {
        let signal = signals.next().await;
        if signal.name != name {
            continue;
        }
        let body = signal.message.body();
        let (at, interfaces) = if name == "InterfacesAdded" {
            let (at, added): (OwnedObjectPath, Interfaces) = body.deserialize().unwrap();
            (at, added.into_keys().collect::<Vec<_>>())
        } else {
            body.deserialize().unwrap()
        };
        if at.as_str() == path {
            return interfaces.into_iter().filter(|name| name.starts_with("org.discmaster1.")).collect();
        }
    }
}

/// A property of the disc, once it is this.
async fn medium<T>(client: &Client, name: &str, wanted: T)
where
    T: TryFrom<OwnedVariant> + PartialEq,
{
    let what = format!("{name} of the disc");
    client
        .until(&what, async || {
            let now: T = client.property(VD0, "Medium", name).await.ok()?;
            (now == wanted).then_some(())
        })
        .await;
}

/// Records what is staged onto the disc that is in.
async fn records<const N: usize>(burner: &Burner, wishes: [(&str, Variant<'static>); N]) -> Details {
    burner.select().await.expect("a blank disc");
    let job = burner.record_with(options(wishes)).await.expect("it is accepted");
    let (success, error, message, details) = burner.client.result(&job).await;
    assert!(success, "{error}: {message}");
    details
}

async fn erases(client: &Client, full: bool) -> Result<String, Refusal> {
    client.path(VD0, "Recorder", "Erase", &(full, options([("wait", true.into())]))).await
}

async fn tray(client: &Client, method: &str) -> Result<(), Refusal> {
    client.call(VD0, "Recorder", method, &()).await
}

#[tokio::test]
async fn recorders_come_and_go_under_a_session_that_is_told_and_goes_on() {
    let mut bench = Bench::new().recorder("vd0", "cd-r").recorder("vd1", "dvd+r").start().await;
    let client = bench.client().await;
    let session = client.open(options([])).await.unwrap();
    let joliet = client.path(&session, "Session", "SetActiveDiscMasterFormat", &"joliet").await.unwrap();
    let burner = Burner { client, session, joliet, recorder: VD0.to_owned() };
    burner.select().await.unwrap();
    burner.add(&bench, 5000).await;
    let listed = async || -> Vec<OwnedObjectPath> {
        burner.client.call(&burner.session, "Session", "EnumDiscRecorders", &()).await.unwrap()
    };
    assert_eq!(listed().await.len(), 2);

    let mut signals = burner.client.signals().await;
    bench.unplug("vd0");
    let mut gone = interfaces(&mut signals, "InterfacesRemoved", VD0).await;
    gone.extend(interfaces(&mut signals, "InterfacesRemoved", VD0).await);
    gone.sort_unstable();
    assert_eq!(gone, [MEDIUM, RECORDER]);
    signals.up_to(&burner.session, "PnPActivity").await;
    assert_eq!(listed().await, [OwnedObjectPath::try_from("/org/discmaster1/recorders/vd1").unwrap()]);
    let active = burner.client.path(&burner.session, "Session", "GetActiveDiscRecorder", &()).await;
    assert_eq!(active.unwrap_err().name, "DeviceNotPresent");
    assert_eq!(burner.record().await.unwrap_err().name, "DeviceNotPresent");
    let state: String = burner.client.property(&burner.session, "Session", "State").await.unwrap();
    assert_eq!(state, "format", "a recorder has to be selected again");

    bench.plug("vd0");
    assert_eq!(interfaces(&mut signals, "InterfacesAdded", VD0).await, [RECORDER]);
    signals.up_to(&burner.session, "PnPActivity").await;
    assert_eq!(interfaces(&mut signals, "InterfacesAdded", VD0).await, [MEDIUM]);
    assert_eq!(listed().await.len(), 2);
    let holder: String = burner.client.property(VD0, "Recorder", "Holder").await.unwrap();
    assert!(!holder.is_empty(), "a session on every recorder holds those that come later");
    records(&burner, [("verify", "full".into())]).await;
    bench.check_manners("vd0");
}

#[tokio::test]
async fn the_disc_on_the_bus_is_the_disc_in_the_drive() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let client = bench.client().await;
    let mut signals = client.signals().await;
    let kind = async || client.property::<String>(VD0, "Medium", "Kind").await.unwrap();
    assert_eq!(kind().await, "CD-R");

    bench.control("vd0", &["eject"]);
    assert_eq!(interfaces(&mut signals, "InterfacesRemoved", VD0).await, [MEDIUM]);
    let speeds: Vec<u32> = client.property(VD0, "Recorder", "WriteSpeeds").await.unwrap();
    assert!(speeds.is_empty(), "an empty drive offers no speeds");
    bench.control("vd0", &["load"]);
    assert_eq!(interfaces(&mut signals, "InterfacesAdded", VD0).await, [MEDIUM]);
    assert_eq!(kind().await, "CD-R");
    bench.control("vd0", &["button"]);
    assert_eq!(interfaces(&mut signals, "InterfacesRemoved", VD0).await, [MEDIUM]);

    bench.insert("vd0", "other", "dvd+r");
    assert_eq!(interfaces(&mut signals, "InterfacesAdded", VD0).await, [MEDIUM]);
    assert_eq!(kind().await, "DVD+R");
    let total: u64 = client.property(VD0, "Medium", "TotalBlocks").await.unwrap();
    assert_eq!(total, 2_295_104);
    let burner = Burner::ready(&bench, "vd0", 5000, false).await;
    records(&burner, []).await;
    medium(&client, "Closed", true).await;
    let (blank, sessions, free): (bool, u32, u64) = (
        client.property(VD0, "Medium", "Blank").await.unwrap(),
        client.property(VD0, "Medium", "Sessions").await.unwrap(),
        client.property(VD0, "Medium", "FreeBlocks").await.unwrap(),
    );
    assert_eq!((blank, sessions, free), (false, 1, 0));
    let tracks: Vec<(u32, u32, u32, u32, bool)> = {
        let value: OwnedVariant = client.property(VD0, "Medium", "Tracks").await.unwrap();
        Vec::try_from(value).unwrap()
    };
    assert_eq!((tracks.len(), tracks[0].0, tracks[0].2, tracks[0].4), (1, 1, 0, true));
}

#[tokio::test]
async fn the_tray_opens_and_closes_by_call_and_at_the_end_of_a_burn() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let client = bench.client().await;
    for _ in 0..2 {
        tray(&client, "Eject").await.unwrap();
        assert_eq!(bench.scene("vd0", "tray"), "open", "and an open one stays open");
    }
    assert_eq!(client.property::<String>(VD0, "Medium", "Kind").await.unwrap_err().name, NO_INTERFACE);
    for _ in 0..2 {
        tray(&client, "Load").await.unwrap();
        assert_eq!(bench.scene("vd0", "tray"), "closed");
        medium(&client, "Blank", true).await;
    }
    let burner = Burner::ready(&bench, "vd0", 5000, false).await;
    records(&burner, [("eject", true.into()), ("verify", "quick".into())]).await;
    assert_eq!(bench.scene("vd0", "tray"), "open");
    burner
        .client
        .until("the disc is out", async || {
            burner.client.property::<String>(VD0, "Medium", "Kind").await.err()
        })
        .await;

    // Stuck: said so, and tried again.
    tray(&burner.client, "Load").await.unwrap();
    bench.control("vd0", &["fault", "eject sense(4/53/00)"]);
    let stuck = tray(&burner.client, "Eject").await.unwrap_err();
    assert_eq!(stuck.name, "DeviceNotAccessible", "{}", stuck.message);
    tray(&burner.client, "Eject").await.expect("the second time it opens");
    bench.check_manners("vd0");
}

const NO_INTERFACE: &str = "org.freedesktop.DBus.Error.UnknownInterface";

#[tokio::test]
async fn a_rewritable_disc_is_recorded_erased_and_recorded_again_and_again() {
    let bench = Bench::new().recorder("vd0", "cd-rw").start().await;
    let burner = Burner::ready(&bench, "vd0", 300_000, false).await;
    let client = &burner.client;
    let mut last = Vec::new();
    for full in [false, true] {
        records(&burner, [("verify", "full".into())]).await;
        medium(client, "Closed", true).await;
        let image = fs::read(bench.disc("vd0")).unwrap();
        let refused = burner.select().await.unwrap_err();
        assert_eq!(refused.name, "CannotWriteToMedia");
        assert!(refused.message.contains("Erase it first"), "{}", refused.message);
        let mut signals = client.signals().await;
        erases(client, full).await.unwrap();
        signals.up_to(&burner.session, "EraseComplete").await;
        medium(client, "Blank", true).await;
        assert!(bench.scene("vd0", "disc").ends_with("blank"));
        last = image;
    }
    records(&burner, [("verify", "full".into())]).await;
    assert_eq!(fs::read(bench.disc("vd0")).unwrap().len(), last.len());
    bench.check_manners("vd0");
}

#[tokio::test]
async fn an_erasure_tells_how_far_it_is_and_what_cannot_be_erased_is_refused() {
    let bench = Bench::new().recorder("vd0", "cd-rw").start().await;
    let burner = Burner::ready(&bench, "vd0", 300_000, false).await;
    let client = &burner.client;
    records(&burner, []).await;
    bench.control("vd0", &["speed", "48x"]);
    let job = client.path(VD0, "Recorder", "Erase", &(true, options([]))).await.unwrap();
    let busy = erases(client, false).await.unwrap_err();
    assert_eq!(busy.name, "Busy", "{}", busy.message);
    assert_eq!(client.property::<String>(VD0, "Recorder", "State").await.unwrap(), "erasing");
    assert_eq!(burner.close().await.unwrap_err().name, "Busy");
    let mut seen = Vec::new();
    client
        .until("the disc is erased", async || {
            let valid: bool = client.property(&job, "Job", "ProgressValid").await.unwrap();
            let progress: f64 = client.property(&job, "Job", "Progress").await.unwrap();
            let phase: String = client.property(&job, "Job", "Phase").await.unwrap();
            if valid && phase == "erasing" {
                seen.push(progress);
            }
            (phase == "finished").then_some(())
        })
        .await;
    assert!(seen.is_sorted() && seen.iter().all(|progress| (0.0..=1.0).contains(progress)), "{seen:?}");
    assert!(seen.last() > seen.first(), "no progress was to be seen: {seen:?}");
    let (success, error, message, _) = client.result(&job).await;
    assert!(success, "{error}: {message}");

    bench.control("vd0", &["speed", "unlimited"]);
    bench.control("vd0", &["remove"]);
    client
        .until("the disc is out", async || {
            erases(client, false).await.err().filter(|e| e.name == "MediumNotPresent")
        })
        .await;
    bench.insert("vd0", "once", "cd-r");
    let once = client
        .until("the other disc is in", async || {
            erases(client, false).await.err().filter(|refusal| refusal.name != "MediumNotPresent")
        })
        .await;
    assert_eq!(once.name, "MediumInvalidType", "{}", once.message);
    assert!(once.message.contains("CD-R") && once.message.contains("rewritable"), "{}", once.message);
}

#[tokio::test]
async fn a_simulation_leaves_the_disc_blank_and_the_image_ready_for_the_real_burn() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let burner = Burner::ready(&bench, "vd0", 300_000, false).await;
    let staged = burner.list("/").await;
    let details = records(&burner, [("simulate", true.into())]).await;
    assert_eq!(details["simulated"], true.into());
    assert!(bench.scene("vd0", "disc").ends_with("blank"), "{}", bench.control("vd0", &["dump"]));
    assert_eq!(fs::metadata(bench.disc("vd0")).unwrap().len(), 0, "nothing was recorded");
    assert!(burner.client.property::<bool>(VD0, "Medium", "Blank").await.unwrap());
    assert_eq!(burner.list("/").await, staged);

    // The disc is the one that was selected: it need not be selected again.
    let job = burner.record_with(options([("verify", "full".into())])).await.unwrap();
    let (success, error, message, details) = burner.client.result(&job).await;
    assert!(success, "{error}: {message}");
    assert_eq!(details["simulated"], false.into());
    assert!(bench.scene("vd0", "disc").ends_with("closed"));
    bench.check_manners("vd0");
}

#[tokio::test]
async fn a_dvd_plus_r_cannot_be_simulated_and_is_recorded_and_verified() {
    let bench = Bench::new().recorder("vd0", "dvd+r").start().await;
    let burner = Burner::ready(&bench, "vd0", 3_000_000, false).await;
    let job = burner.record_with(options([("simulate", true.into())])).await.unwrap();
    let (success, error, message, _) = burner.client.result(&job).await;
    assert_eq!((success, error.as_str()), (false, "org.discmaster1.Error.NotSupported"), "{message}");
    assert!(message.contains("DVD+R"), "{message}");
    assert!(bench.scene("vd0", "disc").ends_with("blank"));
    let details = records(&burner, [("verify", "full".into())]).await;
    assert_eq!((&details["verified-full"], &details["verified-blocks"]), (&true.into(), &details["blocks"]));
    assert!(bench.scene("vd0", "disc").ends_with("closed"));
    bench.check_manners("vd0");
}

#[tokio::test]
async fn a_disc_that_is_to_stay_open_is_appendable() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let burner = Burner::ready(&bench, "vd0", 5000, false).await;
    records(&burner, [("close", "appendable".into()), ("verify", "full".into())]).await;
    medium(&burner.client, "Appendable", true).await;
    let next: u64 = burner.client.property(VD0, "Medium", "NextWritableBlock").await.unwrap();
    let used: u64 = burner.client.call(&burner.joliet, "Joliet", "GetUsedDataBlocks", &()).await.unwrap();
    assert!(next > used && next < 20_000, "a lead-out and a lead-in behind {used} blocks, not {next}");
    bench.check_manners("vd0");
}

#[tokio::test]
async fn a_disc_is_recorded_at_the_speed_that_was_asked_for_where_the_drive_has_it() {
    let bench = Bench::new().recorder_with("vd0", &["--create=cd-r", "--speed=48x"]).start().await;
    let burner = Burner::ready(&bench, "vd0", 300_000, false).await;
    let client = &burner.client;
    let speeds: Vec<u32> = client.property(VD0, "Recorder", "WriteSpeeds").await.unwrap();
    assert!(speeds.len() > 3 && speeds.is_sorted_by(|a, b| a > b), "{speeds:?}");
    let (fastest, slower) = (speeds[0], speeds[1]);
    let number = |details: &Details, key: &str| u32::try_from(details[key].try_clone().unwrap()).unwrap();

    let none = records(&burner, [("simulate", true.into())]).await;
    assert_eq!(number(&none, "speed"), fastest);
    let wish = records(&burner, [("simulate", true.into()), ("speed", slower.into())]).await;
    assert_eq!(number(&wish, "speed"), slower);
    assert!(!wish.contains_key("notes"), "{wish:?}");
    let between = records(&burner, [("simulate", true.into()), ("speed", (slower + 1).into())]).await;
    assert_eq!(number(&between, "speed"), slower);
    assert!(between.contains_key("notes"), "another speed than was asked for is told: {between:?}");

    let set = (options([("WriteSpeed", slower.into())]),);
    client.call::<()>(VD0, "Recorder", "SetRecorderProperties", &set).await.unwrap();
    let job = burner.record_with(options([("simulate", true.into())])).await.unwrap();
    let (success, error, message, details) = client.result(&job).await;
    assert!(success, "{error}: {message}");
    assert_eq!(
        number(&details, "speed"),
        slower,
        "the recorder's own setting counts where no other is given"
    );
    let reset = records(&burner, [("simulate", true.into())]).await;
    assert_eq!(number(&reset, "speed"), fastest, "selecting a recorder resets its speed");
    bench.check_manners("vd0");
}
