//! The authority of a session bus: one's own user, nobody else.

use nix::unistd::geteuid;

use super::{Authority, Caller, Decision, RecorderDetails};
use crate::api;

/// Serves the user that the daemon runs as and refuses every other, root included.
#[derive(Clone, Copy, Debug)]
pub struct OwnUser {
    uid: u32,
}

impl OwnUser {
    /// The authority that serves this process's user.
    pub fn new() -> Self {
        Self { uid: geteuid().as_raw() }
    }
}

impl Default for OwnUser {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority for OwnUser {
    fn authorize<'a>(
        &'a self,
        caller: &'a Caller,
        _action: &'a str,
        recorder: &'a RecorderDetails,
    ) -> Decision<'a> {
        let answer = if caller.uid == self.uid { Ok(()) } else { Err(self.refusal(caller, recorder)) };
        Box::pin(std::future::ready(answer))
    }
}

impl OwnUser {
    fn refusal(&self, caller: &Caller, recorder: &RecorderDetails) -> api::Error {
        api::Error::new(
            api::ErrorKind::NotAuthorized,
            format!(
                "this service serves user {} alone and refuses user {} the use of {}; nothing was done. Use the \
                 system's service, or start one of your own",
                self.uid,
                caller.uid,
                recorder.title(),
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn asked_by(uid: u32) -> api::Result<()> {
        let caller =
            Caller { sender: ":1.7".to_owned(), uid, gid: 100, groups: vec![100], interactive: true };
        OwnUser { uid: 1000 }.authorize(&caller, api::names::ACTION_OPEN, &RecorderDetails::every()).await
    }

    #[tokio::test]
    async fn its_own_user_is_served_and_every_other_refused_even_root() {
        assert_eq!(asked_by(1000).await, Ok(()));
        for other in [0, 1001, u32::MAX] {
            assert_eq!(asked_by(other).await.unwrap_err().kind, api::ErrorKind::NotAuthorized);
        }
    }
}
