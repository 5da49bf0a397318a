//! As much of HTTP/1.1 as the metrics endpoint needs: one request, one reply, and the connection is closed.
//!
//! A request always gets a reply once [`MAX_REQUEST`] bytes of it have come, so nobody makes the server keep more.

use httparse::{EMPTY_HEADER, Error, Request, Status};

/// The most bytes of a request.
pub(super) const MAX_REQUEST: usize = 8 * 1024;
/// The most lines of a request's head.
const MAX_HEADERS: usize = 64;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";

/// The reply to a request, `None` as long as more of it has to come. `metrics` makes the text of the metrics.
pub(super) fn answer(bytes: &[u8], metrics: impl Fn() -> Option<String>) -> Option<Vec<u8>> {
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let mut request = Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(Status::Complete(_)) => Some(serve(&request, metrics)),
        Ok(Status::Partial) if bytes.len() < MAX_REQUEST => None,
        Ok(Status::Partial) | Err(Error::TooManyHeaders) => {
            Some(refusal("431 Request Header Fields Too Large", "", "The request is too long."))
        }
        Err(e) => Some(refusal("400 Bad Request", "", &format!("This is no HTTP request: {e}."))),
    }
}

/// The reply to peers that `protected-mode` keeps out.
pub(super) fn protected() -> Vec<u8> {
    let why = "The server is in protected mode and has no password, so only this machine may read its metrics. \
               Set a password, or 'protected-mode no' if nobody else can reach it.";
    refusal("403 Forbidden", "", why)
}

fn serve(request: &Request<'_, '_>, metrics: impl Fn() -> Option<String>) -> Vec<u8> {
    let path = request.path.unwrap_or_default();
    if path.split('?').next() != Some("/metrics") {
        return refusal("404 Not Found", "", "There is nothing here but /metrics.");
    }
    match (request.method, metrics) {
        (Some("GET"), metrics) => match metrics() {
            Some(text) => reply("200 OK", OPEN_METRICS, "", &text),
            None => refusal("500 Internal Server Error", "", "The metrics cannot be written."),
        },
        // To this one a reply has no body.
        (Some("HEAD"), _) => reply("405 Method Not Allowed", PLAIN, ALLOW, ""),
        _ => refusal("405 Method Not Allowed", ALLOW, "Metrics can only be got."),
    }
}

const ALLOW: &str = "Allow: GET\r\n";

fn refusal(status: &str, headers: &str, why: &str) -> Vec<u8> {
    reply(status, PLAIN, headers, &format!("{why}\n"))
}

fn reply(status: &str, content_type: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n{headers}Connection: close\r\n\r\n"
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(request: &[u8]) -> Option<String> {
        let reply = String::from_utf8(answer(request, || Some("# EOF\n".into()))?).unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
        assert!(head.ends_with("Connection: close"), "{head}");
        Some(head.split("\r\n").next().unwrap().to_owned())
    }

    #[test]
    fn requests_are_answered_by_method_and_path() {
        for (request, expected) in [
            ("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK"),
            ("GET /metrics HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK"),
            ("GET /metrics?name=x HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK"),
            ("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found"),
            ("GET /metrics/ HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found"),
            ("POST /metrics HTTP/1.1\r\nContent-Length: 9\r\n\r\n", "HTTP/1.1 405 Method Not Allowed"),
            ("HEAD /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 405 Method Not Allowed"),
            ("*1\r\n$4\r\nPING\r\n", "HTTP/1.1 400 Bad Request"),
            ("GET /metrics HTTP/2\r\n\r\n", "HTTP/1.1 400 Bad Request"),
            ("\u{0}\u{1}", "HTTP/1.1 400 Bad Request"),
        ] {
            assert_eq!(status(request.as_bytes()).as_deref(), Some(expected), "{request:?}");
        }
    }

    #[test]
    fn a_request_is_waited_for_up_to_its_limit() {
        let request = format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(MAX_REQUEST));
        assert_eq!(status(&request.as_bytes()[..MAX_REQUEST - 1]), None);
        let too_long = Some("HTTP/1.1 431 Request Header Fields Too Large");
        assert_eq!(status(&request.as_bytes()[..MAX_REQUEST]).as_deref(), too_long);
        let many = format!("GET /metrics HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(MAX_HEADERS + 1));
        assert_eq!(status(many.as_bytes()).as_deref(), too_long);
    }
}
