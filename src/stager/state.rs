//! What the broker may ask, and when. Anything else ends the connection, not the burn.

use crate::wire::broker_stager::{Ask, AudioAsk};

/// How far a stager is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody yet.
    Fresh,
    /// The session's owner, waiting for requests.
    Ready,
}

/// Whether a request is permitted. One that runs permits `Cancel` alone: `pulse` sees to that.
pub const fn allowed_in(ask: &Ask, state: State) -> bool {
    match ask {
        Ask::Begin(_) => matches!(state, State::Fresh),
        Ask::Add { .. }
        | Ask::Import { .. }
        | Ask::Forget
        | Ask::Remove(_)
        | Ask::List(_)
        | Ask::Clear
        | Ask::SetProperties(_)
        | Ask::Plan { .. }
        | Ask::Feed
        | Ask::Audio(_)
        | Ask::Again
        | Ask::Cancel => matches!(state, State::Ready),
    }
}

/// How many descriptors travel with a request, at least and at most.
pub const fn descriptors(ask: &Ask) -> (usize, usize) {
    match ask {
        Ask::Add { path: None, .. }
        | Ask::Import { .. }
        | Ask::Plan { recorded: Some(_), .. }
        | Ask::Audio(AudioAsk::Stream { .. } | AudioAsk::File { .. } | AudioAsk::Image { .. }) => (1, 1),
        Ask::Feed | Ask::Audio(AudioAsk::Feed { .. }) => (2, 2),
        Ask::Add { path: Some(_), .. }
        | Ask::Begin(_)
        | Ask::Forget
        | Ask::Remove(_)
        | Ask::List(_)
        | Ask::Clear
        | Ask::SetProperties(_)
        | Ask::Plan { recorded: None, .. }
        | Ask::Audio(AudioAsk::State | AudioAsk::Create | AudioAsk::Close { .. })
        | Ask::Again
        | Ask::Cancel => (0, 0),
    }
}

/// A request's name, for the log.
pub const fn name(ask: &Ask) -> &'static str {
    match ask {
        Ask::Begin(_) => "Begin",
        Ask::Add { .. } => "Add",
        Ask::Import { .. } => "Import",
        Ask::Forget => "Forget",
        Ask::Remove(_) => "Remove",
        Ask::List(_) => "List",
        Ask::Clear => "Clear",
        Ask::SetProperties(_) => "SetProperties",
        Ask::Plan { .. } => "Plan",
        Ask::Feed => "Feed",
        Ask::Audio(AudioAsk::State) => "State",
        Ask::Audio(AudioAsk::Create) => "Create",
        Ask::Audio(AudioAsk::Stream { .. }) => "Stream",
        Ask::Audio(AudioAsk::File { .. }) => "File",
        Ask::Audio(AudioAsk::Close { .. }) => "Close",
        Ask::Audio(AudioAsk::Image { .. }) => "Image",
        Ask::Audio(AudioAsk::Feed { .. }) => "Feed",
        Ask::Again => "Again",
        Ask::Cancel => "Cancel",
    }
}
