//! An image against a model of it: a map from path to content.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::image::{ContentId, ContentSource, Kind, NodeId, Tree};
use crate::stager::feed::FileSource;
use crate::stager::origin::Origin;
use crate::stager::plan::Image;
use crate::stager::pulse::Pulse;
use crate::stager::stash::Stash;

#[derive(Clone, Debug)]
enum Edit {
    /// Adds the files of one source directory to a destination.
    Add {
        source: usize,
        destination: usize,
        overwrite: bool,
        copy: bool,
    },
    Remove {
        path: String,
    },
}

const DESTINATIONS: [&str; 3] = ["", "/d", "d/e"];

fn edit() -> impl Strategy<Value = Edit> {
    let add = (0..3_usize, 0..3_usize, any::<bool>(), any::<bool>()).prop_map(
        |(source, destination, overwrite, copy)| Edit::Add { source, destination, overwrite, copy },
    );
    let remove = (prop::sample::select(&["", "d/", "d/e/"][..]), 0..4_usize).prop_map(|(prefix, number)| {
        Edit::Remove { path: format!("{prefix}{}", ["f0", "f1", "f2", "d"][number]) }
    });
    prop_oneof![2 => add, 1 => remove]
}

/// Three source directories with files `f0` and so on; `f1` is one file with three names.
fn sources(root: &Path) -> Vec<BTreeMap<String, Vec<u8>>> {
    let mut all = Vec::new();
    for source in 0..3 {
        let directory = root.join(source.to_string());
        fs::create_dir(&directory).unwrap();
        let mut files = BTreeMap::new();
        for number in 0..3 {
            let path = directory.join(format!("f{number}"));
            let content = if number == 1 { vec![b'l'; 77] } else { vec![b'0' + source * 3 + number; 100] };
            match number {
                1 if source > 0 => fs::hard_link(root.join("0/f1"), &path).unwrap(),
                _ => fs::write(&path, &content).unwrap(),
            }
            files.insert(format!("f{number}"), content);
        }
        all.push(files);
    }
    all
}

/// What the edit does to the model, or `None` if it is refused.
fn modelled(
    model: &BTreeMap<String, Vec<u8>>,
    sources: &[BTreeMap<String, Vec<u8>>],
    edit: &Edit,
) -> Option<BTreeMap<String, Vec<u8>>> {
    let mut next = model.clone();
    match edit {
        Edit::Add { source, destination, overwrite, .. } => {
            let prefix = ["", "d/", "d/e/"][*destination];
            for (name, content) in &sources[*source] {
                let old = next.insert(format!("{prefix}{name}"), content.clone());
                if old.is_some() && !overwrite {
                    return None;
                }
            }
        }
        Edit::Remove { path } => next.retain(|at, _| at != path && !at.starts_with(&format!("{path}/"))),
    }
    Some(next)
}

fn contents(tree: &Tree, source: &mut FileSource<'_>, at: NodeId, into: &mut BTreeMap<String, Vec<u8>>) {
    for child in tree.children(at) {
        match tree.kind(child) {
            Kind::Dir => contents(tree, source, child, into),
            Kind::File { content, size } => {
                let path = String::from_utf8(tree.path(child)).unwrap();
                into.insert(path.trim_start_matches('/').to_owned(), read(source, content, size));
            }
            Kind::Symlink { .. } => unreachable!("none was added"),
        }
    }
}

fn read(source: &mut FileSource<'_>, content: ContentId, size: u64) -> Vec<u8> {
    let mut bytes = vec![0; size as usize];
    source.open(content, size).unwrap();
    let mut filled = 0;
    while filled < bytes.len() {
        let read = source.read(&mut bytes[filled..]).unwrap();
        assert!(read > 0);
        filled += read;
    }
    source.close().unwrap();
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_edits_lead_to_the_names_and_contents_that_a_map_would_have(
        edits in prop::collection::vec(edit(), 1..14),
        eager in any::<bool>(),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let sources = sources(directory.path());
        let mut image = Image::new(Stash::new(directory.path().to_owned(), 1 << 20), 1000);
        let mut pulse = Pulse::silent(api::Phase::Staging);
        let mut model = BTreeMap::new();
        for edit in &edits {
            let expected = modelled(&model, &sources, edit);
            let done = match edit {
                Edit::Add { source, destination, overwrite, copy } => {
                    let origin = Origin::path(&directory.path().join(source.to_string())).unwrap();
                    let destination = DESTINATIONS[*destination].to_owned();
                    let options =
                        AddOptions { destination, overwrite: *overwrite, copy: *copy, ..AddOptions::default() };
                    image.add(origin, &options, None, &mut pulse).map(drop)
                }
                // What is not there cannot be removed, which the model does not mind.
                Edit::Remove { path } => image.remove(path).map(drop).or(Ok(())),
            };
            prop_assert_eq!(done.is_ok(), expected.is_some(), "{:?}", done);
            model = expected.unwrap_or(model);
            if eager {
                image.compact();
            }
            let (_, tree, kept) = { image.plan(0, false, None, &mut pulse).unwrap(); image.planned().unwrap() };
            let mut found = BTreeMap::new();
            contents(tree, &mut FileSource::new(kept), tree.root(), &mut found);
            prop_assert_eq!(&found, &model);
        }
    }
}
