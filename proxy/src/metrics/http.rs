//! As much of HTTP/1.1 (RFC 9112) as a scrape needs: one GET or HEAD, one answer, and the end of
//! the connection. Pure.

/// A request that was understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request<'a> {
    /// The path, without what follows `?`.
    pub(super) path: &'a str,
    /// HEAD: the answer has no body.
    pub(super) head_only: bool,
}

/// What an answer says first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    Bad,
    NotFound,
    NotAllowed,
    TooLarge,
    Failed,
    Unavailable,
}

impl Status {
    const fn words(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::Bad => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::NotAllowed => "405 Method Not Allowed",
            Self::TooLarge => "431 Request Header Fields Too Large",
            Self::Failed => "500 Internal Server Error",
            Self::Unavailable => "503 Service Unavailable",
        }
    }
}

impl<'a> Request<'a> {
    /// The request in `head`; `None` if its end has not come yet.
    pub(super) fn parse(head: &'a [u8]) -> Option<Result<Self, Status>> {
        let end = head.windows(4).position(|window| window == b"\r\n\r\n")?;
        Some(Self::of_line(&head[..end]).ok_or(Status::Bad).and_then(
            |(method, path)| match method {
                "GET" | "HEAD" => Ok(Self {
                    path,
                    head_only: method == "HEAD",
                }),
                _ => Err(Status::NotAllowed),
            },
        ))
    }

    /// Method and path of the first line.
    fn of_line(head: &'a [u8]) -> Option<(&'a str, &'a str)> {
        let head = str::from_utf8(head).ok()?;
        let line = head.split("\r\n").next()?;
        let mut words = line.split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        let fits = version.starts_with("HTTP/1.") && target.starts_with('/');
        let path = target.split('?').next()?;
        (fits && words.next().is_none()).then_some((method, path))
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: Status,
    pub(super) kind: &'static str,
    pub(super) body: String,
    pub(super) head_only: bool,
}

impl Response {
    /// An answer in words of our own.
    pub(super) fn text(status: Status, body: &str) -> Self {
        Self {
            status,
            kind: "text/plain; charset=utf-8",
            body: body.to_owned(),
            head_only: false,
        }
    }

    /// An answer that says no more than its status.
    pub(super) fn words(status: Status) -> Self {
        Self::text(status, &format!("{}\n", status.words()))
    }

    /// The answer as it is sent.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let Self {
            status,
            kind,
            body,
            head_only,
        } = self;
        let allow = match status {
            Status::NotAllowed => "Allow: GET, HEAD\r\n",
            _ => "",
        };
        let head = format!(
            "HTTP/1.1 {}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n{allow}\
             Cache-Control: no-store\r\nConnection: close\r\n\r\n",
            status.words(),
            body.len()
        );
        let mut bytes = head.into_bytes();
        if !head_only {
            bytes.extend_from_slice(body.as_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests() {
        let check = |head: &str, expected: Option<Result<(&str, bool), Status>>| {
            let found = Request::parse(head.as_bytes());
            let found = found.map(|found| found.map(|found| (found.path, found.head_only)));
            assert_eq!(found, expected, "{head:?}");
        };
        check("", None);
        check("GET /metrics HTTP/1.1\r\nHost: x\r\n", None);
        let get = "GET /metrics?a=b HTTP/1.1\r\nHost: x\r\n\r\n";
        check(get, Some(Ok(("/metrics", false))));
        check("HEAD / HTTP/1.0\r\n\r\n", Some(Ok(("/", true))));
        check("POST / HTTP/1.1\r\n\r\n", Some(Err(Status::NotAllowed)));
        for bad in [
            "\r\n\r\n",
            "GET\r\n\r\n",
            "GET  / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1 x\r\n\r\n",
            "GET http://x/ HTTP/1.1\r\n\r\n",
            "GET / HTTP/2.0\r\n\r\n",
            "\x16\x03\x01\r\n\r\n",
        ] {
            check(bad, Some(Err(Status::Bad)));
        }
        for length in 0..get.len() {
            check(&get[..length], None);
        }
    }

    #[test]
    fn no_bytes_are_too_much_for_the_parser() {
        proptest::proptest!(|(bytes: Vec<u8>)| {
            let _ = Request::parse(&bytes);
        });
    }

    #[test]
    fn answers_tell_their_length() {
        let mut response = Response::text(Status::Ok, "ok\n");
        let text = String::from_utf8(response.bytes()).unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        assert!(text.contains("\r\nContent-Length: 3\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\nok\n"), "{text}");
        response.head_only = true;
        let text = String::from_utf8(response.bytes()).unwrap();
        assert!(text.ends_with("close\r\n\r\n"), "{text}");
    }
}
