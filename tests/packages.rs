//! The packages: those that `make deb` puts together complete, and without errors in Debian's eyes; and what an RPM does.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The packages, of the programs that were built for the tests.
fn packages(out: &Path) -> Vec<PathBuf> {
    let programs = Path::new(env!("CARGO_BIN_EXE_discmasterd")).parent().unwrap();
    let built = Command::new("data/deb/build")
        .arg(out)
        .env("PROGRAMS", programs)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", said(&built));
    String::from_utf8(built.stdout).unwrap().lines().map(PathBuf::from).collect()
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|part| String::from_utf8_lossy(part)).concat()
}

#[test]
fn debian_finds_no_errors_in_the_packages_and_they_hold_what_each_program_needs() {
    let out = tempfile::tempdir().unwrap();
    let packages = packages(out.path());
    let names: Vec<_> = packages.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert!(names.len() == 2 && names[0].starts_with("discmaster-vdrive_"), "{names:?}");
    let judged =
        Command::new("lintian").args(["--fail-on", "error"]).args(&packages).output().expect("lintian");
    assert!(judged.status.success(), "{}", said(&judged));

    let content = |package: &Path| {
        let listed = Command::new("dpkg-deb").arg("--contents").arg(package).output().unwrap();
        said(&listed)
    };
    let (vdrive, main) = (content(&packages[0]), content(&packages[1]));
    for (package, files) in [
        (
            &vdrive,
            &["usr/bin/discmaster-vdrive", "discmaster-vdrive@.service", "man1/discmaster-vdrive.1.gz"][..],
        ),
        (
            &main,
            &[
                "usr/bin/discmaster\n",
                "usr/libexec/discmaster/discmasterd\n",
                "usr/libexec/discmaster/discmaster-worker\n",
                "usr/libexec/discmaster/discmaster-stager\n",
                "lib/systemd/system/discmaster.service",
                "lib/systemd/system/discmaster-worker@.socket",
                "lib/systemd/system/discmaster-stager.socket",
                "usr/lib/sysusers.d/discmaster.conf",
                "lib/udev/rules.d/60-discmaster.rules",
                "dbus-1/system.d/org.discmaster1.conf",
                "polkit-1/rules.d/org.discmaster1.rules",
                "etc/discmaster/discmaster.toml",
                "man1/discmaster-burn.1.gz",
                "man8/discmasterd.8.gz",
                "bash-completion/completions/discmaster",
                "doc/discmaster/polkit.md",
                "share/locale/de/LC_MESSAGES/discmaster.mo",
                "usr/libexec/discmaster/write-to-disc\n",
                "applications/org.discmaster1.write.desktop",
                "metainfo/org.discmaster.discmaster.metainfo.xml",
                "nautilus-python/extensions/discmaster.py",
                "nemo/actions/org.discmaster1.nemo_action",
                "file-manager/actions/org.discmaster1.desktop",
                "kio/servicemenus/org.discmaster1.desktop",
                "Thunar/sendto/org.discmaster1.desktop",
            ],
        ),
    ] {
        for file in files {
            assert!(package.contains(file), "{file} is missing:\n{package}");
        }
    }
    assert!(!main.contains("vdrive"), "{main}");
}

/// What the script of the RPM asks of systemd where this many versions are installed, and the service is turned on or off.
fn after_rpm(installed: &str, turned_on: bool) -> Vec<String> {
    let spec = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/rpm/discmaster.spec");
    let spec = fs::read_to_string(spec).unwrap();
    let (_, script) = spec.split_once("\n%post\n").unwrap();
    let (script, _) = script.split_once("\n%preun\n").unwrap();
    // As if systemd ran; of what else the script calls nothing is found, and nothing done.
    let script = script.replace("/run/systemd/system", "/");
    let systemctl = format!("echo \"$*\" >&3; case $* in *is-enabled*) {turned_on} ;; esac");
    let script = format!("exec 3>&1\nsystemctl() {{ {systemctl}; }}\n{script}");
    let mut shell = Command::new("/bin/sh");
    let done = shell.args(["-c", &script, "post", installed]).env("PATH", "/nonexistent").output().unwrap();
    assert!(done.status.success(), "{}", said(&done));
    String::from_utf8(done.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn an_upgrade_of_the_rpm_turns_on_nothing_that_was_turned_off() {
    let asks = |asked: &[String], verb: &str| asked.iter().any(|line| line.starts_with(verb));
    let first = after_rpm("1", true);
    assert!(asks(&first, "enable discmaster-stager.socket discmaster.service"), "{first:?}");
    assert!(asks(&first, "start discmaster-stager.socket") && !asks(&first, "try-restart"), "{first:?}");
    for turned_on in [true, false] {
        let next = after_rpm("2", turned_on);
        assert!(asks(&next, "try-restart discmaster.service") && !asks(&next, "enable"), "{next:?}");
        assert_eq!(asks(&next, "start"), turned_on, "{next:?}");
    }
}
