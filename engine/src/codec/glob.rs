//! Redis's glob patterns: `KEYS`, `SCAN MATCH`, `PSUBSCRIBE`, `CONFIG GET`, ACL key patterns.
//!
//! The dialect is Redis's own, oddities included; see the tests. Patterns come from strangers, so matching takes no more
//! than (pattern length) x (text length) steps, keeps no memory and does not recurse.

/// Whether the whole text matches the pattern; with `nocase`, ASCII letters match in either case.
///
/// `*` is any run of bytes, `?` any one byte, `[abc]`, `[a-z]` and `[^a]` classes, and a backslash takes the next byte as it
/// is. A class that is never closed ends with the pattern.
pub fn glob_match(pattern: &[u8], text: &[u8], nocase: bool) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    // What followed the last star, and the first place of the text where that has not been tried. Earlier stars never
    // need another try: whatever the last one could match from a later start, it can match from where it stands.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        if let [b'*', rest @ ..] = pattern {
            if rest.is_empty() {
                return true;
            }
            pattern = rest;
            retry = Some((rest, text));
            continue;
        }
        let Some((&byte, text_rest)) = text.split_first() else { return pattern.is_empty() };
        if let Some(pattern_rest) = match_byte(pattern, byte, nocase) {
            pattern = pattern_rest;
            text = text_rest;
            continue;
        }
        let Some((after_star, [_, later @ ..])) = retry else { return false };
        let Some(next) = next_start(after_star, later, nocase) else { return false };
        pattern = after_star;
        text = next;
        retry = Some((after_star, next));
    }
}

/// Skips what cannot begin a match of a pattern that begins with a plain byte, which is most of them.
#[inline]
fn next_start<'a>(pattern: &[u8], text: &'a [u8], nocase: bool) -> Option<&'a [u8]> {
    match pattern {
        [b'?' | b'[' | b'\\', ..] => Some(text),
        [first, ..] if !nocase => text.get(text.iter().position(|byte| byte == first)?..),
        _ => Some(text),
    }
}

/// Matches one byte against the first element of a pattern, which is no star; gives the rest of the pattern.
#[inline]
fn match_byte(pattern: &[u8], byte: u8, nocase: bool) -> Option<&[u8]> {
    match pattern {
        [] => None,
        [b'?', rest @ ..] => Some(rest),
        [b'[', class @ ..] => match_class(class, byte, nocase),
        [b'\\', literal, rest @ ..] | [literal, rest @ ..] => same(*literal, byte, nocase).then_some(rest),
    }
}

/// Matches one byte against the class whose opening bracket was just passed.
fn match_class(class: &[u8], byte: u8, nocase: bool) -> Option<&[u8]> {
    let (negated, mut class) = match class {
        [b'^', rest @ ..] => (true, rest),
        _ => (false, class),
    };
    let mut found = false;
    loop {
        class = match class {
            [] => break,
            [b']', rest @ ..] => {
                class = rest;
                break;
            }
            // In a class, unlike outside of one, an escaped letter keeps its case.
            [b'\\', literal, rest @ ..] => {
                found |= *literal == byte;
                rest
            }
            // The far end may be anything, a closing bracket or a backslash too.
            [from, b'-', to, rest @ ..] => {
                found |= within(*from.min(to), *from.max(to), byte, nocase);
                rest
            }
            [literal, rest @ ..] => {
                found |= same(*literal, byte, nocase);
                rest
            }
        };
    }
    (found != negated).then_some(class)
}

fn same(a: u8, b: u8, nocase: bool) -> bool {
    a == b || nocase && a.eq_ignore_ascii_case(&b)
}

/// As in Redis the ends are put in order first and lowered afterwards, so `[Z-a]` without case is empty.
fn within(low: u8, high: u8, byte: u8, nocase: bool) -> bool {
    if nocase {
        (low.to_ascii_lowercase()..=high.to_ascii_lowercase()).contains(&byte.to_ascii_lowercase())
    } else {
        (low..=high).contains(&byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::{Duration, Instant};

    /// Asked of `KEYS` on Redis 7.0.15, Redis 8.0.6 and Valkey 9.1.2, which agree.
    #[test]
    fn matches_like_redis() {
        for (pattern, text) in [
            ("*", "a"),
            ("a*", "ab"),
            ("?", "a"),
            ("[abc]", "b"),
            ("[^abc]", "d"),
            ("[a-c]", "b"),
            ("[c-a]", "b"),
            ("[a-", "a"),
            ("[a-", "-"),
            ("[a", "a"),
            ("[^]", "a"),
            ("[^", "a"),
            ("[\\]]", "]"),
            ("[\\]", "]"),
            ("[\\", "\\"),
            ("[a-]", "a"),
            ("[a-]", "]"),
            ("[!a]", "!"),
            ("\\", "\\"),
            ("\\a", "a"),
            ("\\*", "*"),
            ("a\\", "a\\"),
            ("\\\\", "\\"),
            ("[^^]", "a"),
            ("[a^]", "^"),
            ("[--a]", "a"),
            ("[a-c-e]", "-"),
            ("[-a]", "-"),
            ("[\\a-c]", "-"),
            ("[\\a-c]", "c"),
            ("[a-\\c]", "\\"),
            ("[a-\\c]", "c"),
            ("**", "abc"),
            ("*a", "ba"),
            ("a*b*c", "axbxc"),
            ("a*b", "ab"),
            ("a**", "a"),
            ("[a-z", "m"),
            ("[a-z-", "-"),
            ("[a]b", "ab"),
            ("[a]*", "abc"),
            ("a[b", "ab"),
            ("a[bc", "ac"),
            ("[^a", "b"),
            ("[^", "^"),
            ("[-", "-"),
            ("[-]", "-"),
            ("[--]", "-"),
            ("[---]", "-"),
            ("[\\-z]", "-"),
            ("[a\\-z]", "-"),
            ("?*", "a"),
            ("x*\\", "xa\\"),
            ("[a-\\", "\\"),
            ("[a-\\", "a"),
            ("[a\\", "\\"),
            ("[a\\", "a"),
            ("[^\\", "b"),
            ("a*\\*", "ab*"),
            ("[\\\\]", "\\"),
        ] {
            assert!(glob_match(pattern.as_bytes(), text.as_bytes(), false), "{pattern} {text}");
        }
    }

    #[test]
    fn refuses_like_redis() {
        for (pattern, text) in [
            ("?", ""),
            ("[^abc]", "b"),
            ("[", "["),
            ("[", ""),
            ("[", "a"),
            ("[]", "a"),
            ("[]", "]"),
            ("[]a]", "a"),
            ("[]a]", "]a]"),
            ("[^]a]", "a"),
            ("[^", ""),
            ("[\\", "a"),
            ("[a-\\]]", "a"),
            ("[a-]]", "b"),
            ("[a-]", "-"),
            ("[!a]", "b"),
            ("\\*", "a"),
            ("a\\", "a"),
            ("[^^]", "^"),
            ("[a-c-e]", "d"),
            ("[\\a-c]", "b"),
            ("[a-\\c]", "b"),
            ("ab", "abc"),
            ("abc", "ab"),
            ("abc", "abc*"),
            ("a", "a*"),
            ("a*?", "a"),
            ("[a-z", "mm"),
            ("a[", "a"),
            ("a[", "ab"),
            ("[^a", "a"),
            ("[\\-z]", "y"),
            ("[a\\-z]", "m"),
            ("*[", "x["),
            ("*[", "x"),
            ("*[]", "x"),
            ("?*", ""),
            ("*?", ""),
            ("x*\\", "xa"),
            ("[a-\\]", "b"),
            ("[[-]]", "[]"),
            ("[[-\\]]", "\\"),
            ("[ab-]", "-"),
            ("[]-a]", "]"),
            ("[]-a]", "_"),
        ] {
            assert!(!glob_match(pattern.as_bytes(), text.as_bytes(), false), "{pattern} {text}");
        }
    }

    /// Asked of `CONFIG GET` on the same three.
    #[test]
    fn ignores_case_like_redis() {
        for (start, matches) in [
            ("M", true),
            ("[M]", true),
            ("[^M]", false),
            ("\\M", true),
            ("[\\M]", false),
            ("[\\m]", true),
            ("[^\\M]", true),
            ("[L-n]", true),
            ("[L-N]", true),
            ("[n-l]", true),
            ("[l-N]", false),
            ("[N-l]", false),
            ("[n-L]", true),
            ("[Z-a]", false),
            ("[A-z]", true),
            ("[@-_]", false),
            ("[A-[]", false),
            ("[`-{]", true),
            ("[M-`]", false),
        ] {
            assert_eq!(glob_match(format!("{start}axmemor?").as_bytes(), b"maxmemory", true), matches, "{start}");
        }
    }

    #[test]
    fn hostile_patterns_are_cheap() {
        let start = Instant::now();
        let text = vec![b'a'; 20_000];
        assert!(!glob_match("a*".repeat(2_000).as_bytes(), &[b"b", text.as_slice()].concat(), false));
        assert!(!glob_match(("a*".repeat(2_000) + "b").as_bytes(), &text, false));
        assert!(!glob_match(("*".repeat(100_000) + "b").as_bytes(), &text, false));
        assert!(start.elapsed() < Duration::from_secs(10));
    }

    /// The model: a pattern as a list of sets of bytes and stars, matched by filling a table.
    enum Element {
        Star,
        Set(Vec<u8>),
    }

    fn elements(pattern: &[u8]) -> Vec<Element> {
        let mut elements = Vec::new();
        let mut at = 0;
        let take = |at: &mut usize| {
            let byte = pattern.get(*at).copied();
            *at += 1;
            byte
        };
        while let Some(byte) = take(&mut at) {
            elements.push(match byte {
                b'*' => Element::Star,
                b'?' => Element::Set((0..=255).collect()),
                b'\\' => Element::Set(vec![take(&mut at).unwrap_or(b'\\')]),
                b'[' => {
                    let negated = pattern.get(at) == Some(&b'^');
                    at += usize::from(negated);
                    let mut set = Vec::new();
                    while let Some(byte) = take(&mut at) {
                        let left = pattern.len() - at;
                        if byte == b']' {
                            break;
                        } else if byte == b'\\' && left >= 1 {
                            set.extend(take(&mut at));
                        } else if left >= 2 && pattern[at] == b'-' {
                            at += 1;
                            let to = take(&mut at).unwrap_or(byte);
                            set.extend(byte.min(to)..=byte.max(to));
                        } else {
                            set.push(byte);
                        }
                    }
                    Element::Set((0..=255).filter(|b| set.contains(b) != negated).collect())
                }
                literal => Element::Set(vec![literal]),
            });
        }
        elements
    }

    fn model(pattern: &[u8], text: &[u8]) -> bool {
        // reached[i]: the elements so far can match the first i bytes.
        let mut reached = vec![false; text.len() + 1];
        reached[0] = true;
        for element in elements(pattern) {
            match element {
                Element::Star => {
                    let first = reached.iter().position(|&r| r).unwrap_or(reached.len());
                    reached.iter_mut().skip(first).for_each(|r| *r = true);
                }
                Element::Set(set) => {
                    for i in (1..reached.len()).rev() {
                        reached[i] = reached[i - 1] && set.contains(&text[i - 1]);
                    }
                    reached[0] = false;
                }
            }
        }
        reached[text.len()]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn agrees_with_the_model(pattern in "[*?\\[\\]\\\\^abc-]{0,12}", text in "[abc*?\\[\\]\\\\^-]{0,8}") {
            let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(glob_match(pattern, text, false), model(pattern, text));
        }

        #[test]
        fn stars_agree_with_the_model(pattern in "[*?ab]{0,12}", text in "[ab]{0,12}") {
            let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(glob_match(pattern, text, false), model(pattern, text));
        }
    }
}
