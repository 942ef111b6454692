//! Burns that were cut off: closed and gone on behind, or resumed where they ended.

use super::*;

/// What holds a burn up until its power is cut. By then some of it has left the buffer, and some has not.
const HELD_UP: &str = "write nth=60 forever*hang(300ms)";

/// Lets the power fail once the drive holds writes up, which `HELD_UP` says.
async fn fail_power(bench: &Bench, burner: &Burner) {
    let fired = || {
        let control = Command::new(env!("CARGO_BIN_EXE_discmaster-vdrive"))
            .arg("control")
            .arg(bench.socket("vd0"))
            .arg("unfired")
            .output();
        control.unwrap().status.success().then_some(())
    };
    burner.client.until("the drive holds a write up", async || fired()).await;
    bench.control("vd0", &["power-cut"]);
    bench.control("vd0", &["clear-faults"]);
}

/// Cuts the power in the middle of a burn. The disc is left with an open session.
async fn cut_off(bench: &Bench, burner: &Burner) {
    bench.control("vd0", &["fault", HELD_UP]);
    let job = burner.record_with(options([("close", "appendable".into())])).await.expect("a job");
    fail_power(bench, burner).await;
    let (success, error, ..) = burner.client.result(&job).await;
    assert!(!success && error.ends_with("WriteFailed"), "{error}");
}

#[tokio::test]
async fn a_session_that_was_cut_off_is_closed_when_asked_and_the_whole_one_gone_on_with() {
    for kind in ["cd-r", "dvd+r", "dvd-r", "bd-r"] {
        let speed = if kind == "cd-r" { "--speed=52x" } else { "--speed=4x" };
        let create = format!("--create={kind}");
        let bench = Bench::new().recorder_with("vd0", &[&create, speed]).start().await;
        let burner = on_disc(&bench).await;
        let one = folder(&bench, "one", &[("whole", &content(90_000))]);
        burner.stage(&one).await.unwrap();
        record(&burner).await;
        select(&burner, "auto").await.unwrap();
        burner.stage(&folder(&bench, "two", &[("lost", &content(30_000_000))])).await.unwrap();
        cut_off(&bench, &burner).await;
        burner.close().await.unwrap();

        let burner = on_disc(&bench).await;
        assert_eq!(burner.property::<String>("Multisession").await, "append", "{kind}");
        let names: Vec<_> = burner.list("/").await.into_iter().map(|(name, ..)| name).collect();
        assert_eq!(names, ["whole"], "{kind}: of the session that is whole");
        let three = folder(&bench, "three", &[("new", b"new")]);
        burner.stage(&three).await.unwrap();
        let refused = burner.record().await.unwrap_err();
        assert_eq!(refused.name, "CannotWriteToMedia", "{kind}");
        assert!(refused.message.contains("“unfinished”"), "{}", refused.message);
        let wishes: [(&str, Variant<'static>); 3] =
            [("close", "appendable".into()), ("verify", "full".into()), ("unfinished", "close".into())];
        let job = burner.record_with(options(wishes)).await.expect("a job");
        let (success, error, message, details) = burner.client.result(&job).await;
        assert!(success, "{kind}: {error}: {message}");
        let mut wanted = listing(&one);
        wanted.extend(listing(&three));
        readers_find(&bench.disc("vd0"), start(&details), &wanted);
        bench.check_manners("vd0");
    }
}

/// What the names of errors begin with.
const ERRORS: &str = "org.discmaster1.Error.";

/// A recorder whose buffer holds less than what is written before the power fails.
async fn small_buffer(kind: &str) -> Bench {
    let create = format!("--create={kind}");
    Bench::new().recorder_with("vd0", &[&create, "--buffer=524288"]).start().await
}

/// Records what was cut off once more, in a session of its own.
async fn resumed(
    bench: &Bench,
    folders: &[&Path],
    close: &'static str,
) -> Result<HashMap<String, OwnedVariant>, Refusal> {
    let burner = on_disc(bench).await;
    for folder in folders {
        burner.stage(folder).await.unwrap();
    }
    let wishes: [(&str, Variant<'static>); 3] =
        [("close", close.into()), ("verify", "full".into()), ("unfinished", "resume".into())];
    let job = burner.record_with(options(wishes)).await?;
    let (success, name, message, details) = burner.client.result(&job).await;
    burner.close().await.unwrap();
    if success {
        Ok(details)
    } else {
        Err(Refusal { name: name.trim_start_matches(ERRORS).to_owned(), message })
    }
}

#[tokio::test]
async fn a_burn_that_was_cut_off_goes_on_where_it_ended() {
    for kind in ["dvd+r", "dvd-r", "dvd-rw", "dvd+r-dl", "bd-r", "bd-r-ql"] {
        let bench = small_buffer(kind).await;
        let burner = on_disc(&bench).await;
        let one = folder(&bench, "one", &[("cut/off", &content(9_000_001)), ("more", b"more")]);
        burner.stage(&one).await.unwrap();
        cut_off(&bench, &burner).await;
        let cut = fs::read(bench.disc("vd0")).unwrap();
        burner.close().await.unwrap();
        let recorded = 17 * BLOCK..20 * 32 * BLOCK;
        assert!(
            cut[recorded.clone()].iter().any(|byte| *byte != 0),
            "{kind}: nothing of the burn is on the disc"
        );

        // Twice: the power fails again.
        let burner = on_disc(&bench).await;
        burner.stage(&one).await.unwrap();
        bench.control("vd0", &["fault", HELD_UP]);
        let wishes: [(&str, Variant<'static>); 2] =
            [("close", "appendable".into()), ("unfinished", "resume".into())];
        let job = burner.record_with(options(wishes)).await.expect("a job");
        fail_power(&bench, &burner).await;
        assert!(!burner.client.result(&job).await.0, "{kind}");
        burner.close().await.unwrap();

        let details = resumed(&bench, &[&one], "appendable")
            .await
            .unwrap_or_else(|refused| panic!("{kind}: {refused:?}"));
        assert_eq!(start(&details), 0, "{kind}");
        readers_find(&bench.disc("vd0"), 0, &listing(&one));
        let whole = fs::read(bench.disc("vd0")).unwrap();
        assert!(whole[recorded.clone()] == cut[recorded], "{kind}: what was recorded is not what it was");

        // A later session is cut off, and goes on with the tree of the first one.
        let burner = on_disc(&bench).await;
        let two = folder(&bench, "two", &[("later", &content(8_000_000))]);
        burner.stage(&two).await.unwrap();
        cut_off(&bench, &burner).await;
        burner.close().await.unwrap();
        let details = resumed(&bench, &[&two], "finalise")
            .await
            .unwrap_or_else(|refused| panic!("{kind}: {refused:?}"));
        let mut wanted = listing(&one);
        wanted.extend(listing(&two));
        readers_find(&bench.disc("vd0"), start(&details), &wanted);
        bench.check_manners("vd0");
    }
}

#[tokio::test]
async fn a_burn_goes_on_with_the_same_image_alone_and_where_one_was_cut_off() {
    let bench = small_buffer("dvd+r").await;
    let one = folder(&bench, "one", &[("a", &content(9_000_000))]);
    let refused = resumed(&bench, &[&one], "finalise").await.unwrap_err();
    assert_eq!(refused.name, "CannotWriteToMedia", "a blank disc: {}", refused.message);
    let burner = on_disc(&bench).await;
    burner.stage(&one).await.unwrap();
    cut_off(&bench, &burner).await;
    burner.close().await.unwrap();
    let cut = bench.scene("vd0", "tracks");

    // A byte of a file has changed, and nobody can tell by its size or date.
    let path = one.join("a");
    let date = fs::metadata(&path).unwrap().modified().unwrap();
    let change = || {
        let mut bytes = fs::read(&path).unwrap();
        bytes[300_000] ^= 1;
        fs::write(&path, &bytes).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(date).unwrap();
    };
    change();
    let refused = resumed(&bench, &[&one], "finalise").await.unwrap_err();
    assert_eq!(refused.name, "WrongDisc", "{}", refused.message);
    change();
    let (file, disc) = (fs::read(&path).unwrap(), fs::read(bench.disc("vd0")).unwrap());
    let changed = &file[300_000 / BLOCK * BLOCK..][..BLOCK];
    let block = disc.chunks_exact(BLOCK).position(|block| block == changed).unwrap();
    let says = format!("block {block} of it is not that of this image");
    assert!(refused.message.contains(&says), "{block}: {}", refused.message);
    let fewer = folder(&bench, "fewer", &[("a", b"something else")]);
    let refused = resumed(&bench, &[&fewer], "finalise").await.unwrap_err();
    assert_eq!(refused.name, "WrongDisc", "{}", refused.message);
    assert!(refused.message.contains("it is another image"), "{}", refused.message);
    assert_eq!(bench.scene("vd0", "tracks"), cut, "nothing was written");
    bench.control("vd0", &["fault", "read lba>=300 forever*sense(3/11/05)"]);
    let refused = resumed(&bench, &[&one], "finalise").await.unwrap_err();
    assert_eq!(refused.name, "WrongDisc", "{}", refused.message);
    assert!(refused.message.contains("block 300 of it cannot be read"), "{}", refused.message);
    bench.control("vd0", &["clear-faults"]);

    resumed(&bench, &[&one], "finalise").await.expect("the same image");
    readers_find(&bench.disc("vd0"), 0, &listing(&one));
    bench.check_manners("vd0");
}

#[tokio::test]
async fn a_cd_that_was_cut_off_is_not_gone_on_with() {
    let bench = small_buffer("cd-r").await;
    let one = folder(&bench, "one", &[("a", &content(9_000_000))]);
    let burner = on_disc(&bench).await;
    burner.stage(&one).await.unwrap();
    cut_off(&bench, &burner).await;
    burner.close().await.unwrap();
    let refused = resumed(&bench, &[&one], "finalise").await.unwrap_err();
    assert_eq!(refused.name, "NotSupported", "{}", refused.message);
    assert!(
        refused.message.contains("“unfinished”") || refused.message.contains("`unfinished`"),
        "{}",
        refused.message
    );
}
