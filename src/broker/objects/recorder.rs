//! `org.discmaster1.Recorder`.

use zbus::message::Header;
use zbus::{OwnedObjectPath, interface};

use super::reply_with_job;
use crate::api::ErrorKind;
use crate::broker::error::Result;
use crate::broker::lifecycle::not_held;
use crate::broker::options::{self, Dict};
use crate::broker::permission::asker;
use crate::broker::recorder::{Recorder, imapi_media_flags, imapi_media_type};
use crate::broker::select::no_medium;
use crate::broker::service::Service;
use crate::wire::broker_worker::ToWorker;

/// A recorder.
pub struct RecorderObject {
    /// The broker.
    pub service: Service,
    /// The recorder's id.
    pub id: String,
}

#[interface(name = "org.discmaster1.Recorder", introspection_docs = false)]
impl RecorderObject {
    async fn open_exclusive(&self, #[zbus(header)] header: Header<'_>) -> Result<()> {
        let caller = self.service.caller(&header).await?;
        Ok(self.service.open_exclusive(&caller, &self.id).await?)
    }

    async fn close(&self, #[zbus(header)] header: Header<'_>) -> Result<()> {
        let caller = self.service.caller(&header).await?;
        Ok(self.service.close_exclusive(&caller, &self.id)?)
    }

    #[zbus(out_args("guid"), name = "GetRecorderGUID")]
    async fn get_recorder_guid(&self) -> Result<Vec<u8>> {
        Ok(self.service.state().recorder(&self.id)?.guid().to_vec())
    }

    #[zbus(out_args("type"))]
    async fn get_recorder_type(&self) -> Result<u32> {
        Ok(self.service.state().recorder(&self.id)?.imapi_type())
    }

    #[zbus(out_args("vendor", "product", "revision"))]
    async fn get_display_names(&self) -> Result<(String, String, String)> {
        let identity = self.service.state().recorder(&self.id)?.identity().clone();
        Ok((identity.vendor, identity.product, identity.revision))
    }

    #[zbus(out_args("id"), name = "GetBasePnPID")]
    async fn get_base_pnp_id(&self) -> Result<String> {
        let identity = self.service.state().recorder(&self.id)?.identity().clone();
        Ok([identity.vendor, identity.product, identity.revision].concat())
    }

    #[zbus(out_args("path"))]
    async fn get_path(&self) -> Result<String> {
        Ok(self.service.state().recorder(&self.id)?.node.clone())
    }

    #[zbus(out_args("state"))]
    async fn get_recorder_state(&self) -> Result<u32> {
        let state = self.service.state();
        let held = state.locks.holder(&self.id).is_some();
        Ok(state.recorder(&self.id)?.state(held).imapi())
    }

    #[zbus(out_args("properties"))]
    async fn get_recorder_properties(&self) -> Result<Dict> {
        Ok(options::recorder_settings(self.service.state().recorder(&self.id)?))
    }

    async fn set_recorder_properties(
        &self,
        properties: Dict,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<()> {
        let caller = self.service.caller(&header).await?;
        let mut state = self.service.state();
        if let Some(other) = state.locks.foreign(&self.id, asker(&caller)) {
            return Err(other.complain(ErrorKind::StashInUse).into());
        }
        if !state.locks.holds(&self.id, asker(&caller)) {
            return Err(not_held(&self.id).into());
        }
        let recorder = state.recorder_mut(&self.id)?;
        recorder.settings = options::set_recorder_settings(properties, recorder)?;
        drop(state);
        self.service.save();
        Ok(())
    }

    #[zbus(out_args("type", "flags"))]
    async fn query_media_type(&self, #[zbus(header)] header: Header<'_>) -> Result<(u32, u32)> {
        self.held(&header, |recorder| {
            let medium = recorder.medium();
            Ok((imapi_media_type(medium), imapi_media_flags(medium)))
        })
        .await
    }

    #[zbus(out_args("sessions", "last_track", "start", "next_writable", "free"))]
    async fn query_media_info(&self, #[zbus(header)] header: Header<'_>) -> Result<(u8, u8, u32, u32, u32)> {
        self.held(&header, |recorder| {
            let medium = recorder.medium().ok_or_else(|| no_medium(&self.id))?;
            let last = medium.tracks.last();
            Ok((
                u8::try_from(medium.sessions).unwrap_or(u8::MAX),
                last.map_or(0, |track| u8::try_from(track.number).unwrap_or(u8::MAX)),
                last.map_or(0, |track| track.start),
                medium.next_writable.unwrap_or(0),
                u32::try_from(medium.free_blocks).unwrap_or(u32::MAX),
            ))
        })
        .await
    }

    async fn eject(&self, #[zbus(header)] header: Header<'_>) -> Result<()> {
        let caller = self.service.caller(&header).await?;
        Ok(self.service.move_tray(&caller, &self.id, ToWorker::Eject).await?)
    }

    async fn load(&self, #[zbus(header)] header: Header<'_>) -> Result<()> {
        let caller = self.service.caller(&header).await?;
        Ok(self.service.move_tray(&caller, &self.id, ToWorker::Load).await?)
    }

    #[zbus(out_args("sheet"))]
    async fn read_cue_sheet(&self, file: String, #[zbus(header)] header: Header<'_>) -> Result<String> {
        let caller = self.service.caller(&header).await?;
        Ok(self.service.read_cue_sheet(&caller, &self.id, &file).await?)
    }

    #[zbus(out_args("job"))]
    async fn erase(
        &self,
        full: bool,
        options: Dict,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedObjectPath> {
        let caller = self.service.caller(&header).await?;
        let options = options::erase(options)?;
        let job = self.service.erase(&caller, &self.id, full, options).await?;
        reply_with_job(&self.service, job, options.wait).await
    }

    #[zbus(out_args("job"))]
    async fn format(&self, options: Dict, #[zbus(header)] header: Header<'_>) -> Result<OwnedObjectPath> {
        let caller = self.service.caller(&header).await?;
        let options = options::format(options)?;
        let wait = options.wait;
        let job = self.service.format(&caller, &self.id, options).await?;
        reply_with_job(&self.service, job, wait).await
    }

    #[zbus(property)]
    fn vendor(&self) -> String {
        self.read(|recorder| recorder.identity().vendor.clone())
    }

    #[zbus(property)]
    fn product(&self) -> String {
        self.read(|recorder| recorder.identity().product.clone())
    }

    #[zbus(property)]
    fn revision(&self) -> String {
        self.read(|recorder| recorder.identity().revision.clone())
    }

    #[zbus(property)]
    fn serial(&self) -> String {
        self.read(|recorder| recorder.identity().serial.clone())
    }

    #[zbus(property)]
    fn device(&self) -> String {
        self.read(|recorder| recorder.node.clone())
    }

    #[zbus(property)]
    fn seat(&self) -> String {
        self.read(|recorder| recorder.seat.clone())
    }

    #[zbus(property)]
    fn profiles(&self) -> Vec<u16> {
        self.read(|recorder| recorder.profiles().to_vec())
    }

    #[zbus(property)]
    fn state(&self) -> String {
        let state = self.service.state();
        let held = state.locks.holder(&self.id).is_some();
        state.recorders.get(&self.id).map_or_else(String::new, |one| one.state(held).name().to_owned())
    }

    #[zbus(property)]
    fn holder(&self) -> String {
        let state = self.service.state();
        state.locks.holder(&self.id).map_or_else(String::new, |grant| grant.holder.name())
    }

    #[zbus(property)]
    fn write_speeds(&self) -> Vec<u32> {
        self.read(|recorder| recorder.medium().map(|medium| medium.write_speeds.clone()).unwrap_or_default())
    }
}

impl RecorderObject {
    fn read<T: Default>(&self, of: impl FnOnce(&Recorder) -> T) -> T {
        self.service.state().recorders.get(&self.id).map(of).unwrap_or_default()
    }

    /// Reads something of the recorder for one who holds it.
    async fn held<T>(
        &self,
        header: &Header<'_>,
        read: impl FnOnce(&Recorder) -> crate::api::Result<T>,
    ) -> Result<T> {
        let caller = self.service.caller(header).await?;
        let state = self.service.state();
        let recorder = state.recorder(&self.id)?;
        if !state.locks.holds(&self.id, asker(&caller)) {
            return Err(not_held(&self.id).into());
        }
        Ok(read(recorder)?)
    }
}
