//! Whether all of a file is there, where its decoder would not tell.

use std::io;

use super::container::Container;
use super::error::Problem;
use super::source::Watched;

/// Finds out whether a file is cut off; false when the length that it tells means nothing.
pub fn check(file: &mut Watched, container: Container, start: u64) -> io::Result<Result<bool, Problem>> {
    match container {
        Container::Wave => wave(file, start),
        Container::Ogg => ogg(file),
        // These tell their length, or have none.
        Container::Aiff
        | Container::Caf
        | Container::Flac
        | Container::Mpeg
        | Container::Mp4
        | Container::Adts => Ok(Ok(true)),
    }
}

/// The chunk with the sound lies wholly in the file. Programs that write to a pipe do not know its length, and give the
/// greatest, one near it, or none.
fn wave(file: &mut Watched, start: u64) -> io::Result<Result<bool, Problem>> {
    let mut at = start + 12;
    for _ in 0..CHUNKS {
        let head = file.peek(at, 8)?;
        let [a, b, c, d, sizes @ ..] = &head[..] else { break };
        let Some(size) = sizes.first_chunk::<4>().map(|size| u32::from_le_bytes(*size)) else { break };
        let body = at + 8;
        if [*a, *b, *c, *d] == *b"data" {
            let there = file.length().saturating_sub(body);
            let unknown = size == 0 || size >= 0x7fff_0000;
            if !unknown && u64::from(size) > there {
                let message = format!("it announces {size} bytes of sound and has {there}");
                return Ok(Err(Problem::CutOff(message)));
            }
            return Ok(Ok(!unknown));
        }
        at = body + u64::from(size) + u64::from(size & 1);
    }
    Ok(Ok(true))
}

/// The last page says that it is the last (RFC 3533, section 6), and is there to its end.
fn ogg(file: &mut Watched) -> io::Result<Result<bool, Problem>> {
    let from = file.length().saturating_sub(TWO_PAGES);
    let tail = file.peek(from, TWO_PAGES as usize)?;
    let page = tail.windows(5).rposition(|bytes| bytes == b"OggS\0").and_then(|at| tail.get(at..));
    let whole = page.is_some_and(|page| {
        let segments = page.get(26).copied().map_or(0, usize::from);
        let body =
            page.get(27..27 + segments).map(|table| table.iter().copied().map(usize::from).sum::<usize>());
        body.is_some_and(|body| page.len() >= 27 + segments + body)
    });
    let last = page.and_then(|page| page.get(5)).is_some_and(|flags| flags & 4 != 0);
    Ok(match (whole, last) {
        (true, true) => Ok(true),
        (true, false) => Err(Problem::CutOff("its last page does not say that it is the last".into())),
        (false, _) => Err(Problem::CutOff("its last page is not whole".into())),
    })
}

/// Chunks before the sound: more are not believed.
const CHUNKS: usize = 1000;
/// A page has at most 65307 bytes.
const TWO_PAGES: u64 = 2 * 65_307;
