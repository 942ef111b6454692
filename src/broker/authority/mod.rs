//! Who asks, and whether they may.
//!
//! [`Callers`] learns from the bus who sent a message and tells when a client leaves; an [`Authority`] decides.
//! There are two: [`Polkit`] on the system bus, and [`OwnUser`], which serves the daemon's own user alone, on a
//! session bus. No switch turns either off.

mod callers;
mod details;
mod own_user;
mod polkit;

use std::pin::Pin;

pub use callers::{Caller, Callers};
pub use details::{RecorderDetails, RecorderKind};
pub use own_user::OwnUser;
pub use polkit::Polkit;

use crate::api;

/// What [`Authority::authorize`] returns: a boxed future, so that the broker can hold either authority.
pub type Decision<'a> = Pin<Box<dyn Future<Output = api::Result<()>> + Send + 'a>>;

/// Decides whether a caller may do what they ask.
pub trait Authority: Send + Sync {
    /// Lets `caller` do `action` to `recorder`, or refuses.
    ///
    /// The answer may take minutes when a person is asked for a password: lock, medium and job must be looked at
    /// again afterwards, and no lock may be held meanwhile. Dropping the future withdraws the question.
    ///
    /// # Errors
    /// `NotAuthorized`, `NotAuthorizedCanObtain` when an authentication would help but was not asked for or no
    /// agent is there, and `NotAuthorizedDismissed` when the person closed the dialog.
    fn authorize<'a>(
        &'a self,
        caller: &'a Caller,
        action: &'a str,
        recorder: &'a RecorderDetails,
    ) -> Decision<'a>;
}
