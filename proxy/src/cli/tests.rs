//! Arguments, as PgBouncer takes them. What the program does is tested from outside.

use clap::CommandFactory;

use super::*;

fn parse(args: &[&str]) -> Result<Args, ErrorKind> {
    let args = std::iter::once("poolproof-proxy").chain(args.iter().copied());
    Args::try_parse_from(args).map_err(|error| error.kind())
}

#[test]
fn arguments() {
    Args::command().debug_assert();
    let plain = Args {
        daemon: false,
        quiet: false,
        reboot: false,
        user: None,
        verbose: 0,
        check: false,
        config: "c.ini".into(),
    };
    let check = |args: &[&str], expected: Args| assert_eq!(parse(args), Ok(expected), "{args:?}");
    check(&["c.ini"], plain.clone());
    check(
        &["-d", "c.ini"],
        Args {
            daemon: true,
            ..plain.clone()
        },
    );
    check(
        &["-q", "-R", "c.ini"],
        Args {
            quiet: true,
            reboot: true,
            ..plain.clone()
        },
    );
    check(
        &["-v", "-vv", "c.ini"],
        Args {
            verbose: 3,
            ..plain.clone()
        },
    );
    check(
        &["--check", "c.ini"],
        Args {
            check: true,
            ..plain.clone()
        },
    );
    for user in [
        &["-u", "bob", "c.ini"][..],
        &["--user=bob", "c.ini"],
        &["c.ini", "-ubob"],
    ] {
        check(
            user,
            Args {
                user: Some("bob".to_owned()),
                ..plain.clone()
            },
        );
    }
    let long = ["--daemon", "--quiet", "--reboot", "--verbose", "c.ini"];
    check(
        &long,
        Args {
            daemon: true,
            quiet: true,
            reboot: true,
            verbose: 1,
            ..plain
        },
    );
}

#[test]
fn wrong_arguments() {
    assert_eq!(parse(&[]), Err(ErrorKind::MissingRequiredArgument));
    assert_eq!(parse(&["--nope", "c.ini"]), Err(ErrorKind::UnknownArgument));
    assert_eq!(parse(&["a.ini", "b.ini"]), Err(ErrorKind::UnknownArgument));
    assert_eq!(parse(&["-V"]), Err(ErrorKind::DisplayVersion));
    assert_eq!(parse(&["--version"]), Err(ErrorKind::DisplayVersion));
    assert_eq!(parse(&["-h"]), Err(ErrorKind::DisplayHelp));
    assert_eq!(parse(&["--help"]), Err(ErrorKind::DisplayHelp));
}
