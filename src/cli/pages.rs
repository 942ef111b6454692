//! Man pages and completions, written by the programs themselves for whoever packages them: out of the same description
//! that they parse their arguments with, so that they cannot differ from it.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use clap::Command;
use clap_complete::Shell;

use super::messages::tr;

/// The one argument that is not in the pages, since it is for packagers alone: `--write-pages DIR`.
const ASKED: &str = "--write-pages";

/// Writes the pages of a program to the directory that its arguments name, if they ask for that: a man page of this section,
/// those of its subcommands, and completions for bash, zsh and fish.
pub fn asked(command: Command, section: &'static str) -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != ASKED {
        return None;
    }
    let directory = arguments.next().unwrap_or_else(|| OsString::from("."));
    match write(command, section, Path::new(&directory)) {
        Ok(()) => Some(ExitCode::SUCCESS),
        Err(error) => {
            let folder = Path::new(&directory).display();
            eprintln!("{}", tr!("the pages cannot be written to {folder}: {error}", folder, error));
            Some(ExitCode::FAILURE)
        }
    }
}

fn write(command: Command, section: &'static str, directory: &Path) -> io::Result<()> {
    std::fs::create_dir_all(directory)?;
    let name = command.get_name().to_owned();
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        // This builds what it is given, and with it `help`, of whose commands there are no pages.
        clap_complete::generate_to(shell, &mut command.clone(), &name, directory)?;
    }
    let mut command = command.disable_help_subcommand(true);
    command.build();
    page(&command, section, directory)?;
    for subcommand in command.get_subcommands() {
        // A page is found under the words that are typed, with a hyphen between them.
        let words = format!("{name}-{}", subcommand.get_name());
        page(&subcommand.clone().name(&*words.leak()), section, directory)?;
    }
    Ok(())
}

fn page(command: &Command, section: &'static str, directory: &Path) -> io::Result<()> {
    let name = command.get_name();
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone())
        .section(section)
        .source(concat!("discmaster ", env!("CARGO_PKG_VERSION")))
        .manual("discmaster")
        .render(&mut text)?;
    std::fs::write(directory.join(format!("{name}.{section}")), text)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::args::Cli;

    #[test]
    fn every_command_has_a_page_and_every_shell_completes_it() {
        let directory = tempfile::tempdir().unwrap();
        write(Cli::command(), "1", directory.path()).unwrap();
        let read = |name: &str| std::fs::read_to_string(directory.path().join(name)).unwrap();
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            let page = read(&format!("discmaster-{name}.1"));
            for option in command.get_arguments().filter_map(clap::Arg::get_long) {
                assert!(page.contains(&option.replace('-', "\\-")), "{name}: {option}");
            }
            for shell in ["discmaster.bash", "_discmaster", "discmaster.fish"] {
                assert!(read(shell).contains(name), "{shell}: {name}");
            }
        }
        let main = read("discmaster.1");
        assert!(
            !main.contains("discmaster\\-help(1)") && !directory.path().join("discmaster-help.1").exists()
        );
        assert!(main.contains(".TH discmaster 1") && main.contains("discmaster\\-burn(1)"), "{main}");
    }
}
