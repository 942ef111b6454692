//! Who may do what: callers, what the authority is asked on their behalf, and what belongs to whom.

use std::collections::BTreeSet;

use tokio::time::Instant;
use zbus::message::Header;

use super::authority::{Caller, RecorderDetails};
use super::config::Bus;
use super::locks::Asker;
use super::logind::Logind;
use super::recorder::Plug;
use super::service::{Door, Service};
use crate::api::{self, Error, ErrorKind, names};

impl Service {
    /// Who sent this message.
    ///
    /// # Errors
    /// When the bus does not know them any more.
    pub async fn caller(&self, header: &Header<'_>) -> api::Result<Caller> {
        self.state().called = Some(Instant::now());
        self.door()?.callers.identify(header).await
    }

    /// Lets the caller do an action to a recorder, or refuses. No lock may be held, and what was checked before must
    /// be checked again: the answer may take minutes.
    ///
    /// # Errors
    /// The authority's refusal; `LimitsExceeded` when too many questions of the caller's wait for an answer.
    pub async fn authorize(
        &self,
        caller: &Caller,
        action: &str,
        details: &RecorderDetails,
    ) -> api::Result<()> {
        let _question = self.question(caller)?;
        let door = self.door()?;
        let action = match &door.logind {
            Some(logind) if is_elsewhere(logind, caller, &details.seat).await => of_other_seat(action),
            _ => action,
        };
        door.authority.authorize(caller, action, details).await
    }

    /// A place among the questions that wait for an answer. A dialog may stand for minutes, and nobody is to pile up
    /// dialogs.
    fn question(&self, caller: &Caller) -> api::Result<Question> {
        let limits = self.config().limits;
        let mut state = self.state();
        let asked = |of: &dyn Fn(&Asked) -> bool| state.questions.iter().filter(|one| of(one)).count();
        if asked(&|one| one.connection == caller.sender) >= limits.questions_per_connection
            || asked(&|one| one.uid == caller.uid) >= limits.questions_per_user
        {
            let message = "Your earlier calls still wait for an authorisation. Answer their dialogs first.";
            return Err(Error::new(ErrorKind::LimitsExceeded, message));
        }
        state.last_question += 1;
        let number = state.last_question;
        state.questions.push(Asked { number, connection: caller.sender.clone(), uid: caller.uid });
        Ok(Question { service: self.clone(), number })
    }

    /// Lets the caller do an action to a recorder that is plugged in, and still is when the answer comes.
    ///
    /// # Errors
    /// The authority's refusal; `DeviceNotPresent` when it was unplugged meanwhile, even if it is back.
    pub async fn authorize_recorder(&self, caller: &Caller, action: &str, id: &str) -> api::Result<Plug> {
        let (details, plug) = {
            let state = self.state();
            let recorder = state.recorder(id)?;
            (recorder.details(id), recorder.plug.clone())
        };
        self.authorize(caller, action, &details).await?;
        self.state().plugged_mut(id, &plug)?;
        Ok(plug)
    }

    /// Lets the caller hold every recorder at once, or refuses. It is one question: whoever sits at a seat, and not at that of
    /// every recorder, is asked about as one who reaches for another; the others' is no better than anybody's.
    ///
    /// # Errors
    /// As for [`Service::authorize`].
    pub async fn authorize_every(&self, caller: &Caller) -> api::Result<()> {
        let seats: BTreeSet<String> = self.state().recorders.values().map(|one| one.seat.clone()).collect();
        let action = match &self.door()?.logind {
            Some(logind) if reaches_elsewhere(logind, caller, &seats).await => names::ACTION_OPEN_OTHER_SEAT,
            _ => names::ACTION_OPEN,
        };
        self.authorize(caller, action, &RecorderDetails::every()).await
    }

    /// Lets the caller record in the recorder that a session has selected, or refuses. That was asked when it was selected; who
    /// sat at its seat then and does not now is asked about again, as what let them is gone.
    ///
    /// # Errors
    /// As for [`Session::check_record`](super::session::Session::check_record) and [`Service::authorize_recorder`].
    pub async fn authorize_record(&self, caller: &Caller, session: u64) -> api::Result<()> {
        // Nobody selects another one until the answer is there.
        let (_occupied, (id, seated)) = self.occupy(session, "RecordDisc", |session| {
            let selection = session.check_record()?;
            Ok((selection.recorder.clone(), selection.seated))
        })?;
        if !seated || self.sits_at(caller, &id).await {
            return Ok(());
        }
        self.authorize_recorder(caller, names::ACTION_OPEN, &id).await.map(drop)
    }

    /// Whether the caller's session is the active one of a recorder's seat; where there are no seats, it is.
    pub async fn sits_at(&self, caller: &Caller, id: &str) -> bool {
        let seat = match self.state().recorders.get(id) {
            Some(recorder) => recorder.seat.clone(),
            None => return false,
        };
        match self.door() {
            Ok(Door { logind: Some(logind), .. }) => !is_elsewhere(logind, caller, &seat).await,
            _ => true,
        }
    }

    /// The caller of a method of a session, who must be its owner's user or root.
    ///
    /// # Errors
    /// `NotAuthorized`; `NotOpened` for a session that is forgotten.
    pub async fn visitor(&self, header: &Header<'_>, session: u64) -> api::Result<Caller> {
        let caller = self.caller(header).await?;
        let mut state = self.state();
        let session = state.session_mut(session)?;
        self.check_owner(&caller, session.owner.uid)?;
        session.touched = Instant::now();
        Ok(caller)
    }

    /// Refuses everybody but this user and, on the system bus, root.
    ///
    /// # Errors
    /// `NotAuthorized`.
    pub fn check_owner(&self, caller: &Caller, owner: u32) -> api::Result<()> {
        check_owner(caller, owner, self.config().bus)
    }
}

/// A question that waits for the authority's answer.
#[derive(Debug)]
pub struct Asked {
    number: u64,
    connection: String,
    uid: u32,
}

/// A question's place, until this is dropped.
struct Question {
    service: Service,
    number: u64,
}

impl Drop for Question {
    fn drop(&mut self) {
        self.service.state().questions.retain(|one| one.number != self.number);
    }
}

/// A caller as one who asks for locks.
pub fn asker(caller: &Caller) -> Asker<'_> {
    Asker { uid: caller.uid, connection: &caller.sender }
}

/// Whether the caller's session is not the active one of this seat. Root is everywhere, and no seat is one that everybody
/// sits at.
async fn is_elsewhere(logind: &Logind, caller: &Caller, seat: &str) -> bool {
    caller.uid != 0 && !seat.is_empty() && !logind.is_at_seat(caller.uid, seat).await
}

/// Whether the caller's session is the active one of some seat, and not of all of these.
async fn reaches_elsewhere(logind: &Logind, caller: &Caller, seats: &BTreeSet<String>) -> bool {
    for seat in seats {
        if is_elsewhere(logind, caller, seat).await {
            return logind.is_at_some_seat(caller.uid).await;
        }
    }
    false
}

/// What an action is called for a recorder of another seat.
fn of_other_seat(action: &str) -> &str {
    match action {
        names::ACTION_OPEN => names::ACTION_OPEN_OTHER_SEAT,
        names::ACTION_ERASE => names::ACTION_ERASE_OTHER_SEAT,
        names::ACTION_EJECT => names::ACTION_EJECT_OTHER_SEAT,
        other => other,
    }
}

fn check_owner(caller: &Caller, owner: u32, bus: Bus) -> api::Result<()> {
    if caller.uid == owner || (caller.uid == 0 && bus == Bus::System) {
        return Ok(());
    }
    let message = format!("This belongs to another user (uid {owner}); only they and root may use it.");
    Err(Error::new(ErrorKind::NotAuthorized, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::config::Config;
    use crate::broker::launcher::ChildLauncher;
    use crate::broker::manager::Manager;

    #[test]
    fn nobody_piles_up_questions_to_the_authority() {
        let service =
            Service::new(Config::empty(), Box::new(ChildLauncher::new(None, true)), Manager::default(), None);
        let caller = |sender: &str, uid| Caller {
            sender: sender.into(),
            uid,
            gid: uid,
            groups: vec![],
            interactive: true,
        };
        let mut open = vec![service.question(&caller(":1.1", 7)).unwrap()];
        open.push(service.question(&caller(":1.1", 7)).unwrap());
        let refused = |one: &Caller| service.question(one).err().map(|error| error.kind);
        assert_eq!(refused(&caller(":1.1", 7)), Some(ErrorKind::LimitsExceeded));
        open.extend((2..8).map(|n| service.question(&caller(&format!(":1.{n}"), 7)).unwrap()));
        assert_eq!(refused(&caller(":1.9", 7)), Some(ErrorKind::LimitsExceeded));
        assert_eq!(refused(&caller(":1.9", 8)), None);
        open.pop();
        assert_eq!(refused(&caller(":1.9", 7)), None);
    }

    #[test]
    fn only_the_owner_and_the_systems_root_may_use_what_is_the_owners() {
        let allowed = |uid, bus| {
            let caller = Caller { sender: ":1.9".into(), uid, gid: uid, groups: vec![], interactive: false };
            check_owner(&caller, 1000, bus).map_err(|error| error.kind)
        };
        assert_eq!((allowed(1000, Bus::System), allowed(0, Bus::System)), (Ok(()), Ok(())));
        assert_eq!(allowed(1001, Bus::System), Err(ErrorKind::NotAuthorized));
        assert_eq!(allowed(0, Bus::Session), Err(ErrorKind::NotAuthorized));
    }
}
