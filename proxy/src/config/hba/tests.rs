//! Rules as tables: which one fits, and what is refused.

use std::path::Path;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::super::ident::Maps;
use super::*;

const IDENT: &str = "crew root bob # a comment\ncrew \"dba\" all\n";

fn parse(text: &str) -> (Hba, Vec<Note>) {
    let mut errors = Vec::new();
    let maps = Maps::parse(&Arc::from(Path::new("ident")), IDENT, &mut errors);
    let hba = Hba::parse(&Arc::from(Path::new("hba")), text, &maps, &mut errors);
    (hba, errors)
}

fn tcp(address: &str, encrypted: bool) -> Origin {
    Origin::Tcp {
        address: address.parse().unwrap(),
        encrypted,
        certificate: None,
    }
}

const UNIX: Origin = Origin::Unix { user: None };

/// A session for queries.
fn session<'a>(database: &'a str, user: &'a str) -> Request<'a> {
    Request {
        database,
        user,
        replication: Replication::None,
    }
}

#[track_caller]
fn check(rules: &str, origin: &Origin, database: &str, user: &str, expected: &Method) {
    let (hba, errors) = parse(rules);
    assert_eq!(errors, []);
    assert_eq!(
        hba.method(origin, session(database, user)),
        expected,
        "{rules}"
    );
}

#[test]
fn the_first_rule_that_fits_decides() {
    use Method::*;
    let rules = "\
        local all all trust\n\
        host shop,\"all\" bob 10.0.0.0/8 md5 # the office\n\
        hostssl sameuser all 192.168.1.0 255.255.255.0 scram-sha-256\n\
        hostnossl all all 192.168.0.0/16 reject\n\
        host all \"all\" ::1/128 password\n\
        host all eve all reject\n";
    check(rules, &UNIX, "x", "y", &Trust);
    check(rules, &tcp("10.1.2.3", false), "shop", "bob", &Md5);
    check(rules, &tcp("10.1.2.3", true), "all", "bob", &Md5);
    check(rules, &tcp("10.1.2.3", true), "store", "bob", &Reject);
    check(rules, &tcp("11.1.2.3", true), "shop", "bob", &Reject);
    check(rules, &tcp("192.168.1.9", true), "bob", "bob", &ScramSha256);
    check(rules, &tcp("192.168.2.9", true), "bob", "bob", &Reject);
    check(rules, &tcp("::1", false), "x", "all", &Password);
    check(rules, &tcp("::1", false), "x", "bob", &Reject);
    check("", &UNIX, "x", "y", &Reject);
    check(
        "host all all 0.0.0.0/0 trust",
        &tcp("9.9.9.9", false),
        "x",
        "y",
        &Trust,
    );
    check(
        "host all all 0.0.0.0/0 trust",
        &tcp("::1", false),
        "x",
        "y",
        &Reject,
    );
}

/// By the manual's page on pg_hba.conf: `all` is no physical replication, `replication` is nothing
/// else, and logical replication is of a database.
#[test]
fn replication_has_a_word_of_its_own() {
    let rules = "local replication all reject\nlocal \"replication\" all md5\n\
                 local sameuser bob password\nlocal all all trust";
    let (hba, errors) = parse(rules);
    assert_eq!(errors, []);
    let method = |database, user, replication| {
        let request = Request {
            replication,
            ..session(database, user)
        };
        hba.method(&UNIX, request).clone()
    };
    use Replication::{Logical, Physical};
    for database in ["shop", "bob", "replication"] {
        assert_eq!(method(database, "bob", Physical), Method::Reject);
    }
    for replication in [Replication::None, Logical] {
        assert_eq!(method("shop", "bob", replication), Method::Trust);
        assert_eq!(method("bob", "bob", replication), Method::Password);
        assert_eq!(method("replication", "eve", replication), Method::Md5);
    }
    let (hba, _) = parse("local all,shop,sameuser all trust");
    let physical = Request {
        replication: Physical,
        ..session("shop", "shop")
    };
    assert_eq!(hba.method(&UNIX, physical), &Method::Reject);
    let (hba, _) = parse("local shop,replication all trust");
    assert_eq!(hba.method(&UNIX, physical), &Method::Trust);
}

#[test]
fn maps() {
    let (hba, errors) = parse("local all all peer map=crew\nhostssl all all all cert");
    assert_eq!(errors, []);
    let Method::Peer(map) = hba.method(&UNIX, session("x", "y")) else {
        panic!("a peer rule");
    };
    assert!(map.lets("root", "bob") && map.lets("dba", "anybody"));
    assert!(!map.lets("root", "root") && !map.lets("bob", "bob"));
    let Method::Cert(map) = hba.method(&tcp("::1", true), session("x", "y")) else {
        panic!("a cert rule");
    };
    assert!(map.lets("bob", "bob") && !map.lets("bob", "eve"));
}

#[track_caller]
fn check_errors(text: &str, expected: &Expect) {
    let (_, errors) = parse(text);
    let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
    expected.assert_eq(&errors.join("\n"));
}

#[test]
fn what_is_not_understood_is_an_error_with_its_place() {
    check_errors(
        "hots all all all trust\nhost\nhost all all 10.0.0.0/33 trust\n\
         host all all example.com trust\nhost all +crew all trust\nhost samerole all all trust\n\
         host all all all ldap\nhost all all 10.0.0.0 255.0.255.0 md5\nlocal all all cert\n\
         host all all all peer\nlocal all all peer map=nobody\nhost all all all md5 map=crew\n\
         host all \"bob all trust\nhost @file all all trust\nhost a, b c d\nhost all all all",
        &expect![[r#"
            hba:13:10: expected a second " on this line
            hba:1:1: expected local, host, hostssl or hostnossl, got "hots"
            hba:2:1: expected a database, or all after "host", got the end of the line
            hba:3:14: expected at most 32 bits, got "10.0.0.0/33"
            hba:4:14: expected an address, ADDRESS/BITS or all, got "example.com"
            hba:5:10: expected a user and not a group, which only PostgreSQL knows, got "+crew"
            hba:6:6: expected a database, all or sameuser, got "samerole"
            hba:7:18: expected trust, reject, password, md5, scram-sha-256, peer, cert or pam, got "ldap"
            hba:8:23: expected a mask of the address's kind, as 255.255.0.0, got "255.0.255.0"
            hba:9:15: expected cert on hostssl lines only, got "cert"
            hba:10:18: expected peer on local lines only, got "peer"
            hba:11:20: expected map= and a map of auth_ident_file, got "map=nobody"
            hba:12:22: expected no option but map=NAME of peer and cert, got "map=crew"
            hba:14:6: expected a name itself, got "@file"
            hba:15:13: expected an address, ADDRESS/BITS or all, got "d"
            hba:16:14: expected a method after "all", got the end of the line"#]],
    );
}

#[test]
fn pam_is_for_builds_that_have_it() {
    let expected = if cfg!(feature = "pam") {
        ""
    } else {
        "hba:1:18: expected a method that this build has (pam comes with --features pam), got \"pam\""
    };
    let (_, errors) = parse("host all all all pam");
    let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(errors.join("\n"), expected);
}

proptest! {
    #[test]
    fn any_text_is_read(text in "(?s)[a-z\"#,/@+ 0-9.:\n]{0,200}") {
        parse(&text);
        Maps::parse(&Arc::from(Path::new("ident")), &text, &mut Vec::new());
    }
}
