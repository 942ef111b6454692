//! Every disc over the bus: recorded, judged by other readers, appended to, erased, formatted, simulated, cancelled in
//! each phase, and struck by each fault. What came of it is the table in `docs/media.md`: with `DISCMASTER_BLESS` set it
//! is written, otherwise the file has to say what has just happened.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Instant;

use support::burner::{Burner, content};
use support::oracles::{isoinfo_lists_rock_ridge, xorriso_extracts};
use support::tree::{Listing, listing};
use support::{Bench, Refusal, options};
use zbus::{OwnedVariant, Variant};

/// The discs: how they are called in the table, and what the virtual recorder makes of it.
#[rustfmt::skip]
const DISCS: &[(&str, &str)] = &[
    ("CD-R", "cd-r"),
    ("CD-RW", "cd-rw"),
    ("DVD-R", "dvd-r"),
    ("DVD-R DL", "dvd-r-dl"),
    ("DVD-RW", "dvd-rw:65536"),
    ("DVD-RW restricted overwrite", "dvd-rw-ro:8192"),
    ("DVD-RAM", "dvd-ram:8192"),
    ("DVD+R", "dvd+r"),
    ("DVD+R DL", "dvd+r-dl"),
    ("DVD+RW", "dvd+rw:8192"),
    ("BD-R", "bd-r"),
    ("BD-R QL (BDXL)", "bd-r-ql"),
    ("BD-RE", "bd-re:8192"),
    ("BD-RE TL (BDXL)", "bd-re-tl"),
];

/// What is done to each, beside the cancels and faults.
const DEEDS: &[&str] = &[
    "write",
    "verify",
    "finalise",
    "session at once",
    "append",
    "erase",
    "erase fully",
    "format",
    "simulate",
];

/// The phases in which somebody cancels; where a drive has to be held up for that, by which script.
#[rustfmt::skip]
const PHASES: &[(&str, &str)] = &[
    ("preparing", "set-streaming hang(3s); set-cd-speed hang(3s)"),
    ("writing", "write lba>=64 forever*hang(700ms)"),
    ("flushing", "flush hang(3s)"),
    ("closing", "close-track hang(3s); close-session hang(3s); finalize hang(3s)"),
    ("verifying", "read lba>=128 forever*hang(400ms)"),
    ("erasing", "blank hang(3s); write lba>=64 forever*hang(700ms)"),
];

/// The faults: their names in the table, and their scripts. All strike a burn that is verified in full.
#[rustfmt::skip]
const FAULTS: &[(&str, &str)] = &[
    ("buffer full", "write lba>=64 3*sense(2/04/08)"),
    ("recovered", "write lba>=64 sense-after(1/0C/01)"),
    ("link error", "write lba>=64 sense-after(B/08/01)"),
    ("write error", "write lba>=64 sense(3/0C/00)"),
    ("late write error", "write lba>=64 deferred(3/0C/00)"),
    ("bus reset", "write lba>=64 reset"),
    ("calibration", "send-opc sense(3/73/03)"),
    ("format", "format-unit sense(3/31/01)"),
    ("flush", "flush sense(3/0C/00)"),
    ("close", "close-session sense(5/72/03); finalize sense(5/72/03)"),
    ("read error", "read lba>=192 forever*sense(3/11/05)"),
    ("hang", "write lba>=64 hang(60m)"),
    ("unplugged", "write lba>=64 vanish"),
];

/// What holds a burn up until its power is cut, where the drive's buffer has long let go of some of it.
const HELD_UP: &str = "write lba>=320 forever*hang(700ms)";

/// How long commands are waited for, so that a drive that hangs is given up in good time: seconds.
const LIMIT: &str = "12";

type Cells = HashMap<String, String>;

#[tokio::test]
async fn every_disc_is_what_the_table_says() {
    let setup = DISCS.iter().enumerate();
    // A buffer that does not swallow the image whole.
    let setup = setup.fold(Bench::new(), |setup, (at, (_, kind))| {
        setup.recorder_with(&format!("vd{at}"), &[&format!("--create={kind}"), "--buffer=131072"])
    });
    // One user's jobs on so many recorders push each other out sooner than a busy machine looks at their ends.
    let limits = tempfile::NamedTempFile::new().unwrap();
    fs::write(&limits, "[limits]\njobs = 4096\njobs-per-user = 4096\n").unwrap();
    let setup = setup.variable("DISCMASTER_VDRIVE_LIMIT", LIMIT);
    let bench = setup.option(&format!("--config={}", limits.path().display())).start().await;
    let folder = bench.dir().join("content");
    fs::create_dir_all(folder.join("deep/er")).unwrap();
    for (name, bytes) in [("one", 300_000), ("deep/two", 1), ("deep/er/three", 900_000), ("empty", 0)] {
        fs::write(folder.join(name), content(bytes)).unwrap();
    }
    let wanted = listing(&folder);
    // A thread each: whoever waits for another program keeps nobody else waiting.
    let rows: Vec<Cells> = thread::scope(|scope| {
        let rows = DISCS.iter().enumerate().map(|(at, (_, kind))| {
            let (bench, folder, wanted) = (&bench, &folder, &wanted);
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(Row::play(bench, at, kind, folder, wanted))
            })
        });
        rows.collect::<Vec<_>>().into_iter().map(|row| row.join().unwrap()).collect()
    });
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/media.md");
    let table = table(&rows);
    if std::env::var_os("DISCMASTER_BLESS").is_some() {
        fs::write(&path, &table).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    let advice = "docs/media.md is not what was seen; run this test with DISCMASTER_BLESS=1 if that is how it should be";
    for (ran, wrote) in table.lines().zip(committed.lines()) {
        assert_eq!(ran, wrote, "{advice}");
    }
    assert_eq!(table.len(), committed.len(), "{advice}");
}

/// A recorder, its discs, and what was seen of them.
struct Row<'b> {
    bench: &'b Bench,
    burner: Burner,
    id: String,
    kind: &'static str,
    discs: usize,
    begun: Instant,
    cells: Cells,
}

impl<'b> Row<'b> {
    async fn play(bench: &'b Bench, at: usize, kind: &'static str, folder: &Path, wanted: &Listing) -> Cells {
        let id = format!("vd{at}");
        let burner = Burner::open(bench, &id, false).await;
        burner.format().await;
        burner.stage(folder).await.unwrap();
        let mut row = Self { bench, burner, id, kind, discs: 0, begun: Instant::now(), cells: Cells::new() };
        row.is_written(wanted).await;
        row.is_written_at_once(wanted).await;
        row.is_appended_to().await;
        row.is_erased().await;
        row.is_formatted(wanted).await;
        row.is_simulated().await;
        for (phase, script) in PHASES {
            row.is_cancelled(phase, script).await;
        }
        row.loses_power(wanted).await;
        for (fault, script) in FAULTS {
            row.is_struck(fault, script).await;
        }
        // What was unplugged at last cannot be asked any more; its judge is the log of the test before.
        row.cells
    }

    /// A new disc, written, read back, closed; other readers find on it what was put there.
    async fn is_written(&mut self, wanted: &Listing) {
        let image = self.fresh().await;
        let outcome = self.burn([("verify", "full".into())]).await.unwrap();
        self.note("write", "yes");
        let blocks = outcome.get("verified-blocks").and_then(|value| u64::try_from(value.clone()).ok());
        assert_eq!(blocks, Some(self.burner.used().await), "{}: every block is read back", self.kind);
        self.note("verify", "yes");
        let state = self.state().await;
        self.note("finalise", if state == "closed" { "yes" } else { "stays rewritable" });
        xorriso_extracts(&image, wanted);
        isoinfo_lists_rock_ridge(&image, wanted);
        self.well_mannered();
    }

    /// A session at once, read by others; then one that is left open and takes another.
    async fn is_written_at_once(&mut self, wanted: &Listing) {
        let image = self.fresh().await;
        let wish = || ("write-mode", "session-at-once".into());
        let cell = match self.burn([wish(), ("verify", "full".into())]).await {
            Err(refused) => refused.name,
            Ok(_) => {
                xorriso_extracts(&image, wanted);
                isoinfo_lists_rock_ridge(&image, wanted);
                let state = self.state().await;
                self.fresh().await;
                self.burn([wish(), ("close", "appendable".into())]).await.unwrap();
                self.burn_again([("verify", "full".into())]).await.unwrap();
                format!("{state}; left open, second session recorded")
            }
        };
        self.note("session at once", &cell);
        self.well_mannered();
    }

    async fn is_appended_to(&mut self) {
        self.fresh().await;
        let first = self.burn([("close", "appendable".into()), ("verify", "full".into())]).await;
        let cell = match first {
            Err(refused) => refused.name,
            Ok(_) => {
                let open = self.state().await;
                match self.burn_again([("verify", "full".into())]).await {
                    Ok(_) => format!("{open}, second session recorded"),
                    Err(refused) => format!("{open}, second session: {}", refused.name),
                }
            }
        };
        self.note("append", &cell);
        self.well_mannered();
    }

    /// Recorded, erased, recorded again, both ways.
    async fn is_erased(&mut self) {
        for (deed, full) in [("erase", false), ("erase fully", true)] {
            let image = self.fresh_for(full).await;
            self.burn([]).await.unwrap();
            let cell = match self.wipe("Erase", &(full, options([("wait", true.into())]))).await {
                Err(refused) => refused.name,
                Ok(()) => {
                    let state = self.state().await;
                    let left = fs::read(&image).unwrap();
                    assert!(!full || left.iter().all(|byte| *byte == 0), "{}: data are left", self.kind);
                    self.burn_again([("verify", "full".into())]).await.unwrap();
                    format!("{state}, recorded again")
                }
            };
            self.note(deed, &cell);
        }
        self.well_mannered();
    }

    /// Every format that the disc offers, quickly and fully; then it is recorded and read.
    async fn is_formatted(&mut self, wanted: &Listing) {
        let offered = {
            self.fresh().await;
            let formats =
                self.burner.client.property::<OwnedVariant>(&self.burner.recorder, "Medium", "Formats");
            names(&formats.await.unwrap())
        };
        if offered.is_empty() {
            let refused = self.wipe("Format", &(options([("wait", true.into())]),)).await.unwrap_err();
            return self.note("format", &refused.name);
        }
        for name in &offered {
            for full in [false, true] {
                let image = self.fresh_for(full).await;
                let wishes = [("format", name.clone().into()), ("full", full.into()), ("wait", true.into())];
                self.wipe("Format", &(options(wishes),)).await.unwrap();
                assert_eq!(self.state().await, "blank", "{} {name}", self.kind);
                self.burn_again([("verify", "full".into())]).await.unwrap();
                xorriso_extracts(&image, wanted);
            }
        }
        self.note("format", &offered.join(", "));
        self.well_mannered();
    }

    async fn is_simulated(&mut self) {
        self.fresh().await;
        let cell = match self.burn([("simulate", true.into())]).await {
            Err(refused) => refused.name,
            Ok(_) => {
                assert_eq!(self.state().await, "blank", "{}: a simulation leaves the disc alone", self.kind);
                self.burn([("verify", "full".into())]).await.unwrap();
                "yes".to_owned()
            }
        };
        self.note("simulate", &cell);
        self.well_mannered();
    }

    async fn is_cancelled(&mut self, phase: &str, script: &str) {
        self.fresh().await;
        if phase == "erasing" {
            self.burn([]).await.unwrap();
        }
        self.bench.control(&self.id, &["fault", script]);
        let client = &self.burner.client;
        let job = match phase {
            "erasing" => client.path(&self.burner.recorder, "Recorder", "Erase", &(true, options([]))).await,
            "verifying" => self.burner.record_with(options([("verify", "full".into())])).await,
            _ => self.burner.record_with(options([])).await,
        };
        let cell = match job {
            Err(refused) => refused.name,
            Ok(job) if !self.comes_to(&job, phase).await => "no such phase".to_owned(),
            Ok(job) => {
                client.call::<()>(&job, "Job", "Cancel", &()).await.unwrap();
                if matches!(phase, "writing" | "erasing") {
                    // What has to be filled up now may go on fast.
                    self.bench.control(&self.id, &["clear-faults"]);
                }
                let (_, error, message, _) = client.result(&job).await;
                match Refusal::new(&error, message).name.as_str() {
                    "" => format!("goes on to its end, {}", self.state().await),
                    name => format!("{name}, {}", self.state().await),
                }
            }
        };
        self.note(phase, &cell);
        self.bench.control(&self.id, &["clear-faults"]);
        self.well_mannered();
    }

    async fn is_struck(&mut self, fault: &str, script: &str) {
        self.fresh().await;
        self.bench.control(&self.id, &["fault", script]);
        let outcome = self.burn([("verify", "full".into())]).await;
        let gone = fault == "unplugged";
        let cell = match outcome {
            _ if !gone && !self.fired(script.split(';').count()) => "never meets it".to_owned(),
            Ok(_) => "recorded all the same".to_owned(),
            Err(refused) if gone => refused.name,
            Err(refused) => format!("{}, {}", refused.name, self.state().await),
        };
        self.note(&struck(fault), &cell);
        if !gone {
            self.bench.control(&self.id, &["clear-faults"]);
            self.well_mannered();
        }
    }

    /// A burn whose power fails, and which is to go on where it ended.
    async fn loses_power(&mut self, wanted: &Listing) {
        let image = self.fresh().await;
        self.bench.control(&self.id, &["fault", HELD_UP]);
        // What was begun at once cannot go on.
        let close = if matches!(self.kind, "dvd-r" | "dvd-rw:65536") { "appendable" } else { "finalise" };
        let job = self.burner.record_with(options([("close", close.into())])).await.unwrap();
        let client = &self.burner.client;
        client.until("a write is held up", async || self.fired(1).then_some(())).await;
        self.bench.control(&self.id, &["power-cut"]);
        self.bench.control(&self.id, &["clear-faults"]);
        let (_, error, message, _) = client.result(&job).await;
        let cell = format!("{}, {}", Refusal::new(&error, message).name, self.state().await);
        self.note(&struck("power cut"), &cell);
        let wishes = [("unfinished", "resume".into()), ("close", close.into()), ("verify", "full".into())];
        let cell = match self.burn_again(wishes).await {
            Err(refused) => refused.name,
            Ok(_) => {
                xorriso_extracts(&image, wanted);
                format!("yes, {}", self.state().await)
            }
        };
        self.note("gone on with", &cell);
        self.well_mannered();
    }

    /// A new disc in the recorder, selected; its content's file.
    async fn fresh(&mut self) -> PathBuf {
        self.fresh_of(self.kind).await
    }

    /// The same; one of a hundred gigabytes is a short one of its kind where every block is written.
    async fn fresh_for(&mut self, every_block: bool) -> PathBuf {
        let short = every_block && self.kind == "bd-re-tl";
        self.fresh_of(if short { "bd-re-tl:8192" } else { self.kind }).await
    }

    async fn fresh_of(&mut self, kind: &str) -> PathBuf {
        self.discs += 1;
        let name = format!("{}-{}", self.id, self.discs);
        self.bench.insert(&self.id, &name, kind);
        self.burner.select().await.unwrap();
        self.bench.disc(&name)
    }

    /// The disc that is in has changed: it is recorded as it is now.
    async fn burn_again<const N: usize>(
        &self,
        wishes: [(&str, Variant<'static>); N],
    ) -> Result<HashMap<String, OwnedVariant>, Refusal> {
        self.burner.select().await?;
        self.burn(wishes).await
    }

    /// Records what is staged on the disc that was selected.
    async fn burn<const N: usize>(
        &self,
        wishes: [(&str, Variant<'static>); N],
    ) -> Result<HashMap<String, OwnedVariant>, Refusal> {
        let job = self.burner.record_with(options(wishes)).await?;
        let (success, error, message, details) = self.burner.client.result(&job).await;
        if success { Ok(details) } else { Err(Refusal::new(&error, message)) }
    }

    async fn wipe(
        &self,
        method: &str,
        body: &(impl serde::Serialize + zbus::DynamicType),
    ) -> Result<(), Refusal> {
        self.burner.client.path(&self.burner.recorder, "Recorder", method, body).await.map(drop)
    }

    /// What the disc is now.
    async fn state(&self) -> String {
        let (client, recorder) = (&self.burner.client, &self.burner.recorder);
        // A drive that hung is looked at again before anything is known of its disc.
        let known = async || client.property::<bool>(recorder, "Medium", "Blank").await.ok();
        client.until("the disc is known", known).await;
        let flag = async |name: &str| -> bool { client.property(recorder, "Medium", name).await.unwrap() };
        let (mut words, mut plain) = (Vec::new(), true);
        for name in ["Blank", "Appendable", "Closed", "Damaged"] {
            if flag(name).await {
                plain &= name == "Damaged";
                words.push(name.to_lowercase());
            }
        }
        if plain {
            words.insert(0, "rewritable".to_owned());
        }
        words.join(", ")
    }

    /// Waits until the job is in this phase, and blocks are on the disc where it writes any; `false` when it never is.
    async fn comes_to(&self, job: &str, phase: &str) -> bool {
        let blanks = self.kind.starts_with("cd-") || self.kind.starts_with("dvd-rw");
        let writes = phase == "writing" || (phase == "erasing" && !blanks);
        let client = &self.burner.client;
        client
            .until(&format!("the job comes to {phase}"), async || {
                let now: String = client.property(job, "Job", "Phase").await.unwrap();
                let done: u64 = client.property(job, "Job", "BlocksDone").await.unwrap();
                match now == phase {
                    true => (!writes || done > 0).then_some(true),
                    false => (now == "finished").then_some(false),
                }
            })
            .await
    }

    /// Whether any of so many faults has struck.
    fn fired(&self, faults: usize) -> bool {
        let control = Command::new(env!("CARGO_BIN_EXE_discmaster-vdrive"))
            .arg("control")
            .arg(self.bench.socket(&self.id))
            .arg("unfired")
            .output();
        let left = control.unwrap().stdout;
        String::from_utf8(left).unwrap().lines().count() < faults
    }

    /// No rule of the recorder's was broken.
    fn well_mannered(&self) {
        self.bench.control(&self.id, &["violations"]);
    }

    fn note(&mut self, deed: &str, cell: &str) {
        // Shown when the test fails.
        println!("{:>8} ms  {} {deed}: {cell}", self.begun.elapsed().as_millis(), self.kind);
        self.cells.insert(deed.to_owned(), cell.to_owned());
    }
}

/// The names out of `Medium.Formats`.
fn names(formats: &OwnedVariant) -> Vec<String> {
    let formats = Vec::<(String, u64)>::try_from(formats.clone()).expect("names and blocks");
    formats.into_iter().map(|(name, _)| name).collect()
}

/// The key of a fault's cell.
fn struck(fault: &str) -> String {
    format!("struck by {fault}")
}

fn table(rows: &[Cells]) -> String {
    let mut text = String::from(HEAD);
    // The heads of the columns, and the keys of their cells.
    let same = |name: &str| (name.to_owned(), name.to_owned());
    let deeds: Vec<_> = DEEDS.iter().map(|deed| same(deed)).collect();
    let phases: Vec<_> = PHASES.iter().map(|(phase, _)| same(phase)).collect();
    let mut faults: Vec<_> = FAULTS.iter().map(|(fault, _)| ((*fault).to_owned(), struck(fault))).collect();
    faults.extend([("power cut".to_owned(), struck("power cut")), same("gone on with")]);
    for (title, intro, columns) in
        [("What is done", DONE, deeds), ("Cancelled", CANCELLED, phases), ("Struck", STRUCK, faults)]
    {
        write!(text, "\n## {title}\n\n{intro}\n\n| Disc |").unwrap();
        columns.iter().for_each(|(head, _)| write!(text, " {head} |").unwrap());
        writeln!(text, "\n|---|{}", "---|".repeat(columns.len())).unwrap();
        for ((name, _), cells) in DISCS.iter().zip(rows) {
            write!(text, "| {name} |").unwrap();
            columns.iter().for_each(|(_, key)| write!(text, " {} |", cells[key]).unwrap());
            text.push('\n');
        }
    }
    text
}

const HEAD: &str = "# Every disc

What becomes of each kind of disc, over the bus on the virtual recorder. This page is written by `tests/every_disc.rs` from
what it saw, and the test fails when it sees anything else: every cell was run. Names such as `NotSupported` are the error that
the call or its job ended with; the words behind it are what the disc is afterwards.
";

const DONE: &str = "A folder is recorded and read back block by block; xorriso and isoinfo find on the disc what was put there. A disc
that stays rewritable has nothing to finalise. `format` lists the formats that the disc offers, each of which was made, quickly
and fully, recorded and read by xorriso. The BD-RE TL of which every block is written then, or when it is erased fully, is a
short one.";

const CANCELLED: &str =
    "The job is cancelled in this phase; erasing is done in full. What goes on to its end said so before
(`Job.Cancelable`).";

const STRUCK: &str = "A burn that is read back in full meets a fault of the drive: its buffer is full for three tries; a write is
recovered; the link fails under a write that was carried out; a write fails; an earlier write is said to have failed; the bus is
reset; calibration, formatting, flushing or closing fails; a block cannot be read back; the drive hangs for good; it is
unplugged; its power is cut, its buffer with it (DVD-R and DVD-RW are written incrementally then). After that the burn is to go
on where it ended (`unfinished` = `resume`), and xorriso finds on the disc what was put there.";
