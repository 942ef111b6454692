//! The files and folders of a command line, and where in the image each goes.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::failure::{Failure, Result};
use crate::cli::messages::tr;

/// One argument of `burn` or `image`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    /// What to take in.
    pub path: PathBuf,
    /// It is a folder of this machine, which travels as a descriptor; else it is known by its path alone.
    pub folder: bool,
    /// The directory of the image that receives it: a folder's content, or a file by its name.
    pub destination: String,
}

/// A single folder gives its content to the root of the disc; of several, each becomes a folder of its own name. Files
/// lie at the root by their names.
pub(super) fn sources(paths: &[PathBuf]) -> Result<Vec<Source>> {
    let source = |path: &PathBuf| {
        let metadata = fs::metadata(path).map_err(|error| Failure::unreadable(path, &error))?;
        if !metadata.is_dir() && !metadata.is_file() {
            return Err(Failure::usage(tr!("{} is neither a folder nor a file", path.display())));
        }
        let folder = metadata.is_dir();
        let destination = if folder && paths.len() > 1 { name(path)? } else { String::new() };
        Ok(Source { path: path.clone(), folder, destination: format!("/{destination}") })
    };
    paths.iter().map(source).collect()
}

/// What another machine has. It cannot be looked at from here: whether it is a folder is for the service to see.
pub(super) fn distant(paths: &[PathBuf]) -> Result<Vec<Source>> {
    let [path] = paths else {
        return Err(Failure::usage(tr!("another machine takes one folder or file at a time"))
            .hint(tr!("give the folder that they are in")));
    };
    if !path.is_absolute() {
        return Err(Failure::usage(tr!("{} is not an absolute path", path.display()))
            .hint(tr!("with --host files are that machine's: give the whole path there")));
    }
    Ok(vec![Source { path: path.clone(), folder: false, destination: "/".to_owned() }])
}

/// The name of a folder: of `photos/2024/.` it is `2024`.
fn name(path: &Path) -> Result<String> {
    let whole = fs::canonicalize(path).map_err(|error| Failure::unreadable(path, &error))?;
    let name = whole.file_name().ok_or_else(|| {
        Failure::usage(tr!("{} has no name that a folder on the disc could have", path.display()))
            .hint(tr!("give it alone, then its content lies at the root of the disc"))
    })?;
    // The bus carries UTF-8 alone. The names below, which travel by descriptor, may be anything.
    name.to_str().map(str::to_owned).ok_or_else(|| {
        Failure::usage(tr!("the name of {} is not UTF-8", path.display()))
            .hint(tr!("rename it, or give it alone"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world() -> tempfile::TempDir {
        let world = tempfile::tempdir().unwrap();
        fs::create_dir_all(world.path().join("photos")).unwrap();
        fs::create_dir_all(world.path().join("films")).unwrap();
        fs::write(world.path().join("readme.txt"), "r").unwrap();
        world
    }

    fn destinations(world: &tempfile::TempDir, names: &[&str]) -> Result<Vec<String>> {
        let paths: Vec<PathBuf> = names.iter().map(|name| world.path().join(name)).collect();
        Ok(sources(&paths)?.into_iter().map(|source| source.destination).collect())
    }

    #[test]
    fn one_folder_gives_its_content_and_several_become_folders() {
        let world = world();
        assert_eq!(destinations(&world, &["photos"]).unwrap(), ["/"]);
        assert_eq!(destinations(&world, &["photos", "films/."]).unwrap(), ["/photos", "/films"]);
    }

    #[test]
    fn files_lie_at_the_root() {
        let world = world();
        assert_eq!(destinations(&world, &["readme.txt"]).unwrap(), ["/"]);
        assert_eq!(destinations(&world, &["readme.txt", "films"]).unwrap(), ["/", "/films"]);
    }

    #[test]
    fn of_another_machine_there_is_one_whole_path_and_nobody_looks_for_it_here() {
        let path = PathBuf::from("/there is no such folder/photos");
        let source = Source { path: path.clone(), folder: false, destination: "/".to_owned() };
        assert_eq!(distant(std::slice::from_ref(&path)), Ok(vec![source]));
        for wrong in [vec![path.clone(), path], vec![PathBuf::from("photos")]] {
            assert_eq!(distant(&wrong).unwrap_err().name, "Usage", "{wrong:?}");
        }
    }

    #[test]
    fn what_is_not_there_or_has_no_name_is_refused() {
        assert!(destinations(&world(), &["absent"]).is_err());
        assert!(sources(&[PathBuf::from("/"), PathBuf::from("/tmp")]).is_err());
        assert!(sources(&[PathBuf::from("/dev/null")]).is_err());
    }
}
