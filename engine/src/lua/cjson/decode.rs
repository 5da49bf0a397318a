//! JSON to values.
//!
//! Invariant: so many tables are open at most; they are kept in a vector.

use mlua::{LightUserData, Lua, Table, Value};

use super::super::arguments::Raise;
use super::number;

/// Redis has no setting for it.
const DEEPEST: usize = 1000;

/// Reads a value.
pub(super) fn decode(lua: &Lua, text: &[u8], invalid_numbers: bool) -> Result<Value, Raise> {
    if text.len() >= 2 && (text[0] == 0 || text[1] == 0) {
        return Err(Raise::at_caller("JSON parser does not support UTF-16 or UTF-32"));
    }
    // C's texts end at the first NUL.
    let text = text.split(|&b| b == 0).next().unwrap_or_default();
    let mut decoder = Decoder { lua, text, at: 0, invalid_numbers, buffer: Vec::new() };
    let value = decoder.value()?;
    match decoder.token() {
        Found { token: Token::End, .. } => Ok(value),
        other => Err(expected("the end", &other)),
    }
}

struct Decoder<'l, 't> {
    lua: &'l Lua,
    text: &'t [u8],
    at: usize,
    invalid_numbers: bool,
    /// The last string, without its escapes.
    buffer: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    /// It is in the buffer.
    String,
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    Error(&'static str),
}

impl Token {
    fn name(self) -> &'static str {
        match self {
            Self::ObjectBegin => "T_OBJ_BEGIN",
            Self::ObjectEnd => "T_OBJ_END",
            Self::ArrayBegin => "T_ARR_BEGIN",
            Self::ArrayEnd => "T_ARR_END",
            Self::String => "T_STRING",
            Self::Number(_) => "T_NUMBER",
            Self::Boolean(_) => "T_BOOLEAN",
            Self::Null => "T_NULL",
            Self::Colon => "T_COLON",
            Self::Comma => "T_COMMA",
            Self::End => "T_END",
            Self::Error(text) => text,
        }
    }
}

/// A token and where it is.
struct Found {
    token: Token,
    at: usize,
}

fn expected(what: &str, found: &Found) -> Raise {
    Raise::at_caller(format!("Expected {what} but found {} at character {}", found.token.name(), found.at + 1))
}

/// A table that is being read.
struct Open {
    table: Table,
    next: i64,
    /// An object, and the key whose value comes next.
    key: Option<Value>,
    object: bool,
}

impl Decoder<'_, '_> {
    /// A value with all that is in it.
    fn value(&mut self) -> Result<Value, Raise> {
        let mut open: Vec<Open> = Vec::new();
        let mut found = self.token();
        loop {
            let mut value = match found.token {
                Token::String => Value::String(self.lua.create_string(&self.buffer)?),
                Token::Number(n) => Value::Number(n),
                Token::Boolean(value) => Value::Boolean(value),
                Token::Null => Value::LightUserData(LightUserData(std::ptr::null_mut())),
                Token::ArrayBegin | Token::ObjectBegin => {
                    let object = matches!(found.token, Token::ObjectBegin);
                    if open.len() >= DEEPEST {
                        let depth = open.len() + 1;
                        let text = format!("Found too many nested data structures ({depth}) at character {}", self.at);
                        return Err(Raise::at_caller(text));
                    }
                    let mut new = Open { table: self.lua.create_table()?, next: 1, key: None, object };
                    let first = self.token();
                    match (object, first.token) {
                        (true, Token::ObjectEnd) | (false, Token::ArrayEnd) => Value::Table(new.table),
                        (true, _) => {
                            new.key = Some(self.key(&first)?);
                            open.push(new);
                            found = self.token();
                            continue;
                        }
                        (false, _) => {
                            open.push(new);
                            found = first;
                            continue;
                        }
                    }
                }
                _ => return Err(expected("value", &found)),
            };
            // The value is whole: into the table around it, and that one into the next if this ends it.
            loop {
                let Some(outer) = open.last_mut() else { return Ok(value) };
                let after = self.token();
                if outer.object {
                    let key = outer.key.take().unwrap_or_default();
                    outer.table.raw_set(key, value)?;
                    match after.token {
                        Token::Comma => {
                            let next = self.token();
                            outer.key = Some(self.key(&next)?);
                            found = self.token();
                            break;
                        }
                        Token::ObjectEnd => {}
                        _ => return Err(expected("comma or object end", &after)),
                    }
                } else {
                    outer.table.raw_set(outer.next, value)?;
                    outer.next += 1;
                    match after.token {
                        Token::Comma => {
                            found = self.token();
                            break;
                        }
                        Token::ArrayEnd => {}
                        _ => return Err(expected("comma or array end", &after)),
                    }
                }
                let Some(done) = open.pop() else { return Err(expected("value", &after)) };
                value = Value::Table(done.table);
            }
        }
    }

    /// The key that was found, with the colon behind it.
    fn key(&mut self, found: &Found) -> Result<Value, Raise> {
        if !matches!(found.token, Token::String) {
            return Err(expected("object key string", found));
        }
        let key = Value::String(self.lua.create_string(&self.buffer)?);
        match self.token() {
            Found { token: Token::Colon, .. } => Ok(key),
            other => Err(expected("colon", &other)),
        }
    }

    fn token(&mut self) -> Found {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        let at = self.at;
        let rest = &self.text[at..];
        let (token, len) = match rest.first() {
            None => (Token::End, 0),
            Some(b'{') => (Token::ObjectBegin, 1),
            Some(b'}') => (Token::ObjectEnd, 1),
            Some(b'[') => (Token::ArrayBegin, 1),
            Some(b']') => (Token::ArrayEnd, 1),
            Some(b',') => (Token::Comma, 1),
            Some(b':') => (Token::Colon, 1),
            Some(b'"') => return self.string(),
            Some(b'-' | b'0'..=b'9') if !self.invalid_numbers && is_invalid(rest) => {
                (Token::Error("invalid number"), 0)
            }
            Some(b'-' | b'0'..=b'9') => number_token(rest),
            _ if rest.starts_with(b"true") => (Token::Boolean(true), 4),
            _ if rest.starts_with(b"false") => (Token::Boolean(false), 5),
            _ if rest.starts_with(b"null") => (Token::Null, 4),
            Some(b'+' | b'i' | b'I' | b'n' | b'N') if self.invalid_numbers && is_invalid(rest) => number_token(rest),
            _ => (Token::Error("invalid token"), 0),
        };
        self.at += len;
        Found { token, at }
    }

    fn string(&mut self) -> Found {
        let start = self.at;
        self.at += 1;
        self.buffer.clear();
        loop {
            let rest = &self.text[self.at..];
            let Some(plain) = rest.iter().position(|&b| matches!(b, b'"' | b'\\')) else {
                return Found { token: Token::Error("unexpected end of string"), at: self.text.len() };
            };
            self.buffer.extend_from_slice(&rest[..plain]);
            self.at += plain;
            if rest[plain] == b'"' {
                self.at += 1;
                return Found { token: Token::String, at: start };
            }
            let escape = match rest.get(plain + 1) {
                Some(b'u') => {
                    let Some((code, len)) = code_point(&rest[plain..]) else {
                        return Found { token: Token::Error("invalid unicode escape code"), at: self.at };
                    };
                    self.buffer.extend_from_slice(code.encode_utf8(&mut [0; 4]).as_bytes());
                    self.at += len;
                    continue;
                }
                Some(byte @ (b'"' | b'\\' | b'/')) => *byte,
                Some(b'b') => 8,
                Some(b't') => 9,
                Some(b'n') => 10,
                Some(b'f') => 12,
                Some(b'r') => 13,
                _ => return Found { token: Token::Error("invalid escape code"), at: self.at },
            };
            self.buffer.push(escape);
            self.at += 2;
        }
    }
}

fn number_token(text: &[u8]) -> (Token, usize) {
    match number::read(text) {
        (_, 0) => (Token::Error("invalid number"), 0),
        (number, len) => (Token::Number(number), len),
    }
}

/// Whether something that looks like a number is none of JSON's: hexadecimal, with a zero in front, infinite, or not a
/// number.
fn is_invalid(text: &[u8]) -> bool {
    let text = match text {
        [b'+', ..] => return true,
        [b'-', rest @ ..] => rest,
        text => text,
    };
    match text {
        [b'0', b'x' | b'X' | b'0'..=b'9', ..] => true,
        [b'0'..=b'9', ..] => false,
        [a, b, c, ..] => {
            let word = [*a, *b, *c];
            word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"nan")
        }
        _ => false,
    }
}

/// The character of `\uXXXX`, or of two of them that are one character, and their length.
fn code_point(text: &[u8]) -> Option<(char, usize)> {
    let first = hex4(text)?;
    if let 0xd800..=0xdbff = first {
        let low = text.get(6..).and_then(hex4).filter(|low| matches!(low, 0xdc00..=0xdfff))?;
        let code = 0x10000 + ((first - 0xd800) << 10) + (low - 0xdc00);
        return Some((char::from_u32(code)?, 12));
    }
    Some((char::from_u32(first)?, 6))
}

fn hex4(text: &[u8]) -> Option<u32> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |code, &digit| Some(code << 4 | char::from(digit).to_digit(16)?))
}
