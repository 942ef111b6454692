//! The one task that changes the object tree and sends signals.
//!
//! Objects are compared with what was shown of them last, so that one `PropertiesChanged` carries all that changed,
//! and nothing else. The getters on the objects are the only description of their properties.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use zbus::object_server::{Interface, SignalEmitter};
use zbus::{Connection, OwnedVariant, Variant, fdo};

use super::events::Event;
use super::face::{Change, Object};
use super::objects::{
    DiscMasterObject, JobObject, JolietObject, MediumObject, RecorderObject, RedbookObject, SessionObject,
};
use super::outcome::Outcome;
use super::service::Service;
use crate::api::names;

/// The properties of an object as they were shown last.
type Shown = HashMap<String, OwnedVariant>;

/// The owner of the object tree.
pub struct Tree {
    connection: Connection,
    service: Service,
    shown: BTreeMap<Object, Shown>,
}

impl Tree {
    /// An empty tree below the root.
    pub const fn new(connection: Connection, service: Service) -> Self {
        Self { connection, service, shown: BTreeMap::new() }
    }

    /// Does what is put into the [`Face`](super::face::Face), for ever.
    pub async fn run(mut self) {
        loop {
            let change = self.service.face().next().await;
            if let Err(error) = self.apply(change).await {
                tracing::warn!("the bus could not be told of a change: {error}");
            }
        }
    }

    async fn apply(&mut self, change: Change) -> zbus::Result<()> {
        match change {
            Change::Sync(object) => {
                // What was shown is never taken back, by whichever broker.
                self.service.save();
                self.sync(object).await
            }
            Change::Event(session, connection, event) => self.event(session, connection, event).await,
            Change::Completed(job, connection, outcome) => self.completed(job, connection, &outcome).await,
            Change::Settled(done) => {
                // Whoever waited may have given up.
                let _ = done.send(());
                Ok(())
            }
        }
    }

    async fn sync(&mut self, object: Object) -> zbus::Result<()> {
        let service = self.service.clone();
        match object.clone() {
            Object::Session(number) => self.show(object, SessionObject { service, number }).await,
            Object::Joliet(session) => self.show(object, JolietObject { service, session }).await,
            Object::Redbook(session) => self.show(object, RedbookObject { service, session }).await,
            Object::Recorder(id) => self.show(object, RecorderObject { service, id }).await,
            Object::Medium(recorder) => self.show(object, MediumObject { service, recorder }).await,
            Object::Job(number) => self.show(object, JobObject { service, number }).await,
        }
    }

    async fn show<I: Interface>(&mut self, object: Object, interface: I) -> zbus::Result<()> {
        let path = object.path();
        let server = self.connection.object_server();
        let emitter = SignalEmitter::new(&self.connection, path.as_str())?;
        match (self.exists(&object), self.shown.contains_key(&object)) {
            (false, false) => Ok(()),
            (false, true) => {
                self.shown.remove(&object);
                server.remove::<I, _>(path.as_str()).await.map(drop)
            }
            (true, false) => {
                let now = interface.get_all(server, &self.connection, None, &emitter).await?;
                self.shown.insert(object, now);
                match server.at(path.as_str(), interface).await? {
                    None => Ok(()),
                    Some(_) => Err(zbus::Error::Failure(format!("{path} was there already"))),
                }
            }
            (true, true) => {
                let now = interface.get_all(server, &self.connection, None, &emitter).await?;
                let before = self.shown.get(&object);
                let differs = |(name, value): &(&String, &OwnedVariant)| {
                    before.and_then(|before| before.get(*name)) != Some(*value)
                };
                let changed: HashMap<&str, Variant<'_>> = now
                    .iter()
                    .filter(differs)
                    .map(|(name, value)| Ok((name.as_str(), value.try_clone()?.into())))
                    .collect::<zbus::Result<_>>()?;
                if !changed.is_empty() {
                    let none = Cow::Borrowed(&[][..]);
                    fdo::Properties::properties_changed(&emitter, I::name(), changed, none).await?;
                }
                self.shown.insert(object, now);
                Ok(())
            }
        }
    }

    fn exists(&self, object: &Object) -> bool {
        let state = self.service.state();
        match object {
            Object::Session(number) | Object::Joliet(number) | Object::Redbook(number) => {
                state.sessions.contains_key(number)
            }
            Object::Recorder(id) => state.recorders.contains_key(id),
            Object::Medium(id) => state.recorders.get(id).is_some_and(|one| one.medium().is_some()),
            Object::Job(number) => state.jobs.get(*number).is_some(),
        }
    }

    async fn event(&self, session: u64, connection: Option<String>, event: Event) -> zbus::Result<()> {
        let path = Object::Session(session).path();
        let to = self.emitter(path, connection)?;
        match event {
            Event::PnpActivity => SessionObject::pnp_activity(&to).await,
            Event::AddProgress(done, total) => SessionObject::add_progress(&to, done, total).await,
            Event::BlockProgress(done, total) => SessionObject::block_progress(&to, done, total).await,
            Event::TrackProgress(done, total) => SessionObject::track_progress(&to, done, total).await,
            Event::PreparingBurn(seconds) => SessionObject::preparing_burn(&to, seconds).await,
            Event::ClosingDisc(seconds) => SessionObject::closing_disc(&to, seconds).await,
            Event::BurnComplete(error, message) => SessionObject::burn_complete(&to, &error, &message).await,
            Event::EraseComplete(error, message) => {
                SessionObject::erase_complete(&to, &error, &message).await
            }
        }
    }

    async fn completed(&self, job: u64, connection: Option<String>, outcome: &Outcome) -> zbus::Result<()> {
        let path = Object::Job(job).path();
        let (success, error, message, details) = match connection {
            Some(_) => outcome.parts(),
            None => outcome.public_parts(),
        };
        let to = self.emitter(path.clone(), connection)?;
        JobObject::completed(&to, success, &error, &message, details).await?;
        let everybody = SignalEmitter::new(&self.connection, names::ROOT)?;
        let path = zbus::ObjectPath::try_from(path)?;
        DiscMasterObject::job_ended(&everybody, path, &error).await
    }

    /// Signals of this object: to one connection, or to everybody.
    fn emitter(&self, path: String, connection: Option<String>) -> zbus::Result<SignalEmitter<'static>> {
        let emitter = SignalEmitter::new(&self.connection, path)?;
        Ok(match connection {
            Some(name) => emitter.set_destination(zbus::names::BusName::try_from(name)?),
            None => emitter,
        })
    }
}
