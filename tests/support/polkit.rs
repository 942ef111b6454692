//! A polkit that answers as told and tells what it was asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;
use zbus::{Connection, DBusError, OwnedVariant, interface};

use super::bus::PrivateBus;

/// What polkit is to answer.
#[derive(Clone, Debug)]
pub enum Answer {
    Allow,
    Deny,
    Challenge,
    Dismissed,
    Fail,
    /// Waits for a permit, then allows.
    Wait(Arc<tokio::sync::Notify>),
}

/// What polkit was asked.
#[derive(Debug)]
pub enum Asked {
    Check {
        subject: String,
        name: String,
        action: String,
        details: HashMap<String, String>,
        flags: u32,
        cancellation: String,
    },
    Cancel(String),
}

#[derive(Debug, DBusError)]
#[zbus(prefix = "org.freedesktop.PolicyKit1.Error")]
enum Failure {
    #[zbus(error)]
    ZBus(zbus::Error),
    Failed(String),
}

struct Interface {
    answer: Arc<Mutex<Answer>>,
    meddling: Arc<Mutex<Answer>>,
    asked: mpsc::UnboundedSender<Asked>,
}

type Result3 = (bool, bool, HashMap<String, String>);

#[interface(name = "org.freedesktop.PolicyKit1.Authority")]
impl Interface {
    async fn check_authorization(
        &self,
        subject: (String, HashMap<String, OwnedVariant>),
        action_id: String,
        details: HashMap<String, String>,
        flags: u32,
        cancellation_id: String,
    ) -> Result<Result3, Failure> {
        let name = subject.1.get("name").and_then(|name| String::try_from(name.clone()).ok());
        let check = Asked::Check {
            subject: subject.0,
            name: name.unwrap_or_default(),
            action: action_id.clone(),
            details,
            flags,
            cancellation: cancellation_id,
        };
        self.asked.send(check).expect("the test listens");
        // Who may everything may not meddle with others, unless a test says so of that alone.
        let meddling = action_id.ends_with("-other-user");
        let answer = match (meddling, &*self.meddling.lock().expect("no panic")) {
            (true, answer) => answer.clone(),
            (false, _) => self.answer.lock().expect("no panic").clone(),
        };
        let dismissed = HashMap::from([("polkit.dismissed".to_owned(), "true".to_owned())]);
        match answer {
            Answer::Allow => Ok((true, false, HashMap::new())),
            Answer::Deny => Ok((false, false, HashMap::new())),
            Answer::Challenge => Ok((false, true, HashMap::new())),
            Answer::Dismissed => Ok((false, false, dismissed)),
            Answer::Fail => Err(Failure::Failed(format!("Action {action_id} is not registered"))),
            Answer::Wait(permit) => {
                permit.notified().await;
                Ok((true, false, HashMap::new()))
            }
        }
    }

    async fn cancel_check_authorization(&self, cancellation_id: String) {
        let _ = self.asked.send(Asked::Cancel(cancellation_id));
    }
}

/// The mock on its own connection.
pub struct MockPolkit {
    _connection: Connection,
    answer: Arc<Mutex<Answer>>,
    meddling: Arc<Mutex<Answer>>,
    pub asked: mpsc::UnboundedReceiver<Asked>,
}

impl MockPolkit {
    pub async fn start(bus: &PrivateBus, answer: Answer) -> Self {
        let (sender, asked) = mpsc::unbounded_channel();
        let answer = Arc::new(Mutex::new(answer));
        let meddling = Arc::new(Mutex::new(Answer::Deny));
        let interface =
            Interface { answer: Arc::clone(&answer), meddling: Arc::clone(&meddling), asked: sender };
        let connection = zbus::connection::Builder::address(bus.address.as_str())
            .serve_at("/org/freedesktop/PolicyKit1/Authority", interface)
            .name("org.freedesktop.PolicyKit1")
            .build()
            .await
            .expect("the mock polkit");
        Self { _connection: connection, answer, meddling, asked }
    }

    pub fn answer(&self, answer: Answer) {
        *self.answer.lock().expect("no panic") = answer;
    }

    /// What is answered about jobs and sessions of other users; at first they are denied.
    pub fn answer_about_others(&self, answer: Answer) {
        *self.meddling.lock().expect("no panic") = answer;
    }
}
