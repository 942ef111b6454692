//! The authority of the system bus: polkit.
//!
//! The actions are declared in `polkit/org.discmaster1.policy`. The subject is always the unique name that the bus
//! put on the client's message, never a process id, and never ourselves. Rules see the recorder as details, under the
//! keys that [`RecorderDetails`] documents; a rule that looks at them must not return a result that is kept
//! (`AUTH_ADMIN_KEEP`), because polkit keeps an authorization for the subject and the action alone.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use zbus::proxy::CacheProperties;
use zbus::{Connection, DBusError, Message};
use zbus_polkit::policykit1::{AuthorityProxy, AuthorizationResult, CheckAuthorizationFlags, Subject};

use super::{Authority, Caller, Callers, Decision, RecorderDetails};
use crate::api::{self, ErrorKind};

/// How long polkit may take when no person is asked; D-Bus clients wait as long for a reply.
const PATIENCE: Duration = Duration::from_secs(25);

/// Asks polkit. Without polkit root alone is served.
#[derive(Debug)]
pub struct Polkit {
    authority: AuthorityProxy<'static>,
    callers: Callers,
    questions: AtomicU64,
    patience: Duration,
}

impl Polkit {
    /// The authority behind polkit on this connection, which must have no method timeout of its own: a person may
    /// take minutes. polkit is started by the first question.
    ///
    /// # Errors
    /// When the connection is closed.
    pub async fn new(connection: &Connection, callers: &Callers) -> zbus::Result<Self> {
        let authority =
            AuthorityProxy::builder(connection).cache_properties(CacheProperties::No).build().await?;
        Ok(Self { authority, callers: callers.clone(), questions: AtomicU64::new(0), patience: PATIENCE })
    }

    /// The same with another limit for the questions that involve no person; 25 seconds otherwise.
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    async fn ask(&self, caller: &Caller, action: &str, recorder: &RecorderDetails) -> api::Result<()> {
        let subject = subject(caller)?;
        let flags = if caller.interactive {
            CheckAuthorizationFlags::ALLOW_USER_INTERACTION
        } else {
            CheckAuthorizationFlags::empty()
        };
        let title = recorder.title();
        let details = recorder.pairs(&title);
        let mut question = Question {
            authority: &self.authority,
            id: format!("discmaster-{}", self.questions.fetch_add(1, Ordering::Relaxed)),
            open: true,
        };
        let answer = tokio::select! {
            answer = self.authority.check_authorization(&subject, action, &details, flags, &question.id) => answer,
            () = self.callers.gone(&caller.sender) => return Err(refusal("the client has left the bus")),
            () = patience(caller.interactive, self.patience) => {
                tracing::error!(action, "polkit has not answered within {:?}", self.patience);
                return Err(refusal("polkit did not answer in time: try again, or look at polkit.service"));
            }
        };
        question.open = false;
        match answer {
            Ok(answer) => verdict(&answer, caller, action, recorder),
            Err(error) => without_an_answer(&error, caller, action),
        }
    }
}

impl Authority for Polkit {
    fn authorize<'a>(
        &'a self,
        caller: &'a Caller,
        action: &'a str,
        recorder: &'a RecorderDetails,
    ) -> Decision<'a> {
        Box::pin(async move {
            let decision = self.ask(caller, action, recorder).await;
            if let Err(error) = &decision {
                let Caller { sender, uid, .. } = caller;
                tracing::info!(sender, uid, action, recorder = recorder.id, "refused: {error}");
            }
            decision
        })
    }
}

/// A question to polkit: withdrawn when it is dropped unanswered, so that no dialog stays open for nobody.
struct Question<'a> {
    authority: &'a AuthorityProxy<'static>,
    id: String,
    open: bool,
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if !self.open {
            return;
        }
        let authority = self.authority.clone();
        let id = std::mem::take(&mut self.id);
        runtime.spawn(async move {
            if let Err(error) = authority.cancel_check_authorization(&id).await {
                tracing::debug!(id, "polkit did not withdraw the question: {error}");
            }
        });
    }
}

/// The subject of the caller's own message. It is built from a header, the one form that names a connection.
fn subject(caller: &Caller) -> api::Result<Subject> {
    let build = || -> zbus::Result<Message> {
        Message::method_call("/", "Subject").sender(caller.sender.as_str()).build(&())
    };
    let message = build().map_err(|error| refusal(&format!("the client's name is not valid: {error}")))?;
    Subject::new_for_message_header(&message.header())
        .map_err(|error| refusal(&format!("the client cannot be named to polkit: {error}")))
}

async fn patience(interactive: bool, limit: Duration) {
    if interactive { std::future::pending().await } else { tokio::time::sleep(limit).await }
}

fn verdict(
    answer: &AuthorizationResult,
    caller: &Caller,
    action: &str,
    recorder: &RecorderDetails,
) -> api::Result<()> {
    if answer.is_authorized {
        return Ok(());
    }
    let what = format!("{action} for {}", recorder.title());
    let dismissed = answer.details.get("polkit.dismissed").is_some_and(|value| !value.is_empty());
    Err(match (dismissed, answer.is_challenge, caller.interactive) {
        (true, ..) => api::Error::new(
            ErrorKind::NotAuthorizedDismissed,
            format!("the authentication for {what} was dismissed; nothing was done"),
        ),
        (false, true, false) => api::Error::new(
            ErrorKind::NotAuthorizedCanObtain,
            format!(
                "user {} needs to authenticate for {what}, and the call did not allow asking; nothing was done. Call \
                 again with interactive authorization allowed",
                caller.uid
            ),
        ),
        (false, true, true) => api::Error::new(
            ErrorKind::NotAuthorizedCanObtain,
            format!(
                "user {} needs to authenticate for {what}, and no authentication agent could ask; nothing was done. \
                 Start one (pkttyagent on a terminal) and try again",
                caller.uid
            ),
        ),
        (false, false, _) => api::Error::new(
            ErrorKind::NotAuthorized,
            format!("polkit does not allow user {} {what}; nothing was done", caller.uid),
        ),
    })
}

/// polkit failed to answer: never a reason to let anybody pass but root, and root only where there is no polkit.
fn without_an_answer(error: &zbus::Error, caller: &Caller, action: &str) -> api::Result<()> {
    if !is_absence(error) {
        tracing::error!(action, "polkit failed to answer, is org.discmaster1.policy installed? {error}");
        return Err(refusal(&format!("polkit failed to answer: {error}")));
    }
    tracing::error!(action, "polkit is not available, only root is served: {error}");
    if caller.uid == 0 {
        return Ok(());
    }
    Err(refusal("polkit is not available, and without it only root is served"))
}

/// Whether the bus says that there is no polkit, as opposed to polkit saying something.
fn is_absence(error: &zbus::Error) -> bool {
    let name = match error {
        zbus::Error::MethodError(name, ..) => name.to_string(),
        zbus::Error::FDO(error) => error.name().to_string(),
        _ => return false,
    };
    const STANDARD: &str = "org.freedesktop.DBus.Error.";
    match name.strip_prefix(STANDARD) {
        Some(rest) => matches!(rest, "ServiceUnknown" | "NameHasNoOwner") || rest.starts_with("Spawn."),
        // Masked or missing unit files, from a bus that activates through systemd.
        None => name.starts_with("org.freedesktop.systemd1."),
    }
}

fn refusal(why: &str) -> api::Error {
    api::Error::new(ErrorKind::NotAuthorized, format!("{why}; nothing was done"))
}
