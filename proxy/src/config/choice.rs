//! Settings that take one word out of a few.

use super::value::{Expected, Value};

macro_rules! choice {
    (
        $(#[$meta:meta])*
        $Choice:ident, $expected:literal {
            $( $(#[$variant_meta:meta])* $Variant:ident = $word:literal ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $Choice { $( $(#[$variant_meta])* $Variant ),* }

        impl $Choice {
            /// The word for it in the configuration file.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$Variant => $word ),* }
            }
        }

        impl Value for $Choice {
            fn parse(text: &str) -> Result<Self, Expected> {
                $( if text.eq_ignore_ascii_case($word) { return Ok(Self::$Variant); } )*
                Err(Expected::new($expected))
            }

            fn show(&self) -> String {
                self.as_str().to_owned()
            }
        }
    };
}

choice! {
    /// When a server goes back to its pool.
    PoolMode, "session, transaction or statement" {
        /// When the client leaves.
        Session = "session",
        /// When the transaction ends.
        Transaction = "transaction",
        /// When the statement ends; transactions of several statements are refused.
        Statement = "statement",
    }
}

choice! {
    /// How clients prove who they are.
    AuthType, "trust, any, plain, md5, scram-sha-256, cert, hba, pam or ldap" {
        /// Not at all, but the user must be listed.
        Trust = "trust",
        /// Not at all, and the user name is ignored.
        Any = "any",
        /// The password itself crosses the wire.
        Plain = "plain",
        /// MD5 with a salt, or SCRAM for users whose stored secret is one.
        Md5 = "md5",
        /// SCRAM-SHA-256.
        ScramSha256 = "scram-sha-256",
        /// A client certificate.
        Cert = "cert",
        /// As `auth_hba_file` says.
        Hba = "hba",
        /// The system's PAM.
        Pam = "pam",
        /// An LDAP directory.
        Ldap = "ldap",
    }
}

choice! {
    /// Whether a connection is encrypted, and what of the other side's certificate is checked.
    SslMode, "disable, allow, prefer, require, verify-ca or verify-full" {
        /// Never encrypted.
        Disable = "disable",
        /// Encrypted if the other side asks for it.
        Allow = "allow",
        /// Encrypted if the other side can.
        Prefer = "prefer",
        /// Encrypted or not at all.
        Require = "require",
        /// Encrypted, certificate signed by the known authority.
        VerifyCa = "verify-ca",
        /// As `verify-ca`, and the certificate names the host.
        VerifyFull = "verify-full",
    }
}

choice! {
    /// How the hosts of one database share its new connections.
    LoadBalanceHosts, "disable or round-robin" {
        /// The first that answers.
        Disable = "disable",
        /// Each in its turn.
        RoundRobin = "round-robin",
    }
}

choice! {
    /// What a line of the log looks like.
    LogFormat, "text or json" {
        /// As PgBouncer writes it.
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }
}

choice! {
    /// Which part of the system syslog is told that a line comes from.
    Facility, "auth, authpriv, daemon, user or local0 to local7" {
        /// Security.
        Auth = "auth",
        /// Security, not for everybody's eyes.
        AuthPriv = "authpriv",
        /// Services.
        Daemon = "daemon",
        /// Programs of users.
        User = "user",
        /// The site's own.
        Local0 = "local0",
        /// The site's own.
        Local1 = "local1",
        /// The site's own.
        Local2 = "local2",
        /// The site's own.
        Local3 = "local3",
        /// The site's own.
        Local4 = "local4",
        /// The site's own.
        Local5 = "local5",
        /// The site's own.
        Local6 = "local6",
        /// The site's own.
        Local7 = "local7",
    }
}

choice! {
    /// A version of PostgreSQL's protocol.
    ProtocolVersion, "3.0 or 3.2" {
        /// Every server's.
        V3_0 = "3.0",
        /// With longer cancel keys; a server without it negotiates.
        V3_2 = "3.2",
    }
}
