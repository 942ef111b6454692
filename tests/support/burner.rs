//! A client on its way through the eight steps, on one recorder.

use std::collections::HashMap;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;

use zbus::{ObjectPath, OwnedVariant, Variant};

use super::{Bench, Client, Refusal, options};

/// A client of its own with a session on a recorder.
pub struct Burner {
    pub client: Client,
    pub session: String,
    pub joliet: String,
    pub recorder: String,
}

impl Burner {
    /// A session on this recorder; nothing is selected.
    pub async fn open(bench: &Bench, recorder: &str, detached: bool) -> Self {
        let client = bench.client().await;
        client.looked_at(recorder).await;
        Self::of(client, recorder, detached).await
    }

    /// A session of this client's on a recorder; nothing is selected.
    pub async fn of(client: Client, recorder: &str, detached: bool) -> Self {
        let recorder = format!("/org/discmaster1/recorders/{recorder}");
        let open = options([("recorder", object(&recorder)), ("detached", detached.into())]);
        let session = client.open(open).await.expect("a session");
        let joliet = format!("{session}/joliet");
        Self { client, session, joliet, recorder }
    }

    /// A session on this recorder, with the format and the recorder selected and `bytes` of content staged.
    pub async fn ready(bench: &Bench, recorder: &str, bytes: usize, detached: bool) -> Self {
        let burner = Self::open(bench, recorder, detached).await;
        burner.format().await;
        burner.select().await.expect("a blank disc");
        burner.add(bench, bytes).await;
        burner
    }

    /// `SetActiveDiscMasterFormat`.
    pub async fn format(&self) {
        self.client
            .path(&self.session, "Session", "SetActiveDiscMasterFormat", &"joliet")
            .await
            .expect("data");
    }

    /// `SetActiveDiscRecorder`.
    pub async fn select(&self) -> Result<(), Refusal> {
        self.select_other(&self.recorder).await
    }

    /// `SetActiveDiscRecorder` with a recorder of one's choice, by path.
    pub async fn select_other(&self, recorder: &str) -> Result<(), Refusal> {
        let recorder = ObjectPath::try_from(recorder).expect("a path");
        self.client.call(&self.session, "Session", "SetActiveDiscRecorder", &(recorder, options([]))).await
    }

    /// Stages a file of so many bytes.
    pub async fn add(&self, bench: &Bench, bytes: usize) {
        let file = bench.dir().join("content.bin");
        fs::write(&file, content(bytes)).expect("a file");
        self.stage(&file).await.expect("the file is staged");
    }

    /// `AddPath`, to its end.
    pub async fn stage(&self, path: &Path) -> Result<(), Refusal> {
        let wishes = options([("wait", true.into()), ("overwrite", true.into())]);
        let add = (path.to_str().expect("UTF-8"), wishes);
        self.client.path(&self.joliet, "Joliet", "AddPath", &add).await.map(drop)
    }

    /// `AddPath` with wishes, to its end; the job.
    pub async fn stage_with<const N: usize>(
        &self,
        path: &Path,
        wishes: [(&str, Variant<'static>); N],
    ) -> Result<String, Refusal> {
        let mut wishes = options(wishes);
        wishes.insert("wait".to_owned(), true.into());
        self.client.path(&self.joliet, "Joliet", "AddPath", &(path.to_str().expect("UTF-8"), wishes)).await
    }

    /// Names, kinds and bytes of a directory of the image.
    pub async fn list(&self, path: &str) -> Vec<(String, String, u64)> {
        let (rows, cut): (Vec<(String, String, u64, i64)>, bool) =
            self.client.call(&self.joliet, "Joliet", "List", &path).await.expect("a directory of the image");
        assert!(!cut, "all of {path} fits an answer");
        rows.into_iter().map(|(name, kind, bytes, _)| (name, kind, bytes)).collect()
    }

    /// Blocks that the staged image takes.
    pub async fn used(&self) -> u64 {
        self.client.call(&self.joliet, "Joliet", "GetUsedDataBlocks", &()).await.expect("a number")
    }

    /// `RecordDisc`, as a job.
    pub async fn record(&self) -> Result<String, Refusal> {
        self.record_with(options([])).await
    }

    /// `RecordDisc` with wishes, as a job.
    pub async fn record_with(&self, wishes: HashMap<String, Variant<'static>>) -> Result<String, Refusal> {
        self.client.path(&self.session, "Session", "RecordDisc", &(wishes,)).await
    }

    /// `RecordDisc`, to its end: the error's name and its message, or nothing.
    pub async fn recorded(&self, wishes: HashMap<String, Variant<'static>>) -> Refusal {
        match self.record_with(wishes).await {
            Ok(job) => {
                let (_, error, message, _) = self.client.result(&job).await;
                Refusal::new(&error, message)
            }
            Err(refused) => refused,
        }
    }

    /// A property of the session.
    pub async fn property<T: TryFrom<OwnedVariant>>(&self, name: &str) -> T {
        self.client.property(&self.session, "Session", name).await.expect("a property")
    }

    /// `Session.Close`.
    pub async fn close(&self) -> Result<(), Refusal> {
        self.client.call(&self.session, "Session", "Close", &()).await
    }

    /// Waits until a burn has got as far as the disc.
    pub async fn under_way(&self, job: &str) {
        self.client
            .until("the disc is being written", async || {
                let now: String = self.client.property(job, "Job", "Phase").await.expect("a job");
                if now == "finished" {
                    panic!("the burn was over before it could be seen: {:?}", self.client.result(job).await);
                }
                ["writing", "flushing", "closing"].contains(&now.as_str()).then_some(())
            })
            .await;
    }

    /// Waits until the drive has taken blocks: the phase alone begins before the first of them.
    pub async fn blocks_written(&self, job: &str) {
        self.client
            .until("blocks are on the disc", async || {
                let done: u64 = self.client.property(job, "Job", "BlocksDone").await.expect("a job");
                (done > 0).then_some(())
            })
            .await;
    }
}

/// Noise, in which a block differs from those near it.
pub fn content(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

/// An object's path as an option's value.
pub fn object(path: &str) -> Variant<'static> {
    ObjectPath::try_from(path.to_owned()).expect("a path").into()
}

/// A descriptor of a directory, as `AddData` takes it.
pub fn descriptor(path: &Path) -> zbus::OwnedFd {
    OwnedFd::from(fs::File::open(path).expect("a directory")).into()
}
