//! A client with an audio disc in the making.

use std::collections::HashMap;
use std::fs::File;
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
            "AddDataTrackStream" => self.image(&wav).await.name,
            "AddAudioFile" => self.file(&wav, []).await.name,
            "SetRedbookProperties" => {
                self.name("SetRedbookProperties", &(options([("Title", "A".into())]),)).await
            }
            "GetTranslation" => self.name(method, &("de", 0_u32)).await,
            "SetTranslation" => self.name(method, &("de", 0_u32, options([("Title", "A".into())]))).await,
            "RemoveTranslation" => self.name(method, &"de").await,
            "GetCueSheet" => self.name(method, &(&["disc.bin"][..],)).await,
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
        self.take_in("AddAudioTrackStream", path).await
    }

    /// `AddDataTrackStream`.
    pub async fn image(&self, path: &Path) -> Refusal {
        self.take_in("AddDataTrackStream", path).await
    }

    async fn take_in(&self, method: &str, path: &Path) -> Refusal {
        let file = File::open(path).unwrap();
        let body = (Fd::from(&file), options([("wait", true.into())]));
        let refusal = self.burner.client.refusal(&self.redbook, "Redbook", method, &body).await;
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
        std::fs::write(&path, wav(sound)).unwrap();
        path
    }

    /// A track of raw sound, from its opening to its close.
    pub async fn track(&self, sound: &[u8]) {
        assert_eq!(self.create().await, "");
        // A message of the bus has a limit.
        for part in sound.chunks(200 * BLOCK) {
            assert_eq!(self.blocks(part).await, "");
        }
        assert_eq!(self.close().await, "");
    }

    /// What is said of a track or, for 0, of the disc.
    pub async fn say(&self, track: u32, properties: HashMap<String, Variant<'static>>) {
        let said = match track {
            0 => self.name("SetRedbookProperties", &(properties,)).await,
            _ => self.name("SetAudioTrackProperties", &(track, properties)).await,
        };
        assert_eq!(said, "");
    }

    /// `RecordDisc`, to its end.
    pub async fn burn<const N: usize>(&self, wishes: [(&str, Variant<'static>); N]) -> Refusal {
        self.burner.recorded(options(wishes)).await
    }

    /// `GetCueSheet`.
    pub async fn sheet(&self, files: &[&str]) -> String {
        self.burner.client.call(&self.redbook, "Redbook", "GetCueSheet", &(files,)).await.unwrap()
    }
}

/// Sound that is nowhere twice.
pub fn noise(blocks: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 11) as u8
    };
    (0..blocks * BLOCK).map(|_| next()).collect()
}

/// Sound as a WAV file of 44.1 kHz, 16 bits, stereo.
pub fn wav(sound: &[u8]) -> Vec<u8> {
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + sound.len() as u32).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x02\0\x44\xac\0\0\x10\xb1\x02\0\x04\0\x10\0data");
    bytes.extend((sound.len() as u32).to_le_bytes());
    bytes.extend(sound);
    bytes
}

/// The sheet of an album of two tracks with texts and codes, in one file of a kind (`BINARY`, `WAVE`).
pub fn cue_sheet(file: &str, kind: &str) -> String {
    format!(
        r#"CATALOG 4012345123456
TITLE "Lieder"
PERFORMER "Nobody"
FILE "{file}" {kind}
  TRACK 01 AUDIO
    TITLE "Tag"
    PERFORMER "Alice"
    FLAGS DCP
    ISRC DEABC0712345
    INDEX 01 00:00:00
  TRACK 02 AUDIO
    TITLE "Nacht"
    PERFORMER "Bob"
    ISRC DEABC0712346
    INDEX 00 00:06:00
    INDEX 01 00:08:00
"#
    )
}
