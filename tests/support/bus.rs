//! A message bus of one's own for a test, and the mock daemons on it.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use futures_util::StreamExt;
use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use tempfile::TempDir;
use zbus::{Connection, fdo};

/// A `dbus-daemon` that lets everybody connect, own and send anything; it dies with this value.
pub struct PrivateBus {
    daemon: Child,
    pub address: String,
    pub dir: TempDir,
}

impl PrivateBus {
    pub fn start() -> Self {
        Self::configured(|socket| configuration(&socket.display().to_string()))
    }

    /// A daemon with a configuration of one's own, which is told where to listen.
    pub fn configured(configuration: impl FnOnce(&Path) -> String) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        // Other users have to reach the socket.
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).expect("chmod");
        let config = dir.path().join("bus.conf");
        std::fs::write(&config, configuration(&dir.path().join("bus"))).expect("write bus.conf");
        let log = std::fs::File::create(dir.path().join("bus.log")).expect("a log");
        let mut daemon = Command::new("dbus-daemon")
            .arg(format!("--config-file={}", config.display()))
            .args(["--nofork", "--nopidfile", "--print-address=1"])
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("dbus-daemon is needed: install the package dbus");
        let mut address = String::new();
        BufReader::new(daemon.stdout.take().expect("stdout"))
            .read_line(&mut address)
            .expect("dbus-daemon prints its address");
        let address = address.trim().to_owned();
        let said = || std::fs::read_to_string(dir.path().join("bus.log")).unwrap_or_default();
        assert!(!address.is_empty(), "dbus-daemon did not start: {}", said());
        Self { daemon, address, dir }
    }

    pub async fn connect(&self) -> Connection {
        zbus::connection::Builder::address(self.address.as_str())
            .build()
            .await
            .expect("a connection to the private bus")
    }

    /// A connection of another user, who must be in the user database, with these groups. Only root can do this.
    pub async fn connect_as(&self, uid: u32, groups: &[u32]) -> Connection {
        let path = self.address.strip_prefix("unix:path=").and_then(|rest| rest.split(',').next());
        let path = path.expect("the address of a socket").to_owned();
        let user = Uid::from_raw(uid);
        let groups: Vec<Gid> = groups.iter().copied().map(Gid::from_raw).collect();
        // Whose a socket is, is noted when it connects. The kernel keeps ids by thread, and this one ends with it.
        let connect = move || -> std::io::Result<UnixStream> {
            set_thread_groups(&groups)?;
            set_thread_res_gid(groups[0], groups[0], groups[0])?;
            set_thread_res_uid(user, user, user)?;
            UnixStream::connect(path)
        };
        let stream = std::thread::spawn(connect).join().expect("a thread").expect("root may be anybody");
        zbus::connection::Builder::unix_stream(stream)
            .user_id(uid)
            .build()
            .await
            .expect("a connection of another user to the private bus")
    }

    /// Starts a template of python-dbusmock and waits until it owns `name`.
    pub async fn mock(&self, template: &str, name: &str) -> Mock {
        let connection = self.connect().await;
        let bus = fdo::DBusProxy::new(&connection).await.expect("the bus");
        let mut owners = bus
            .receive_name_owner_changed_with_args(&[(0, name)])
            .await
            .expect("a subscription to NameOwnerChanged");
        // Debian's interpreter alone sees python3-dbusmock.
        let child = Command::new("/usr/bin/python3")
            .args(["-m", "dbusmock", "--system", "--template", template])
            .env("DBUS_SYSTEM_BUS_ADDRESS", &self.address)
            .stdout(Stdio::null())
            .spawn()
            .expect("/usr/bin/python3 is needed: install the packages python3 and python3-dbusmock");
        let mock = Mock(child);
        let started = async {
            while let Some(change) = owners.next().await {
                if change.args().is_ok_and(|args| args.new_owner.is_some()) {
                    return;
                }
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), started)
            .await
            .expect("the mock did not start: install the package python3-dbusmock");
        mock
    }
}

impl Drop for PrivateBus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// A mock daemon; it dies with this value.
pub struct Mock(Child);

impl Drop for Mock {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn configuration(socket: &str) -> String {
    format!(
        r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="signal"/>
    <allow receive_requested_reply="true" receive_type="method_return"/>
    <allow receive_requested_reply="true" receive_type="error"/>
  </policy>
</busconfig>
"#
    )
}
