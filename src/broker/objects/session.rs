//! `org.discmaster1.Session`.

use zbus::message::Header;
use zbus::object_server::SignalEmitter;
use zbus::{ObjectPath, OwnedObjectPath, interface};

use super::{path_of, reply_with_job};
use crate::broker::error::Result;
use crate::broker::face::Object;
use crate::broker::options::{self, Dict};
use crate::broker::service::Service;
use crate::broker::session::{Decided, Format, Session};

/// A session.
pub struct SessionObject {
    /// The broker.
    pub service: Service,
    /// The session's number.
    pub number: u64,
}

#[interface(name = "org.discmaster1.Session", introspection_docs = false)]
impl SessionObject {
    #[zbus(out_args("formats"))]
    async fn enum_disc_master_formats(&self, #[zbus(header)] header: Header<'_>) -> Result<Vec<String>> {
        self.service.visitor(&header, self.number).await?;
        self.service.state().session(self.number)?.check_open()?;
        Ok(Format::ALL.iter().map(|format| format.name().to_owned()).collect())
    }

    #[zbus(out_args("format"))]
    async fn get_active_disc_master_format(&self, #[zbus(header)] header: Header<'_>) -> Result<String> {
        self.service.visitor(&header, self.number).await?;
        let format = self.service.state().session(self.number)?.active_format()?;
        Ok(format.name().to_owned())
    }

    #[zbus(out_args("object"))]
    async fn set_active_disc_master_format(
        &self,
        format: String,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedObjectPath> {
        self.service.visitor(&header, self.number).await?;
        let object = self.service.set_format(self.number, &format).await?;
        Ok(path_of(Some(object)))
    }

    #[zbus(out_args("recorders"))]
    async fn enum_disc_recorders(&self, #[zbus(header)] header: Header<'_>) -> Result<Vec<OwnedObjectPath>> {
        self.service.visitor(&header, self.number).await?;
        let state = self.service.state();
        let session = state.session(self.number)?;
        let format = session.active_format()?;
        let able = state.recorders.iter().filter(|(id, one)| session.scope.covers(id) && one.records(format));
        Ok(able.map(|(id, _)| path_of(Some(Object::Recorder(id.clone())))).collect())
    }

    #[zbus(out_args("recorder"))]
    async fn get_active_disc_recorder(&self, #[zbus(header)] header: Header<'_>) -> Result<OwnedObjectPath> {
        self.service.visitor(&header, self.number).await?;
        let recorder = self.service.state().session(self.number)?.active_recorder()?.recorder.clone();
        Ok(path_of(Some(Object::Recorder(recorder))))
    }

    async fn set_active_disc_recorder(
        &self,
        recorder: ObjectPath<'_>,
        options: Dict,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<()> {
        let caller = self.service.visitor(&header, self.number).await?;
        let multisession = options::select(options)?;
        Ok(self.service.select_recorder(&caller, self.number, recorder.as_str(), multisession).await?)
    }

    async fn clear_format_content(&self, #[zbus(header)] header: Header<'_>) -> Result<()> {
        self.service.visitor(&header, self.number).await?;
        Ok(self.service.clear(self.number).await?)
    }

    #[zbus(out_args("job"))]
    async fn record_disc(
        &self,
        options: Dict,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedObjectPath> {
        let caller = self.service.visitor(&header, self.number).await?;
        let (options, wait) = options::record(options, self.service.config().defaults)?;
        self.service.authorize_record(&caller, self.number).await?;
        let job = self.service.record(&caller, self.number, options)?;
        reply_with_job(&self.service, job, wait).await
    }

    async fn close(&self, #[zbus(header)] header: Header<'_>) -> Result<()> {
        self.service.authorize_close(&header, self.number).await?;
        Ok(self.service.close_on_request(self.number).await?)
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn owner(&self) -> u32 {
        self.read(|session| session.owner.uid)
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn client_name(&self) -> String {
        self.read(|session| session.client_name.clone())
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn detached(&self) -> bool {
        self.read(|session| session.owner.connection.is_none())
    }

    #[zbus(property)]
    fn state(&self) -> String {
        self.read(|session| session.state_name().to_owned())
    }

    #[zbus(property)]
    fn active_format(&self) -> String {
        self.read(|session| session.format.map_or_else(String::new, |format| format.name().to_owned()))
    }

    #[zbus(property)]
    fn active_recorder(&self) -> OwnedObjectPath {
        let chosen = self.read(|session| session.selection.clone().filter(|selection| !selection.lost));
        path_of(chosen.map(|selection| Object::Recorder(selection.recorder)))
    }

    #[zbus(property)]
    fn multisession(&self) -> String {
        self.read(|session| {
            let decided = session.selection.as_ref().filter(|one| !one.lost).map(|one| one.multisession);
            decided.map_or("", Decided::name).to_owned()
        })
    }

    #[zbus(property)]
    fn recorders(&self) -> Vec<OwnedObjectPath> {
        let state = self.service.state();
        let Ok(session) = state.session(self.number) else { return Vec::new() };
        let locked = state.recorders.keys().filter(|id| !session.is_closed() && session.scope.covers(id));
        locked.map(|id| path_of(Some(Object::Recorder(id.clone())))).collect()
    }

    #[zbus(property)]
    fn job(&self) -> OwnedObjectPath {
        path_of(self.read(|session| session.job().map(Object::Job)))
    }

    #[zbus(signal, name = "PnPActivity")]
    pub async fn pnp_activity(emitter: &SignalEmitter<'_>) -> zbus::Result<()>;

    #[zbus(signal)]
    pub async fn add_progress(emitter: &SignalEmitter<'_>, completed: u64, total: u64) -> zbus::Result<()>;

    #[zbus(signal)]
    pub async fn block_progress(emitter: &SignalEmitter<'_>, completed: u64, total: u64) -> zbus::Result<()>;

    #[zbus(signal)]
    pub async fn track_progress(emitter: &SignalEmitter<'_>, completed: u32, total: u32) -> zbus::Result<()>;

    #[zbus(signal)]
    pub async fn preparing_burn(emitter: &SignalEmitter<'_>, seconds: u32) -> zbus::Result<()>;

    #[zbus(signal)]
    pub async fn closing_disc(emitter: &SignalEmitter<'_>, seconds: u32) -> zbus::Result<()>;

    #[zbus(signal)]
    pub async fn burn_complete(emitter: &SignalEmitter<'_>, error: &str, message: &str) -> zbus::Result<()>;

    #[zbus(signal)]
    pub async fn erase_complete(emitter: &SignalEmitter<'_>, error: &str, message: &str) -> zbus::Result<()>;
}

impl SessionObject {
    fn read<T: Default>(&self, of: impl FnOnce(&Session) -> T) -> T {
        self.service.state().session(self.number).map(of).unwrap_or_default()
    }
}
