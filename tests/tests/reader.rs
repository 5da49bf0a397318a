//! The reader of replies that the other tests rely on, against a real Redis: every type of reply, in both versions.

use carnelian_tests::resp::{Client, Reply};
use carnelian_tests::server::{Peer, Server};

fn text(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

fn ask(client: &mut Client, kind: &str) -> Reply {
    client.call(&["DEBUG", "PROTOCOL", kind])
}

#[test]
fn every_type_of_reply_is_read() {
    let server = Server::peer(Peer::Redis7, &["--enable-debug-command", "yes"]);
    let mut client = server.connect();
    let counted = |n: i64| (0..n).map(Reply::Integer).collect::<Vec<_>>();
    let flagged = |n: i64| (0..n).map(|i| (Reply::Integer(i), Reply::Boolean(i == 1))).collect::<Vec<_>>();

    assert_eq!(ask(&mut client, "string"), Reply::Bulk(text("Hello World")));
    assert_eq!(ask(&mut client, "integer"), Reply::Integer(12345));
    assert_eq!(ask(&mut client, "null"), Reply::NullBulk);
    assert_eq!(ask(&mut client, "array"), Reply::Array(counted(3)));
    assert_eq!(client.call(&["BLPOP", "none", "0.01"]), Reply::NullArray);
    assert!(ask(&mut client, "no-such").is_error());

    assert!(matches!(client.call(&["HELLO", "3"]), Reply::Map(_)));
    assert_eq!(ask(&mut client, "double"), Reply::Double(text("3.141")));
    assert_eq!(ask(&mut client, "null"), Reply::Null);
    assert_eq!(ask(&mut client, "set"), Reply::Set(counted(3)));
    assert_eq!(ask(&mut client, "map"), Reply::Map(flagged(3)));
    assert_eq!(ask(&mut client, "true"), Reply::Boolean(true));
    assert_eq!(ask(&mut client, "false"), Reply::Boolean(false));
    assert_eq!(ask(&mut client, "bignum"), Reply::BigNumber(text("1234567999999999999999999999999999999")));
    assert_eq!(ask(&mut client, "verbatim"), Reply::Verbatim(text("txt:This is a verbatim\nstring")));
    assert!(
        matches!(ask(&mut client, "attrib"), Reply::Attribute(pairs, reply) if pairs.len() == 1 && *reply == Reply::Bulk(text("Some real reply following the attribute")))
    );
    assert!(matches!(ask(&mut client, "push"), Reply::Push(items) if items.len() == 2));
    assert_eq!(client.read().expect("a reply"), Reply::Bulk(text("Some real reply following the push reply")));
    // Nothing is left over.
    assert_eq!(client.call(&["PING"]), Reply::Simple(text("PONG")));
}
