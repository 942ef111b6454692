use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

const META: Meta = Meta { mode: 0o640, uid: 1000, gid: 100, mtime: 1_234_567_890 };

fn names(tree: &Tree, node: NodeId) -> Vec<String> {
    tree.children(node).map(|child| show(tree.name(child))).collect()
}

/// Every path with what is there, in the order of a walk.
fn listing(tree: &Tree) -> Vec<String> {
    let mut lines = Vec::new();
    let mut pending = vec![tree.root()];
    while let Some(node) = pending.pop() {
        lines.push(format!("{} {:?} {:?}", tree.shown_path(node), tree.kind(node), tree.meta(node)));
        pending.extend(tree.children(node));
    }
    lines
}

#[test]
fn children_come_in_the_order_in_which_they_were_added() {
    let mut tree = Tree::new(META);
    for name in ["c", "a", "b"] {
        tree.add_dir(tree.root(), name.as_bytes(), META).unwrap();
    }
    assert_eq!(names(&tree, tree.root()), ["c", "a", "b"]);
    tree.remove(tree.lookup(tree.root(), b"a").unwrap());
    assert_eq!(names(&tree, tree.root()), ["c", "b"]);
    tree.remove(tree.lookup(tree.root(), b"b").unwrap());
    tree.add_dir(tree.root(), b"a", META).unwrap();
    tree.remove(tree.lookup(tree.root(), b"c").unwrap());
    assert_eq!(names(&tree, tree.root()), ["a"]);
}

#[test]
fn paths_lead_back_to_their_node() {
    let mut tree = Tree::new(META);
    let dir = tree.add_dir(tree.root(), b"dir", META).unwrap();
    let file = tree.add_file(dir, b"f\xff", META, ContentId(3), 17).unwrap();
    assert_eq!(tree.path(file), b"/dir/f\xff");
    assert_eq!(tree.path(tree.root()), b"/");
    assert_eq!(tree.find(b"//dir/f\xff/"), Some(file));
    assert_eq!(tree.find(b"/dir/g"), None);
    assert_eq!(tree.parent(file), dir);
    assert_eq!(tree.kind(file), Kind::File { content: ContentId(3), size: 17 });
    assert_eq!(tree.meta(file).mode, 0o100_640);
}

#[test]
fn names_that_are_no_file_names_are_refused() {
    let mut tree = Tree::new(META);
    for name in [&b""[..], b".", b"..", b"a/b", b"a\0b", &[b'n'; 256]] {
        let error = tree.add_dir(tree.root(), name, META).unwrap_err();
        assert!(matches!(error, TreeError::BadName { .. }), "{error}");
    }
    tree.add_dir(tree.root(), &[b'n'; 255], META).unwrap();
    for target in [&b""[..], b"a\0b", &[b't'; 1024]] {
        let error = tree.add_symlink(tree.root(), b"link", META, target).unwrap_err();
        assert!(matches!(error, TreeError::BadTarget { .. }), "{error}");
    }
    let link = tree.add_symlink(tree.root(), b"link", META, &[b't'; 1023]).unwrap();
    assert_eq!(tree.kind(link), Kind::Symlink { target: &[b't'; 1023] });
    assert_eq!(tree.counts(), Counts { directories: 2, files: 0, symlinks: 1 });
}

#[test]
fn nothing_goes_into_a_file_or_a_removed_directory() {
    let mut tree = Tree::new(META);
    let file = tree.add_file(tree.root(), b"file", META, ContentId(0), 1).unwrap();
    let dir = tree.add_dir(tree.root(), b"dir", META).unwrap();
    tree.remove(dir);
    for parent in [file, dir] {
        let error = tree.add_dir(parent, b"x", META).unwrap_err();
        assert!(matches!(error, TreeError::NotADirectory { .. }), "{error}");
    }
}

#[test]
fn removing_a_directory_removes_what_is_in_it() {
    let mut tree = Tree::new(META);
    let top = tree.add_dir(tree.root(), b"top", META).unwrap();
    let sub = tree.add_dir(top, b"sub", META).unwrap();
    tree.add_file(sub, b"file", META, ContentId(0), 1).unwrap();
    tree.add_symlink(sub, b"link", META, b"file").unwrap();
    tree.remove(top);
    assert_eq!(tree.counts(), Counts { directories: 1, files: 0, symlinks: 0 });
    assert_eq!(tree.find(b"top/sub"), None);
    tree.add_file(tree.root(), b"top", META, ContentId(0), 1).unwrap();
    tree.remove(tree.root());
    assert_eq!(tree.counts(), Counts { directories: 1, files: 0, symlinks: 0 });
    assert_eq!(names(&tree, tree.root()), [""; 0]);
}

#[test]
fn merging_joins_directories_and_keeps_the_rest() {
    let mut tree = Tree::new(META);
    let shared = tree.add_dir(tree.root(), b"shared", META).unwrap();
    tree.add_file(shared, b"mine", META, ContentId(1), 10).unwrap();
    let mut other = Tree::new(META);
    let theirs = other.add_dir(other.root(), b"shared", Meta { uid: 7, ..META }).unwrap();
    other.add_file(theirs, b"yours", META, ContentId(2), 20).unwrap();
    tree.merge(tree.root(), &other, false).unwrap();
    assert_eq!(names(&tree, shared), ["mine", "yours"]);
    assert_eq!(tree.meta(shared).uid, 1000);
}

#[test]
fn a_merge_that_fails_leaves_the_tree_as_it_was() {
    let mut tree = Tree::new(META);
    let dir = tree.add_dir(tree.root(), b"dir", META).unwrap();
    tree.add_file(dir, b"taken", META, ContentId(1), 10).unwrap();
    let before = listing(&tree);
    let mut other = Tree::new(META);
    other.add_file(other.root(), b"first", META, ContentId(2), 20).unwrap();
    let theirs = other.add_dir(other.root(), b"dir", META).unwrap();
    other.add_file(theirs, b"taken", META, ContentId(3), 30).unwrap();
    let error = tree.merge(tree.root(), &other, false).unwrap_err();
    assert_eq!(error, TreeError::Exists { path: "/dir/taken".into() });
    assert_eq!(listing(&tree), before);
    other.remove(theirs);
    other.add_file(other.root(), b"dir", META, ContentId(4), 40).unwrap();
    let error = tree.merge(tree.root(), &other, true).unwrap_err();
    assert_eq!(error, TreeError::KindsDiffer { path: "/dir".into() });
    assert_eq!(listing(&tree), before);
}

#[test]
fn overwriting_replaces_files_and_takes_new_attributes() {
    let mut tree = Tree::new(META);
    let dir = tree.add_dir(tree.root(), b"dir", META).unwrap();
    tree.add_file(dir, b"taken", META, ContentId(1), 10).unwrap();
    let mut other = Tree::new(META);
    let theirs = other.add_dir(other.root(), b"dir", Meta { uid: 7, ..META }).unwrap();
    other.add_symlink(theirs, b"taken", META, b"elsewhere").unwrap();
    tree.merge(tree.root(), &other, true).unwrap();
    assert_eq!(tree.meta(dir).uid, 7);
    assert_eq!(tree.kind(tree.find(b"dir/taken").unwrap()), Kind::Symlink { target: b"elsewhere" });
    assert_eq!(tree.counts(), Counts { directories: 2, files: 0, symlinks: 1 });
}

#[derive(Debug, Clone)]
enum Edit {
    Dir(u8, u8),
    File(u8, u8),
    Remove(u8),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (0..6_u8, 0..4_u8).prop_map(|(at, name)| Edit::Dir(at, name)),
        (0..6_u8, 0..4_u8).prop_map(|(at, name)| Edit::File(at, name)),
        (0..8_u8).prop_map(Edit::Remove),
    ]
}

proptest! {
    /// A map from paths to kinds is the model.
    #[test]
    fn any_edits_leave_the_tree_like_a_map_of_paths(edits in prop::collection::vec(edit(), 0..60)) {
        let mut tree = Tree::new(META);
        let mut model: BTreeMap<Vec<u8>, bool> = BTreeMap::new();
        for edit in edits {
            let at = |pick: u8| model.keys().nth(usize::from(pick)).cloned();
            match edit {
                Edit::Dir(pick, name) | Edit::File(pick, name) => {
                    let is_dir = matches!(edit, Edit::Dir(..));
                    let parent = at(pick).unwrap_or_default();
                    let path = [&parent[..], b"/", &[b'a' + name]].concat();
                    let node = tree.find(&parent).unwrap();
                    let fits = model.get(&parent).copied().unwrap_or(true) && !model.contains_key(&path);
                    let added = match is_dir {
                        true => tree.add_dir(node, &[b'a' + name], META),
                        false => tree.add_file(node, &[b'a' + name], META, ContentId(0), 5),
                    };
                    prop_assert_eq!(added.is_ok(), fits);
                    if fits {
                        model.insert(path, is_dir);
                    }
                }
                Edit::Remove(pick) => {
                    let Some(path) = at(pick) else { continue };
                    tree.remove(tree.find(&path).unwrap());
                    let below = [&path[..], b"/"].concat();
                    model.retain(|other, _| *other != path && !other.starts_with(&below));
                }
            }
        }
        let mut found: Vec<_> = listing(&tree).iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
        found.sort();
        let mut wanted: Vec<_> = model.keys().map(|path| show(path)).chain(["/".to_owned()]).collect();
        wanted.sort();
        prop_assert_eq!(found, wanted);
        let directories = model.values().filter(|&&is_dir| is_dir).count() as u64 + 1;
        let files = model.values().filter(|&&is_dir| !is_dir).count() as u64;
        prop_assert_eq!(tree.counts(), Counts { directories, files, symlinks: 0 });
    }
}
