//! What belongs to another user: jobs can be cancelled and sessions closed by whom polkit lets, and nothing else.

use zbus::message::Header;

use super::authority::{Caller, RecorderDetails};
use super::config::Bus;
use super::locks::Scope;
use super::service::Service;
use crate::api::{Error, ErrorKind, Result, names};

impl Service {
    /// `Job.Cancel`.
    ///
    /// # Errors
    /// `NotOpened` for a job that is forgotten, or the authority's refusal.
    pub async fn cancel_job(&self, caller: &Caller, number: u64) -> Result<()> {
        let gone = || Error::new(ErrorKind::NotOpened, "The job has ended and is forgotten.");
        let (owner, recorder) = {
            let state = self.state();
            let about = &state.jobs.get(number).ok_or_else(gone)?.about;
            (about.uid, about.recorder.clone())
        };
        self.authorize_other(caller, owner, names::ACTION_CANCEL_OTHER_USER, recorder.as_deref()).await?;
        self.state().jobs.get(number).ok_or_else(gone)?.cancel();
        Ok(())
    }

    /// Lets the caller close a session, or refuses.
    ///
    /// # Errors
    /// `NotOpened` for a session that is forgotten, or the authority's refusal.
    pub async fn authorize_close(&self, header: &Header<'_>, number: u64) -> Result<()> {
        let caller = self.caller(header).await?;
        let (owner, recorder) = {
            let state = self.state();
            let session = state.session(number)?;
            let recorder = match &session.scope {
                Scope::One(id) => Some(id.clone()),
                Scope::Whole => None,
            };
            (session.owner.uid, recorder)
        };
        self.authorize_other(&caller, owner, names::ACTION_CLOSE_OTHER_USER, recorder.as_deref()).await
    }

    /// Lets the owner pass, and others where the authority lets them do this to another user's.
    async fn authorize_other(
        &self,
        caller: &Caller,
        owner: u32,
        action: &str,
        recorder: Option<&str>,
    ) -> Result<()> {
        let own = self.check_owner(caller, owner);
        if own.is_ok() || self.config().bus == Bus::Session {
            return own;
        }
        let details = {
            let state = self.state();
            let known = recorder.and_then(|id| Some(state.recorders.get(id)?.details(id)));
            known.unwrap_or_else(RecorderDetails::every)
        };
        self.authorize(caller, action, &details).await
    }
}
