//! Users whom PAM knows, on both poolers. `libpam_wrapper` has them read the rules of a test's own
//! folder in place of `/etc/pam.d`, and its module `pam_matrix` takes users from a file.

use std::fs;
use std::path::PathBuf;

use super::clients::{Answer, tokio_postgres};
use super::poolers::Target;
use super::roles::{self, PASSWORD};
use crate::cluster::{APP, Guardian, hand_over, private_folder};
use crate::patience::bounded;
use crate::site::{Against, POOLER_PROCESSES, Pool, Site};

/// A folder with the rules of the service `pgbouncer`, removed in the end.
struct Rules {
    folder: PathBuf,
    _guardian: Guardian,
}

impl Rules {
    /// `users` are lines `NAME:PASSWORD:SERVICE`.
    fn new(users: &str) -> Self {
        let folder = private_folder();
        let guardian = Guardian::watch(&folder, &folder.join("pid"));
        let module = library("pam_wrapper/pam_matrix.so");
        let rule = |kind: &str| {
            let (module, folder) = (module.display(), folder.display());
            format!("{kind} required {module} passdb={folder}/users\n")
        };
        let rules = rule("auth") + &rule("account");
        fs::create_dir(folder.join("services")).expect("make a folder");
        hand_over(&folder.join("services"));
        let made = Self {
            folder,
            _guardian: guardian,
        };
        made.write("services/pgbouncer", &rules);
        made.write("users", users);
        made
    }

    /// Puts a file beside the rules.
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        fs::write(&path, text).expect("write a file");
        hand_over(&path);
        path
    }

    /// `pool` of a pooler that goes by these rules.
    fn of(&self, pool: Pool) -> Pool {
        let wrapper = library("libpam_wrapper.so");
        pool.in_environment("LD_PRELOAD", wrapper.display())
            .in_environment("PAM_WRAPPER", 1)
            .in_environment(
                "PAM_WRAPPER_SERVICE_DIR",
                self.folder.join("services").display(),
            )
    }
}

/// Where the system keeps the library `name`.
fn library(name: &str) -> PathBuf {
    let inside = fs::read_dir("/usr/lib").expect("read /usr/lib");
    let inside = inside.map(|entry| entry.expect("read /usr/lib").path());
    let mut folders = ["/usr/lib", "/usr/lib64"]
        .map(PathBuf::from)
        .into_iter()
        .chain(inside);
    let found = folders.find_map(|folder| Some(folder.join(name)).filter(|path| path.exists()));
    found.unwrap_or_else(|| panic!("{name} is missing: is libpam-wrapper installed?"))
}

/// What `libpam_wrapper` made for a process, removed in the end: one that is killed, or is somebody
/// else by then, leaves it.
struct Leavings {
    pid: String,
}

impl Drop for Leavings {
    fn drop(&mut self) {
        let folders = fs::read_dir("/tmp").into_iter().flatten().flatten();
        for folder in folders.map(|entry| entry.path()) {
            let named = folder.file_stem().is_some_and(|stem| stem == "pam");
            let owner = fs::read_to_string(folder.join("pid")).unwrap_or_default();
            if named && owner.trim_matches(['\0', '\n', ' ']) == self.pid {
                let _ = fs::remove_dir_all(&folder);
            }
        }
    }
}

/// A pooler's process that asks PAM.
struct Asking {
    site: Site,
    _leavings: Leavings, // dropped after the process
}

impl Asking {
    fn start(against: Against, pool: &Pool) -> Self {
        let site = Site::start(against, pool);
        let pid = fs::read_to_string(site.folder().join("pid")).expect("read the pidfile");
        let pid = pid.trim().to_owned();
        Self {
            site,
            _leavings: Leavings { pid },
        }
    }

    fn login(&self, user: &str, password: &str) -> Answer {
        let target = Target {
            address: self.site.address(),
            user: user.to_owned(),
            database: self.site.database().to_owned(),
        };
        tokio_postgres(&target, password)
    }
}

#[test]
fn pam_says_who_is_let_in_and_its_password_opens_servers() {
    bounded(|| {
        roles::create();
        // None of them is in auth_file.
        let rules = Rules::new(&format!(
            "login_scram:{PASSWORD}:pgbouncer\n\
             login_clear:{PASSWORD}:elsewhere\n\
             login_md5:another:pgbouncer\n"
        ));
        let settings = Pool::of(1).with("auth_type", "pam");
        let pool = rules.of(settings.with("server_login_retry", 0));
        for against in POOLER_PROCESSES {
            let pooler = Asking::start(*against, &pool);
            let known = || pooler.login("login_scram", PASSWORD);
            assert_eq!(known(), Answer::of("login_scram"), "{against:?}");
            let failed = "PAM authentication failed";
            let empty = "empty password returned by client";
            for (user, password, words) in [
                ("login_scram", "falsch", failed),
                ("login_scram", "", empty),
                // Of another service.
                ("login_clear", PASSWORD, failed),
                ("stranger", PASSWORD, failed),
                // In auth_file, and not known to PAM.
                (APP, "something", failed),
                // PAM lets it in, and PostgreSQL does not.
                (
                    "login_md5",
                    "another",
                    "password authentication failed for user \"login_md5\"",
                ),
            ] {
                let answer = pooler.login(user, password);
                assert_eq!(answer.words(), words, "{against:?} {user}");
                if *against == Against::ProxyProcess {
                    assert_eq!(answer.code(), Some("28P01"), "{user}");
                }
            }
            assert_eq!(known(), Answer::of("login_scram"), "{against:?}");
        }
    });
}

#[test]
fn a_rule_may_ask_pam() {
    bounded(|| {
        roles::create();
        let rules = Rules::new(&format!("login_scram:{PASSWORD}:pgbouncer\n"));
        let lines = format!("host all login_scram 127.0.0.1/32 pam\nhost all {APP} all trust\n");
        let hba = rules.write("hba", &lines);
        let settings = Pool::of(1).with("auth_type", "hba");
        let pool = rules.of(settings.with("auth_hba_file", hba.display()));
        // PgBouncer 1.18 knows no such rule.
        let pooler = Asking::start(Against::ProxyProcess, &pool);
        let (right, wrong) = (
            pooler.login("login_scram", PASSWORD),
            pooler.login("login_scram", "falsch"),
        );
        assert_eq!(right, Answer::of("login_scram"));
        assert_eq!(wrong.words(), "PAM authentication failed");
        assert_eq!(pooler.login(APP, ""), Answer::of(APP));
    });
}
