//! logind: who sits at which seat, what keeps the machine awake, and when it goes down.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::timeout;
use zbus::proxy::CacheProperties;
use zbus::{Connection, OwnedFd, OwnedObjectPath, fdo};

/// How long logind may take.
const PATIENCE: Duration = Duration::from_secs(5);

#[zbus::proxy(
    interface = "org.freedesktop.login1.Manager",
    default_service = "org.freedesktop.login1",
    default_path = "/org/freedesktop/login1"
)]
trait Manager {
    fn inhibit(&self, what: &str, who: &str, why: &str, mode: &str) -> zbus::Result<OwnedFd>;
    fn get_seat(&self, seat: &str) -> zbus::Result<OwnedObjectPath>;
    fn list_seats(&self) -> zbus::Result<Vec<(String, OwnedObjectPath)>>;
    #[zbus(signal)]
    fn prepare_for_shutdown(&self, start: bool) -> zbus::Result<()>;
}

#[zbus::proxy(interface = "org.freedesktop.login1.Seat", default_service = "org.freedesktop.login1")]
trait Seat {
    #[zbus(property)]
    fn active_session(&self) -> zbus::Result<(String, OwnedObjectPath)>;
}

#[zbus::proxy(interface = "org.freedesktop.login1.Session", default_service = "org.freedesktop.login1")]
trait Session {
    #[zbus(property)]
    fn user(&self) -> zbus::Result<(u32, OwnedObjectPath)>;
}

/// The way to logind; on a machine without it, nobody knows of seats and nothing is kept awake.
#[derive(Clone, Debug)]
pub struct Logind {
    connection: Connection,
    manager: ManagerProxy<'static>,
}

impl Logind {
    /// logind on this connection. It is started by the first question.
    ///
    /// # Errors
    /// When the connection is closed.
    pub async fn new(connection: &Connection) -> zbus::Result<Self> {
        let manager = ManagerProxy::builder(connection).cache_properties(CacheProperties::No).build().await?;
        Ok(Self { connection: connection.clone(), manager })
    }

    /// Keeps the machine from sleeping, going down, and locking itself for idleness, until the descriptors are closed.
    /// Where the broker may not do that, it delays at least.
    pub async fn keep_awake(&self, why: &str) -> Vec<OwnedFd> {
        let mut held = Vec::new();
        // One by one: for several at once logind asks polkit about an action that has to do with none of them.
        for (what, modes) in
            [("sleep", &["block", "delay"][..]), ("shutdown", &["block", "delay"]), ("idle", &["block"])]
        {
            for mode in modes {
                match timeout(PATIENCE, self.manager.inhibit(what, "discmaster", why, mode)).await {
                    Ok(Ok(granted)) => {
                        held.push(granted);
                        break;
                    }
                    Ok(Err(error)) if is_absence(&error) => {
                        tracing::debug!("there is no logind: {error}");
                        return held;
                    }
                    Ok(Err(error)) => tracing::warn!("logind grants no {mode} of {what}: {error}"),
                    Err(_) => {
                        tracing::warn!("logind does not answer, the machine may go to sleep");
                        return held;
                    }
                }
            }
        }
        held
    }

    /// Whether this user's session is the active one of a seat. Without logind everybody is everywhere, as there are no
    /// seats to tell apart.
    pub async fn is_at_seat(&self, uid: u32, seat: &str) -> bool {
        match timeout(PATIENCE, self.active_user(seat)).await {
            Ok(Ok(active)) => active == Some(uid),
            Ok(Err(error)) if is_absence(&error) => true,
            Ok(Err(error)) => {
                tracing::debug!("logind knows no user at {seat}: {error}");
                false
            }
            Err(_) => {
                tracing::warn!("logind does not say who is at {seat}");
                false
            }
        }
    }

    /// Whether this user's session is the active one of some seat. Where logind does not say, it may be.
    pub async fn is_at_some_seat(&self, uid: u32) -> bool {
        match timeout(PATIENCE, self.active_users()).await {
            Ok(Ok(active)) => active.contains(&uid),
            Ok(Err(error)) => {
                tracing::debug!("logind does not say who is at the seats: {error}");
                true
            }
            Err(_) => {
                tracing::warn!("logind does not say who is at the seats");
                true
            }
        }
    }

    async fn active_users(&self) -> zbus::Result<Vec<u32>> {
        let mut active = Vec::new();
        for (_, seat) in self.manager.list_seats().await? {
            active.extend(self.active_user_of(seat).await?);
        }
        Ok(active)
    }

    async fn active_user(&self, seat: &str) -> zbus::Result<Option<u32>> {
        self.active_user_of(self.manager.get_seat(seat).await?).await
    }

    async fn active_user_of(&self, path: OwnedObjectPath) -> zbus::Result<Option<u32>> {
        let seat = SeatProxy::builder(&self.connection).path(path).cache_properties(CacheProperties::No);
        let (name, session) = seat.build().await?.active_session().await?;
        if name.is_empty() {
            return Ok(None);
        }
        let session =
            SessionProxy::builder(&self.connection).path(session).cache_properties(CacheProperties::No);
        Ok(Some(session.build().await?.user().await?.0))
    }

    /// Tells each time whether the machine is about to go down, or will not after all.
    pub async fn follow_shutdowns(&self, mut tell: impl FnMut(bool)) {
        let mut news = match self.manager.receive_prepare_for_shutdown().await {
            Ok(news) => news,
            Err(error) => return tracing::debug!("logind will not tell of a shutdown: {error}"),
        };
        while let Some(signal) = news.next().await {
            if let Ok(arguments) = signal.args() {
                tell(arguments.start);
            }
        }
    }
}

/// Whether there is no logind, as opposed to logind saying something.
fn is_absence(error: &zbus::Error) -> bool {
    let name = match error {
        zbus::Error::MethodError(name, ..) => name.to_string(),
        zbus::Error::FDO(error) => match error.as_ref() {
            fdo::Error::ServiceUnknown(_) | fdo::Error::NameHasNoOwner(_) => return true,
            other => zbus::DBusError::name(other).to_string(),
        },
        _ => return false,
    };
    let rest = name.strip_prefix("org.freedesktop.DBus.Error.");
    rest.is_some_and(|rest| matches!(rest, "ServiceUnknown" | "NameHasNoOwner") || rest.starts_with("Spawn."))
}
