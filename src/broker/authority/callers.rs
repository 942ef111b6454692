//! Who sent a message, and who has left the bus.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt;
use nix::unistd::{Gid, Uid, User, getgrouplist};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use zbus::message::{Flags, Header, Type};
use zbus::names::{BusName, UniqueName};
use zbus::proxy::CacheProperties;
use zbus::{Connection, MatchRule, MessageStream, fdo};

use crate::api::{self, ErrorKind};

/// Names whose credentials are remembered; the oldest is forgotten first.
const REMEMBERED: usize = 512;
/// Departures kept for a listener that is slow.
const DEPARTURES: usize = 1024;
/// Messages kept for the task that reads departures.
const QUEUE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(255);
/// The group of nobody, for users of whom no group is known.
const NOGROUP: u32 = 65534;

/// Who sent a message, as the bus vouches for it. Process ids are left out on purpose: they are reused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The connection's unique name, `:1.42`; never given out twice by a bus.
    pub sender: String,
    /// The user that the connection belongs to.
    pub uid: u32,
    /// The user's primary group, or the first of `groups` when the connection does not have that.
    pub gid: u32,
    /// All groups of the connection, ascending.
    pub groups: Vec<u32>,
    /// The message allows that a person is asked for a password (the header's `ALLOW_INTERACTIVE_AUTHORIZATION`).
    pub interactive: bool,
}

/// The clients of a bus: their credentials, asked once for each connection, and their departures.
#[derive(Clone, Debug)]
pub struct Callers {
    shared: Arc<Shared>,
    /// Ends the listening when the last clone is dropped.
    _listening: Arc<Listening>,
}

impl Callers {
    /// Starts to listen for departures on `connection`: from here on none is missed.
    ///
    /// # Errors
    /// When the bus refuses the subscription.
    pub async fn new(connection: &Connection) -> zbus::Result<Self> {
        let bus = fdo::DBusProxy::builder(connection).cache_properties(CacheProperties::No).build().await?;
        let departures = MessageStream::for_match_rule(departure_rule()?, connection, Some(QUEUE)).await?;
        let shared = Arc::new(Shared {
            bus,
            known: Mutex::default(),
            vanished: Mutex::new(Some(broadcast::channel(DEPARTURES).0)),
        });
        let task = tokio::spawn(listen(departures, Arc::clone(&shared)));
        Ok(Self { shared, _listening: Arc::new(Listening(task)) })
    }

    /// Tells who sent the message with this header.
    ///
    /// # Errors
    /// `NotAuthorized` when the message has no sender, as between peers without a bus, when the sender has left
    /// meanwhile, or when the bus does not know its user.
    pub async fn identify(&self, header: &Header<'_>) -> api::Result<Caller> {
        let sender = header.sender().ok_or_else(|| refusal("the message names no sender"))?;
        let credentials = match self.shared.remembered(sender) {
            Some(credentials) => credentials,
            None => self.shared.ask(sender).await?,
        };
        Ok(Caller {
            sender: sender.to_string(),
            uid: credentials.uid,
            gid: credentials.gid,
            groups: credentials.groups.clone(),
            interactive: header.primary().flags().contains(Flags::ALLOW_INTERACTIVE_AUTH),
        })
    }

    /// The unique names of the clients that leave the bus from now on. A listener that falls behind by 1024 is told
    /// `Lagged` and must then ask [`Callers::present`] for each client that it cares for; `Closed` means that the
    /// bus itself is gone, and everybody with it.
    pub fn vanished(&self) -> broadcast::Receiver<String> {
        match &*self.shared.vanished.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(sender) => sender.subscribe(),
            None => broadcast::channel(1).1,
        }
    }

    /// Whether the client is still on the bus. Whoever grants something that ends with its holder subscribes to
    /// [`Callers::vanished`] first, grants, and asks this last, or leaves all three to [`Callers::gone`].
    pub async fn present(&self, sender: &str) -> bool {
        match BusName::try_from(sender) {
            Ok(name) => self.shared.bus.name_has_owner(name).await.unwrap_or(false),
            Err(_) => false,
        }
    }

    /// Waits until the client has left the bus; returns at once when it has already, or when the bus is gone.
    pub fn gone(&self, sender: &str) -> impl Future<Output = ()> + Send + use<> {
        let mut vanished = self.vanished();
        let callers = self.clone();
        let sender = sender.to_owned();
        async move {
            while callers.present(&sender).await {
                loop {
                    match vanished.recv().await {
                        Ok(name) if name == sender => return,
                        Ok(_) => {}
                        Err(broadcast::error::RecvError::Lagged(_)) => break,
                        Err(broadcast::error::RecvError::Closed) => return,
                    }
                }
            }
        }
    }
}

/// What is known of a connection; it stays the same for the connection's life.
#[derive(Debug)]
struct Credentials {
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
}

#[derive(Debug)]
struct Shared {
    bus: fdo::DBusProxy<'static>,
    known: Mutex<Known>,
    vanished: Mutex<Option<broadcast::Sender<String>>>,
}

impl Shared {
    fn remembered(&self, sender: &UniqueName<'_>) -> Option<Arc<Credentials>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(sender.as_str())
    }

    async fn ask(&self, sender: &UniqueName<'_>) -> api::Result<Arc<Credentials>> {
        let answer = match self.bus.get_connection_credentials(sender.to_owned().into()).await {
            Ok(answer) => answer,
            Err(fdo::Error::NameHasNoOwner(_)) => return Err(refusal("the client has left the bus")),
            Err(error) => {
                return Err(refusal(&format!("the bus does not tell who sent the message: {error}")));
            }
        };
        let uid = answer
            .unix_user_id()
            .ok_or_else(|| refusal("the bus does not tell which user sent the message"))?;
        let groups = answer.into_unix_group_ids();
        // Looking up a user may mean asking a server.
        let credentials = tokio::task::spawn_blocking(move || credentials(uid, groups))
            .await
            .map_err(|error| refusal(&format!("the client's user could not be looked up: {error}")))?;
        let credentials = Arc::new(credentials);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(sender.as_str(), Arc::clone(&credentials));
        Ok(credentials)
    }

    fn left(&self, name: &str) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        if let Some(sender) = &*self.vanished.lock().unwrap_or_else(PoisonError::into_inner) {
            // Nobody listening is no failure.
            let _ = sender.send(name.to_owned());
        }
    }
}

/// Credentials by unique name, the oldest first in `order`.
#[derive(Debug, Default)]
struct Known {
    by_name: HashMap<String, Arc<Credentials>>,
    order: VecDeque<String>,
}

impl Known {
    fn get(&self, name: &str) -> Option<Arc<Credentials>> {
        self.by_name.get(name).cloned()
    }

    fn insert(&mut self, name: &str, credentials: Arc<Credentials>) {
        if self.by_name.insert(name.to_owned(), credentials).is_some() {
            return;
        }
        self.order.push_back(name.to_owned());
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_name.remove(&oldest);
        }
    }

    fn remove(&mut self, name: &str) {
        if self.by_name.remove(name).is_some() {
            self.order.retain(|known| known != name);
        }
    }
}

#[derive(Debug)]
struct Listening(JoinHandle<()>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// One rule for all clients: a name whose new owner is nobody.
fn departure_rule() -> zbus::Result<MatchRule<'static>> {
    MatchRule::builder()
        .msg_type(Type::Signal)
        .sender("org.freedesktop.DBus")
        .path("/org/freedesktop/DBus")
        .interface("org.freedesktop.DBus")
        .member("NameOwnerChanged")
        .arg(2, "")
        .build()
}

/// Never waits on anything but the stream: a stream that is not read stops the whole connection.
async fn listen(mut departures: MessageStream, shared: Arc<Shared>) {
    while let Some(Ok(message)) = departures.next().await {
        let body = message.body();
        match body.deserialize::<(&str, &str, &str)>() {
            Ok((name, _, "")) if name.starts_with(':') => shared.left(name),
            _ => {}
        }
    }
    tracing::warn!("the connection to the bus has ended, and every client's with it");
    shared.vanished.lock().unwrap_or_else(PoisonError::into_inner).take();
}

fn credentials(uid: u32, groups: Option<Vec<u32>>) -> Credentials {
    let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    let primary = user.as_ref().map(|user| user.gid.as_raw());
    let groups = groups.unwrap_or_else(|| user.as_ref().map(groups_of).unwrap_or_default());
    // The list may lack the primary group of the user database: the connection then has given it up.
    let gid = primary.filter(|gid| groups.contains(gid)).or_else(|| groups.first().copied());
    Credentials { uid, gid: gid.unwrap_or(NOGROUP), groups }
}

/// The groups by the user database, for buses that do not tell.
fn groups_of(user: &User) -> Vec<u32> {
    let listed = std::ffi::CString::new(user.name.as_str())
        .ok()
        .and_then(|name| getgrouplist(&name, user.gid).ok())
        .unwrap_or_else(|| vec![user.gid]);
    let mut groups: Vec<u32> = listed.into_iter().map(Gid::as_raw).collect();
    groups.sort_unstable();
    groups
}

fn refusal(why: &str) -> api::Error {
    api::Error::new(ErrorKind::NotAuthorized, format!("{why}, so it is refused; nothing was done"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn someone() -> Arc<Credentials> {
        Arc::new(Credentials { uid: 1, gid: 2, groups: vec![2] })
    }

    #[test]
    fn a_flood_of_connections_does_not_grow_the_memory_of_them() {
        let mut known = Known::default();
        for n in 0..3 * REMEMBERED {
            known.insert(&format!(":1.{n}"), someone());
        }
        assert_eq!((known.by_name.len(), known.order.len()), (REMEMBERED, REMEMBERED));
        assert!(known.get(":1.0").is_none());
        assert!(known.get(&format!(":1.{}", 3 * REMEMBERED - 1)).is_some());
    }

    #[test]
    fn a_client_that_left_is_forgotten() {
        let mut known = Known::default();
        known.insert(":1.5", someone());
        known.insert(":1.5", someone());
        known.remove(":1.5");
        assert!(known.get(":1.5").is_none() && known.order.is_empty());
    }

    #[test]
    fn a_group_that_the_connection_gave_up_is_not_given_back() {
        let root = credentials(0, Some(vec![7, 9]));
        assert_eq!((root.gid, root.groups), (7, vec![7, 9]));
        let unknown = credentials(3_999_999_999, None);
        assert_eq!((unknown.gid, unknown.groups), (NOGROUP, vec![]));
    }
}
