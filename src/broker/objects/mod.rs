//! The objects on the bus, an interface a file. A method finds its object, asks who calls, checks, and acts; what it
//! does is done elsewhere. A getter reads the state and never waits.
//!
//! The contract lies in `dbus/`, a file an interface, with the meaning of every member.

mod disc_master;
mod job;
mod joliet;
mod log_control;
mod medium;
mod recorder;
mod redbook;
mod session;

use zbus::OwnedObjectPath;

pub use disc_master::DiscMasterObject;
pub use job::JobObject;
pub use joliet::JolietObject;
pub use log_control::LogControlObject;
pub use medium::MediumObject;
pub use recorder::RecorderObject;
pub use redbook::RedbookObject;
pub use session::SessionObject;

use super::error::Result;
use super::face::Object;
use super::jobs::Handle;
use super::service::Service;

/// The path of an object, or `/` for none.
fn path_of(object: Option<Object>) -> OwnedObjectPath {
    let path = object.map_or_else(|| "/".to_owned(), |object| object.path());
    // Numbers and checked ids make valid paths; anything else shows as none.
    OwnedObjectPath::try_from(path).unwrap_or_default()
}

/// Replies with a job's path: at once, or when the job has ended, with its error as the reply's.
async fn reply_with_job(service: &Service, mut job: Handle, wait: bool) -> Result<OwnedObjectPath> {
    if wait {
        job.finished().await.result.as_ref().map_err(Clone::clone)?;
    }
    service.face().settled().await;
    Ok(path_of(Some(Object::Job(job.number))))
}
