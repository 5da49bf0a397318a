//! Save points: after how many seconds and how many changes the file is written without anybody asking for it.

use crate::codec::num::parse_i64;

/// The canonical form of the directive `save`: seconds and changes in turn, none to have no save points.
pub(crate) fn canonical(text: &str) -> Result<String, String> {
    let invalid = || "Invalid save parameters".to_owned();
    if text.is_empty() {
        return Ok(String::new());
    }
    let mut words = Vec::new();
    // As in Redis, one space is between two words and none elsewhere.
    for (i, word) in text.split(' ').enumerate() {
        let least = if i % 2 == 0 { 1 } else { 0 };
        words.push(parse_i64(word.as_bytes()).filter(|&n| n >= least).ok_or_else(invalid)?.to_string());
    }
    if words.len() % 2 == 0 { Ok(words.join(" ")) } else { Err(invalid()) }
}

/// The save points of a value in canonical form: seconds and changes.
pub(super) fn read(text: &str) -> Vec<(u64, u64)> {
    let numbers: Vec<u64> = text.split(' ').filter_map(|word| word.parse().ok()).collect();
    numbers.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn save_points_are_pairs_of_seconds_and_changes() {
        assert_eq!(canonical("3600 1 300 100"), Ok("3600 1 300 100".into()));
        assert_eq!(canonical(""), Ok(String::new()));
        for text in ["1", "0 1", "1 -1", "1 x", "1 1 1", "1  1", " 1 1", " "] {
            assert_eq!(canonical(text), Err("Invalid save parameters".into()), "{text}");
        }
        assert_eq!(read("3600 1 300 100"), [(3600, 1), (300, 100)]);
        assert_eq!(read(""), []);
    }
}
