//! What `eject` and `load` share.

use serde_json::json;

use crate::cli::args::Bus;
use crate::cli::failure::Result;
use crate::cli::screen::Screen;

/// Has a recorder do something with its tray.
pub(super) async fn run(
    bus: Bus,
    name: Option<&str>,
    method: &str,
    done: &str,
    screen: &mut Screen,
) -> Result<()> {
    let (client, recorder) = super::recorder(bus, name).await?;
    client.tell(&recorder.path, "Recorder", method).await?;
    if screen.json() {
        return screen.object(&json!({ "recorder": recorder.id, "done": method.to_lowercase() }));
    }
    screen.say(&format!("{}: {done}", recorder.id));
    Ok(())
}
