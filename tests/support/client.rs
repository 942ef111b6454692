//! A client of the service, without generated proxies: calls, properties, and signals to wait for.

use std::collections::HashMap;
use std::num::NonZero;

use futures_util::StreamExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zbus::message::Type as MessageType;
use zbus::{
    Connection, DBusError, DynamicType, MatchRule, Message, MessageStream, OwnedObjectPath, OwnedVariant,
    Type, Variant,
};

use super::DEADLINE;

const SERVICE: &str = "org.discmaster1";
const ROOT: &str = "/org/discmaster1";
/// Signals that may wait: a full queue keeps back the replies that its reader waits for.
const QUEUE: usize = 4096;

/// A client on a connection of its own.
pub struct Client {
    pub connection: Connection,
}

/// Properties by path and interface.
pub type Managed = HashMap<OwnedObjectPath, HashMap<String, HashMap<String, OwnedVariant>>>;

/// A refusal by its D-Bus name, without our prefix where it is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub name: String,
    pub message: String,
}

/// A signal of the service.
#[derive(Debug, Clone)]
pub struct Signal {
    pub path: String,
    pub name: String,
    pub message: Message,
}

/// An option dictionary.
pub fn options<const N: usize>(pairs: [(&str, Variant<'static>); N]) -> HashMap<String, Variant<'static>> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

impl Client {
    pub fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Calls a method of `org.discmaster1.{interface}` at a path.
    pub async fn call<R>(
        &self,
        path: &str,
        interface: &str,
        method: &str,
        body: &(impl Serialize + DynamicType),
    ) -> Result<R, Refusal>
    where
        R: DeserializeOwned + Type,
    {
        let interface = format!("{SERVICE}.{interface}");
        let reply = self.raw_call(path, &interface, method, body).await?;
        Ok(reply.body().deserialize().expect("a reply of the documented type"))
    }

    /// Calls a method for its refusal alone.
    pub async fn refusal(
        &self,
        path: &str,
        interface: &str,
        method: &str,
        body: &(impl Serialize + DynamicType),
    ) -> Option<Refusal> {
        self.raw_call(path, &format!("{SERVICE}.{interface}"), method, body).await.err()
    }

    /// A property of `org.discmaster1.{interface}`.
    pub async fn property<T>(&self, path: &str, interface: &str, name: &str) -> Result<T, Refusal>
    where
        T: TryFrom<OwnedVariant>,
    {
        let body = (format!("{SERVICE}.{interface}"), name);
        let reply = self.raw_call(path, "org.freedesktop.DBus.Properties", "Get", &body).await?;
        let value: OwnedVariant = reply.body().deserialize().expect("a variant");
        Ok(T::try_from(value).unwrap_or_else(|_| panic!("{name} is of another type")))
    }

    /// The introspection of an object.
    pub async fn introspect(&self, path: &str) -> String {
        let reply = self.raw_call(path, "org.freedesktop.DBus.Introspectable", "Introspect", &()).await;
        reply.expect("an object").body().deserialize().expect("a text")
    }

    /// Calls `DiscMaster.Open`.
    pub async fn open(&self, options: HashMap<String, Variant<'static>>) -> Result<String, Refusal> {
        self.path(ROOT, "DiscMaster", "Open", &(options,)).await
    }

    /// Calls a method that returns one object path.
    pub async fn path(
        &self,
        path: &str,
        interface: &str,
        method: &str,
        body: &(impl Serialize + DynamicType),
    ) -> Result<String, Refusal> {
        let object: OwnedObjectPath = self.call(path, interface, method, body).await?;
        Ok(object.to_string())
    }

    /// Signals of the service from now on, those meant for this client alone included.
    pub async fn signals(&self) -> Signals {
        let rule =
            MatchRule::builder().msg_type(MessageType::Signal).sender(SERVICE).build().expect("a rule");
        let stream = MessageStream::for_match_rule(rule, &self.connection, NonZero::new(QUEUE)).await;
        Signals { stream: stream.expect("a subscription") }
    }

    /// Waits until a question has an answer; asks again at every signal of the service.
    pub async fn until<T>(&self, what: &str, mut question: impl AsyncFnMut() -> Option<T>) -> T {
        let mut signals = self.signals().await;
        let answered = async {
            loop {
                match question().await {
                    Some(answer) => return answer,
                    None => drop(signals.next().await),
                }
            }
        };
        tokio::time::timeout(DEADLINE, answered).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
    }

    /// Waits until a recorder is there, has been looked at, and is left alone.
    pub async fn looked_at(&self, id: &str) -> String {
        let path = format!("{ROOT}/recorders/{id}");
        self.until("the recorder is looked at", async || {
            let state: String = self.property(&path, "Recorder", "State").await.ok()?;
            let speeds: Result<String, _> = self.property(&path, "Medium", "Kind").await;
            (state != "busy" && speeds.is_ok()).then_some(())
        })
        .await;
        path
    }

    /// Waits for a job's end and returns what `GetResult` gives.
    pub async fn result(&self, job: &str) -> (bool, String, String, HashMap<String, OwnedVariant>) {
        self.until("the job ends", async || {
            let result: String = self.property(job, "Job", "Result").await.expect("a job");
            (!result.is_empty()).then_some(())
        })
        .await;
        self.call(job, "Job", "GetResult", &()).await.expect("the job's owner may ask")
    }

    /// Everything that the service shows, by path and interface, and the message that brought it.
    pub async fn managed(&self) -> (Managed, Message) {
        let manager = "org.freedesktop.DBus.ObjectManager";
        let reply = self.raw_call(ROOT, manager, "GetManagedObjects", &()).await.expect("everybody may ask");
        (reply.body().deserialize().expect("a tree"), reply)
    }

    /// Calls any method of the service.
    pub async fn raw_call(
        &self,
        path: &str,
        interface: &str,
        method: &str,
        body: &(impl Serialize + DynamicType),
    ) -> Result<Message, Refusal> {
        let call = self.connection.call_method(Some(SERVICE), path, Some(interface), method, body);
        match tokio::time::timeout(DEADLINE, call).await {
            Err(_) => panic!("{interface}.{method} did not reply"),
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(zbus::Error::MethodError(name, message, _))) => {
                Err(Refusal::new(name.as_str(), message.unwrap_or_default()))
            }
            Ok(Err(zbus::Error::FDO(error))) => {
                Err(Refusal::new(error.name().as_str(), error.description().unwrap_or_default().to_owned()))
            }
            Ok(Err(error)) => panic!("{interface}.{method}: {error}"),
        }
    }
}

impl Refusal {
    pub fn new(name: &str, message: String) -> Self {
        Self { name: name.strip_prefix("org.discmaster1.Error.").unwrap_or(name).to_owned(), message }
    }
}

/// Signals of the service.
pub struct Signals {
    stream: MessageStream,
}

impl Signals {
    /// The next signal.
    pub async fn next(&mut self) -> Signal {
        let message = tokio::time::timeout(DEADLINE, self.stream.next()).await;
        let message = message.expect("a signal in time").expect("an open bus").expect("a message");
        let header = message.header();
        let path = header.path().map(ToString::to_string).unwrap_or_default();
        let name = header.member().map(ToString::to_string).unwrap_or_default();
        Signal { path, name, message: message.clone() }
    }

    /// All signals of a path, up to and with the first of this name.
    pub async fn up_to(&mut self, path: &str, last: &str) -> Vec<Signal> {
        let mut signals = Vec::new();
        loop {
            let signal = self.next().await;
            if signal.path != path {
                continue;
            }
            let end = signal.name == last;
            signals.push(signal);
            if end {
                return signals;
            }
        }
    }
}
