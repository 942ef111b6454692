//! A client with an audio disc in the making.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use zbus::{DynamicType, Fd, OwnedVariant, Variant};

use super::burner::Burner;
use super::{Bench, Refusal, options};

/// Bytes of a block of sound.
pub const BLOCK: usize = 2352;

/// A session, as an audio disc sees it.
pub struct Album {
    pub burner: Burner,
    pub redbook: String,
    pub folder: PathBuf,
}

impl Album {
    pub async fn open(bench: &Bench, recorder: &str) -> Self {
        let burner = Burner::open(bench, recorder, false).await;
        let redbook = format!("{}/redbook", burner.session);
        Self { burner, redbook, folder: bench.dir().to_owned() }
    }

    /// With the format and the recorder selected.
    pub async fn ready(bench: &Bench, recorder: &str) -> Self {
        let album = Self::open(bench, recorder).await;
        album.format("redbook").await;
        album.burner.select().await.unwrap();
        album
    }

    pub async fn format(&self, name: &str) {
        let Burner { client, session, .. } = &self.burner;
        client.path(session, "Session", "SetActiveDiscMasterFormat", &name).await.unwrap();
    }

    pub async fn state(&self, state: &str) {
        match state {
            "open" => {}
            "closed" => self.burner.close().await.unwrap(),
            "joliet" => self.format("joliet").await,
            _ => self.format("redbook").await,
        }
        if ["ready", "track", "staged"].contains(&state) {
            self.burner.select().await.unwrap();
        }
        if ["track", "staged"].contains(&state) {
            assert_eq!(self.create().await, "");
        }
        if state == "staged" {
            assert_eq!(self.blocks(&vec![1; 300 * BLOCK]).await, "");
            assert_eq!(self.close().await, "");
        }
    }

    /// One call of the table; the refusal's name.
    pub async fn call(&self, method: &str) -> String {
        let wav = self.wav("call.wav", &vec![7; 4 * BLOCK]);
        match method {
            "CreateAudioTrack" => self.create().await,
            "AddAudioTrackBlocks" => self.blocks(&[0; BLOCK]).await,
            "AddAudioTrackStream" => self.stream(&wav).await.name,
            "AddAudioFile" => self.file(&wav, []).await.name,
            "SetRedbookProperties" => {
                self.name("SetRedbookProperties", &(options([("Title", "A".into())]),)).await
            }
            "GetAudioTrackProperties" => self.name(method, &1_u32).await,
            "SetAudioTrackProperties" => self.name(method, &(1_u32, options([("Title", "A".into())]))).await,
            "GetJolietProperties" => {
                let Burner { client, joliet, .. } = &self.burner;
                client.refusal(joliet, "Joliet", method, &()).await.map_or_else(String::new, |one| one.name)
            }
            _ => self.name(method, &()).await,
        }
    }

    pub async fn name(&self, method: &str, body: &(impl Serialize + DynamicType)) -> String {
        let refusal = self.burner.client.refusal(&self.redbook, "Redbook", method, body).await;
        refusal.map_or_else(String::new, |one| one.name)
    }

    pub async fn create(&self) -> String {
        self.name("CreateAudioTrack", &0_u32).await
    }

    pub async fn close(&self) -> String {
        self.name("CloseAudioTrack", &()).await
    }

    pub async fn blocks(&self, sound: &[u8]) -> String {
        self.name("AddAudioTrackBlocks", &(sound,)).await
    }

    pub async fn stream(&self, path: &Path) -> Refusal {
        let file = File::open(path).unwrap();
        let body = (Fd::from(&file), options([("wait", true.into())]));
        let refusal =
            self.burner.client.refusal(&self.redbook, "Redbook", "AddAudioTrackStream", &body).await;
        refusal.unwrap_or_else(|| Refusal::new("", String::new()))
    }

    pub async fn file<const N: usize>(&self, path: &Path, wishes: [(&str, Variant<'static>); N]) -> Refusal {
        let file = File::open(path).unwrap();
        let mut wishes = options(wishes);
        wishes.insert("wait".to_owned(), true.into());
        let refusal = self
            .burner
            .client
            .refusal(&self.redbook, "Redbook", "AddAudioFile", &(Fd::from(&file), wishes))
            .await;
        refusal.unwrap_or_else(|| Refusal::new("", String::new()))
    }

    /// Tracks, used and available blocks.
    pub async fn counters(&self) -> (u32, u64, u64) {
        let client = &self.burner.client;
        (
            client.call(&self.redbook, "Redbook", "GetTotalAudioTracks", &()).await.unwrap(),
            client.call(&self.redbook, "Redbook", "GetUsedAudioBlocks", &()).await.unwrap(),
            client.call(&self.redbook, "Redbook", "GetAvailableAudioTrackBlocks", &()).await.unwrap(),
        )
    }

    pub async fn total(&self) -> u64 {
        self.burner.client.call(&self.redbook, "Redbook", "GetTotalAudioBlocks", &()).await.unwrap()
    }

    pub async fn text(&self, track: u32, name: &str) -> String {
        let properties: HashMap<String, OwnedVariant> = match track {
            0 => {
                self.burner.client.call(&self.redbook, "Redbook", "GetRedbookProperties", &()).await.unwrap()
            }
            _ => self
                .burner
                .client
                .call(&self.redbook, "Redbook", "GetAudioTrackProperties", &track)
                .await
                .unwrap(),
        };
        String::try_from(properties[name].try_clone().unwrap()).unwrap()
    }

    /// A WAV file of 44.1 kHz, 16 bits, stereo.
    pub fn wav(&self, name: &str, sound: &[u8]) -> PathBuf {
        let path = self.folder.join(name);
        let mut file = File::create(&path).unwrap();
        file.write_all(b"RIFF").unwrap();
        file.write_all(&(36 + sound.len() as u32).to_le_bytes()).unwrap();
        file.write_all(b"WAVEfmt \x10\0\0\0\x01\0\x02\0\x44\xac\0\0\x10\xb1\x02\0\x04\0\x10\0data").unwrap();
        file.write_all(&(sound.len() as u32).to_le_bytes()).unwrap();
        file.write_all(sound).unwrap();
        path
    }
}
