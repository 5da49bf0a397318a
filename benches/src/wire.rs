//! A connection that sends one command at a time and looks at the reply: enough to see whether a server is up, knows a
//! command and holds what it should.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A status, a number or a bulk string, as text.
    Text(String),
    /// Nothing there.
    Nil,
    /// Several.
    Array(Vec<Reply>),
}

/// A connection to a server.
pub struct Wire {
    stream: BufReader<TcpStream>,
}

impl Wire {
    /// Connects to a server on this machine.
    pub fn connect(port: u16) -> Result<Self> {
        Ok(Self { stream: BufReader::new(connect(port)?) })
    }

    /// Sends a command and waits for its reply; an error reply is an error.
    pub fn call<S: AsRef<str>>(&mut self, command: &[S]) -> Result<Reply> {
        let mut request = format!("*{}\r\n", command.len());
        for arg in command.iter().map(AsRef::as_ref) {
            request.push_str(&format!("${}\r\n{arg}\r\n", arg.len()));
        }
        self.stream.get_mut().write_all(request.as_bytes())?;
        read_reply(&mut self.stream)
    }
}

/// A plain stream to a server on this machine that sends at once and gives up on a server that hangs.
pub fn connect(port: u16) -> Result<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port)).context("connecting to the server")?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.set_write_timeout(Some(Duration::from_secs(60)))?;
    Ok(stream)
}

fn read_reply(from: &mut impl BufRead) -> Result<Reply> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    let Some(line) = line.strip_suffix("\r\n") else { bail!("the server closed the connection") };
    let (kind, rest) = line.split_at_checked(1).context("an empty line for a reply")?;
    match kind {
        "+" | ":" => Ok(Reply::Text(rest.to_owned())),
        "-" => bail!("the server answered: {rest}"),
        "$" | "*" if rest == "-1" => Ok(Reply::Nil),
        "$" => {
            let mut bytes = vec![0; rest.parse::<usize>()? + 2];
            from.read_exact(&mut bytes)?;
            bytes.truncate(bytes.len() - 2);
            Ok(Reply::Text(String::from_utf8_lossy(&bytes).into_owned()))
        }
        "*" => (0..rest.parse::<usize>()?).map(|_| read_reply(from)).collect::<Result<_>>().map(Reply::Array),
        _ => bail!("not a reply: {line:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_each_kind_of_reply() -> Result<()> {
        let mut wire = &b"+OK\r\n:7\r\n$-1\r\n*2\r\n$3\r\na\r\n\r\n*0\r\n-ERR no\r\n"[..];
        assert_eq!(read_reply(&mut wire)?, Reply::Text("OK".into()));
        assert_eq!(read_reply(&mut wire)?, Reply::Text("7".into()));
        assert_eq!(read_reply(&mut wire)?, Reply::Nil);
        assert_eq!(read_reply(&mut wire)?, Reply::Array(vec![Reply::Text("a\r\n".into()), Reply::Array(vec![])]));
        assert_eq!(read_reply(&mut wire).map_err(|e| e.to_string()), Err("the server answered: ERR no".into()));
        assert!(read_reply(&mut wire).is_err(), "the end of the stream is not a reply");
        Ok(())
    }
}
