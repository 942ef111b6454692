//! The units as they are installed: understood by systemd, and as closed as they were.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Units, and the exposure that none of them may exceed (`systemd-analyze security`; lower is better).
const EXPOSURE: [(&str, f64); 4] = [
    ("discmaster.service", 1.5),
    ("discmaster-worker@.service", 2.5),
    ("discmaster-stager@.service", 2.5),
    ("discmaster-vdrive@.service", 1.5),
];

/// What `make install` puts into a machine, but for the programs.
fn installed() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    make("install-data", place.path());
    place
}

fn make(target: &str, place: &Path) {
    let destination = format!("DESTDIR={}", place.display());
    let mut make = Command::new("make");
    make.args(["--silent", target, "PREFIX=/usr", &destination]);
    let made = make.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(made.status.success(), "{target}: {}", text(&made));
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|part| String::from_utf8_lossy(part)).concat()
}

fn unit(place: &Path, name: &str) -> PathBuf {
    place.join("usr/lib/systemd/system").join(name)
}

/// A unit's lines that are neither empty nor comments.
fn settings(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn no_unit_is_more_exposed_than_it_was() {
    let place = installed();
    for (name, most) in EXPOSURE {
        let threshold = format!("--threshold={}", most * 10.0);
        let judged = Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--no-pager", &threshold])
            .arg(unit(place.path(), name))
            .output()
            .unwrap();
        let said = text(&judged);
        assert!(said.contains("Overall exposure level"), "{name}: {said}");
        assert!(judged.status.success(), "{name} is more exposed than {most}:\n{said}");
    }
}

#[test]
fn systemd_understands_every_unit_and_the_users() {
    let place = installed();
    let root = place.path();
    for program in ["discmasterd", "discmaster-worker", "discmaster-stager"] {
        let path = root.join("usr/libexec/discmaster").join(program);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy("/bin/true", &path).unwrap();
    }
    fs::create_dir_all(root.join("usr/bin")).unwrap();
    fs::create_dir_all(root.join("bin")).unwrap();
    fs::copy("/bin/true", root.join("bin/kill")).unwrap();
    fs::copy("/bin/true", root.join("usr/bin/discmaster-vdrive")).unwrap();
    // What else they name is systemd's own.
    let theirs = Path::new("/usr/lib/systemd/system");
    for own in fs::read_dir(theirs).unwrap().map(|entry| entry.unwrap().path()) {
        let copy = unit(root, own.file_name().unwrap().to_str().unwrap());
        if own.is_file() && !copy.exists() {
            fs::copy(&own, copy).unwrap();
        }
    }
    let mut verify = Command::new("systemd-analyze");
    verify.arg("verify").arg("--man=no").arg(format!("--root={}", root.display()));
    verify.args(["discmaster.service", "discmaster-stager.socket", "discmaster-worker@sr0.socket"]);
    let judged =
        verify.args(["discmaster-stager@1.service", "discmaster-vdrive@vd0.service"]).output().unwrap();
    let said = text(&judged);
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("discmaster")).collect();
    assert!(ours.is_empty() && judged.status.success(), "{said}");

    fs::create_dir_all(root.join("etc")).unwrap();
    let users = Command::new("systemd-sysusers").arg(format!("--root={}", root.display())).output().unwrap();
    assert!(users.status.success(), "{}", text(&users));
    let known = fs::read_to_string(root.join("etc/passwd")).unwrap();
    assert!(known.contains("discmaster:") && known.contains("discmaster-worker:"), "{known}");
}

#[test]
fn the_names_in_units_policies_and_rules_agree() {
    let place = installed();
    let root = place.path();
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    let broker = settings(&unit(root, "discmaster.service"));
    let activation = read("usr/share/dbus-1/system-services/org.discmaster1.service");
    assert!(broker.contains(&"BusName=org.discmaster1".to_owned()));
    assert!(broker.contains(&"Alias=dbus-org.discmaster1.service".to_owned()));
    assert!(activation.contains("\nSystemdService=dbus-org.discmaster1.service\n"));
    assert!(broker.contains(&"User=discmaster".to_owned()));
    assert!(read("usr/share/dbus-1/system.d/org.discmaster1.conf").contains("<policy user=\"discmaster\">"));
    assert!(read("usr/share/polkit-1/actions/org.discmaster1.policy").contains("unix-user:discmaster<"));
    assert!(read("usr/lib/sysusers.d/discmaster.conf").contains("\nu discmaster "));
    assert_eq!(discmaster::wire::BROKER_USER, "discmaster");
    // The broker is given the directory that the sockets lie in.
    let sockets = broker.iter().find(|line| line.starts_with("ExecStart=")).unwrap();
    assert!(sockets.contains("--sockets /run/discmaster "), "{sockets}");
    for (socket, place) in [
        ("discmaster-stager.socket", "ListenSequentialPacket=/run/discmaster/stager"),
        ("discmaster-worker@.socket", "ListenSequentialPacket=/run/discmaster/workers/%i"),
    ] {
        let lines: BTreeSet<String> = settings(&unit(root, socket)).into_iter().collect();
        assert!(lines.contains(place), "{socket}: {lines:?}");
        // Nobody but the broker and root has a helper started.
        assert!(lines.contains("SocketUser=discmaster") && lines.contains("SocketMode=0600"), "{lines:?}");
    }
    assert!(read("usr/lib/udev/rules.d/60-discmaster.rules").contains("discmaster-worker@$kernel.socket"));
}

#[test]
fn nothing_is_left_unfilled_and_uninstall_removes_all_of_it() {
    let place = installed();
    let found = files(place.path());
    assert!(found.len() > 10, "{found:?}");
    for file in &found {
        // Catalogues are no text.
        let text = String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned();
        assert!(!text.contains("libexecdir@") && !text.contains("@bindir"), "{}", file.display());
    }
    make("uninstall", place.path());
    assert_eq!(files(place.path()), Vec::<PathBuf>::new());
    assert!(!place.path().join("etc/discmaster").exists());
    // And once more, with nothing there.
    make("uninstall", place.path());
}

#[test]
fn an_administrators_changes_outlive_install_and_uninstall() {
    let place = installed();
    let folder = place.path().join("etc/discmaster");
    let (configuration, added) = (folder.join("discmaster.toml"), folder.join("vdrive-vd0.env"));
    let shipped = fs::read_to_string(&configuration).unwrap();
    let changed = format!("quota = 1000000\n{shipped}");
    fs::write(&configuration, &changed).unwrap();
    fs::write(&added, "ARGUMENTS=--create cd-r\n").unwrap();

    make("install-data", place.path());
    assert_eq!(fs::read_to_string(&configuration).unwrap(), changed);
    make("uninstall", place.path());
    let left: BTreeSet<PathBuf> = files(place.path()).into_iter().collect();
    assert_eq!(left, BTreeSet::from([configuration.clone(), added.clone()]));
    assert_eq!(fs::read_to_string(&configuration).unwrap(), changed);

    // One that lies elsewhere is not replaced either, even before it is there.
    fs::remove_file(&configuration).unwrap();
    symlink(place.path().join("elsewhere"), &configuration).unwrap();
    make("install-data", place.path());
    assert!(configuration.is_symlink());

    // One that is gone comes anew, and goes again as it came.
    fs::remove_file(&configuration).unwrap();
    make("install-data", place.path());
    assert_eq!(fs::read_to_string(&configuration).unwrap(), shipped);
    make("uninstall", place.path());
    assert_eq!(files(place.path()), [added]);
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
