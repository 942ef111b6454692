//! From a configuration to a service on the bus, and to its end.

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};
use zbus::fdo::ObjectManager;
use zbus::{Connection, connection};

use super::authority::{Authority, Callers, OwnUser, Polkit};
use super::config::{Bus, Config};
use super::face::Object;
use super::launcher::{ChildLauncher, Launcher, UnitLauncher};
use super::logind::Logind;
use super::manager::{Manager, Tell};
use super::objects::{DiscMasterObject, LogControlObject};
use super::recorder::Recorder;
use super::recorders::{self, RecorderEvent, RecorderSeed, WatchConfig};
use super::resume::Past;
use super::service::{Door, Service};
use super::tree::Tree;
use crate::api::names;
use crate::log::Control;
use crate::wire;

/// Where systemd looks for a service's log.
const LOG_CONTROL: &str = "/org/freedesktop/LogControl1";

/// Why the broker ends.
#[derive(Debug)]
enum End {
    Asked,
    Idle,
    BusGone,
    RecordersGone,
}

/// Serves until SIGTERM or SIGINT, or until the bus goes away. Burns under way are left to their helpers.
///
/// # Errors
/// When the bus cannot be reached or refuses the name, or when recorders cannot be watched.
pub async fn run(config: Config, log: Control) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let hang_up = signal(SignalKind::hangup())?;
    let launcher: Box<dyn Launcher> = match &config.sockets {
        Some(sockets) => Box::new(UnitLauncher::new(sockets.clone())),
        None => Box::new(ChildLauncher::new(config.helpers.as_deref(), config.bus == Bus::Session)),
    };
    let manager = Manager::of_this_process();
    let (past, memory) = Past::find(&manager, wire::passed());
    let service = Service::new(config.clone(), launcher, manager, memory);
    let connection = connect(config.bus, &service, log).await.context("the bus cannot be reached")?;
    let callers = Callers::new(&connection).await.context("the bus does not tell who leaves it")?;
    let vanished = callers.vanished();
    let authority = authority(config.bus, &connection, &callers).await.context("polkit cannot be asked")?;
    let logind = match config.bus {
        Bus::System => Some(Logind::new(&connection).await.context("logind cannot be asked")?),
        Bus::Session => None,
    };
    service.open_door(Door { callers, authority, bus: connection.clone(), logind });
    tokio::spawn(Tree::new(connection.clone(), service.clone()).run());
    tokio::spawn(service.clone().keep_house());
    tokio::spawn(service.clone().show_life());
    tokio::spawn(follow_shutdowns(service.clone()));

    service.restore(past);
    let watch = WatchConfig { virtual_dir: Some(config.virtual_dir), udev: config.udev };
    let mut events = recorders::watch(watch).await?;
    // Those that are there already are on the bus before the name is, so that nobody sees a machine without recorders.
    while let Ok(event) = events.try_recv() {
        handle(&service, event);
    }
    service.face().settled().await;
    // Who left while there was no broker was not heard leaving.
    ask_for_all(&service).await;
    let vanish = tokio::spawn(follow_clients(service.clone(), vanished));
    connection.request_name(names::BUS_NAME).await.context("the bus does not give the name away")?;
    tracing::info!("ready");
    service.manager().tell(Tell::Ready);
    println!("discmasterd: ready");
    tokio::spawn(follow_reloads(service.clone(), hang_up));

    let end = tokio::select! {
        _ = terminate.recv() => End::Asked,
        _ = interrupt.recv() => End::Asked,
        () = service.leave().notified() => End::Idle,
        () = connection.closed() => End::BusGone,
        () = follow_recorders(&service, &mut events) => End::RecordersGone,
    };
    tracing::info!("leaving: {end:?}");
    vanish.abort();
    match end {
        End::Asked | End::Idle => leave(&connection, &service).await,
        End::BusGone => anyhow::bail!("the bus is gone"),
        End::RecordersGone => anyhow::bail!("recorders are not watched any more"),
    }
}

/// Gives the name back, and lets what came in before that be answered. Whoever calls from now on starts another broker.
async fn leave(connection: &Connection, service: &Service) -> anyhow::Result<()> {
    // Told first: a start that is asked for from now on waits for the end of this process.
    service.manager().tell(Tell::Stopping);
    connection.release_name(names::BUS_NAME).await.context("the bus does not take the name back")?;
    service.face().settled().await;
    service.save();
    Ok(())
}

/// Connects, with the root object served before anything can be read: a call that comes early is not lost.
async fn connect(bus: Bus, service: &Service, log: Control) -> zbus::Result<Connection> {
    let builder = match bus {
        Bus::System => connection::Builder::system(),
        Bus::Session => connection::Builder::session(),
    };
    let root = DiscMasterObject { service: service.clone() };
    let log = LogControlObject { log };
    let builder = builder.serve_at(names::ROOT, root).serve_at(names::ROOT, ObjectManager);
    builder.serve_at(LOG_CONTROL, log).build().await
}

async fn authority(bus: Bus, connection: &Connection, callers: &Callers) -> zbus::Result<Box<dyn Authority>> {
    Ok(match bus {
        Bus::System => Box::new(Polkit::new(connection, callers).await?),
        Bus::Session => Box::new(OwnUser::new()),
    })
}

async fn follow_recorders(service: &Service, events: &mut mpsc::Receiver<RecorderEvent>) {
    while let Some(event) = events.recv().await {
        handle(service, event);
    }
}

fn handle(service: &Service, event: RecorderEvent) {
    match event {
        RecorderEvent::Added(seed) => add(service, seed),
        RecorderEvent::Removed(id) => remove(service, &id),
        RecorderEvent::Seated { id, seat } => give_to(service, &id, seat),
        RecorderEvent::MediaChanged(id) => service.look(&id),
        RecorderEvent::EjectRequested(id) => drop(tokio::spawn(service.clone().button_pressed(id))),
    }
}

fn add(service: &Service, seed: RecorderSeed) {
    let id = seed.id.clone();
    tracing::info!("recorder {id} is there, at {}", seed.node);
    let mut recorder = Recorder::new(seed);
    let look = recorder.look.clone();
    let (known, begun) = {
        let mut state = service.state();
        if let Some(saved) = state.known.remove(&id) {
            recorder.settings = saved.settings;
            recorder.inspection = saved.inspection;
        }
        let known = state.recorders.insert(id.clone(), recorder).is_some();
        (known, state.begun.remove(&id))
    };
    if known {
        tracing::warn!("recorder {id} was there already");
    }
    service.face().sync(Object::Recorder(id.clone()));
    service.face().sync(Object::Medium(id.clone()));
    service.pnp_activity(&id);
    // Reserved before anybody can look: the drive is at work.
    if let Some(begun) = begun {
        service.resume(&id, begun);
    }
    look.notify_one();
    tokio::spawn(service.clone().keep_looking(id, look));
}

fn remove(service: &Service, id: &str) {
    tracing::info!("recorder {id} is gone");
    {
        let mut state = service.state();
        if let Some(gone) = state.recorders.remove(id) {
            // Whoever keeps looking at it notices that it is gone.
            gone.look.notify_one();
        }
        let chosen = state.sessions.values_mut().filter_map(|session| session.selection.as_mut());
        chosen.filter(|one| one.recorder == id).for_each(|one| one.lost = true);
    }
    service.face().sync(Object::Medium(id.to_owned()));
    service.face().sync(Object::Recorder(id.to_owned()));
    service.pnp_activity(id);
}

/// The recorder stays what it is, and whoever holds or has selected it goes on: what is asked from now on is asked of the
/// other seat.
fn give_to(service: &Service, id: &str, seat: String) {
    tracing::info!("recorder {id} is at {seat} now");
    if let Ok(recorder) = service.state().recorder_mut(id) {
        recorder.seat = seat;
    }
    service.face().sync(Object::Recorder(id.to_owned()));
}

async fn follow_reloads(service: Service, mut hang_up: Signal) {
    while hang_up.recv().await.is_some() {
        service.manager().tell(Tell::Reloading);
        service.reload();
        service.manager().tell(Tell::Ready);
    }
}

async fn follow_shutdowns(service: Service) {
    let Ok(Door { logind: Some(logind), .. }) = service.door() else { return };
    let tell = |going: bool| {
        tracing::info!("the machine {}", if going { "is going down" } else { "stays up after all" });
        service.state().closing = going;
    };
    logind.follow_shutdowns(tell).await;
}

async fn follow_clients(service: Service, mut vanished: broadcast::Receiver<String>) {
    loop {
        match vanished.recv().await {
            Ok(connection) => service.client_vanished(&connection),
            Err(RecvError::Lagged(_)) => ask_for_all(&service).await,
            Err(RecvError::Closed) => return,
        }
    }
}

/// Too many clients left at once to be told of each: those who hold something are asked for by name.
async fn ask_for_all(service: &Service) {
    let Ok(door) = service.door() else { return };
    let holders = service.state().connections();
    for connection in holders {
        if !door.callers.present(&connection).await {
            service.client_vanished(&connection);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::face::Change;
    use crate::broker::recorder::{Activity, tests::holding};
    use crate::broker::select::tests::blank_cd;

    #[tokio::test]
    async fn a_recorder_that_is_given_to_another_seat_is_the_same_and_is_shown_anew() {
        let launcher = Box::new(ChildLauncher::new(None, true));
        let service = Service::new(Config::empty(), launcher, Manager::default(), None);
        let mut recorder = holding(blank_cd());
        recorder.activity = Activity::Burning;
        let plug = recorder.plug.clone();
        service.state().recorders.insert("sr0".into(), recorder);
        handle(&service, RecorderEvent::Seated { id: "sr0".into(), seat: "seat1".into() });
        let change = service.face().next().await;
        assert!(matches!(change, Change::Sync(Object::Recorder(id)) if id == "sr0"));
        let mut state = service.state();
        let same = state.plugged_mut("sr0", &plug).expect("what is selected stays so");
        assert_eq!((same.seat.as_str(), same.activity), ("seat1", Activity::Burning));
        assert!(same.inspection.is_some());
    }
}
