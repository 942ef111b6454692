//! IMAPI's eight steps, each with the call on D-Bus that it is here.

use std::fs::File;
use std::os::fd::AsFd;
use std::time::Duration;

use anyhow::{Error, Result, bail};

use discmaster::cli::client::{Client, Event, Events, Options};
use discmaster::cli::follow::{Follow, Left, follow};
use discmaster::cli::screen::Screen;
use discmaster::cli::units;
use discmaster::cli::view::RecorderView;

use super::folder::Folder;
use super::world::World;

/// More than this is not slow but broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// Burns the folder.
pub async fn eight(world: &mut World, folder: &Folder, recorder: &str) -> Result<()> {
    let client = Client::connect_to(&world.address).await.map_err(told)?;
    let mut events = client.events().await.map_err(told)?;
    let mut screen = Screen::new(false);

    step("1", "MSDiscMasterObj", "org.discmaster1 comes onto the bus");
    world.run_service()?;
    let recorder = ready(world, &client, &mut events, recorder).await?;
    say(&format!("recorder {}: {}, with a {}", recorder.id, recorder.name(), recorder.kind()));

    step("2", "IDiscMaster::Open", "DiscMaster.Open({client-name})");
    let session = client.open(Options::new().text("client-name", "demo")).await.map_err(told)?;
    say(&session);

    step("3", "EnumDiscMasterFormats, SetActiveDiscMasterFormat", "the same of the Session");
    say(&format!("there are: {}", client.formats(&session).await.map_err(told)?.join(", ")));
    let format = client.select_format(&session, "joliet").await.map_err(told)?;
    say(&format);

    step("4", "EnumDiscRecorders, SetActiveDiscRecorder", "the same of the Session");
    say(&format!("there are: {}", client.session_recorders(&session).await.map_err(told)?.join(", ")));
    client.select_recorder(&session, &recorder.path, Options::new()).await.map_err(told)?;

    step("5", "ProgressAdvise", "match rules for the signals of the Session and its Jobs");

    step("6", "IJolietDiscMaster::AddData", "Joliet.AddData(fd, {special-files: skip}) → Job");
    let directory = File::open(&folder.path)?;
    let options = Options::new().text("special-files", "skip");
    let job = client.add(&format, directory.as_fd(), options).await.map_err(told)?;
    let what = Follow { job: &job, medium: "", harmless: true, until: None };
    if let Left::Ended(end) = follow(what, &client, &mut events, &mut screen).await.map_err(told)? {
        let number = |key| end.number(key).unwrap_or(0);
        say(&format!("{} files in {} blocks of 2048", number("files"), number("used-blocks")));
    }

    step("7", "IDiscMaster::RecordDisc", "Session.RecordDisc({verify: full}) → Job");
    let job = client.record(&session, Options::new().text("verify", "full")).await.map_err(told)?;
    let what = Follow { job: &job, medium: recorder.kind(), harmless: false, until: None };
    if let Left::Ended(end) = follow(what, &client, &mut events, &mut screen).await.map_err(told)? {
        let number = |key| end.number(key).unwrap_or(0);
        let (blocks, time) = (number("blocks"), number("write-time").max(1));
        let rate = blocks.saturating_mul(2048).saturating_mul(1_000_000) / time;
        say(&format!(
            "{blocks} blocks at {}, {} read back",
            units::rate(rate, recorder.kind()),
            number("verified-blocks")
        ));
    }

    step("8", "IDiscMaster::Close", "Session.Close()");
    client.tell(&session, "Session", "Close").await.map_err(told)
}

/// Waits until the service is there and has looked into the recorder.
async fn ready(world: &mut World, client: &Client, events: &mut Events, id: &str) -> Result<RecorderView> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mut present = false;
    loop {
        if present {
            let recorders = RecorderView::all(&client.objects().await.map_err(told)?);
            let found = recorders.into_iter().find(|recorder| recorder.id == id && recorder.medium.is_some());
            if let Some(found) = found.filter(|recorder| recorder.state == "idle") {
                return Ok(found);
            }
        }
        world.check()?;
        match tokio::time::timeout(Duration::from_millis(500), events.next()).await {
            Ok(Event::ServiceBack) => present = true,
            Ok(event) => event.gone().map_or(Ok(()), |failure| Err(told(failure)))?,
            Err(_) if tokio::time::Instant::now() > deadline => {
                bail!(
                    "the recorder did not come up in {} s; see the logs in {}",
                    PATIENCE.as_secs(),
                    world.kept.display()
                )
            }
            Err(_) => {}
        }
    }
}

fn step(number: &str, imapi: &str, here: &str) {
    println!("{number}  {imapi}\n     {here}");
}

fn say(text: &str) {
    println!("     {text}");
}

fn told(failure: discmaster::cli::failure::Failure) -> Error {
    Error::msg(failure.to_string())
}
