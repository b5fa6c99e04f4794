//! Session parameters: those of the database, those of the client, and what carries them.

use crate::patience::bounded;
use crate::raw::{Client, row};
use crate::site::{AS_POSTGRES, Against, POOLERS, Pool, Site};

fn show(client: &mut Client, name: &str) -> String {
    row(&client.run(&format!("Q SHOW {name}"))).to_owned()
}

#[test]
fn a_database_asks_for_parameters_and_a_client_for_others() {
    bounded(|| {
        for against in POOLERS {
            let pool = Pool::of(1)
                .on_database("client_encoding=LATIN1 datestyle='German, DMY' timezone=Asia/Tokyo");
            let site = Site::start(*against, &pool);
            let mut plain = site.client();
            assert_eq!(show(&mut plain, "client_encoding"), "LATIN1", "{against:?}");
            assert_eq!(show(&mut plain, "datestyle"), "German, DMY", "{against:?}");
            assert_eq!(show(&mut plain, "timezone"), "Asia/Tokyo", "{against:?}");
            let mut own = site
                .client_with(&[("timezone", "Europe/Berlin"), ("client_encoding", "UTF8")])
                .expect("a session");
            assert_eq!(show(&mut own, "timezone"), "Europe/Berlin", "{against:?}");
            assert_eq!(show(&mut own, "client_encoding"), "UTF8", "{against:?}");
            assert_eq!(show(&mut plain, "timezone"), "Asia/Tokyo", "{against:?}");
        }
    });
}

#[test]
fn a_database_has_an_application_name() {
    bounded(|| {
        let pool = Pool::of(1).on_database("application_name=shop");
        let site = Site::start(Against::Proxy, &pool);
        assert_eq!(show(&mut site.client(), "application_name"), "shop");
        let own = site.client_with(&[("application_name", "till")]);
        assert_eq!(
            show(&mut own.expect("a session"), "application_name"),
            "till"
        );
    });
}

#[test]
fn the_clients_address_is_added_to_its_name() {
    bounded(|| {
        for against in POOLERS {
            let pool = Pool::of(1).with("application_name_add_host", 1);
            let site = Site::start(*against, &pool);
            for (said, name) in [(&[("application_name", "till")][..], "till"), (&[], "app")] {
                let mut client = site.client_with(said).expect("a session");
                let local = client.stream().local_addr().expect("an address");
                let shown = show(&mut client, "application_name");
                assert_eq!(shown, format!("{name} - {local}"), "{against:?}");
            }
        }
    });
}

#[test]
fn options_are_taken_as_by_postgresql() {
    bounded(|| {
        for against in AS_POSTGRES {
            let site = Site::start(*against, &Pool::of(1));
            for (options, timezone, name) in [
                ("-c timezone=Asia/Tokyo", "Asia/Tokyo", ""),
                (
                    "-ctimezone=Asia/Tokyo --application-name=x",
                    "Asia/Tokyo",
                    "x",
                ),
                (r"-c application_name=a\ b", "UTC", "a b"),
                ("--TimeZone=Asia/Tokyo --timezone=UTC", "UTC", ""),
            ] {
                let client = site.client_with(&[("options", options)]);
                let mut client = client.unwrap_or_else(|heard| panic!("{options}: {heard}"));
                assert_eq!(
                    show(&mut client, "timezone"),
                    timezone,
                    "{against:?} {options}"
                );
                let shown = show(&mut client, "application_name");
                assert_eq!(shown, name, "{against:?} {options}");
            }
            let both = [
                ("timezone", "Europe/Berlin"),
                ("options", "-c timezone=UTC"),
            ];
            let mut client = site.client_with(&both).expect("a session");
            assert_eq!(
                show(&mut client, "timezone"),
                "Europe/Berlin",
                "{against:?}"
            );
        }
    });
}

#[test]
fn options_that_cannot_be_carried_are_refused_or_ignored() {
    bounded(|| {
        let site = Site::start(Against::Proxy, &Pool::of(1));
        for (options, words) in [
            (
                "-c work_mem=1MB",
                "unsupported startup parameter in options: work_mem",
            ),
            ("-d 5", "unsupported options startup parameter"),
        ] {
            let refused = site.client_with(&[("options", options)]);
            let refused = refused.err().unwrap_or_default();
            assert!(refused.contains(words), "{refused}");
        }
        for (ignored, options) in [
            ("options", "-d 5 -c timezone=Asia/Tokyo"),
            ("work_mem", "-c work_mem=1MB"),
        ] {
            let pool = Pool::of(1).with("ignore_startup_parameters", ignored);
            let site = Site::start(Against::Proxy, &pool);
            let client = site.client_with(&[("options", options)]);
            let mut client = client.unwrap_or_else(|heard| panic!("{ignored}: {heard}"));
            assert_eq!(show(&mut client, "timezone"), "UTC", "{ignored}");
            assert_eq!(show(&mut client, "work_mem"), "4MB", "{ignored}");
        }
    });
}

#[test]
fn startup_parameters_can_be_ignored() {
    bounded(|| {
        for against in POOLERS {
            let pool = Pool::of(1).with("ignore_startup_parameters", "work_mem");
            let site = Site::start(*against, &pool);
            let client = site.client_with(&[("work_mem", "1MB")]);
            let mut client = client.unwrap_or_else(|heard| panic!("{against:?}: {heard}"));
            assert_eq!(show(&mut client, "work_mem"), "4MB", "{against:?}");
        }
    });
}

#[test]
fn extra_parameters_follow_their_client() {
    const EXTRA: &str = "default_transaction_read_only";
    bounded(|| {
        let pool = Pool::of(1)
            .with("track_extra_parameters", format!("IntervalStyle, {EXTRA}"))
            .with("server_reset_dirty", 0);
        let site = Site::start(Against::Proxy, &pool);
        let (mut careful, mut other) = (site.client(), site.client());
        careful.run(&format!("Q SET {EXTRA} = on"));
        other.run("Q SET intervalstyle = 'iso_8601'");
        for _ in 0..2 {
            assert_eq!(show(&mut other, EXTRA), "off");
            assert_eq!(show(&mut careful, EXTRA), "on");
            assert_eq!(show(&mut careful, "intervalstyle"), "postgres");
            assert_eq!(show(&mut other, "intervalstyle"), "iso_8601");
        }
        let said = site.client_with(&[(EXTRA, "on")]);
        assert_eq!(show(&mut said.expect("a session"), EXTRA), "on");
    });
}

/// A parameter that is not carried any more does not reach the next client either.
#[test]
fn what_is_not_tracked_is_cleaned() {
    bounded(|| {
        let pool = Pool::of(1).with("track_extra_parameters", "");
        let site = Site::start(Against::Proxy, &pool);
        site.client().run("Q SET intervalstyle = 'iso_8601'");
        assert_eq!(show(&mut site.client(), "intervalstyle"), "postgres");
    });
}
