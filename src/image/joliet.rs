//! Names of the Joliet tree: UCS-2, big-endian (Joliet Specification, §3).
//!
//! Names are composed (NFC), as the systems that read Joliet expect them. What UCS-2 or the specification forbids
//! becomes `_`, and so do a dot or space at the end, which Linux and Windows would drop. Files carry their version
//! `;1`, as the specification asks; it does not count towards the length, and all readers strip it. Paths may be longer
//! than the 240 bytes of the specification. Symbolic links have no place in this tree.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// What is longer behind the last dot of a long name is no extension.
const EXTENSION_MAX: usize = 15;
/// Most characters of a volume name.
pub(crate) const VOLUME_MAX: usize = 16;
const DOT: u16 = b'.' as u16;
const REPLACEMENT: u16 = b'_' as u16;

/// Appends the mangled form of `name`, at most `limit` characters of two bytes, without a version.
pub(crate) fn mangle(name: &[u8], directory: bool, limit: usize, out: &mut Vec<u8>) {
    if name.is_ascii() && name.len() <= limit {
        out.extend(name.iter().flat_map(|&byte| [0, permitted(char::from(byte)) as u8]));
        let end = out.len();
        if matches!(name.last(), Some(b'.' | b' ')) {
            out[end - 1] = b'_';
        }
        return;
    }
    let mut units = Vec::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        units.extend(chunk.valid().nfc().map(permitted));
        if !chunk.invalid().is_empty() {
            units.push(REPLACEMENT);
        }
    }
    let (stem, extension) = match units.len() > limit {
        true => {
            let (stem, extension) = split(&units, directory);
            (cut(stem, limit - extension.len()), extension)
        }
        false => (units.as_slice(), [].as_slice()),
    };
    let start = out.len();
    out.extend(stem.iter().chain(extension).flat_map(|unit| unit.to_be_bytes()));
    let end = out.len();
    if end > start && matches!(out[end - 2..], [0, b'.' | b' ']) {
        out[end - 1] = b'_';
    }
}

/// Appends `mangled` with `_number` at the end of its stem, which gives way as far as needed.
pub(crate) fn numbered(mangled: &[u8], directory: bool, limit: usize, number: u32, out: &mut Vec<u8>) {
    let suffix = format!("_{number}");
    let units = units(mangled);
    let (stem, extension) = split(&units, directory);
    let stem = cut(stem, limit - extension.len() - suffix.len());
    out.extend(stem.iter().flat_map(|unit| unit.to_be_bytes()));
    out.extend(suffix.bytes().flat_map(|byte| [0, byte]));
    out.extend(extension.iter().flat_map(|unit| unit.to_be_bytes()));
}

/// Bytes of the stem in front of the extension.
pub(crate) fn stem_length(mangled: &[u8], directory: bool) -> usize {
    split(&units(mangled), directory).0.len() * 2
}

/// Appends the form under which readers that ignore case look a name up.
pub(crate) fn fold(mangled: &[u8], out: &mut Vec<u8>) {
    for pair in mangled.chunks_exact(2) {
        let unit = match [pair[0], pair[1]] {
            [0, ascii] if ascii.is_ascii() => u16::from(ascii.to_ascii_uppercase()),
            other => upper(u16::from_be_bytes(other)),
        };
        out.extend_from_slice(&unit.to_be_bytes());
    }
}

/// `text` as a descriptor field: UCS-2, filled with spaces; an odd byte at the end is zero.
pub(crate) fn field<const BYTES: usize>(text: &str, limit: usize) -> [u8; BYTES] {
    let mut field = [0; BYTES];
    let units = text.nfc().map(permitted).take(limit).chain(std::iter::repeat(u16::from(b' ')));
    for (pair, unit) in field.chunks_exact_mut(2).zip(units) {
        pair.copy_from_slice(&unit.to_be_bytes());
    }
    field
}

fn permitted(character: char) -> u16 {
    match character {
        '\0'..='\x1f' | '*' | '/' | ':' | ';' | '?' | '\\' | '\u{fffe}' | '\u{ffff}' => REPLACEMENT,
        _ => u16::try_from(u32::from(character)).unwrap_or(REPLACEMENT),
    }
}

fn units(bytes: &[u8]) -> Vec<u16> {
    bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
}

/// Stem and extension, the latter with its dot; names that merely hold a dot somewhere have none.
fn split(units: &[u16], directory: bool) -> (&[u16], &[u16]) {
    let dot = units.iter().rposition(|&unit| unit == DOT);
    let dot =
        dot.filter(|&dot| !directory && dot > 0 && (2..=EXTENSION_MAX + 1).contains(&(units.len() - dot)));
    units.split_at(dot.unwrap_or(units.len()))
}

/// At most `limit` units, and no base character without the marks that belong to it.
fn cut(units: &[u16], limit: usize) -> &[u16] {
    if units.len() <= limit {
        return units;
    }
    let whole = (1..=limit).rev().find(|&end| !joins(units[end]) && units[end - 1] != ZERO_WIDTH_JOINER);
    &units[..whole.unwrap_or(limit)]
}

const ZERO_WIDTH_JOINER: u16 = 0x200d;

/// Whether a unit belongs to the one before it.
fn joins(unit: u16) -> bool {
    let variation_selector = (0xfe00..=0xfe0f).contains(&unit);
    unit == ZERO_WIDTH_JOINER
        || variation_selector
        || char::from_u32(unit.into()).is_some_and(is_combining_mark)
}

fn upper(unit: u16) -> u16 {
    let Some(character) = char::from_u32(unit.into()) else { return unit };
    let mut upper = character.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => u16::try_from(u32::from(one)).unwrap_or(unit),
        _ => unit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &[u8], limit: usize) -> String {
        let mut out = Vec::new();
        mangle(name, false, limit, &mut out);
        String::from_utf16(&units(&out)).unwrap()
    }

    #[test]
    fn forbidden_and_unpaired_characters_become_underscores() {
        assert_eq!(file(b"a*b/c:d;e?f\\g\x01h", 64), "a_b_c_d_e_f_g_h");
        assert_eq!(file("smile \u{1f600}.txt".as_bytes(), 64), "smile _.txt");
        assert_eq!(file(b"latin\xe9\xe8.txt", 64), "latin__.txt");
        assert_eq!(file("\u{ffff}".as_bytes(), 64), "_");
        assert_eq!(file(b"|\"<>", 64), "|\"<>");
    }

    #[test]
    fn dots_and_spaces_at_the_end_become_visible() {
        assert_eq!(file(b"ends.", 64), "ends_");
        assert_eq!(file(b"ends ", 64), "ends_");
        assert_eq!(file("ü.".as_bytes(), 64), "ü_");
        assert_eq!(file(b" .starts", 64), " .starts");
    }

    #[test]
    fn decomposed_names_are_composed() {
        assert_eq!(file("e\u{301}".as_bytes(), 64), "\u{e9}");
    }

    #[test]
    fn long_names_keep_their_extension() {
        let name = format!("{}.jpeg", "n".repeat(60));
        assert_eq!(file(name.as_bytes(), 64), format!("{}.jpeg", "n".repeat(59)));
        assert_eq!(file(name.as_bytes(), 103), name);
        assert_eq!(file(&[b'y'; 65], 64), "y".repeat(64));
        let sentence = format!("Mr. {}", "z".repeat(70));
        assert_eq!(file(sentence.as_bytes(), 64), sentence[..64]);
    }

    #[test]
    fn cutting_never_separates_a_mark_from_its_base() {
        // q with dot below has no composed form, so the mark stays a unit of its own.
        let name = format!("{}q\u{323}{}", "a".repeat(63), "b".repeat(9));
        assert_eq!(file(name.as_bytes(), 64), "a".repeat(63));
        let name = format!("{}q\u{323}{}", "a".repeat(62), "b".repeat(9));
        assert_eq!(file(name.as_bytes(), 64), format!("{}q\u{323}", "a".repeat(62)));
        let marks = "\u{323}".repeat(120);
        assert_eq!(file(marks.as_bytes(), 64), "\u{323}".repeat(64));
    }

    #[test]
    fn numbers_go_in_front_of_the_extension() {
        let mut name = Vec::new();
        mangle(format!("{}.jpeg", "n".repeat(60)).as_bytes(), false, 64, &mut name);
        let mut out = Vec::new();
        numbered(&name, false, 64, 17, &mut out);
        assert_eq!(String::from_utf16(&units(&out)).unwrap(), format!("{}_17.jpeg", "n".repeat(56)));
    }

    #[test]
    fn a_field_of_odd_length_ends_with_a_zero() {
        assert_eq!(field::<7>("ab", 3), [0, b'a', 0, b'b', 0, b' ', 0]);
        assert_eq!(field::<4>("abc", 1), [0, b'a', 0, b' ']);
    }
}
