//! The whole of discmaster at work, without hardware: a bus of its own, a recorder in software with a blank disc, the
//! service, and a client that burns a folder in IMAPI's eight steps.
//!
//! ```text
//! cargo build --bins && cargo run --example demo -- [FOLDER]
//! ```
//!
//! The disc stays in `target/demo`, to be looked into, mounted or compared.

mod folder;
mod steps;
mod world;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use discmaster::cli::interrupt::Interrupts;
use discmaster::cli::units;

use folder::{Disc, Folder};
use world::World;

/// What is burned unless a folder is named: every Linux system has it.
const FOLDER: &str = "/usr/share/doc";
/// The recorder's id.
const RECORDER: &str = "vd0";

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    match runtime.block_on(demo()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

async fn demo() -> Result<()> {
    let mut interrupts = Interrupts::take_over().map_err(anyhow::Error::msg)?;
    // Whichever ends first: the world is dropped with the future, and ends what runs in it.
    tokio::select! {
        ended = show() => ended,
        () = interrupts.next() => bail!("interrupted"),
    }
}

async fn show() -> Result<()> {
    let folder = std::env::args_os().nth(1).map_or_else(|| PathBuf::from(FOLDER), PathBuf::from);
    let folder = Folder::measure(&folder)?;
    let disc = folder.disc()?;
    println!("{} holds {} in {} files.", folder.path.display(), units::size(folder.bytes), folder.files);
    println!("A blank {} goes into a virtual recorder of {} speed.\n", disc.name, disc.speed);

    let kept = kept()?;
    let disc_file = kept.join("demo.disc");
    let image = kept.join("demo.iso");
    for old in [&disc_file, &image] {
        if old.exists() {
            std::fs::remove_file(old).with_context(|| format!("{} cannot be removed", old.display()))?;
        }
    }
    let mut world = World::begin(&kept)?;
    insert(&mut world, &disc, &disc_file)?;
    steps::eight(&mut world, &folder, RECORDER).await?;
    drop(world);
    look(&disc_file, &image, &folder)
}

/// A recorder with a blank disc in it.
fn insert(world: &mut World, disc: &Disc, file: &Path) -> Result<()> {
    let socket = world.socket(RECORDER);
    let (socket, file) = (socket.to_string_lossy(), file.to_string_lossy());
    let arguments = ["--listen", &socket, "--media", &file, "--create", disc.kind, "--speed", disc.speed];
    world.run("discmaster-vdrive", &arguments)
}

/// Where the disc is, and what is on it in the words of somebody else's program.
fn look(disc: &Path, image: &Path, folder: &Folder) -> Result<()> {
    let size = std::fs::metadata(image).with_context(|| format!("{} is missing", image.display()))?.len();
    let image = image.display().to_string();
    println!("\nThe disc is kept: {} ({}), its layout in {}.", image, units::size(size), disc.display());
    println!("Look into it with any of");
    println!("    xorriso -indev {image} -lsl / --");
    println!("    isoinfo -J -l -i {image}");
    println!("    mount -o loop,ro {image} /mnt && diff -r {} /mnt", folder.path.display());
    let looks: [(&str, &[&str]); 2] = [
        ("xorriso", &["-report_about", "SORRY", "-indev", &image, "-lsl", "/", "--"]),
        ("isoinfo", &["-d", "-i", &image]),
    ];
    for (program, arguments) in looks {
        let Ok(output) = Command::new(program).args(arguments).output() else { continue };
        println!("\n{program} says:");
        let text = String::from_utf8_lossy(&output.stdout);
        text.lines().take(12).for_each(|line| println!("    {line}"));
        let more = text.lines().count().saturating_sub(12);
        if more > 0 {
            println!("    … and {more} lines more");
        }
        if !output.status.success() {
            bail!("{program} does not like the disc: {}", String::from_utf8_lossy(&output.stderr));
        }
        return Ok(());
    }
    Ok(())
}

/// `target/demo`, beside the programs, wherever cargo builds.
fn kept() -> Result<PathBuf> {
    let this = std::env::current_exe()?;
    Ok(this.ancestors().nth(3).context("this program lies in no build folder")?.join("demo"))
}

fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("demo: {error:#}");
    ExitCode::FAILURE
}
