//! The command line against a service and a virtual recorder: what it prints, and how it ends.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use support::{Bench, options};

/// What a run of the program came to.
#[derive(Debug)]
struct Run {
    code: i32,
    out: String,
    err: String,
}

impl Run {
    /// The lines of standard output as JSON.
    fn json(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }
}

/// The program, on this bus; whatever it does ends after a minute.
fn command(bench: &Bench, arguments: &[&str]) -> Command {
    let mut command = Command::new("timeout");
    command
        .args(["--foreground", "60", env!("CARGO_BIN_EXE_discmaster"), "--bus=session"])
        .args(arguments)
        .current_dir(bench.dir())
        .env("DBUS_SESSION_BUS_ADDRESS", &bench.bus.address)
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    command
}

fn discmaster(bench: &Bench, arguments: &[&str]) -> Run {
    ended(&mut command(bench, arguments))
}

fn ended(command: &mut Command) -> Run {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// A program that runs, and what it says line by line.
struct Talking {
    child: Child,
    said: BufReader<ChildStderr>,
}

impl Talking {
    fn start(bench: &Bench, arguments: &[&str]) -> Self {
        let mut child =
            command(bench, arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stderr.take().unwrap());
        Self { child, said }
    }

    /// Waits for a line that begins so.
    fn until(&mut self, beginning: &str) {
        let mut line = String::new();
        while !line.starts_with(beginning) {
            line.clear();
            assert_ne!(self.said.read_line(&mut line).unwrap(), 0, "it ended without saying {beginning:?}");
        }
    }

    fn interrupt(&self) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), Signal::SIGINT).unwrap();
    }

    /// The exit code, and what else it said.
    fn end(mut self) -> (i32, String) {
        let rest: Vec<String> = self.said.lines().map(Result::unwrap).collect();
        (self.child.wait().unwrap().code().unwrap(), rest.join("\n"))
    }
}

/// A folder with two files in it.
fn folder(at: &Path) -> PathBuf {
    let folder = at.join("papers");
    fs::create_dir_all(folder.join("letters")).unwrap();
    fs::write(folder.join("letters/to_alice.txt"), "Dear Alice,\n").unwrap();
    fs::write(folder.join("noise.bin"), noise(3_000_001)).unwrap();
    folder
}

fn noise(bytes: u32) -> Vec<u8> {
    (0..bytes).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn contains(image: &[u8], content: &[u8]) -> bool {
    // Contents begin on blocks.
    image.chunks(2048).enumerate().any(|(block, _)| image[block * 2048..].starts_with(content))
}

#[tokio::test]
async fn a_disc_is_listed_burned_verified_refused_and_erased() {
    let bench = Bench::new().recorder("vd0", "cd-rw").start().await;
    folder(bench.dir());
    let list = discmaster(&bench, &["list"]);
    assert_eq!(list.code, 0);
    assert!(list.out.starts_with("vd0  "), "{}", list.out);
    assert!(list.out.contains("CD-RW, blank, 737.0 MB free"), "{}", list.out);
    assert!(discmaster(&bench, &["info"]).out.contains("condition:    blank, rewritable"));

    let burn = discmaster(&bench, &["burn", "papers", "--volume", "PAPERS"]);
    assert_eq!(burn.code, 0, "{}", burn.err);
    assert!(burn.err.contains("every block was verified"), "{}", burn.err);
    assert_eq!(burn.out, "");
    let disc = fs::read(bench.disc("vd0")).unwrap();
    assert!(contains(&disc, &noise(3_000_001)) && contains(&disc, b"Dear Alice,\n"));
    assert_eq!(&disc[16 * 2048 + 40..16 * 2048 + 72], b"PAPERS                          ");

    let info = &discmaster(&bench, &["--json", "info", "vd0"]).json()[0];
    assert_eq!(info["medium"]["flags"], serde_json::json!(["closed", "rewritable"]));
    assert_eq!(info["medium"]["next_writable_block"], Value::Null);
    assert!(info["takes"].as_array().unwrap().contains(&Value::from("CD-RW")), "{info}");
    let again = discmaster(&bench, &["burn", "papers"]);
    assert_eq!(again.code, 4, "{}", again.err);
    assert!(
        again.err.contains("discmaster: CannotWriteToMedia: ") && again.err.contains("\nhint: "),
        "{}",
        again.err
    );

    let erase = discmaster(&bench, &["erase"]);
    assert_eq!((erase.code, erase.out.as_str()), (0, ""), "{}", erase.err);
    assert!(discmaster(&bench, &["list"]).out.contains("CD-RW, blank"));
}

#[tokio::test]
async fn json_tells_progress_and_the_end_line_by_line() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    folder(bench.dir());
    let burn = discmaster(&bench, &["--json", "burn", "papers", "--verify", "quick"]);
    assert_eq!((burn.code, burn.err.as_str()), (0, ""));
    let lines = burn.json();
    let (end, before) = lines.split_last().unwrap();
    assert!(before.iter().all(|line| line["event"] == "progress"));
    assert!(before.iter().any(|line| line["phase"] == "writing"));
    assert!(before.iter().all(|line| line["medium"] == "CD-R" || line["medium"].is_null()), "{before:?}");
    assert_eq!(end["event"], "completed");
    assert_eq!(end["recorder"], "vd0");
    assert!(end["bytes"].as_u64().unwrap() > 3_000_001);

    let refused = discmaster(&bench, &["--json", "burn", "papers"]);
    let failure: Value = serde_json::from_str(refused.err.trim()).unwrap();
    assert_eq!((refused.code, &failure["exit"]), (4, &Value::from(4)));
    assert_eq!(failure["error"], "CannotWriteToMedia");
}

#[tokio::test]
async fn several_arguments_become_folders_and_files_of_their_names() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    folder(bench.dir());
    fs::create_dir(bench.dir().join("films")).unwrap();
    fs::write(bench.dir().join("films/first.txt"), "1895").unwrap();
    let clash = discmaster(&bench, &["burn", "papers/noise.bin", "papers/noise.bin"]);
    assert_eq!(clash.code, 4, "{}", clash.err);
    assert!(clash.err.contains("FileExists"), "{}", clash.err);
    let arguments = ["burn", "papers", "films", "papers/noise.bin", "papers/noise.bin", "--overwrite"];
    let burn = discmaster(&bench, &arguments);
    assert_eq!(burn.code, 0, "{}", burn.err);

    // The same arguments make the same image without a service.
    let image = discmaster(&bench, &[&["image", "-o", "same.iso"], &arguments[1..]].concat());
    assert_eq!(image.code, 0, "{}", image.err);
    let names = |path: &Path| {
        let listing = Command::new("isoinfo").args(["-R", "-f", "-i"]).arg(path).output().unwrap();
        String::from_utf8(listing.stdout).unwrap()
    };
    let listing = names(&bench.disc("vd0"));
    let mut sorted: Vec<&str> = listing.lines().collect();
    sorted.sort_unstable();
    assert_eq!(
        sorted,
        [
            "/films",
            "/films/first.txt",
            "/noise.bin",
            "/papers",
            "/papers/letters",
            "/papers/letters/to_alice.txt",
            "/papers/noise.bin"
        ]
    );
    assert_eq!(names(&bench.dir().join("same.iso")), listing);
}

#[tokio::test]
async fn the_exit_code_says_what_the_disc_is_now() {
    let cases = [
        ("write lba>=300 forever*sense(3/0C/00)", 5, "WriteFailed"),
        ("close-session forever*sense(5/72/03)", 6, "WrittenNotClosed"),
        ("read lba>=300 forever*sense(3/11/00)", 6, "VerifyFailed"),
    ];
    for (fault, code, name) in cases {
        let fault = format!("--fault={fault}");
        let bench = Bench::new().recorder_with("vd0", &["--create=cd-r", &fault]).start().await;
        folder(bench.dir());
        let burn = discmaster(&bench, &["burn", "papers"]);
        assert_eq!(burn.code, code, "{fault}: {}", burn.err);
        assert!(burn.err.contains(&format!("discmaster: {name}: ")), "{fault}: {}", burn.err);
    }
}

#[tokio::test]
async fn what_somebody_else_holds_is_refused_with_their_name() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    folder(bench.dir());
    let client = bench.client().await;
    client.open(options([("client-name", "the archive".into())])).await.unwrap();
    let burn = discmaster(&bench, &["burn", "papers"]);
    assert_eq!(burn.code, 3, "{}", burn.err);
    assert!(burn.err.contains("StashInUse") && burn.err.contains("the archive"), "{}", burn.err);
    assert!(discmaster(&bench, &["list"]).out.contains("the archive"));
}

#[tokio::test]
async fn a_burn_goes_on_without_its_program_until_it_is_cancelled() {
    let bench = Bench::new().recorder_with("vd0", &["--create=cd-r", "--speed=24x"]).start().await;
    fs::write(bench.dir().join("long.bin"), noise(60_000_000)).unwrap();
    let mut burn = Talking::start(&bench, &["burn", "long.bin"]);
    burn.until("writing");
    burn.interrupt();
    let (code, said) = burn.end();
    assert_eq!(code, 8, "{said}");
    assert!(said.contains("the burn goes on without us"), "{said}");

    let jobs = &discmaster(&bench, &["--json", "jobs"]).json()[0];
    let job = jobs.as_array().unwrap().iter().find(|job| job["operation"] == "record").unwrap();
    assert_eq!((&job["phase"], &job["result"]), (&Value::from("writing"), &Value::from("")));
    let id = job["id"].as_str().unwrap();
    assert!(said.contains(&format!("discmaster jobs --cancel {id}")), "{said}");
    let cancel = discmaster(&bench, &["jobs", "--cancel", id]);
    assert_eq!(cancel.code, 0, "{}", cancel.err);
    bench.control("vd0", &["speed", "unlimited"]);
    let path = format!("/org/discmaster1/jobs/{id}");
    let (success, error, ..) = bench.client().await.result(&path).await;
    assert_eq!((success, error.as_str()), (false, "org.discmaster1.Error.UserAbort"));
    let again = discmaster(&bench, &["jobs", "--cancel", id]);
    assert!(again.err.contains("has ended already: UserAbort"), "{}", again.err);
    let again = discmaster(&bench, &["--json", "jobs", "--cancel", id]);
    assert_eq!((again.code, &again.json()[0]["result"]), (0, &Value::from("UserAbort")));
}

#[tokio::test]
async fn a_detached_burn_is_left_as_soon_as_the_disc_is_written() {
    let bench = Bench::new().recorder_with("vd0", &["--create=cd-r", "--speed=48x"]).start().await;
    folder(bench.dir());
    let burn = discmaster(&bench, &["burn", "papers", "--detach"]);
    assert_eq!(burn.code, 0, "{}", burn.err);
    let job = burn.out.trim().strip_prefix("job ").unwrap().to_owned();
    bench.control("vd0", &["speed", "unlimited"]);
    let (success, _, message, _) = bench.client().await.result(&format!("/org/discmaster1/jobs/{job}")).await;
    assert!(success, "{message}");
}

#[tokio::test]
async fn the_death_of_the_service_is_no_silence() {
    let mut bench = Bench::new().recorder_with("vd0", &["--create=cd-r", "--speed=4x"]).start().await;
    folder(bench.dir());
    let mut burn = Talking::start(&bench, &["burn", "papers"]);
    burn.until("writing");
    bench.kill_daemon();
    let (code, said) = burn.end();
    assert_eq!(code, 8, "{said}");
    assert!(said.contains("discmaster: ServiceGone: "), "{said}");
    let list = discmaster(&bench, &["list"]);
    assert_eq!(list.code, 1);
    assert!(list.err.contains("discmaster: NoService: "), "{}", list.err);
}

#[tokio::test]
async fn a_burn_is_followed_through_a_new_start_of_the_service() {
    let setup = Bench::new().recorder_with("vd0", &["--create=cd-r", "--speed=4x"]);
    let mut bench = setup.option("--ring=524288").kept().start().await;
    folder(bench.dir());
    let mut burn = Talking::start(&bench, &["burn", "papers"]);
    burn.until("writing");
    bench.kill_daemon();
    bench.start_daemon();
    bench.control("vd0", &["speed", "unlimited"]);
    let (code, said) = burn.end();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("verified"), "{said}");
}

#[tokio::test]
async fn what_happens_is_monitored() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let mut monitor = command(&bench, &["--json", "monitor"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(monitor.stdout.take().unwrap()).lines();
    let mut until = |event: &str| {
        let is = |line: &Value| line["event"] == event;
        lines.by_ref().map(|line| serde_json::from_str(&line.unwrap()).unwrap()).find(is).expect(event)
    };
    assert_eq!(until("recorder-added")["medium"]["kind"], "CD-R");
    assert_eq!(discmaster(&bench, &["eject"]).code, 0);
    assert_eq!(until("disc-removed")["id"], "vd0");
    assert_eq!(discmaster(&bench, &["load"]).code, 0);
    assert_eq!(until("disc-inserted")["medium"]["flags"], serde_json::json!(["blank"]));
    // Whoever stops reading ends it without noise.
    drop(lines);
    bench.control("vd0", &["eject"]);
    bench.control("vd0", &["load"]);
    assert_eq!(monitor.wait().unwrap().code(), Some(0));
}

/// The end of the next burn that a monitor tells of.
fn end_of_burn(mut lines: impl Iterator<Item = Value>) -> Value {
    let begun = |line: &Value| line["event"] == "job-started" && line["operation"] == "record";
    let id = lines.find(begun).expect("its beginning")["id"].clone();
    lines.find(|line| line["event"] == "job-completed" && line["id"] == id).expect("its end")
}

#[tokio::test]
async fn the_end_of_every_burn_is_monitored_whoever_started_it() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    folder(bench.dir());
    let watch = || {
        let mut monitor = command(&bench, &["--json", "monitor"]).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(monitor.stdout.take().unwrap()).lines();
        let lines = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
        (monitor, lines)
    };
    let (mut monitor, mut lines) = watch();
    lines.find(|line| line["event"] == "recorder-added").unwrap();
    assert_eq!(discmaster(&bench, &["burn", "papers"]).code, 0);
    let end = end_of_burn(&mut lines);
    assert_eq!((&end["success"], &end["error"]), (&Value::from(true), &Value::Null));
    assert!(end["details"]["blocks"].as_u64() > Some(1400), "{end}");

    let (mut later, mut lines) = watch();
    assert_eq!(end_of_burn(&mut lines), end);
    for monitor in [&mut monitor, &mut later] {
        monitor.kill().unwrap();
        monitor.wait().unwrap();
    }
}

#[tokio::test]
async fn an_image_goes_through_a_pipe_as_it_goes_into_a_file() {
    let bench = Bench::new().start().await;
    folder(bench.dir());
    let piped = command(&bench, &["image", "papers", "-o", "-"]).output().unwrap();
    assert!(piped.status.success(), "{}", String::from_utf8_lossy(&piped.stderr));
    let filed = discmaster(&bench, &["--json", "image", "papers", "-o", "papers.iso"]);
    assert_eq!(filed.code, 0, "{}", filed.err);
    let file = fs::read(bench.dir().join("papers.iso")).unwrap();
    assert_eq!(filed.json().last().unwrap()["bytes"], file.len());
    let unknown = |line: &Value| line["job"].is_null() && line["medium"].is_null();
    assert!(filed.json().iter().filter(|line| line["event"] == "progress").all(unknown), "{}", filed.out);
    assert_eq!(piped.stdout.len(), file.len());
    // Dates apart, which may be a second later.
    assert_eq!(piped.stdout[20 * 2048..], file[20 * 2048..]);
    assert!(contains(&file, &noise(3_000_001)));

    let full = command(&bench, &["image", "papers", "-o", "/dev/full"]).output().unwrap();
    assert_eq!(full.status.code(), Some(1));
    let absent = discmaster(&bench, &["image", "nothing", "-o", "x.iso"]);
    assert_eq!((absent.code, bench.dir().join("x.iso").exists()), (2, false), "{}", absent.err);
}

#[tokio::test]
async fn what_cannot_be_read_and_what_is_empty_leave_the_disc_as_it_was() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    fs::create_dir(bench.dir().join("empty")).unwrap();
    std::os::unix::fs::symlink("loop", bench.dir().join("loop")).unwrap();
    let sheet = "FILE \"absent.wav\" WAVE\n TRACK 01 AUDIO\n INDEX 01 00:00:00\n";
    fs::write(bench.dir().join("album.cue"), sheet).unwrap();
    let cases: [(&[&str], i32, &str); 8] = [
        (&["burn", "loop"], 4, "FileUnreadable"),
        (&["image", "loop", "-o", "x.iso"], 4, "FileUnreadable"),
        (&["audio", "loop"], 4, "FileUnreadable"),
        (&["audio", "album.cue"], 4, "FileUnreadable"),
        (&["audio", "absent.wav"], 2, "Usage"),
        (&["audio", "absent.cue"], 2, "Usage"),
        (&["burn", "empty"], 4, "InvalidImage"),
        (&["image", "empty", "-o", "x.iso"], 4, "InvalidImage"),
    ];
    for (arguments, code, name) in cases {
        let run = discmaster(&bench, arguments);
        assert_eq!(run.code, code, "{arguments:?}: {}", run.err);
        assert!(run.err.contains(&format!("discmaster: {name}: ")), "{arguments:?}: {}", run.err);
    }
    assert!(!bench.dir().join("x.iso").exists());
}

#[tokio::test]
async fn wrong_usage_is_told_before_anything_is_touched() {
    let bench = Bench::new().recorder("vd0", "cd-r").recorder("vd1", "cd-r").start().await;
    folder(bench.dir());
    let cases: [&[&str]; 6] = [
        &["burn"],
        &["burn", "absent"],
        &["burn", "papers", "--speed", "fast"],
        &["burn", "papers"],
        &["burn", "papers", "--recorder", "sr9"],
        &["frobnicate"],
    ];
    for arguments in cases {
        let run = discmaster(&bench, arguments);
        assert_eq!(run.code, 2, "{arguments:?}: {}", run.err);
        assert_eq!(run.out, "", "{arguments:?}");
    }
    let json = discmaster(&bench, &["--json", "burn"]);
    let failure: Value = serde_json::from_str(json.err.trim()).unwrap();
    assert_eq!((json.code, &failure["error"]), (2, &Value::from("Usage")));
    assert!(failure["message"].as_str().unwrap().ends_with("<DIR>..."), "{failure}");
    let which = discmaster(&bench, &["burn", "papers"]);
    assert!(which.err.contains("vd0, vd1"), "{}", which.err);
}

#[tokio::test]
async fn another_machine_is_reached_over_ssh_and_burns_what_it_has_itself() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let papers = folder(bench.dir()).to_str().unwrap().to_owned();
    // All that is behind this ssh is the bridge, which it starts on this machine.
    let (programs, asked) = (bench.dir().join("programs"), bench.dir().join("asked"));
    fs::create_dir(&programs).unwrap();
    let script = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$@\" >'{}'\nexec systemd-stdio-bridge '--bus-path={}'\n",
        asked.display(),
        bench.bus.address
    );
    fs::write(programs.join("ssh"), script).unwrap();
    fs::set_permissions(programs.join("ssh"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let far = |arguments: &[&str]| {
        let mut command = Command::new("timeout");
        command.args(["--foreground", "60", env!("CARGO_BIN_EXE_discmaster"), "-H", "anna@[::1]"]);
        ended(command.args(arguments).current_dir(bench.dir()).env("PATH", &path).env("LC_ALL", "C"))
    };
    for usage in [
        &["burn", "papers"][..],
        &["burn", &papers, &papers],
        &["audio", "sound.wav"],
        &["image", &papers, "-o", "x.iso"],
    ] {
        let run = far(usage);
        assert_eq!((run.code, asked.exists()), (2, false), "{usage:?}: {}", run.err);
    }
    let list = far(&["list"]);
    assert!(list.out.starts_with("vd0  "), "{list:?}");
    let arguments = fs::read_to_string(&asked).unwrap();
    assert_eq!(arguments, "-xT\n--\nanna@[::1]\nsystemd-stdio-bridge\n");
    let absent = far(&["burn", "/there is no such folder"]);
    assert_eq!(absent.code, 4, "{}", absent.err);
    let burn = far(&["burn", &papers]);
    assert_eq!(burn.code, 0, "{}", burn.err);
    assert!(contains(&fs::read(bench.disc("vd0")).unwrap(), b"Dear Alice,\n"));
}

#[tokio::test]
async fn the_example_script_makes_the_eight_steps() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let folder = folder(bench.dir());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/eight-steps.sh");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(script);
        command
            .arg(&folder)
            .args(arguments)
            .env("DISCMASTER_BUS", &bench.bus.address)
            .env("VOLUME", "EIGHT STEPS");
        command.output().unwrap()
    };
    let done = run(&["vd0"]);
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    assert!(said.contains("8  Close\nThe disc is done."), "{said}");
    assert!(contains(&fs::read(bench.disc("vd0")).unwrap(), b"Dear Alice,\n"));

    let again = run(&[]);
    assert!(!again.status.success());
    let client = bench.client().await;
    client.open(options([])).await.expect("the script left no session open");
}
