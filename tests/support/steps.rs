//! IMAPI's steps as one line each: what most tests need before they come to their point.

use std::collections::HashMap;
use std::os::fd::OwnedFd;

use zbus::Variant;

use super::client::{Client, Refusal, options};

/// A session, its data format's object, and the client that opened it.
pub struct Open<'c> {
    pub client: &'c Client,
    pub session: String,
    pub joliet: String,
}

impl Client {
    /// A session on one recorder.
    pub async fn open_on(&self, recorder: &str) -> Open<'_> {
        let recorder = object(&recorder_path(recorder));
        self.open_with(options([("recorder", recorder)])).await
    }

    /// A session.
    pub async fn open_with(&self, wishes: HashMap<String, Variant<'static>>) -> Open<'_> {
        let session = self.open(wishes).await.expect("a session");
        let joliet = format!("{session}/joliet");
        Open { client: self, session, joliet }
    }

    /// A session on one recorder, with data as its format and the recorder selected.
    pub async fn ready(&self, recorder: &str) -> Open<'_> {
        let open = self.open_on(recorder).await;
        open.format().await;
        open.select(recorder).await.expect("a disc to record");
        open
    }
}

impl Open<'_> {
    /// Selects data as the format.
    pub async fn format(&self) {
        self.call("SetActiveDiscMasterFormat", &"joliet").await.expect("the format");
    }

    /// Selects a recorder, and the disc in it.
    pub async fn select(&self, recorder: &str) -> Result<(), Refusal> {
        let path = zbus::ObjectPath::try_from(recorder_path(recorder)).expect("a path");
        self.call("SetActiveDiscRecorder", &(path, options([]))).await
    }

    /// Stages what lies at a path, and waits for the end.
    pub async fn stage(&self, path: &std::path::Path) -> Result<(), Refusal> {
        let path = path.to_str().expect("a path of ours");
        let add = (path, options([("wait", true.into())]));
        self.client.path(&self.joliet, "Joliet", "AddPath", &add).await.map(drop)
    }

    /// Starts to record; the job.
    pub async fn record(&self, wishes: HashMap<String, Variant<'static>>) -> Result<String, Refusal> {
        self.client.path(&self.session, "Session", "RecordDisc", &(wishes,)).await
    }

    /// Records, and waits for the end: the error's name, or nothing, and its message.
    pub async fn recorded(&self, wishes: HashMap<String, Variant<'static>>) -> (String, String) {
        let job = match self.record(wishes).await {
            Ok(job) => job,
            Err(Refusal { name, message }) => return (name, message),
        };
        let (_, error, message, _) = self.client.result(&job).await;
        (short(&error).to_owned(), message)
    }

    /// Closes the session.
    pub async fn close(&self) -> Result<(), Refusal> {
        self.call("Close", &()).await
    }

    /// Blocks that the staged image takes.
    pub async fn used(&self) -> u64 {
        self.client.call(&self.joliet, "Joliet", "GetUsedDataBlocks", &()).await.expect("a number")
    }

    /// A property of the session.
    pub async fn property<T: TryFrom<zbus::OwnedVariant>>(&self, name: &str) -> T {
        self.client.property(&self.session, "Session", name).await.expect("a property")
    }

    async fn call(
        &self,
        method: &str,
        body: &(impl serde::Serialize + zbus::DynamicType),
    ) -> Result<(), Refusal> {
        self.client.refusal(&self.session, "Session", method, body).await.map_or(Ok(()), Err)
    }
}

/// The path of a recorder's object.
pub fn recorder_path(id: &str) -> String {
    format!("/org/discmaster1/recorders/{id}")
}

/// An object's path as an option's value.
pub fn object(path: &str) -> Variant<'static> {
    zbus::ObjectPath::try_from(path.to_owned()).expect("a path").into()
}

/// An error's name without our prefix.
pub fn short(name: &str) -> &str {
    name.strip_prefix("org.discmaster1.Error.").unwrap_or(name)
}

/// A descriptor of a directory, as AddData takes it.
pub fn descriptor(path: &std::path::Path) -> zbus::OwnedFd {
    OwnedFd::from(std::fs::File::open(path).expect("a directory")).into()
}
