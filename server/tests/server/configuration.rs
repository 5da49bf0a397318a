//! Files, options, and what is wrong with them.

use std::process::Stdio;

use crate::harness::{Directory, Server, binary, free_port, run};

fn refusal(options: &[&str]) -> String {
    let output = run(options);
    assert_eq!(output.status.code(), Some(1), "{options:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn version_and_help() {
    let version = String::from_utf8(run(&["--version"]).stdout).unwrap();
    assert!(version.starts_with(&format!("Carnelian server v={}", env!("CARGO_PKG_VERSION"))), "{version}");
    assert!(String::from_utf8(run(&["-h"]).stdout).unwrap().starts_with("Usage: carnelian-server"));
}

#[test]
fn a_file_with_an_include() {
    let directory = Directory::new();
    let (main, log) = (directory.file("main.conf"), directory.file("their.log"));
    std::fs::write(directory.file("10-a.inc"), "timeout 300\nmaxclients 1 # no comment\n").unwrap();
    let text = refusal_of_file(&directory, "include INC/*.inc\n");
    assert!(
        text.contains("10-a.inc', at line 2\n>>> 'maxclients 1 # no comment'\nwrong number of arguments"),
        "{text}"
    );
    std::fs::write(directory.file("10-a.inc"), "# a comment\ntimeout 300\nmaxclients 1\n").unwrap();
    let include = directory.file("*.inc");
    std::fs::write(&main, format!("include {}\nlogfile /nonexistent/log\nrdbchecksum no\n", include.display()))
        .unwrap();
    let port = free_port().to_string();
    let mut child = binary()
        .args([main.to_str().unwrap(), "--port", &port, "--bind", "127.0.0.1", "-::1", "--logfile"])
        .arg(&log)
        .spawn()
        .unwrap();
    let read = || std::fs::read_to_string(&log).unwrap_or_default();
    crate::harness::eventually("a start", || read().contains(&format!("connections on 127.0.0.1:{port}")));
    assert!(read().contains("'rdbchecksum' has no effect"), "{}", read());
    child.kill().unwrap();
    child.wait().unwrap();
}

fn refusal_of_file(directory: &Directory, text: &str) -> String {
    let path = directory.file("bad.conf");
    std::fs::write(&path, text.replace("INC", directory.0.to_str().unwrap())).unwrap();
    refusal(&[path.to_str().unwrap()])
}

#[test]
fn errors() {
    let directory = Directory::new();
    let text = refusal_of_file(&directory, "\nport 7433\nfoo bar\n");
    assert!(text.starts_with("\n*** FATAL CONFIG FILE ERROR (Carnelian "), "{text}");
    assert!(
        text.ends_with("bad.conf', at line 3\n>>> 'foo bar'\nBad directive or wrong number of arguments\n"),
        "{text}"
    );
    let text = refusal(&["--port", "abc"]);
    assert!(text.ends_with(">>> 'port \"abc\"'\nargument couldn't be parsed into an integer\n"), "{text}");
    let text = refusal(&["/nonexistent.conf"]);
    assert_eq!(text, "Fatal error, can't open config file '/nonexistent.conf': No such file or directory\n");
    assert!(refusal(&["--port", "0"]).contains("Configured to not listen anywhere"));
    assert!(
        refusal(&["--bind", "192.0.2.77"]).contains("Could not create server TCP listening socket 192.0.2.77:6379")
    );
    assert!(refusal(&["--replicaof", "h", "1"]).contains("would do harm"));
    assert!(refusal(&["--dir", "/nonexistent"]).contains("Can't chdir to '/nonexistent'"));
}

#[test]
fn the_standard_input() {
    let mut child =
        binary().arg("-").stdin(Stdio::piped()).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"port x\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("file '-', at line 1\n>>> 'port x'"), "{text}");
}

#[test]
fn several_addresses() {
    let server = Server::start(&["--bind", "127.0.0.1", "-192.0.2.77", "-::1"]);
    server.connect().ask(&[b"GET", b"none"], b"$-1\r\n");
    if let Ok(stream) = std::net::TcpStream::connect(("::1", server.port)) {
        crate::harness::Client(stream).ask(&[b"GET", b"none"], b"$-1\r\n");
    }
}
