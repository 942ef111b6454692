//! What the service tells by signal, in the order in which it tells it.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;

use futures_util::StreamExt;
use tokio::sync::mpsc;
use zbus::message::Type;
use zbus::names::OwnedInterfaceName;
use zbus::{Connection, MatchRule, Message, MessageStream, OwnedObjectPath, OwnedVariant};

use crate::api::{self, ErrorKind, names};
use crate::cli::failure::Failure;

use super::calls::short;
use super::{Props, fault};

/// Signals of the service, and its going away. Dropping it ends the subscription.
pub struct Events {
    incoming: mpsc::UnboundedReceiver<Event>,
    reader: tokio::task::JoinHandle<()>,
}

/// One thing that happened. Interfaces are named as in `Job`.
#[derive(Debug)]
pub enum Event {
    /// An object came, or got interfaces.
    Added(String, BTreeMap<String, Props>),
    /// An object lost interfaces; usually it is gone.
    Removed(String, Vec<String>),
    /// Properties of an object's interface have new values.
    Changed(String, String, Props),
    /// A job of ours ended, or one of a session that belongs to a user and no connection.
    Completed(String, Completion),
    /// Anybody's job ended, with an error of this name on the bus, or well. It follows the job's own `Completed`.
    Ended(String, Option<String>),
    /// The service left the bus: it died, or was stopped.
    ServiceGone,
    /// The service is on the bus (again).
    ServiceBack,
    /// The connection to the bus ended. Nothing follows.
    BusGone,
}

/// How a job ended.
#[derive(Debug)]
pub struct Completion {
    /// The error, unless it ended well.
    pub error: Option<api::Error>,
    /// The service's closing words.
    pub message: String,
    /// Figures, of a good end as of a bad one.
    pub details: BTreeMap<String, api::Detail>,
    /// Things worth knowing that did not fail the job.
    pub notes: Vec<String>,
}

impl Events {
    pub(super) async fn subscribe(connection: &Connection) -> zbus::Result<Self> {
        let queue = NonZeroUsize::new(256);
        let ours = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(names::BUS_NAME)
            .path_namespace(names::ROOT)
            .build()?;
        let owner = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender("org.freedesktop.DBus")
            .interface("org.freedesktop.DBus")
            .member("NameOwnerChanged")
            .arg(0, names::BUS_NAME)
            .build()?;
        let ours = MessageStream::for_match_rule(ours, connection, queue).await?;
        let owner = MessageStream::for_match_rule(owner, connection, queue).await?;
        let (send, incoming) = mpsc::unbounded_channel();
        // A stream that nobody polls stops the whole connection, so a task of its own polls these while a call is
        // waited for. What piles up meanwhile is bounded by the ten signals a second of a job.
        let reader = tokio::spawn(read(ours, owner, send));
        Ok(Self { incoming, reader })
    }

    /// Waits for the next thing to happen.
    pub async fn next(&mut self) -> Event {
        self.incoming.recv().await.unwrap_or(Event::BusGone)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Event {
    /// The failure that the service's or the bus's going away is, to whoever waits for something else.
    pub fn gone(&self) -> Option<Failure> {
        match self {
            Self::ServiceGone => Some(fault::service_gone()),
            Self::BusGone => Some(fault::bus_gone()),
            _ => None,
        }
    }
}

async fn read(mut ours: MessageStream, mut owner: MessageStream, send: mpsc::UnboundedSender<Event>) {
    loop {
        let event = tokio::select! {
            // Signals first: those sent before the service left are in the queue already.
            biased;
            message = ours.next() => match message {
                Some(Ok(message)) => told(&message),
                Some(Err(_)) => continue,
                None => break,
            },
            message = owner.next() => match message {
                Some(Ok(message)) => owned(&message),
                Some(Err(_)) => continue,
                None => break,
            },
        };
        if event.is_some_and(|event| send.send(event).is_err()) {
            return;
        }
    }
    // Nobody listens any more if this fails, which is fine.
    let _ = send.send(Event::BusGone);
}

/// What a signal of the service says; `None` for one that nobody here needs, or that is malformed.
fn told(message: &Message) -> Option<Event> {
    let header = message.header();
    let path = header.path()?.as_str().to_owned();
    let body = message.body();
    let interface = |name: &OwnedInterfaceName| short(name.as_str()).to_owned();
    match (short(header.interface()?.as_str()), header.member()?.as_str()) {
        ("org.freedesktop.DBus.ObjectManager", "InterfacesAdded") => {
            type Added = (OwnedObjectPath, HashMap<OwnedInterfaceName, HashMap<String, OwnedVariant>>);
            let (object, interfaces): Added = body.deserialize().ok()?;
            let interfaces = interfaces.into_iter().map(|(name, props)| (interface(&name), Props(props)));
            Some(Event::Added(object.to_string(), interfaces.collect()))
        }
        ("org.freedesktop.DBus.ObjectManager", "InterfacesRemoved") => {
            let (object, interfaces): (OwnedObjectPath, Vec<OwnedInterfaceName>) = body.deserialize().ok()?;
            Some(Event::Removed(object.to_string(), interfaces.iter().map(interface).collect()))
        }
        ("org.freedesktop.DBus.Properties", "PropertiesChanged") => {
            type Changed = (OwnedInterfaceName, HashMap<String, OwnedVariant>, Vec<String>);
            let (name, changed, _invalidated): Changed = body.deserialize().ok()?;
            Some(Event::Changed(path, interface(&name), Props(changed)))
        }
        ("Job", "Completed") => {
            type Completed = (bool, String, String, HashMap<String, OwnedVariant>);
            let (success, error, message, details): Completed = body.deserialize().ok()?;
            Some(Event::Completed(path, Completion::new(success, &error, message, &Props(details))))
        }
        ("DiscMaster", "JobEnded") => {
            let (job, error): (OwnedObjectPath, String) = body.deserialize().ok()?;
            Some(Event::Ended(job.to_string(), Some(error).filter(|error| !error.is_empty())))
        }
        _ => None,
    }
}

fn owned(message: &Message) -> Option<Event> {
    let (_, _, new): (String, String, String) = message.body().deserialize().ok()?;
    Some(if new.is_empty() { Event::ServiceGone } else { Event::ServiceBack })
}

impl Completion {
    pub(super) fn new(success: bool, error: &str, message: String, details: &Props) -> Self {
        let (details, notes) = (details.details(), details.texts("notes"));
        let error = (!success).then(|| api::Error {
            kind: ErrorKind::from_bus_name(error)
                .or_else(|| ErrorKind::ALL.iter().copied().find(|kind| kind.name() == error))
                .unwrap_or(ErrorKind::Generic),
            message: message.clone(),
            details: details.clone(),
        });
        Self { error, message, details, notes }
    }

    /// A figure of the details.
    pub fn number(&self, key: &str) -> Option<u64> {
        match self.details.get(key)? {
            api::Detail::Number(number) => Some(*number),
            api::Detail::Text(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_end_is_an_error_under_its_full_or_its_short_name() {
        for name in ["org.discmaster1.Error.DiscFull", "DiscFull"] {
            let end = Completion::new(false, name, "no room".to_owned(), &Props::default());
            assert_eq!(end.error.map(|error| error.kind), Some(ErrorKind::DiscFull));
        }
        let strange = Completion::new(false, "org.example.Odd", "odd".to_owned(), &Props::default());
        assert_eq!(strange.error.map(|error| error.kind), Some(ErrorKind::Generic));
    }

    #[test]
    fn a_good_end_has_no_error() {
        assert!(Completion::new(true, "", String::new(), &Props::default()).error.is_none());
    }
}
