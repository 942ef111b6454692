//! `org.freedesktop.LogControl1`, as systemd's own services have it (`systemctl service-log-level`). On the system bus
//! nobody but root gets as far as the setters: see `dbus/org.discmaster1.conf`.

use zbus::{fdo, interface};

use crate::log::Control;

/// The log's handles.
pub struct LogControlObject {
    /// The log.
    pub log: Control,
}

#[interface(name = "org.freedesktop.LogControl1", introspection_docs = false)]
impl LogControlObject {
    #[zbus(property(emits_changed_signal = "false"))]
    fn log_level(&self) -> &str {
        self.log.level()
    }

    #[zbus(property)]
    fn set_log_level(&self, level: &str) -> fdo::Result<()> {
        self.log.set_level(level).map_err(fdo::Error::InvalidArgs)
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn log_target(&self) -> &str {
        self.log.target().name()
    }

    #[zbus(property)]
    fn set_log_target(&self, target: &str) -> fdo::Result<()> {
        self.log.set_target(target).map_err(fdo::Error::InvalidArgs)
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn syslog_identifier(&self) -> &str {
        "discmasterd"
    }
}
