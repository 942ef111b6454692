//! What the command line says can be translated: every message is in the template that translators start from, every
//! catalogue fits it, and the program speaks what its locale asks for.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use clap::CommandFactory;
use discmaster::cli::args::Cli;
use proc_macro2::{Delimiter, TokenStream, TokenTree};

const TEMPLATE: &str = "data/po/discmaster.pot";
const HEAD: &str = r#"# What discmaster says: what translators start from. Written by the tests.
msgid ""
msgstr ""
"Project-Id-Version: discmaster\n"
"MIME-Version: 1.0\n"
"Content-Type: text/plain; charset=UTF-8\n"
"Content-Transfer-Encoding: 8bit\n"
"#;

/// A message, and where it is said.
#[derive(Clone, Debug, Default)]
struct Message {
    plural: Option<String>,
    said: Vec<String>,
}

/// Messages in the order in which they are found.
#[derive(Debug, Default)]
struct Template(Vec<(String, Message)>);

impl Template {
    fn add(&mut self, text: &str, plural: Option<String>, said: &str) {
        let at = self.0.iter().position(|(known, _)| known == text).unwrap_or_else(|| {
            self.0.push((text.to_owned(), Message::default()));
            self.0.len() - 1
        });
        let message = &mut self.0[at].1;
        message.plural = message.plural.take().or(plural);
        if !message.said.iter().any(|known| known == said) {
            message.said.push(said.to_owned());
        }
    }

    fn text(&self) -> String {
        let mut text = HEAD.to_owned();
        for (id, message) in &self.0 {
            text.push('\n');
            for said in &message.said {
                writeln!(text, "{said}").unwrap();
            }
            writeln!(text, "msgid {}", quoted(id)).unwrap();
            match &message.plural {
                Some(plural) => {
                    writeln!(text, "msgid_plural {}\nmsgstr[0] \"\"\nmsgstr[1] \"\"", quoted(plural))
                        .unwrap();
                }
                None => text.push_str("msgstr \"\"\n"),
            }
        }
        text
    }
}

/// A string literal of the source.
#[derive(Debug)]
struct Found {
    text: String,
    plural: Option<String>,
    /// What is filled in; a constant of a table has nothing.
    filled: usize,
    /// It is looked up in the catalogue.
    looked_up: bool,
}

#[test]
fn the_template_has_every_message_of_the_source() {
    let mut template = Template::default();
    for file in sources() {
        for found in literals(&file).into_iter().filter(|found| found.looked_up) {
            template.add(&found.text, found.plural, &format!("#: {file}"));
        }
    }
    helps(&mut template, &Cli::command());
    polkit(&mut template);
    desktop(&mut template);
    let text = template.text();
    if std::env::var_os("DISCMASTER_BLESS").is_some() {
        fs::write(TEMPLATE, &text).unwrap();
    }
    assert!(
        fs::read_to_string(TEMPLATE).unwrap_or_default() == text,
        "{TEMPLATE} is not what the source says: DISCMASTER_BLESS=1 cargo test --test messages writes it anew"
    );
}

#[test]
fn what_is_worded_is_looked_up_and_filled_in_as_it_says() {
    let mut wrong = Vec::new();
    for file in sources() {
        for found in literals(&file) {
            if is_worded(&found.text) && !found.looked_up {
                wrong.push(format!("{file}: not looked up: {:?}", found.text));
            }
            if found.looked_up && places(&found.text).len() > found.filled {
                wrong.push(format!("{file}: not filled in: {:?}", found.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_state_phase_and_operation_of_the_bus_is_looked_up() {
    let known: Vec<String> = literals("src/cli/messages.rs")
        .into_iter()
        .filter(|found| found.looked_up)
        .map(|found| found.text)
        .collect();
    let types = [
        ("src/api/recorder.rs", "RecorderState"),
        ("src/api/job.rs", "Operation"),
        ("src/api/job.rs", "Phase"),
    ];
    let mut names: Vec<String> = types.iter().flat_map(|(file, of)| names_of(file, of)).collect();
    assert!(names.len() > 15, "{names:?}");
    names.retain(|name| !known.contains(name));
    assert!(names.is_empty(), "not among the words of src/cli/messages.rs: {names:?}");
}

#[test]
fn catalogues_are_sound_and_fill_in_what_the_messages_do() {
    let mut wrong = Vec::new();
    for catalogue in catalogues() {
        let sound = run("msgfmt", &["--check", "--output-file=/dev/null", catalogue.to_str().unwrap()]);
        assert!(sound.status.success(), "{}", String::from_utf8_lossy(&sound.stderr));
        for message in polib::po_file::parse(&catalogue).unwrap().messages() {
            let plural = message.msgid_plural().unwrap_or_default();
            let translations = match message.msgstr_plural() {
                Ok(forms) => forms.iter().map(String::as_str).collect(),
                Err(_) => vec![message.msgstr().unwrap()],
            };
            for translation in translations.into_iter().filter(|translation| !translation.is_empty()) {
                let filled = places(translation);
                if filled != places(message.msgid()) && filled != places(plural) {
                    wrong.push(format!(
                        "{}: {:?} became {translation:?}",
                        catalogue.display(),
                        message.msgid()
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_program_speaks_the_language_of_its_locale_and_programs_are_told_the_same_names() {
    let root = tempfile::tempdir().unwrap();
    let program = installed(root.path());
    let german = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.args(arguments).env("LC_ALL", "C.UTF-8").env("LANGUAGE", "de").output().unwrap()
    };
    let wrong = german(&["image", "/there is no such folder", "-o", "/dev/null"]);
    let text = String::from_utf8(wrong.stderr).unwrap();
    assert!(
        text.starts_with("discmaster: Usage: /there is no such folder lässt sich nicht öffnen: "),
        "{text}"
    );
    let help = String::from_utf8(german(&["burn", "--help"]).stdout).unwrap();
    assert!(help.contains("Ordner und Dateien auf eine Disc brennen"), "{help}");

    let json = german(&["--json", "image", "/there is no such folder", "-o", "/dev/null"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stderr).unwrap();
    assert_eq!((&json["error"], &json["exit"]), (&"Usage".into(), &2.into()));

    for other in ["C", "C.UTF-8", "xx_XX.UTF-8"] {
        let mut command = Command::new(&program);
        command.args(["image", "/there is no such folder", "-o", "/dev/null"]);
        let output = command.env("LC_ALL", other).env_remove("LANGUAGE").output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains("/there is no such folder cannot be opened: "), "{other}: {text}");
    }
}

/// The program with its catalogues, as it is installed.
fn installed(root: &Path) -> PathBuf {
    let program = root.join("bin/discmaster");
    fs::create_dir_all(root.join("bin")).unwrap();
    let built = env!("CARGO_BIN_EXE_discmaster");
    fs::hard_link(built, &program).or_else(|_| fs::copy(built, &program).map(drop)).unwrap();
    for catalogue in catalogues() {
        let language = catalogue.file_stem().unwrap();
        let folder = root.join("share/locale").join(language).join("LC_MESSAGES");
        fs::create_dir_all(&folder).unwrap();
        let output = format!("--output-file={}", folder.join("discmaster.mo").display());
        assert!(run("msgfmt", &[&output, catalogue.to_str().unwrap()]).status.success());
    }
    program
}

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"))
}

/// Every file of the command line.
fn sources() -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from("src/cli")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

fn catalogues() -> Vec<PathBuf> {
    let files = fs::read_dir("data/po").unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|kind| kind == "po")).collect()
}

/// What a type of a file is called on the bus: the literals of `name`.
fn names_of(file: &str, of: &str) -> Vec<String> {
    let tokens: TokenStream = fs::read_to_string(file).unwrap().parse().unwrap();
    let text = |token: &TokenTree| token.to_string();
    let all: Vec<TokenTree> = tokens.into_iter().collect();
    let body = |tokens: &[TokenTree], head: &[&str]| {
        let at =
            tokens.windows(head.len()).position(|window| window.iter().map(text).eq(head.iter().copied()))?;
        tokens[at..].iter().find_map(|token| match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group.stream()),
            _ => None,
        })
    };
    let methods: Vec<TokenTree> = body(&all, &["impl", of]).unwrap().into_iter().collect();
    let mut found = Vec::new();
    collect(body(&methods, &["fn", "name"]).unwrap(), &mut found);
    found.into_iter().map(|found| found.text).collect()
}

/// The string literals of a file but those of its tests and attributes.
fn literals(file: &str) -> Vec<Found> {
    let source = fs::read_to_string(file).unwrap();
    let before_tests = source.split("#[cfg(test)]").next().unwrap();
    let mut found = Vec::new();
    collect(before_tests.parse().unwrap(), &mut found);
    found
}

fn collect(tokens: TokenStream, found: &mut Vec<Found>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token {
            TokenTree::Punct(mark) if mark.as_char() == '#' => {
                let inner =
                    matches!(tokens.get(at + 1), Some(TokenTree::Punct(mark)) if mark.as_char() == '!');
                at += 1 + usize::from(inner);
            }
            TokenTree::Ident(name) if name == "tr" || name == "msgid" => {
                if let (Some(TokenTree::Punct(_)), Some(TokenTree::Group(group))) =
                    (tokens.get(at + 1), tokens.get(at + 2))
                {
                    message(group.stream(), found);
                    at += 2;
                }
            }
            TokenTree::Group(group) => collect(group.stream(), found),
            TokenTree::Literal(_) => {
                if let Some(text) = string(token) {
                    found.push(Found { text, plural: None, filled: 0, looked_up: false });
                }
            }
            _ => {}
        }
        at += 1;
    }
}

/// The content of `tr!` or `msgid!`: the message, or one and its plural, and what is filled in.
fn message(tokens: TokenStream, found: &mut Vec<Found>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let Some(text) = tokens.first().and_then(string) else { return };
    let is =
        |token: &TokenTree, wanted: char| matches!(token, TokenTree::Punct(mark) if mark.as_char() == wanted);
    let plural = tokens.get(1).filter(|mark| is(mark, '|')).and(tokens.get(2)).and_then(string);
    let commas = tokens.iter().filter(|token| is(token, ',')).count();
    let last = tokens.last().is_some_and(|token| is(token, ','));
    let filled = commas - usize::from(last) + usize::from(plural.is_some());
    found.push(Found { text, plural, filled, looked_up: true });
    // What is filled in may say something, too.
    let rest = tokens.into_iter().skip(1).filter(|token| string(token).is_none());
    collect(rest.collect(), found);
}

fn string(token: &TokenTree) -> Option<String> {
    match token {
        TokenTree::Literal(literal) => {
            syn::parse_str::<syn::LitStr>(&literal.to_string()).ok().map(|literal| literal.value())
        }
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
            group.stream().into_iter().next().as_ref().and_then(string)
        }
        _ => None,
    }
}

/// It holds two words or more, beside what is filled in.
fn is_worded(text: &str) -> bool {
    let fixed: Vec<&str> =
        text.split('{').map(|part| part.split_once('}').map_or(part, |(_, rest)| rest)).collect();
    let is_word = |word: &&str| {
        let word = word.trim_matches(|c: char| c.is_ascii_punctuation());
        word.len() > 1 && word.chars().all(|c| c.is_ascii_alphabetic() || c == '\'' || c == '-')
    };
    fixed.join(" ").split_whitespace().filter(is_word).count() > 1
}

/// The descriptions of a command, its arguments and its commands, paragraph by paragraph.
fn helps(template: &mut Template, command: &clap::Command) {
    let mut add = |text: Option<&clap::builder::StyledStr>, said: &str| {
        let text = text.map(ToString::to_string).unwrap_or_default();
        for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.is_empty()) {
            template.add(paragraph, None, &format!("#. {said}"));
        }
    };
    let name = command.get_name();
    add(command.get_about(), name);
    add(command.get_long_about(), name);
    for argument in command.get_arguments() {
        let said = argument.get_long().map_or_else(|| name.to_owned(), |long| format!("{name} --{long}"));
        add(argument.get_help(), &said);
        add(argument.get_long_help(), &said);
    }
    for inner in command.get_subcommands() {
        helps(template, inner);
    }
}

/// What polkit asks of people.
fn polkit(template: &mut Template) {
    let file = "polkit/org.discmaster1.policy";
    let text = fs::read_to_string(file).unwrap();
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    let policy = roxmltree::Document::parse_with_options(&text, options).unwrap();
    let spoken = ["description", "message"];
    for node in policy.descendants().filter(|node| spoken.contains(&node.tag_name().name())) {
        assert_eq!(node.attribute("gettext-domain"), Some("discmaster"), "{:?}", node.text());
        template.add(node.text().unwrap(), None, &format!("#: {file}"));
    }
}

/// What is said in file managers.
fn desktop(template: &mut Template) {
    for file in ["data/desktop/write-to-disc", "data/desktop/nautilus.py.in"] {
        let text = fs::read_to_string(file).unwrap();
        let said = format!("#: {file}");
        for call in text.split("_(\"").skip(1) {
            template.add(call.split('"').next().unwrap(), None, &said);
        }
        for call in text.split("ngettext(\n").skip(1) {
            let literals: Vec<&str> = call.split('"').take(4).collect();
            template.add(literals[1], Some(literals[3].to_owned()), &said);
        }
    }
}

/// What is filled in, by us as `{name}` and by polkit as `$(name)`, in alphabetical order: languages have theirs.
fn places(text: &str) -> Vec<&str> {
    let between = |open: &'static str, close: char| {
        text.split(open).skip(1).filter_map(move |rest| rest.split_once(close).map(|(name, _)| name))
    };
    let mut places: Vec<&str> = between("{", '}').chain(between("$(", ')')).collect();
    places.sort_unstable();
    places
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
