//! The connection, and the calls.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::fd::BorrowedFd;

use zbus::address::transport::{Transport, Unixexec};
use zbus::fdo::ManagedObjects;
use zbus::proxy::{CacheProperties, MethodFlags};
use zbus::wire::DynamicDeserialize;
use zbus::{Address, Connection, DynamicType, OwnedObjectPath, OwnedVariant, Proxy};

use crate::api::names;
use crate::cli::args::Bus;
use crate::cli::failure::Result;

use super::{Completion, Events, Options, Props, fault};

/// A connection to the service.
pub struct Client {
    connection: Connection,
    bus: Bus,
    interactive: bool,
}

/// Every object of the service: path, then interface, then properties.
pub type Objects = BTreeMap<String, BTreeMap<String, Props>>;

impl Client {
    /// Connects to a bus. The service itself is started by the first call, where the bus can do that.
    ///
    /// # Errors
    /// The bus cannot be reached.
    pub async fn connect(bus: Bus) -> Result<Self> {
        let connection = match bus {
            Bus::System => Connection::system().await,
            Bus::Session => Connection::session().await,
            Bus::Host(host) => zbus::connection::Builder::address(bridge(host)).build().await,
        };
        Self::over(connection, bus)
    }

    /// Connects to the bus at an address, in the D-Bus specification's form, where the service runs as the user.
    ///
    /// # Errors
    /// The bus cannot be reached.
    pub async fn connect_to(address: &str) -> Result<Self> {
        Self::over(zbus::connection::Builder::address(address).build().await, Bus::Session)
    }

    fn over(connection: zbus::Result<Connection>, bus: Bus) -> Result<Self> {
        let connection = connection.map_err(|error| fault::no_bus(bus, &error))?;
        // Somebody at a terminal can answer an authentication dialog; a script cannot.
        Ok(Self { connection, bus, interactive: std::io::stderr().is_terminal() })
    }

    /// Begins to collect what the service tells. To miss nothing, call it before the call that is to be followed.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn events(&self) -> Result<Events> {
        Events::subscribe(&self.connection).await.map_err(|error| fault::call(self.bus, error))
    }

    /// Every object of the service.
    ///
    /// # Errors
    /// There is no service, or it is gone.
    pub async fn objects(&self) -> Result<Objects> {
        let objects: ManagedObjects =
            self.call(names::ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", &()).await?;
        let interfaces = |interfaces: HashMap<_, _>| {
            interfaces.into_iter().map(|(name, props)| (zbus_name(&name), Props(props))).collect()
        };
        Ok(objects.into_iter().map(|(path, object)| (path.to_string(), interfaces(object))).collect())
    }

    /// The properties of one object; `interface` as in `Job`.
    ///
    /// # Errors
    /// The object is gone, or there is no service.
    pub async fn props(&self, path: &str, interface: &str) -> Result<Props> {
        let interface = full(interface);
        self.call(path, "org.freedesktop.DBus.Properties", "GetAll", &(interface.as_str(),)).await.map(Props)
    }

    /// `Job.GetResult`: how a job ended.
    ///
    /// # Errors
    /// The job has not ended, or is gone.
    pub async fn result(&self, job: &str) -> Result<Completion> {
        type Ended = (bool, String, String, HashMap<String, OwnedVariant>);
        let (success, error, message, details): Ended =
            self.call(job, &full("Job"), "GetResult", &()).await?;
        Ok(Completion::new(success, &error, message, &Props(details)))
    }

    /// Calls a method without arguments that returns nothing.
    ///
    /// # Errors
    /// Those of the method.
    pub async fn tell(&self, path: &str, interface: &str, method: &str) -> Result<()> {
        self.call(path, &full(interface), method, &()).await
    }

    /// Calls a method that takes options alone and returns nothing.
    ///
    /// # Errors
    /// Those of the method.
    pub async fn set(&self, path: &str, interface: &str, method: &str, options: Options) -> Result<()> {
        self.call(path, &full(interface), method, &(options.0,)).await
    }

    /// `DiscMaster.Open`: the new session's path.
    ///
    /// # Errors
    /// Somebody else holds the recorder, or we may not.
    pub async fn open(&self, options: Options) -> Result<String> {
        self.path_of(names::ROOT, "DiscMaster", "Open", &(options.0,)).await
    }

    /// `Session.EnumDiscMasterFormats`: the formats' names.
    ///
    /// # Errors
    /// The session is closed.
    pub async fn formats(&self, session: &str) -> Result<Vec<String>> {
        self.call(session, &full("Session"), "EnumDiscMasterFormats", &()).await
    }

    /// `Session.EnumDiscRecorders`: the paths of those that can record the active format.
    ///
    /// # Errors
    /// The session is closed, or no format is selected.
    pub async fn session_recorders(&self, session: &str) -> Result<Vec<String>> {
        let paths: Vec<OwnedObjectPath> =
            self.call(session, &full("Session"), "EnumDiscRecorders", &()).await?;
        Ok(paths.iter().map(ToString::to_string).collect())
    }

    /// `Session.SetActiveDiscMasterFormat`: the format object's path.
    ///
    /// # Errors
    /// Those of the method.
    pub async fn select_format(&self, session: &str, format: &str) -> Result<String> {
        self.path_of(session, "Session", "SetActiveDiscMasterFormat", &(format,)).await
    }

    /// `Session.SetActiveDiscRecorder`.
    ///
    /// # Errors
    /// Those of the method: no disc, a disc of an unusable kind, …
    pub async fn select_recorder(&self, session: &str, recorder: &str, options: Options) -> Result<()> {
        let recorder = zbus::ObjectPath::try_from(recorder).map_err(|error| fault::call(self.bus, error))?;
        self.call(session, &full("Session"), "SetActiveDiscRecorder", &(recorder, options.0)).await
    }

    /// `Joliet.AddData` of an open directory: the job's path.
    ///
    /// # Errors
    /// Those of the method.
    pub async fn add(&self, format: &str, what: BorrowedFd<'_>, options: Options) -> Result<String> {
        self.path_of(format, "Joliet", "AddData", &(zbus::Fd::from(what), options.0)).await
    }

    /// `Joliet.AddPath` of an absolute path: the job's path.
    ///
    /// # Errors
    /// Those of the method.
    pub async fn add_path(&self, format: &str, path: &str, options: Options) -> Result<String> {
        self.path_of(format, "Joliet", "AddPath", &(path, options.0)).await
    }

    /// `Redbook.CreateAudioTrack`.
    ///
    /// # Errors
    /// Those of the method.
    pub async fn create_track(&self, format: &str) -> Result<()> {
        self.call(format, &full("Redbook"), "CreateAudioTrack", &0_u32).await
    }

    /// `Redbook.AddAudioTrackStream` or `AddAudioFile`: the job's path.
    ///
    /// # Errors
    /// Those of the method.
    pub async fn add_sound(
        &self,
        format: &str,
        method: &str,
        sound: BorrowedFd<'_>,
        options: Options,
    ) -> Result<String> {
        self.path_of(format, "Redbook", method, &(zbus::Fd::from(sound), options.0)).await
    }

    /// `Redbook.SetAudioTrackProperties`.
    ///
    /// # Errors
    /// Those of the method.
    pub async fn set_track(&self, format: &str, track: u32, properties: Options) -> Result<()> {
        self.call(format, &full("Redbook"), "SetAudioTrackProperties", &(track, properties.0)).await
    }

    /// `Redbook.GetCueSheet`.
    ///
    /// # Errors
    /// Those of the method.
    pub async fn cue_sheet(&self, format: &str, files: &[String]) -> Result<String> {
        self.call(format, &full("Redbook"), "GetCueSheet", &(files,)).await
    }

    /// `Recorder.ReadCueSheet`.
    ///
    /// # Errors
    /// Those of the method.
    pub async fn read_cue_sheet(&self, recorder: &str, file: &str) -> Result<String> {
        self.call(recorder, &full("Recorder"), "ReadCueSheet", &(file,)).await
    }

    /// `Session.RecordDisc`: the job's path.
    ///
    /// # Errors
    /// Those of the method.
    pub async fn record(&self, session: &str, options: Options) -> Result<String> {
        self.path_of(session, "Session", "RecordDisc", &(options.0,)).await
    }

    /// `Recorder.Format`: the job's path.
    ///
    /// # Errors
    /// Those of the method.
    pub async fn format(&self, recorder: &str, options: Options) -> Result<String> {
        self.path_of(recorder, "Recorder", "Format", &(options.0,)).await
    }

    /// `Recorder.Erase`: the job's path.
    ///
    /// # Errors
    /// Those of the method.
    pub async fn erase(&self, recorder: &str, full: bool, options: Options) -> Result<String> {
        self.path_of(recorder, "Recorder", "Erase", &(full, options.0)).await
    }

    async fn path_of<B>(&self, path: &str, interface: &str, method: &str, body: &B) -> Result<String>
    where
        B: serde::Serialize + DynamicType,
    {
        let path: OwnedObjectPath = self.call(path, &full(interface), method, body).await?;
        Ok(path.to_string())
    }

    async fn call<B, R>(&self, path: &str, interface: &str, method: &str, body: &B) -> Result<R>
    where
        B: serde::Serialize + DynamicType,
        R: for<'d> DynamicDeserialize<'d>,
    {
        let fault = |error| fault::call(self.bus, error);
        let proxy: Proxy<'_> = zbus::proxy::Builder::new(&self.connection)
            .destination(names::BUS_NAME)
            .path(path)
            .interface(interface)
            .cache_properties(CacheProperties::No)
            .build()
            .await
            .map_err(fault)?;
        let flags = if self.interactive { MethodFlags::ALLOW_INTERACTIVE_AUTH } else { MethodFlags::empty() };
        let reply = proxy.call_with_flags(method, flags, body).await.map_err(fault)?;
        reply.ok_or_else(|| fault(zbus::Error::InvalidReply))
    }
}

/// `Job` → `org.discmaster1.Job`.
fn full(interface: &str) -> String {
    format!("{}.{interface}", names::BUS_NAME)
}

/// `org.discmaster1.Job` → `Job`; others stay whole.
pub(super) fn short(interface: &str) -> &str {
    interface.strip_prefix(names::BUS_NAME).and_then(|rest| rest.strip_prefix('.')).unwrap_or(interface)
}

fn zbus_name(interface: &zbus::names::OwnedInterfaceName) -> String {
    short(interface.as_str()).to_owned()
}

/// The address of another machine's system bus, as `busctl -H` has it: ssh starts a program there that joins the bus.
/// Not made of text: zbus does not undo the escapes of arguments.
fn bridge(host: &str) -> Address {
    let arguments = ["-xT", "--", host, "systemd-stdio-bridge"].map(OsString::from);
    Address::new(Transport::Unixexec(Unixexec::new("ssh".into(), None, arguments.to_vec())))
}
