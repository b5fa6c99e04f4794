#![no_main]
//! Answers to a challenge, one after the other; the first byte says of which kind, and where the
//! first answer ends.

use libfuzzer_sys::fuzz_target;
use poolproof_proxy::auth::verifier::{Step, Subject, Verifier};
use poolproof_proxy::config::AuthType;

fuzz_target!(|input: &[u8]| {
    let Some((kind, answers)) = input.split_first() else {
        return;
    };
    let auth_type = match kind % 3 {
        0 => AuthType::Plain,
        1 => AuthType::Md5,
        _ => AuthType::ScramSha256,
    };
    let Ok((mut verifier, _)) = Verifier::begin(auth_type, Subject::new("bob", None), 1) else {
        return;
    };
    let (first, second) = answers.split_at(usize::from(kind / 3).min(answers.len()));
    for answer in [first, second] {
        match verifier.answer(answer) {
            Ok(Step::Ask(next, _)) => verifier = next,
            Ok(Step::Granted(_)) => panic!("a stranger is let in"),
            Ok(Step::Denied(_)) | Err(_) => return,
        }
    }
});
