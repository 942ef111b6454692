use super::*;
use crate::image::contents::Contents;
use crate::image::tree::{ContentId, Meta};
use proptest::prelude::*;
use std::collections::HashSet;

const META: Meta = Meta { mode: 0o644, uid: 0, gid: 0, mtime: 0 };
const NAMINGS: [Naming; 3] =
    [Naming::Iso, Naming::Joliet(JolietLength::Standard), Naming::Joliet(JolietLength::Long)];

fn folder<'a>(names: impl IntoIterator<Item = &'a (Vec<u8>, bool)>) -> Tree {
    let mut tree = Tree::new(META);
    for (name, directory) in names {
        let _ = match directory {
            true => tree.add_dir(tree.root(), name, META),
            false => tree.add_file(tree.root(), name, META, ContentId(0), 0),
        };
    }
    tree
}

fn view(tree: &Tree, naming: Naming) -> View {
    let contents = Contents::collect(tree).unwrap();
    View::build(tree, naming, true, &contents.refs).unwrap()
}

fn root_names(tree: &Tree, naming: Naming) -> Vec<Vec<u8>> {
    let view = view(tree, naming);
    view.children(&view.directories[0]).iter().map(|&node| view.names.get(node).to_vec()).collect()
}

fn text(name: &[u8]) -> String {
    let units: Vec<u16> = name.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    String::from_utf16(&units).unwrap()
}

fn is_legal(naming: Naming, name: &[u8]) -> bool {
    match naming {
        Naming::Iso => {
            let characters = |byte: &u8| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.');
            (1..=31).contains(&name.len())
                && name.iter().all(characters)
                && name.iter().filter(|&&byte| byte == b'.').count() <= 1
        }
        Naming::Joliet(length) => {
            let text = text(name);
            !text.contains(['*', '/', ':', ';', '?', '\\'])
                && !text.contains(|character: char| character < ' ')
                && !text.ends_with(['.', ' '])
                && (1..=length.characters()).contains(&(name.len() / 2))
        }
    }
}

#[test]
fn a_file_and_a_directory_do_not_differ_by_a_dot_alone() {
    let names = [(b"name".to_vec(), true), (b"Name".to_vec(), false)];
    assert_eq!(root_names(&folder(&names), Naming::Iso), [&b"NAME"[..], b"NAME_1."]);
}

#[test]
fn the_first_of_two_equal_names_keeps_it_and_later_ones_step_aside() {
    let names = [b"b.txt", b"B.txt", b"B.TXT"].map(|name| (name.to_vec(), false));
    let naming = Naming::Joliet(JolietLength::Standard);
    let found: Vec<String> = root_names(&folder(&names), naming).iter().map(|name| text(name)).collect();
    assert_eq!(found, ["B_1.txt", "B_2.TXT", "b.txt"]);
    let names = [b"a.txt".to_vec(), b"A.txt".to_vec(), b"a_1.txt".to_vec()].map(|name| (name, false));
    let found: Vec<String> = root_names(&folder(&names), naming).iter().map(|name| text(name)).collect();
    assert_eq!(found, ["A_2.txt", "a.txt", "a_1.txt"]);
}

#[test]
fn names_sort_by_what_they_became() {
    // By its original units the first would come last; `*` becomes `_`, between capitals and small letters.
    let names = [b"*z", b"Az", b"aA"].map(|name| (name.to_vec(), false));
    let naming = Naming::Joliet(JolietLength::Standard);
    let found: Vec<String> = root_names(&folder(&names), naming).iter().map(|name| text(name)).collect();
    assert_eq!(found, ["Az", "_z", "aA"]);
}

#[test]
fn names_that_all_clash_are_settled_without_trying_every_number_for_each() {
    // Equal up to where they are cut, and in pairs that differ where a number goes: each pair has its own beginning.
    let names: Vec<(Vec<u8>, bool)> = (0..30_000_u32)
        .map(|number| {
            (
                [&[b'x'; 25][..], format!("{:05}", number / 2).as_bytes(), &number.to_le_bytes()].concat(),
                false,
            )
        })
        .map(|(name, directory)| {
            (
                name.iter().map(|&byte| if byte == 0 || byte == b'/' { b'-' } else { byte }).collect(),
                directory,
            )
        })
        .collect();
    let tree = folder(&names);
    for naming in NAMINGS {
        let found: HashSet<Vec<u8>> = root_names(&tree, naming).into_iter().collect();
        assert_eq!(found.len() as u64, tree.counts().files);
    }
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let bytes = |range| prop::collection::vec(range, 1..255).prop_map(|bytes: Vec<u8>| bytes);
    prop_oneof![
        "[aAbB_1.]{1,4}".prop_map(String::into_bytes),
        "[a-cA-C *?.é\u{301}ß😀]{1,60}".prop_map(String::into_bytes),
        "x{55,110}[ab.]{0,20}".prop_map(String::into_bytes),
        bytes(1..=255_u8),
    ]
}

proptest! {
    #[test]
    fn names_are_legal_unique_and_sorted(names in prop::collection::vec((name(), any::<bool>()), 1..80)) {
        let tree = folder(&names);
        for naming in NAMINGS {
            let found = root_names(&tree, naming);
            let counts = tree.counts();
            prop_assert_eq!(found.len() as u64, counts.files + counts.directories - 1);
            prop_assert!(found.windows(2).all(|pair| pair[0] < pair[1]));
            let mut folded = HashSet::new();
            for name in &found {
                prop_assert!(is_legal(naming, name), "{:?}", name);
                prop_assert!(folded.insert(naming.fold(name, &mut Vec::new()).to_vec()));
            }
        }
    }

    #[test]
    fn path_tables_are_sorted_by_level_parent_and_name(
        parents in prop::collection::vec((any::<usize>(), "[a-z*é]{1,3}"), 0..60),
    ) {
        let mut tree = Tree::new(META);
        let mut nodes = vec![tree.root()];
        for (parent, name) in parents {
            nodes.extend(tree.add_dir(nodes[parent % nodes.len()], name.as_bytes(), META));
        }
        for naming in NAMINGS {
            let view = view(&tree, naming);
            let level = |mut number: usize| {
                let mut level = 0;
                while number > 0 {
                    number = view.directories[number].parent as usize;
                    level += 1;
                }
                level
            };
            let keys: Vec<_> = (0..view.directories.len())
                .map(|number| (level(number), view.directories[number].parent, view.directory_name(number)))
                .collect();
            prop_assert_eq!(keys.len(), nodes.len());
            prop_assert!(keys.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}
