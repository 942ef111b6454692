//! `org.discmaster1.Joliet`: a session's data format.

use std::collections::HashMap;
use std::path::PathBuf;

use zbus::message::Header;
use zbus::{OwnedFd, OwnedObjectPath, OwnedVariant, Str, interface};

use super::reply_with_job;
use crate::api::{self, EntryKind, Error, ErrorKind};
use crate::broker::error::Result;
use crate::broker::options::{self, Dict};
use crate::broker::service::Service;
use crate::broker::session::Session;
use crate::broker::staging::Source;

/// One entry of a directory as `List` gives it: name, kind, bytes, seconds since 1970.
type Row = (String, String, u64, i64);

/// A session's data format.
pub struct JolietObject {
    /// The broker.
    pub service: Service,
    /// The session's number.
    pub session: u64,
}

#[interface(name = "org.discmaster1.Joliet", introspection_docs = false)]
impl JolietObject {
    #[zbus(out_args("blocks"))]
    async fn get_total_data_blocks(&self, #[zbus(header)] header: Header<'_>) -> Result<u64> {
        self.enter(&header, |session| session.active_recorder().map(drop)).await?;
        Ok(self.service.state().data_room(self.session)?.unwrap_or_default())
    }

    #[zbus(out_args("blocks"))]
    async fn get_used_data_blocks(&self, #[zbus(header)] header: Header<'_>) -> Result<u64> {
        self.enter(&header, |session| Ok(session.used_blocks)).await
    }

    #[zbus(out_args("bytes"))]
    async fn get_data_block_size(&self, #[zbus(header)] header: Header<'_>) -> Result<u32> {
        self.enter(&header, |_| Ok(api::BLOCK as u32)).await
    }

    #[zbus(out_args("job"))]
    async fn add_data(
        &self,
        directory: OwnedFd,
        options: Dict,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedObjectPath> {
        self.enter(&header, |_| Ok(())).await?;
        let (options, wait) = options::add(options)?;
        let job = self.service.add(self.session, Source::Descriptor(directory.into()), options)?;
        reply_with_job(&self.service, job, wait).await
    }

    #[zbus(out_args("job"))]
    async fn add_path(
        &self,
        path: String,
        options: Dict,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedObjectPath> {
        self.enter(&header, |_| Ok(())).await?;
        let (options, wait) = options::add(options)?;
        let path = PathBuf::from(options::path(path)?);
        if !path.is_absolute() {
            let message = format!("The path “{}” is not absolute: it must begin with “/”.", path.display());
            return Err(Error::new(ErrorKind::InvalidArgs, message).into());
        }
        let job = self.service.add(self.session, Source::Path(path), options)?;
        reply_with_job(&self.service, job, wait).await
    }

    async fn remove(&self, path: String, #[zbus(header)] header: Header<'_>) -> Result<()> {
        self.enter(&header, |_| Ok(())).await?;
        Ok(self.service.remove(self.session, options::path(path)?).await?)
    }

    #[zbus(out_args("entries", "more"))]
    async fn list(&self, path: String, #[zbus(header)] header: Header<'_>) -> Result<(Vec<Row>, bool)> {
        self.enter(&header, |_| Ok(())).await?;
        let (entries, more) = self.service.list(self.session, options::path(path)?).await?;
        let rows = entries.into_iter().map(|entry| {
            let kind = kind_name(entry.kind).to_owned();
            (entry.name, kind, entry.size, entry.mtime)
        });
        Ok((rows.collect(), more))
    }

    #[zbus(out_args("properties"))]
    async fn get_joliet_properties(
        &self,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<HashMap<String, OwnedVariant>> {
        let properties = self.enter(&header, |session| Ok(session.properties.clone())).await?;
        Ok(HashMap::from([
            ("VolumeName".to_owned(), Str::from(properties.volume_name).into()),
            ("LongNames".to_owned(), properties.long_names.into()),
        ]))
    }

    async fn set_joliet_properties(
        &self,
        properties: Dict,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<()> {
        let present = self.enter(&header, |session| Ok(session.properties.clone())).await?;
        let properties = options::joliet_properties(properties, &present)?;
        Ok(self.service.set_properties(self.session, properties).await?)
    }
}

impl JolietObject {
    /// Lets the owner in while files can be staged, and reads something of the session.
    async fn enter<T>(
        &self,
        header: &Header<'_>,
        read: impl FnOnce(&Session) -> api::Result<T>,
    ) -> Result<T> {
        self.service.visitor(header, self.session).await?;
        let state = self.service.state();
        let session = state.session(self.session)?;
        session.check_data()?;
        Ok(read(session)?)
    }
}

const fn kind_name(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Directory => "directory",
        EntryKind::File => "file",
        EntryKind::Symlink => "symlink",
    }
}
