//! The program from outside: arguments, exit codes, signals.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Output};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};

use crate::cluster::APP;
use crate::patience::{bounded, wait_until};
use crate::raw::Client;

mod handover;
mod site;
mod systemd;

use site::Site;

const ONE: &str = "T ?column?:23 | D 1 | C SELECT 1 | Z I";

const PROGRAM: &str = env!("CARGO_BIN_EXE_poolproof-proxy");

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

fn run(command: &mut Command) -> Output {
    command.output().expect("run the pooler")
}

#[track_caller]
fn check(command: &mut Command, code: i32, words: &str) {
    let output = run(command);
    let said = text(&output.stderr);
    assert!(said.contains(words), "expected {words:?}, got {said:?}");
    assert_eq!(output.status.code(), Some(code), "{said}");
}

#[test]
fn help_and_version_are_answers() {
    bounded(|| {
        let version = concat!("poolproof-proxy ", env!("CARGO_PKG_VERSION"));
        for (flag, words) in [
            ("-V", version),
            ("--version", version),
            ("-h", "Usage:"),
            ("--help", "Usage:"),
        ] {
            let output = run(Command::new(PROGRAM).arg(flag));
            assert_eq!(output.status.code(), Some(0), "{flag}");
            assert!(
                text(&output.stdout).contains(words) && output.stderr.is_empty(),
                "{flag}"
            );
        }
    });
}

#[test]
fn what_is_wrong_ends_with_2() {
    bounded(|| {
        check(&mut Command::new(PROGRAM), 2, "<CONFIG_FILE>");
        check(Command::new(PROGRAM).args(["--nope", "x.ini"]), 2, "--nope");
        check(
            Command::new(PROGRAM).arg("/nonexistent.ini"),
            2,
            "/nonexistent.ini:1:1: ",
        );
        let site = Site::new();
        check(
            &mut site.command(&["-R"]),
            2,
            "expected unix_socket_dir to be set",
        );
        let user = ["-u", "no-such-user"];
        check(
            Command::new(PROGRAM)
                .args(user)
                .arg(site.folder.join("ini")),
            2,
            "no-such-user",
        );
        site.write(
            "ini",
            &site.ini("pool_mod = session\ndefault_pool_size = many\npidfile ="),
        );
        let output = run(&mut site.command(&[]));
        assert_eq!(output.status.code(), Some(2));
        let said = text(&output.stderr);
        assert!(
            said.contains(":11:1: unknown parameter pool_mod; did you mean pool_mode?"),
            "{said}"
        );
        assert!(
            said.contains(":12:21: default_pool_size: expected a whole number"),
            "{said}"
        );
        site.write("ini", &site.ini("pidfile ="));
        check(
            &mut site.command(&["-d"]),
            2,
            "daemon needs pidfile configured",
        );
    });
}

#[test]
fn a_configuration_can_be_checked_without_a_pooler() {
    bounded(|| {
        let site = Site::new();
        let checked = || {
            let output = run(&mut site.command(&["--check"]));
            let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
            (output.status.code(), said)
        };
        let (code, said) = checked();
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("every setting is acted on"), "{said}");
        site.write("ini", &site.ini("sbuf_loopcnt = 5"));
        let (code, said) = checked();
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains(":11:1: sbuf_loopcnt is ignored: "), "{said}");
        assert!(
            said.ends_with("sound, with 1 of its lines to look at"),
            "{said}"
        );
        site.write("ini", &site.ini("auth_type = ldap"));
        let (code, said) = checked();
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("ldap is not supported"), "{said}");
        for key in ["logfile", "pidfile"] {
            site.write("ini", &site.ini(&format!("{key} = /nonexistent/file")));
            let (code, said) = checked();
            assert_eq!(code, Some(3), "{said}");
            let expected = format!("{key} /nonexistent/file cannot be ");
            assert!(said.contains(&expected), "{said}");
            assert!(!said.contains("acted on"), "{said}");
        }
        assert!(!site.answers(), "nothing was started");
        for name in ["log", "pid"] {
            assert!(!site.folder.join(name).exists(), "nothing was written");
        }
    });
}

#[test]
fn root_is_refused_and_others_are_not() {
    bounded(|| {
        let site = Site::new();
        let mut command = Command::new(PROGRAM);
        command.arg(site.folder.join("ini"));
        if Uid::effective().is_root() {
            check(&mut command, 2, "the pooler should not run as root");
            command.arg("--check");
            check(&mut command, 2, "the pooler should not run as root");
        } else {
            let mut process = command.spawn().expect("start the pooler");
            wait_until("the pooler to come up", || site.answers());
            kill(Pid::from_raw(process.id().cast_signed()), Signal::SIGQUIT).expect("kill");
            assert_eq!(process.wait().expect("wait").code(), Some(0));
        }
    });
}

#[test]
fn what_the_machine_does_not_give_ends_with_3() {
    bounded(|| {
        let site = Site::new();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, site.port())).expect("listen");
        let words = format!(
            "cannot listen on 127.0.0.1:{}: Address already in use",
            site.port()
        );
        check(&mut site.command(&[]), 3, &words);
        check(&mut site.command(&[]), 3, "choose another listen_port");
        drop(listener);
        site.write("ini", &site.ini("logfile = /nonexistent/log"));
        check(
            &mut site.command(&[]),
            3,
            "logfile /nonexistent/log cannot be opened",
        );
        site.write("ini", &site.ini(""));
        // Somebody who runs; the guardian would end it, were it still there.
        let mut other = Command::new("sleep")
            .arg("60")
            .spawn()
            .expect("start sleep");
        site.write("pid", &format!("{}\n", other.id()));
        check(&mut site.command(&[]), 3, "is another pooler running?");
        other.kill().and_then(|()| other.wait()).expect("end sleep");
        fs::remove_file(site.folder.join("pid")).expect("remove the pidfile");
    });
}

#[test]
fn signals_reload_and_stop() {
    bounded(|| {
        let site = Site::new();
        let mut process = site.start();
        let pid = Pid::from_raw(process.id().cast_signed());
        assert_eq!(site.pid(), Some(pid));
        assert_eq!(site.psql(), "42");
        let up = format!("[{pid}] LOG process up: poolproof-proxy");
        assert!(site.log().contains(&up), "{}", site.log());

        // A faulty file leaves the old configuration at work.
        site.write("ini", &site.ini("pool_mode = x"));
        kill(pid, Signal::SIGHUP).expect("kill");
        let refused = format!(
            "[{pid}] ERROR {}/ini:11:13: pool_mode: ",
            site.folder.display()
        );
        wait_until("the reload to be refused", || site.log().contains(&refused));
        assert_eq!(site.psql(), "42");

        // A good one is taken, and a rotated log begun anew.
        fs::rename(site.folder.join("log"), site.folder.join("log.1")).expect("rotate");
        site.write("users", "\"nobody\" \"\"\n");
        site.write("ini", &site.ini(""));
        kill(pid, Signal::SIGHUP).expect("kill");
        wait_until("the reload", || {
            site.psql().contains("\"trust\" authentication failed")
        });
        wait_until("a new log", || !site.log().is_empty());

        // No client is there to be waited for.
        kill(pid, Signal::SIGTERM).expect("kill");
        assert_eq!(process.wait().expect("wait").code(), Some(0));
        let got = "LOG got SIGTERM, shutting down, waiting for all clients to leave";
        assert!(site.log().contains(got), "{}", site.log());
        assert_eq!(site.pid(), None, "the pidfile is gone");
    });
}

/// What keeps a daemon from starting is told to whoever starts it.
#[test]
fn a_daemon_that_does_not_start_says_so() {
    bounded(|| {
        let site = Site::new();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, site.port())).expect("listen");
        let words = format!("cannot listen on 127.0.0.1:{}", site.port());
        check(&mut site.command(&["-d"]), 3, &words);
        drop(listener);
        for key in ["logfile", "pidfile"] {
            site.write("ini", &site.ini(&format!("{key} = /nonexistent/file")));
            let words = format!("{key} /nonexistent/file cannot be ");
            check(&mut site.command(&["-d"]), 3, &words);
        }
        assert!(!site.answers(), "nothing was started");
    });
}

/// As PgBouncer says it.
#[test]
fn the_log_says_where_it_listens() {
    bounded(|| {
        let site = Site::new();
        let folder = site.folder.display();
        site.write("ini", &site.ini(&format!("unix_socket_dir = {folder}")));
        let mut process = site.start();
        wait_until("the log", || site.log().contains("process up"));
        for place in [
            format!("127.0.0.1:{}", site.port()),
            format!("unix:{folder}/.s.PGSQL.{}", site.port()),
        ] {
            let expected = format!(" LOG listening on {place}\n");
            assert!(site.log().contains(&expected), "{}", site.log());
        }
        let pid = Pid::from_raw(process.id().cast_signed());
        kill(pid, Signal::SIGQUIT).expect("kill");
        process.wait().expect("wait");
    });
}

#[test]
fn a_daemon_goes_to_the_background() {
    bounded(|| {
        let site = Site::new();
        let output = run(&mut site.command(&["-d"]));
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        wait_until("the daemon to come up", || site.answers());
        assert_eq!(site.psql(), "42");
        check(&mut site.command(&["-d"]), 3, "is another pooler running?");
        let pid = site.pid().expect("a pidfile");
        kill(pid, Signal::SIGQUIT).expect("kill");
        wait_until("the daemon to end", || site.pid().is_none());
    });
}

#[test]
fn sigusr1_pauses_and_sigusr2_resumes() {
    bounded(|| {
        let site = Site::new();
        site.write(
            "ini",
            &site.ini(&format!("pool_mode = transaction\nadmin_users = {APP}")),
        );
        let mut process = site.start();
        let pid = Pid::from_raw(process.id().cast_signed());
        let address = (Ipv4Addr::LOCALHOST, site.port()).into();
        let mut client = Client::connect(address, APP, "postgres");
        assert_eq!(client.run("Q SELECT 1"), ONE);
        kill(pid, Signal::SIGUSR1).expect("kill");
        wait_until("the pause", || site.log().contains("got SIGUSR1, PAUSE"));
        client.say("Q SELECT 1");
        // Nothing can be waited for where nothing happens; the answer would come at once.
        let mut other = Client::connect(address, APP, "pgbouncer");
        for _ in 0..50 {
            let shown = other.run("Q SHOW STATE");
            assert!(shown.contains("paused yes"), "{shown}");
        }
        assert!(client.hears_nothing(), "it is paused");
        kill(pid, Signal::SIGUSR1).expect("kill");
        wait_until("a refusal", || site.log().contains("cannot PAUSE: already"));
        kill(pid, Signal::SIGUSR2).expect("kill");
        assert_eq!(client.read_until(b"Z").join(" | "), ONE);
        kill(pid, Signal::SIGQUIT).expect("kill");
        assert_eq!(process.wait().expect("wait").code(), Some(0));
    });
}

/// What operators' parsers of logs live on.
#[test]
fn every_closed_socket_is_logged_with_its_reason() {
    bounded(|| {
        let site = Site::new();
        site.write("ini", &site.ini("server_idle_timeout = 1"));
        let mut process = site.start();
        let address = (Ipv4Addr::LOCALHOST, site.port()).into();
        let mut client = Client::connect(address, APP, "postgres");
        assert_eq!(client.run("Q SELECT 1"), ONE);
        client.say("X");
        client.vanish();
        let logged = |kind: &str, reason: &str| {
            let log = site.log();
            log.lines().any(|line| {
                let words = line.split_once(&format!(" LOG {kind}-0x"));
                let place = format!(": postgres/{APP}@127.0.0.1:");
                let end = format!("closing because: {reason} (age=");
                words.is_some_and(|(_, rest)| rest.contains(&place) && rest.contains(&end))
            })
        };
        wait_until("the client's line", || logged("C", "client close request"));
        wait_until("the server's line", || logged("S", "server idle timeout"));
        let pid = Pid::from_raw(process.id().cast_signed());
        kill(pid, Signal::SIGQUIT).expect("kill");
        assert_eq!(process.wait().expect("wait").code(), Some(0));
    });
}

#[test]
fn the_log_can_be_json() {
    bounded(|| {
        let site = Site::new();
        let settings = "log_format = json\njob_name = pool-7";
        site.write("ini", &site.ini(settings));
        let mut process = site.start();
        assert_eq!(site.psql(), "42");
        wait_until("the client's line", || {
            site.log().contains("closing because: client close request")
        });
        let pid = Pid::from_raw(process.id().cast_signed());
        kill(pid, Signal::SIGQUIT).expect("kill");
        assert_eq!(process.wait().expect("wait").code(), Some(0));
        let log = site.log();
        let lines: Vec<serde_json::Value> = log
            .lines()
            .map(|line| serde_json::from_str(line).expect("each line is JSON"))
            .collect();
        let closed = lines.iter().find(|line| {
            let message = line["message"].as_str().unwrap_or_default();
            message.starts_with("closing because: client close request (age=")
        });
        let closed = closed.unwrap_or_else(|| panic!("{log}"));
        assert_eq!(closed["database"], "postgres");
        assert_eq!(closed["user"], APP);
        assert_eq!(closed["job"], "pool-7");
        assert_eq!(closed["level"], "LOG");
    });
}
