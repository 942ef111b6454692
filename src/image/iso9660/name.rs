//! Names of ISO 9660 level 2 and 3: capitals, digits and `_`, up to 30 characters and one dot (ECMA-119 §7.5, §7.6).

/// Most characters of stem and extension together (ECMA-119 §7.5.1).
const FILE_MAX: usize = 30;
/// Most characters of a directory name (ECMA-119 §7.6.3).
const DIRECTORY_MAX: usize = 31;
/// What is longer behind the last dot of a long name is no extension.
const EXTENSION_MAX: usize = 15;

/// Appends the mangled form of `name` to `out`, without a version. A file always gets its dot.
pub fn mangle(name: &[u8], directory: bool, out: &mut Vec<u8>) {
    let start = out.len();
    let mut dot = None;
    for chunk in name.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character == '.' {
                dot = Some(out.len());
            }
            out.push(if character.is_ascii_alphanumeric() {
                character.to_ascii_uppercase() as u8
            } else {
                b'_'
            });
        }
        if !chunk.invalid().is_empty() {
            out.push(b'_');
        }
    }
    if directory {
        out.truncate(start + DIRECTORY_MAX);
        return;
    }
    let end = out.len();
    match dot.filter(|&dot| dot > start && dot + 1 < end && end - dot - 1 <= EXTENSION_MAX) {
        Some(dot) => {
            out[dot] = b'.';
            let surplus = (end - start - 1).saturating_sub(FILE_MAX);
            out.drain(dot - surplus..dot);
        }
        None => {
            out.truncate(start + FILE_MAX);
            out.push(b'.');
        }
    }
}

/// Appends `mangled` with `_number` at the end of its stem, which gives way as far as needed.
pub fn numbered(mangled: &[u8], directory: bool, number: u32, out: &mut Vec<u8>) {
    let suffix = format!("_{number}");
    let (stem, extension) = split(mangled, directory);
    let most = if directory { DIRECTORY_MAX } else { FILE_MAX + 1 };
    let room = most.saturating_sub(extension.len() + suffix.len());
    out.extend_from_slice(&stem[..stem.len().min(room)]);
    out.extend_from_slice(suffix.as_bytes());
    out.extend_from_slice(extension);
}

/// Stem and extension, the latter with its dot.
pub fn split(mangled: &[u8], directory: bool) -> (&[u8], &[u8]) {
    let dot = mangled.iter().rposition(|&byte| byte == b'.').filter(|_| !directory);
    mangled.split_at(dot.unwrap_or(mangled.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &[u8]) -> String {
        let mut out = Vec::new();
        mangle(name, false, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn files_become_capitals_with_one_dot() {
        assert_eq!(file(b"read me.txt"), "READ_ME.TXT");
        assert_eq!(file(b"README"), "README.");
        assert_eq!(file(b".bashrc"), "_BASHRC.");
        assert_eq!(file(b"a.tar.gz"), "A_TAR.GZ");
        assert_eq!(file(b"ends."), "ENDS_.");
        assert_eq!(file("grüße".as_bytes()), "GR__E.");
        assert_eq!(file(b"b\xfcd"), "B_D.");
    }

    #[test]
    fn long_files_keep_their_extension() {
        assert_eq!(file(b"a-name-of-exactly-26-chars.html"), "A_NAME_OF_EXACTLY_26_CHARS.HTML");
        assert_eq!(file(b"a-name-of-exactly-27-charss.html"), "A_NAME_OF_EXACTLY_27_CHARS.HTML");
        assert_eq!(file(&[b'x'; 255]), format!("{}.", "X".repeat(30)));
    }

    #[test]
    fn numbers_go_in_front_of_the_extension_and_fit() {
        let mut out = Vec::new();
        numbered(b"A_NAME_OF_EXACTLY_26_CHARS.HTML", false, 12, &mut out);
        assert_eq!(out, b"A_NAME_OF_EXACTLY_26_CH_12.HTML");
        out.clear();
        numbered(b"A_DIRECTORY", true, 3, &mut out);
        assert_eq!(out, b"A_DIRECTORY_3");
    }
}
