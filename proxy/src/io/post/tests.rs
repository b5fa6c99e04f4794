use std::io::{Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use super::*;

#[derive(Debug, Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn pair() -> (UnixStream, UnixStream) {
    let (near, far) = UnixStream::pair().unwrap();
    for socket in [&near, &far] {
        socket.set_nonblocking(true).unwrap();
    }
    (near, far)
}

/// Both ways to send must do the same. Where the tests run io_uring may be forbidden; the pooler
/// then has but one way too.
fn each_way(test: impl Fn(Post)) {
    test(Post::new(None));
    if let Some(ring) = Ring::new(LETTERS_MAX) {
        test(Post::new(Some(ring)));
    }
}

fn arrived(mut socket: &UnixStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let ended = socket.read_to_end(&mut bytes);
    assert!(ended.is_ok() || ended.unwrap_err().kind() == io::ErrorKind::WouldBlock);
    bytes
}

#[test]
fn letters_leave_together_and_whole() {
    each_way(|mut post| {
        let bell = Arc::new(Bell::default());
        let sockets: Vec<_> = (0..3 * LETTERS_MAX).map(|_| pair()).collect();
        for round in 0..2 {
            for (at, (near, _)) in sockets.iter().enumerate() {
                let words = format!("{round} for {at}");
                post.lay_out(
                    Whom::Client,
                    near.as_raw_fd(),
                    words.as_bytes(),
                    &bell.clone().into(),
                );
            }
            assert!(arrived(&sockets.last().unwrap().1).is_empty(), "not yet");
            post.flush();
            for (at, (_, far)) in sockets.iter().enumerate() {
                assert_eq!(arrived(far), format!("{round} for {at}").as_bytes());
            }
        }
        assert_eq!(
            bell.0.load(Ordering::Relaxed),
            0,
            "nobody is woken for nothing"
        );
        assert!(post.unsent.is_empty());
    });
}

#[test]
fn servers_come_before_clients() {
    let mut post = Post::new(None);
    let sockets: Vec<_> = (0..5).map(|_| pair()).collect();
    let for_whom = [
        Whom::Client,
        Whom::Server,
        Whom::Client,
        Whom::Server,
        Whom::Client,
    ];
    for (whom, (near, _)) in for_whom.into_iter().zip(&sockets) {
        post.lay_out(whom, near.as_raw_fd(), b"x", Waker::noop());
    }
    let order: Vec<_> = leaving(&post.letters).map(|(at, _)| at).collect();
    assert_eq!(order, [1, 3, 0, 2, 4]);
}

/// A kernel that takes nothing: what was queued for it would be sent with the next letters, from
/// their bytes and perhaps to others.
#[test]
fn a_ring_that_fails_at_once_is_not_used_again() {
    let Some(ring) = Ring::disabled(LETTERS_MAX) else {
        return;
    };
    let mut post = Post::new(Some(ring));
    let sockets = [pair(), pair()];
    for round in [&b"first"[..], b"second"] {
        for (near, _) in &sockets {
            post.lay_out(Whom::Client, near.as_raw_fd(), round, Waker::noop());
        }
        post.flush();
        assert!(post.ring.is_none());
        for (_, far) in &sockets {
            assert_eq!(arrived(far), round);
        }
    }
}

/// Fills the socket until it takes no more.
fn stuff(mut socket: &UnixStream) -> usize {
    let mut len = 0;
    while let Ok(taken) = socket.write(&[0; 1000]) {
        len += taken;
    }
    len
}

#[test]
fn what_a_socket_does_not_take_comes_back() {
    each_way(|mut post| {
        let bell = Arc::new(Bell::default());
        let (full, full_far) = pair();
        let (free, free_far) = pair();
        let before = stuff(&full);
        post.lay_out(
            Whom::Client,
            full.as_raw_fd(),
            b"later",
            &bell.clone().into(),
        );
        post.lay_out(Whom::Client, free.as_raw_fd(), b"now", &bell.clone().into());
        post.flush();
        assert_eq!(arrived(&free_far), b"now");
        assert_eq!(arrived(&full_far).len(), before);
        assert_eq!(bell.0.load(Ordering::Relaxed), 1);
        assert_eq!(post.reclaim(full.as_raw_fd()).unwrap(), b"later");
        assert_eq!(post.reclaim(full.as_raw_fd()).unwrap(), b"", "only once");
        assert_eq!(post.reclaim(free.as_raw_fd()).unwrap(), b"");
    });
}

#[test]
fn a_socket_that_is_gone_is_an_error_and_no_signal() {
    each_way(|mut post| {
        let bell = Arc::new(Bell::default());
        let (near, far) = pair();
        let (other, other_far) = pair();
        drop(far);
        post.lay_out(
            Whom::Client,
            near.as_raw_fd(),
            b"hello?",
            &bell.clone().into(),
        );
        post.lay_out(
            Whom::Client,
            other.as_raw_fd(),
            b"hello",
            &bell.clone().into(),
        );
        post.flush();
        let error = post.reclaim(near.as_raw_fd()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(arrived(&other_far), b"hello");
        assert_eq!(bell.0.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn only_the_letters_of_the_socket_asked_about_are_waited_for() {
    each_way(|mut post| {
        let (near, far) = pair();
        let (other, _) = pair();
        post.lay_out(Whom::Client, near.as_raw_fd(), b"hello", Waker::noop());
        post.settle(other.as_raw_fd());
        assert_eq!(arrived(&far), b"");
        post.settle(near.as_raw_fd());
        assert_eq!(arrived(&far), b"hello");
    });
}

#[test]
fn what_is_laid_out_is_sent_before_its_socket_closes() {
    let near_and_far = || {
        let (near, far) = pair();
        (crate::io::socket::Socket::new(near), far)
    };
    open();
    let (near, far) = near_and_far();
    assert!(lay_out(
        Whom::Client,
        near.fd(),
        b"the last words",
        Waker::noop()
    ));
    drop(near);
    assert_eq!(arrived(&far), b"the last words");

    let (near, far) = near_and_far();
    assert!(lay_out(Whom::Client, near.fd(), b"a word", Waker::noop()));
    let _given_away = near.into_inner();
    assert_eq!(arrived(&far), b"a word");

    let (near, _far) = near_and_far();
    let fd = near.fd();
    stuff(&near);
    assert!(lay_out(Whom::Client, fd, b"unsent", Waker::noop()));
    flush();
    drop(near);
    assert_eq!(
        reclaim(fd).unwrap(),
        b"",
        "not for whoever has the descriptor next"
    );
    POST.set(None);
}
