//! What is said, in the language of whoever it is said to: messages are written in English where they are used and looked up
//! in the catalogue of the locale (GNU gettext, domain `discmaster`), `share/locale/LANGUAGE/LC_MESSAGES/discmaster.mo`
//! beside the program's own `bin`.
//!
//! [`tr!`](tr) is a message with what is filled in, [`msgid!`](msgid) one that stands in a table and is looked up by [`said`].
//! The template that translators start from, `data/po/discmaster.pot`, is compared with the source by a test.

use std::path::PathBuf;

use clap::{Arg, Command};
use gettextrs::{LocaleCategory, bind_textdomain_codeset, bindtextdomain, dgettext, setlocale};

pub use tr::tr;

/// The catalogue's name.
pub const DOMAIN: &str = "discmaster";

/// Marks a message where only a constant can be: [`said`] looks it up.
macro_rules! msgid {
    ($text:literal) => {
        $text
    };
}
pub(crate) use msgid;

/// Words of the bus that a person reads, too: states, phases, operations, and what a disc is.
const WORDS: &[&str] = &[
    msgid!("idle"),
    msgid!("opened"),
    msgid!("busy"),
    msgid!("burning"),
    msgid!("queued"),
    msgid!("staging"),
    msgid!("preparing"),
    msgid!("writing"),
    msgid!("flushing"),
    msgid!("closing"),
    msgid!("verifying"),
    msgid!("erasing"),
    msgid!("ejecting"),
    msgid!("finished"),
    msgid!("add"),
    msgid!("record"),
    msgid!("erase"),
    msgid!("import"),
    msgid!("format"),
    msgid!("blank"),
    msgid!("appendable"),
    msgid!("closed"),
    msgid!("rewritable"),
    msgid!("protected"),
    msgid!("damaged"),
];

/// Takes the locale from the environment. Without a catalogue of its language everything stays English.
pub fn start() {
    setlocale(LocaleCategory::LcCType, "");
    setlocale(LocaleCategory::LcMessages, "");
    if let Some(catalogues) = catalogues() {
        // Where memory is too short for this, English is left.
        let _ = bindtextdomain(DOMAIN, catalogues);
        let _ = bind_textdomain_codeset(DOMAIN, "UTF-8");
    }
}

/// A message of a table in the user's language.
pub fn said(message: &str) -> String {
    // Asked for nothing, gettext answers with the catalogue's own head.
    if message.is_empty() { String::new() } else { dgettext(DOMAIN, message) }
}

/// A word of the bus in the user's language; one that is not known stays as it is.
pub fn word(word: &str) -> String {
    if WORDS.contains(&word) { said(word) } else { word.to_owned() }
}

/// Words of the bus in the user's language.
pub fn words(words: &[String]) -> Vec<String> {
    words.iter().map(|each| word(each)).collect()
}

/// A program's arguments, described in the user's language. What the parser says by itself stays English.
pub fn described(command: Command) -> Command {
    if dgettext(DOMAIN, "").is_empty() {
        return command;
    }
    translated(command)
}

fn translated(mut command: Command) -> Command {
    if let Some(about) = command.get_about().map(|text| paragraphs(&text.to_string())) {
        command = command.about(about);
    }
    if let Some(about) = command.get_long_about().map(|text| paragraphs(&text.to_string())) {
        command = command.long_about(about);
    }
    command.mut_args(argument).mut_subcommands(translated)
}

fn argument(mut argument: Arg) -> Arg {
    if let Some(help) = argument.get_help().map(|text| paragraphs(&text.to_string())) {
        argument = argument.help(help);
    }
    if let Some(help) = argument.get_long_help().map(|text| paragraphs(&text.to_string())) {
        argument = argument.long_help(help);
    }
    argument
}

/// Looks up a text paragraph by paragraph: one that changes leaves the others translated.
fn paragraphs(text: &str) -> String {
    text.split("\n\n").map(said).collect::<Vec<_>>().join("\n\n")
}

/// `share/locale` beside the `bin` that the program lies in.
fn catalogues() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    Some(program.parent()?.parent()?.join("share/locale"))
}
