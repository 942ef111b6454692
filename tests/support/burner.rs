//! A client that has come as far as the sixth step: something is staged for a disc that is in.

use std::fs;

use super::{Bench, Client, Refusal, options};

/// A session with something staged.
pub struct Burner {
    pub client: Client,
    pub session: String,
    pub joliet: String,
    pub recorder: String,
}

impl Burner {
    /// A client of its own with a session on this recorder and `bytes` of content staged.
    pub async fn ready(bench: &Bench, recorder: &str, bytes: usize, detached: bool) -> Self {
        let client = bench.client().await;
        let recorder = client.looked_at(recorder).await;
        let place = zbus::ObjectPath::try_from(recorder.clone()).expect("a path");
        let open = options([("recorder", place.into()), ("detached", detached.into())]);
        let session = client.open(open).await.expect("a session");
        let joliet = client.path(&session, "Session", "SetActiveDiscMasterFormat", &"joliet").await;
        let burner = Self { client, session, joliet: joliet.expect("the format"), recorder };
        burner.select().await.expect("a blank disc");
        burner.add(bench, bytes).await;
        burner
    }

    /// `SetActiveDiscRecorder`.
    pub async fn select(&self) -> Result<(), Refusal> {
        let recorder = zbus::ObjectPath::try_from(self.recorder.as_str()).expect("a path");
        self.client.call(&self.session, "Session", "SetActiveDiscRecorder", &(recorder, options([]))).await
    }

    /// Stages a file of so many bytes.
    pub async fn add(&self, bench: &Bench, bytes: usize) {
        let file = bench.dir().join("content.bin");
        let content: Vec<u8> = (0..bytes).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        fs::write(&file, content).expect("a file");
        let add =
            (file.to_str().expect("UTF-8"), options([("wait", true.into()), ("overwrite", true.into())]));
        self.client.path(&self.joliet, "Joliet", "AddPath", &add).await.expect("the file is staged");
    }

    /// `RecordDisc`, as a job.
    pub async fn record(&self) -> Result<String, Refusal> {
        self.client.path(&self.session, "Session", "RecordDisc", &(options([]),)).await
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
                assert_ne!(now, "finished", "the burn was over before it could be seen");
                ["writing", "flushing", "closing"].contains(&now.as_str()).then_some(())
            })
            .await;
    }
}
