//! `org.discmaster1.DiscMaster`, at the root.

use zbus::message::Header;
use zbus::object_server::SignalEmitter;
use zbus::{ObjectPath, OwnedObjectPath, interface};

use super::path_of;
use crate::broker::error::Result;
use crate::broker::face::Object;
use crate::broker::options::{self, Dict};
use crate::broker::service::Service;

/// The entry to the service.
pub struct DiscMasterObject {
    /// The broker.
    pub service: Service,
}

#[interface(name = "org.discmaster1.DiscMaster", introspection_docs = false)]
impl DiscMasterObject {
    #[zbus(out_args("session"))]
    async fn open(&self, options: Dict, #[zbus(header)] header: Header<'_>) -> Result<OwnedObjectPath> {
        let caller = self.service.caller(&header).await?;
        let number = self.service.open(&caller, options::open(options)?).await?;
        Ok(path_of(Some(Object::Session(number))))
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn version(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }

    #[zbus(signal)]
    pub async fn job_ended(emitter: &SignalEmitter<'_>, job: ObjectPath<'_>, error: &str)
    -> zbus::Result<()>;
}
