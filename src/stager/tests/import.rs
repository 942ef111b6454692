//! Importing a tree through a socket at whose other end a worker reads, lies, or leaves.

use super::*;
use crate::api::{BLOCK, JolietProperties};
use crate::image::{ContentId, ContentSource, Layout, Meta, Options, Stream, Tree};
use crate::wire::stager_worker::{AskingEnd, BlocksRead, ReadBlocks, ReadingEnd};

/// Contents of nothing but a letter.
struct Letters;

impl ContentSource for Letters {
    type Error = std::convert::Infallible;

    fn open(&mut self, _: ContentId, _: u64) -> Result<(), Self::Error> {
        Ok(())
    }

    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
        buf.fill(b'x');
        Ok(buf.len())
    }

    fn close(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// A disc with `/dir/file` and `/same` on it.
fn disc() -> Vec<u8> {
    let meta = Meta { mode: 0o755, uid: 3, gid: 4, mtime: 99 };
    let mut tree = Tree::new(meta);
    let dir = tree.add_dir(tree.root(), b"dir", meta).unwrap();
    tree.add_file(dir, b"file", meta, ContentId(0), 5000).unwrap();
    tree.add_file(tree.root(), b"same", meta, ContentId(1), 70).unwrap();
    let layout = Layout::plan(&tree, &Options::new("OF THE DISC", 0)).unwrap();
    let mut bytes = vec![0; layout.bytes() as usize];
    Stream::new(&layout, &tree, Letters).fill(&mut bytes).unwrap();
    bytes
}

type Answer1 = api::Result<Vec<u8>>;

impl Bench {
    /// `Import` of a disc of so many blocks; `answer` is what the worker says to a question.
    fn import(
        &mut self,
        blocks: u32,
        mut answer: impl FnMut(ReadBlocks) -> Option<Answer1> + Send + 'static,
    ) -> api::Result<Answer> {
        let (asking, reading): (AskingEnd, ReadingEnd) = pair().unwrap();
        let worker = thread::spawn(move || {
            let mut asked = 0;
            while let Ok((ask, _)) = reading.receive() {
                asked += u32::from(ask.count);
                let Some(answer) = answer(ask) else { break };
                if reading.send(&BlocksRead(answer), &[]).is_err() {
                    break;
                }
            }
            asked
        });
        let id = self.send(Ask::Import { start: 0, end: blocks }, &[asking.as_fd()]);
        drop(asking);
        let answered = self.answer(id);
        worker.join().unwrap();
        answered
    }
}

fn reads(disc: Vec<u8>) -> impl FnMut(ReadBlocks) -> Option<Answer1> + Send + 'static {
    move |ask| {
        let from = ask.block as usize * BLOCK;
        let bytes = disc.get(from..from + usize::from(ask.count) * BLOCK);
        Some(bytes.map(<[u8]>::to_vec).ok_or_else(|| api::Error::new(ErrorKind::DiscInfo, "no such block")))
    }
}

fn blocks(disc: &[u8]) -> u32 {
    (disc.len() / BLOCK) as u32
}

#[test]
fn an_imported_tree_is_listed_merged_planned_and_forgotten() {
    let mut bench = Bench::new();
    let disc = disc();
    let brought = match bench.import(blocks(&disc), reads(disc.clone())).unwrap() {
        Answer::Imported(summary) => summary,
        other => panic!("{other:?}"),
    };
    assert_eq!((brought.files, brought.directories, brought.left_out), (2, 1, 0));
    assert_eq!((brought.volume_name.as_str(), brought.end), ("OF_THE_DISC", blocks(&disc)));
    assert_eq!(bench.list("/"), ["dir", "same"]);
    let empty = brought.used_blocks;
    // What is on the disc counts as taken, and gives way to what is to overwrite it.
    let same = bench.file("same", "ours");
    let add = |overwrite| Ask::Add {
        path: Some(same.clone()),
        options: AddOptions { overwrite, ..AddOptions::default() },
        capacity: None,
    };
    assert_eq!(bench.ask(add(false)).unwrap_err().kind, ErrorKind::FileExists);
    let added = match bench.ask(add(true)).unwrap() {
        Answer::Added(summary) => summary,
        other => panic!("{other:?}"),
    };
    // One block more, for the new content alone.
    assert_eq!(added.used_blocks, empty + 1);
    let planned = bench.ask(Ask::Plan { start: 10_000, redirects: true, recorded: None }).unwrap();
    assert_eq!(planned, Answer::Blocks(added.used_blocks));
    bench.ask(Ask::Remove("/dir/file".to_owned())).unwrap();
    assert_eq!(bench.list("/dir"), [""; 0]);
    // A second import takes the place of the first, and not of what was added.
    bench.import(blocks(&disc), reads(disc)).unwrap();
    assert_eq!(
        (bench.list("/"), bench.list("/dir")),
        (vec!["dir".into(), "same".into()], vec!["file".into()])
    );
    bench.ask(Ask::Forget).unwrap();
    assert_eq!(bench.list("/"), ["same"]);
    bench.leave().unwrap();
}

#[test]
fn imported_contents_outlive_a_compaction_and_the_volume_keeps_its_name() {
    let mut bench = Bench::new();
    let disc = disc();
    bench.import(blocks(&disc), reads(disc)).unwrap();
    for _ in 0..4 {
        let many = bench.path("in/many");
        fs::create_dir_all(&many).unwrap();
        for number in 0..400 {
            fs::write(many.join(number.to_string()), "").unwrap();
        }
        let add = Ask::Add { path: Some(many), options: AddOptions::default(), capacity: None };
        bench.ask(add).unwrap();
        for name in bench.list("/") {
            if !["dir", "same"].contains(&name.as_str()) {
                bench.ask(Ask::Remove(name)).unwrap();
            }
        }
    }
    assert_eq!(bench.list("/dir"), ["file"]);
    bench.ask(Ask::Forget).unwrap();
    assert_eq!(bench.list("/"), [""; 0], "all that is left came from the disc");
    bench.ask(Ask::SetProperties(JolietProperties::default())).unwrap();
    bench.leave().unwrap();
}

#[test]
fn a_worker_that_lies_leaves_or_cannot_read_ends_the_import_and_not_the_image() {
    let mut bench = Bench::new();
    bench.file("kept", "kept");
    let add = Ask::Add { path: Some(bench.path("in")), options: AddOptions::default(), capacity: None };
    bench.ask(add).unwrap();
    let before = bench.list("/");
    let disc = disc();
    let end = blocks(&disc);
    let short = |ask: ReadBlocks| Some(Ok(vec![0; usize::from(ask.count) * BLOCK - 1]));
    assert_eq!(bench.import(end, short).unwrap_err().kind, ErrorKind::HelperFailed);
    assert_eq!(bench.import(end, |_| None).unwrap_err().kind, ErrorKind::HelperFailed);
    let unreadable = |ask: ReadBlocks| {
        let error = api::Error::new(ErrorKind::DiscInfo, "The disc could not be read.");
        Some(Err(error.with("block", u64::from(ask.block))))
    };
    let error = bench.import(end, unreadable).unwrap_err();
    assert_eq!(error.kind, ErrorKind::DiscInfo);
    assert!(
        error.message.contains("The disc could not be read.") && error.message.contains("“new”"),
        "{error}"
    );
    let blank = bench.import(end, |ask| Some(Ok(vec![0; usize::from(ask.count) * BLOCK]))).unwrap_err();
    assert_eq!(blank.kind, ErrorKind::NotSupported);
    // One bad block among those that were read ahead does not matter.
    let mut read = reads(disc.clone());
    let around =
        move |ask: ReadBlocks| match (ask.block..ask.block + u32::from(ask.count)).contains(&(end - 1)) {
            true => Some(Err(api::Error::new(ErrorKind::DiscInfo, "a scratch"))),
            false => read(ask),
        };
    bench.import(end, around).unwrap();
    bench.ask(Ask::Forget).unwrap();
    assert_eq!(bench.list("/"), before);
    bench.leave().unwrap();
}

#[test]
fn a_stager_asks_for_few_blocks_at_once_and_for_none_behind_the_end() {
    let mut bench = Bench::new();
    let disc = disc();
    let end = blocks(&disc);
    let mut read = reads(disc);
    let strict = move |ask: ReadBlocks| {
        assert!((1..=32).contains(&ask.count) && ask.block + u32::from(ask.count) <= end, "{ask:?}");
        read(ask)
    };
    bench.import(end, strict).unwrap();
    bench.leave().unwrap();
}
