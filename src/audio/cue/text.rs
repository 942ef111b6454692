//! From bytes to characters. Sheets do not say in which encoding they are.

use encoding_rs::{Encoding, SHIFT_JIS, UTF_8, WINDOWS_1252};

/// The characters of a sheet: those that a mark at its beginning announces, or UTF-8, or Shift JIS when every byte of it makes
/// sense and Japanese letters come out, or at last Windows-1252, which takes anything.
pub fn decode(bytes: &[u8]) -> String {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return encoding.decode_without_bom_handling(&bytes[mark..]).0.into_owned();
    }
    if let Some(text) = UTF_8.decode_without_bom_handling_and_without_replacement(bytes) {
        return text.into_owned();
    }
    let japanese = SHIFT_JIS.decode_without_bom_handling_and_without_replacement(bytes);
    if let Some(text) = japanese.filter(|text| is_japanese(text)) {
        return text.into_owned();
    }
    WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned()
}

/// Whether the letters beyond ASCII are mostly kana and kanji: Western text that happens to be valid has lone ones of half
/// width, and rare characters.
fn is_japanese(text: &str) -> bool {
    let beyond = text.chars().filter(|one| !one.is_ascii()).count();
    let kana = text.chars().filter(|one| matches!(one, '\u{3000}'..='\u{30ff}')).count();
    let kanji = text.chars().filter(|one| matches!(one, '\u{4e00}'..='\u{9fff}')).count();
    kana > 0 && (kana + kanji) * 2 > beyond
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_told_apart_by_what_they_say() {
        assert_eq!(decode("TITLE \"Für Élise\"".as_bytes()), "TITLE \"Für Élise\"");
        assert_eq!(decode(b"\xef\xbb\xbfTITLE"), "TITLE");
        assert_eq!(decode(b"\xff\xfeT\0I\0"), "TI");
        assert_eq!(decode(b"TITLE \"F\xfcr \xc9lise\""), "TITLE \"Für Élise\"");
        assert_eq!(decode(b"TITLE \"\x82\xb3\x82\xad\x82\xe7\""), "TITLE \"さくら\"");
        assert_eq!(decode(b"TITLE \"\x8d\xf7\x82\xcc\x89\xd4\""), "TITLE \"桜の花\"");
        assert_eq!(decode(b"Bj\xf6rk: J\xf3ga, \xc6gir"), "Björk: Jóga, Ægir");
    }
}
