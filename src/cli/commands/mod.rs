//! The commands, a file each: what can be typed, and what it does.

pub mod audio;
pub mod burn;
pub mod eject;
pub mod erase;
pub mod format;
pub mod image;
pub mod info;
pub mod jobs;
pub mod list;
pub mod load;
pub mod monitor;
pub mod toc;

mod album;
mod burning;
mod output;
mod sources;
mod told;
mod tray;

use super::args::Bus;
use super::client::Client;
use super::failure::Result;
use super::view::RecorderView;

/// Connects, and finds the recorder that is meant.
async fn recorder(bus: Bus, name: Option<&str>) -> Result<(Client, RecorderView)> {
    let client = Client::connect(bus).await?;
    let recorder = RecorderView::choose(RecorderView::all(&client.objects().await?), name, bus)?;
    Ok((client, recorder))
}
