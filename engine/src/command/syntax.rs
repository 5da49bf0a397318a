//! The notation of [`Spec::syntax`](super::Spec), and the tree of arguments that `COMMAND DOCS` makes of it.
//!
//! Words in capitals, and words without letters, are tokens; other words are values. `[..]` is optional, `|` separates
//! choices, `<..>` holds together. What is repeated is followed by `...`, either itself (`[arg ...]`) or written once
//! more in brackets (`key [key ...]`, `[PREFIX prefix [PREFIX prefix ...]]`). A token belongs to the values behind it.
//! `name:type` says a type that the name does not tell.

use super::spec::{Begin, KeySpec};

/// What an argument is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Any string.
    String,
    /// An integer.
    Integer,
    /// A floating-point number.
    Double,
    /// A key.
    Key,
    /// A glob pattern.
    Pattern,
    /// A time since 1970.
    UnixTime,
    /// A word and nothing else.
    PureToken,
    /// One of its children.
    OneOf,
    /// All of its children, one after the other.
    Block,
}

impl Kind {
    /// Redis's name for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Double => "double",
            Self::Key => "key",
            Self::Pattern => "pattern",
            Self::UnixTime => "unix-time",
            Self::PureToken => "pure-token",
            Self::OneOf => "oneof",
            Self::Block => "block",
        }
    }
}

/// An argument, or several that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// In lower case.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The word that comes before it.
    pub token: Option<String>,
    /// Whether it may be left out.
    pub optional: bool,
    /// Whether it may be repeated.
    pub multiple: bool,
    /// Whether its token is repeated with it.
    pub multiple_token: bool,
    /// Which of the command's key specs finds it.
    pub key_spec: Option<usize>,
    /// Of a block or a choice.
    pub children: Vec<Argument>,
}

/// Why a text is not in the notation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed(pub String);

/// The arguments that a text in the notation describes.
///
/// # Errors
/// If brackets do not match, or something is missing between them.
pub fn parse(syntax: &str, keys: &[KeySpec]) -> Result<Vec<Argument>, Malformed> {
    let words = words(syntax);
    let mut parser = Parser { words: &words, at: 0 };
    let mut arguments = parser.sequence()?;
    if let Some(word) = parser.peek() {
        return Err(Malformed(format!("unexpected '{word}'")));
    }
    find_keys(&mut arguments, keys);
    Ok(arguments)
}

fn words(syntax: &str) -> Vec<&str> {
    let is_mark = |c: char| matches!(c, '[' | ']' | '<' | '>' | '|');
    let mut words = Vec::new();
    for word in syntax.split_ascii_whitespace() {
        let mut rest = word;
        while let Some(at) = rest.find(is_mark) {
            let (before, from) = rest.split_at(at);
            words.extend(Some(before).filter(|b| !b.is_empty()));
            // All marks are one byte long.
            let (mark, after) = from.split_at(1);
            words.push(mark);
            rest = after;
        }
        match rest.strip_suffix("...") {
            Some(before) => words.extend(Some(before).filter(|b| !b.is_empty()).into_iter().chain(["..."])),
            None => words.extend(Some(rest).filter(|r| !r.is_empty())),
        }
    }
    words
}

fn is_token(word: &str) -> bool {
    !word.contains(|c: char| c.is_ascii_lowercase())
}

struct Parser<'a> {
    words: &'a [&'a str],
    at: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).copied()
    }

    fn take(&mut self, word: &str) -> bool {
        let is = self.peek() == Some(word);
        self.at += usize::from(is);
        is
    }

    /// Arguments up to the end, or to a mark that belongs to whoever called.
    fn sequence(&mut self) -> Result<Vec<Argument>, Malformed> {
        let mut items: Vec<Argument> = Vec::new();
        while let Some(word) = self.peek() {
            match word {
                "]" | ">" | "|" => break,
                "..." => {
                    self.at += 1;
                    let last = items.last_mut().ok_or_else(|| Malformed("nothing is repeated".into()))?;
                    last.multiple = true;
                }
                "[" => {
                    if !self.repetition(&mut items) {
                        self.at += 1;
                        let mut group = self.group("]")?;
                        group.optional = true;
                        items.push(group);
                    }
                }
                "<" => {
                    self.at += 1;
                    items.push(self.group(">")?);
                }
                token if is_token(token) => {
                    self.at += 1;
                    items.push(self.after_token(token)?);
                }
                name => {
                    self.at += 1;
                    items.push(value(name));
                }
            }
        }
        Ok(items)
    }

    /// A token with the values behind it.
    fn after_token(&mut self, token: &str) -> Result<Argument, Malformed> {
        let mut behind: Vec<Argument> = Vec::new();
        while let Some(word) = self.peek() {
            match word {
                // A choice belongs to the token, if nothing is between them: `TYPE <A | B>`.
                "<" if behind.is_empty() => {
                    self.at += 1;
                    behind.push(self.group(">")?);
                    break;
                }
                "[" => {
                    if behind.is_empty() || !self.repetition(&mut behind) {
                        break;
                    }
                }
                "]" | ">" | "|" | "<" => break,
                "..." => {
                    let Some(last) = behind.last_mut() else { break };
                    self.at += 1;
                    last.multiple = true;
                }
                word if is_token(word) => break,
                name => {
                    self.at += 1;
                    behind.push(value(name));
                }
            }
        }
        let token = token.to_owned();
        Ok(match behind.len() {
            0 => Argument { kind: Kind::PureToken, token: Some(token.clone()), ..value(&token.to_ascii_lowercase()) },
            1 => Argument { token: Some(token), ..behind.remove(0) },
            _ => {
                let name = token.to_ascii_lowercase();
                Argument { kind: Kind::Block, token: Some(token), children: behind, ..value(&name) }
            }
        })
    }

    /// Choices up to a closing mark.
    fn group(&mut self, close: &str) -> Result<Argument, Malformed> {
        let mut choices = Vec::new();
        loop {
            choices.push(self.sequence()?);
            if self.take(close) {
                break;
            }
            if !self.take("|") {
                return Err(Malformed(format!("'{close}' is missing")));
            }
        }
        let multiple = strip_repetition(&mut choices);
        let mut choices: Vec<Argument> = choices.into_iter().map(together).collect::<Result<_, _>>()?;
        if choices.len() == 1 {
            return Ok(choices.remove(0));
        }
        let name = choices.first().map_or_else(String::new, |c| c.name.clone());
        Ok(Argument { kind: Kind::OneOf, multiple, children: choices, ..value(&name) })
    }

    /// Reads `[x y ...]` after `x y`, which makes a repeated argument of those. False if something else stands here.
    fn repetition(&mut self, items: &mut Vec<Argument>) -> bool {
        let start = self.at;
        self.at += 1;
        if self.repeated(items) {
            return true;
        }
        self.at = start;
        false
    }

    fn repeated(&mut self, items: &mut Vec<Argument>) -> bool {
        let Some(length) = self.words[self.at..].iter().position(|w| *w == "...") else { return false };
        let words = &self.words[self.at..self.at + length];
        if words.iter().any(|w| matches!(*w, "[" | "]")) {
            return false;
        }
        let Ok(again) = (Parser { words, at: 0 }).sequence() else { return false };
        let Some(first) = items.len().checked_sub(again.len()) else { return false };
        if again.is_empty() || items[first..] != again[..] {
            return false;
        }
        self.at += length + 1;
        if !self.take("]") {
            return false;
        }
        let Ok(mut whole) = together(items.split_off(first)) else { return false };
        whole.multiple = true;
        whole.multiple_token = whole.token.is_some();
        items.push(whole);
        true
    }
}

/// Takes `[a | b ...]` away from the end of the choices `a | b [a | b ...]`; false if it is not there.
fn strip_repetition(choices: &mut [Vec<Argument>]) -> bool {
    let Some(last) = choices.last_mut() else { return false };
    let Some(tail) = last.pop_if(|tail| tail.optional && tail.kind == Kind::OneOf) else { return false };
    let mut again = tail.children.clone();
    if let Some(end) = again.last_mut() {
        end.forget_repetition();
    }
    let once: Result<Vec<Argument>, _> = choices.iter().map(|choice| together(choice.clone())).collect();
    let is_repetition = once.is_ok_and(|once| once == again);
    if !is_repetition && let Some(last) = choices.last_mut() {
        last.push(tail);
    }
    is_repetition
}

impl Argument {
    /// Undoes what a `...` at its end did.
    fn forget_repetition(&mut self) {
        match self.children.last_mut() {
            Some(last) if self.kind == Kind::Block => last.forget_repetition(),
            _ => self.multiple = false,
        }
    }
}

/// Several arguments as one.
fn together(mut items: Vec<Argument>) -> Result<Argument, Malformed> {
    match items.len() {
        0 => Err(Malformed("empty brackets or choice".into())),
        1 => Ok(items.remove(0)),
        _ => {
            let name = items[0].name.clone();
            Ok(Argument { kind: Kind::Block, children: items, ..value(&name) })
        }
    }
}

fn value(word: &str) -> Argument {
    let (name, kind) = match word.split_once(':') {
        Some((name, kind)) => (name, kind_of_type(kind)),
        None => (word, kind_of_name(word)),
    };
    Argument {
        name: name.to_owned(),
        kind,
        token: None,
        optional: false,
        multiple: false,
        multiple_token: false,
        key_spec: None,
        children: Vec::new(),
    }
}

fn kind_of_type(kind: &str) -> Kind {
    [Kind::Integer, Kind::Double, Kind::Key, Kind::Pattern, Kind::UnixTime]
        .into_iter()
        .find(|k| k.name() == kind)
        .unwrap_or(Kind::String)
}

fn kind_of_name(name: &str) -> Kind {
    const INTEGERS: [&str; 32] = [
        "seconds",
        "milliseconds",
        "count",
        "index",
        "index1",
        "index2",
        "offset",
        "timeout",
        "increment",
        "decrement",
        "start",
        "stop",
        "end",
        "cursor",
        "numkeys",
        "db",
        "destination-db",
        "bit",
        "protover",
        "client-id",
        "maxage",
        "idle",
        "len",
        "min-match-len",
        "samples",
        "version",
        "freq",
        "frequency",
        "limit",
        "length",
        "rank",
        "bits",
    ];
    match name {
        "key" | "newkey" | "source" | "destination" | "key1" | "key2" | "destkey" => Kind::Key,
        "pattern" => Kind::Pattern,
        "score" | "longitude" | "latitude" | "radius" | "width" | "height" | "weight" => Kind::Double,
        _ if name.starts_with("unix-time") => Kind::UnixTime,
        _ if INTEGERS.contains(&name) => Kind::Integer,
        _ => Kind::String,
    }
}

/// Says which key spec finds which argument: by position as long as all before it are always there, else in order.
fn find_keys(arguments: &mut [Argument], keys: &[KeySpec]) {
    let mut next = 0;
    for (position, argument) in arguments.iter_mut().enumerate() {
        let by_position = keys.iter().any(|k| k.begin == Begin::Index(position + 1) && !is_count(k));
        if by_position && argument.children.is_empty() && !argument.optional {
            argument.kind = Kind::Key;
        }
        if argument.optional {
            break;
        }
    }
    number_keys(arguments, keys.len(), &mut next);
}

fn is_count(key: &KeySpec) -> bool {
    matches!(key.find, super::spec::Find::KeyNum { .. })
}

fn number_keys(arguments: &mut [Argument], specs: usize, next: &mut usize) {
    for argument in arguments {
        if argument.kind == Kind::Key && specs > 0 {
            argument.key_spec = Some((*next).min(specs - 1));
            *next += 1;
        }
        number_keys(&mut argument.children, specs, next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::KeyFlags;

    /// The tree in one line: `name(kind)` with its marks.
    fn show(arguments: &[Argument]) -> String {
        let one = |a: &Argument| {
            let mut text = a.token.as_ref().map_or_else(String::new, |t| format!("{t}="));
            text += &format!("{}({})", a.name, a.kind.name());
            if !a.children.is_empty() {
                text += &format!("{{{}}}", show(&a.children));
            }
            if let Some(n) = a.key_spec {
                text += &format!("#{n}");
            }
            for (is, mark) in [(a.optional, "?"), (a.multiple, "+"), (a.multiple_token, "+")] {
                text += if is { mark } else { "" };
            }
            text
        };
        arguments.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    fn tree(syntax: &str) -> String {
        let keys = [KeySpec::at(1, KeyFlags::RO), KeySpec::at(2, KeyFlags::OW)];
        parse(syntax, &keys[..usize::from(syntax.contains("key"))]).map_or_else(|e| e.0, |a| show(&a))
    }

    #[test]
    fn tokens_take_the_values_behind_them() {
        assert_eq!(tree(""), "");
        assert_eq!(tree("message"), "message(string)");
        assert_eq!(tree("key [GET]"), "key(key)#0 GET=get(pure-token)?");
        assert_eq!(tree("key [EX seconds]"), "key(key)#0 EX=seconds(integer)?");
        let block = "key(key)#0 LIMIT=limit(block){offset(integer) count(integer)}?";
        assert_eq!(tree("key [LIMIT offset count]"), block);
        assert_eq!(tree("key IDX [x]"), "key(key)#0 IDX=idx(pure-token) x(string)?");
        assert_eq!(tree("increment:double"), "increment(double)");
    }

    #[test]
    fn choices_are_children() {
        let nx = "nx(oneof){NX=nx(pure-token) XX=xx(pure-token) IFEQ=comparison-value(string)}";
        assert_eq!(tree("[NX | XX | IFEQ comparison-value]"), format!("{nx}?"));
        assert_eq!(tree("<NX|XX|IFEQ comparison-value>"), nx);
        let nested =
            "host(oneof){host(block){host(string) port(string)} no(block){NO=no(pure-token) ONE=one(pure-token)}}";
        assert_eq!(tree("<host port | NO ONE>"), nested);
        assert_eq!(tree("[TYPE <A | B>]"), "TYPE=a(oneof){A=a(pure-token) B=b(pure-token)}?");
        let trim = "maxlen(block){maxlen(oneof){MAXLEN=maxlen(pure-token) MINID=minid(pure-token)} \
                    =(oneof){==(pure-token) ~=(pure-token)}? threshold(string) LIMIT=count(integer)?}?";
        let shown = tree("[<MAXLEN | MINID> [= | ~] threshold [LIMIT count]]");
        assert_eq!(shown, trim.replace("==(pure-token)", "===(pure-token)").replace("~=(", "~=~("));
    }

    #[test]
    fn repetition_is_seen_in_all_its_forms() {
        assert_eq!(tree("key [key ...]"), "key(key)#0+");
        assert_eq!(tree("[section ...]"), "section(string)?+");
        assert_eq!(tree("parameter value [parameter value ...]"), "parameter(block){parameter(string) value(string)}+");
        assert_eq!(tree("[PREFIX prefix [PREFIX prefix ...]]"), "PREFIX=prefix(string)?++");
        assert_eq!(tree("[ID client-id [client-id ...]]"), "ID=client-id(integer)?+");
        let streams = "STREAMS=streams(block){key(key)#0+ id(string)+}";
        assert_eq!(tree("STREAMS key [key ...] id [id ...]"), streams);
        let choice = "GET=encoding(oneof){GET=encoding(string) block(block){SAT=sat(pure-token)? SET=value(string)}}?+";
        let shown = tree("[GET encoding | [SAT] SET value [GET encoding | [SAT] SET value ...]]");
        assert_eq!(
            shown,
            choice.replace("GET=encoding(oneof)", "encoding(oneof)").replace("block(block)", "sat(block)")
        );
        assert_eq!(tree("numkeys key [key ...] [x ...]"), "numkeys(key)#0 key(key)#0+ x(string)?+");
    }

    #[test]
    fn keys_are_found_by_name_and_by_position() {
        let keys = [KeySpec::at(1, KeyFlags::RO), KeySpec::at(2, KeyFlags::OW)];
        let shown = parse("from to [REPLACE]", &keys).map(|a| show(&a));
        assert_eq!(shown.as_deref(), Ok("from(key)#0 to(key)#1 REPLACE=replace(pure-token)?"));
        let counted = [KeySpec::counted(1, 1, KeyFlags::RO)];
        let shown = parse("numkeys key [key ...]", &counted).map(|a| show(&a));
        assert_eq!(shown.as_deref(), Ok("numkeys(integer) key(key)#0+"));
    }

    #[test]
    fn what_is_not_in_the_notation_is_refused() {
        for broken in ["[a", "a]", "<a | >", "[]", "...", "a > b", "[a | b>"] {
            assert!(parse(broken, &[]).is_err(), "{broken}");
        }
    }
}
