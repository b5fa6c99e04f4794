use std::{collections::BTreeMap, fmt::Write, time::Duration};

use super::{
    BUILTINS, Identity, Keeps, Machine, Next, Piece, Program, Random, Setting, Value, Variable,
};
use crate::workload::{Protocol, Returns};

fn read(text: &str, variables: &[(&str, i64)]) -> Result<Program, String> {
    let variables: BTreeMap<_, _> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Variable::Int(*value)))
        .collect();
    let setting = Setting {
        protocol: Protocol::Extended,
        variables: &variables,
    };
    Program::read(text, "f", setting).map_err(|problems| {
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        lines.join("\n")
    })
}

fn begin(program: &Program) -> Machine {
    let mut machine = Machine::new(Random::new(3));
    let who = Identity {
        client: 12,
        seed: 99,
    };
    machine.begin(program, who);
    machine
}

/// The SQL with values for variables, as protocol simple sends it.
fn sql(program: &Program, machine: &Machine, ask: usize) -> String {
    let pieces = program.asks[ask].sql.iter().map(|piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Nonce => "NONCE".to_owned(),
        Piece::Value(slot) => machine
            .value(*slot)
            .map_or_else(|| format!(":{}", program.name(*slot)), Value::to_string),
    });
    pieces.collect()
}

/// Everything that a run of the script asks for, in order; every answer is one row with a column.
fn run(text: &str) -> String {
    let program = read(text, &[]).unwrap_or_else(|why| panic!("{why}"));
    let mut machine = begin(&program);
    let mut log = String::new();
    loop {
        let next = match machine.next(&program) {
            Ok(next) => next,
            Err((fault, line)) => {
                write!(log, "[{}: {fault}]", program.place(line)).unwrap();
                return log;
            }
        };
        match next {
            Next::Done => return log,
            Next::Ask(ask) => {
                write!(log, "{};", sql(&program, &machine, ask)).unwrap();
                let row = [("n", Some("5".to_owned())), ("none", None)].into_iter();
                machine.keep(&program, &program.asks[ask].keeps, row);
            }
            Next::Sleep(time) => write!(log, "{time:?};").unwrap(),
            Next::StartPipeline => log.push('<'),
            Next::SyncPipeline => log.push('|'),
            Next::EndPipeline => log.push('>'),
        }
    }
}

#[test]
fn scripts_are_run_step_by_step() {
    let check = |script: &str, expected: &str| assert_eq!(run(script), expected, "{script}");
    check(
        "\\set a 1 + 2\nSELECT :a, ::a, a::int;\n",
        "SELECT 3, ::a, a::int;",
    );
    check("SELECT 1;\nSELECT 2", "SELECT 1;SELECT 2;");
    check("-- hello\n\nSELECT 1;  -- more\n", "SELECT 1;");
    check("SELECT 1\\; SELECT 2;", "SELECT 1; SELECT 2;");
    check("SELECT ';' || $$;$$;", "SELECT ';' || $$;$$;");
    check("SELECT '12:30', :client_id, :b;", "SELECT '12:30', 12, :b;");
    check("\\set a 2 \\\n * 3\nSELECT :a;", "SELECT 6;");
    check(
        "\\sleep 5 ms\nSELECT 1;\\sleep 2\n\\sleep 10us",
        "5ms;SELECT 1;2s;10µs;",
    );
    check("\\set t 3\nSELECT 1;\n\\sleep :t ms", "SELECT 1;3ms;");
    check(
        "SELECT 1 AS n \\gset\nSELECT :n + 1;",
        "SELECT 1 AS n;SELECT 5 + 1;",
    );
    check(
        "SELECT 1 AS n \\gset p_\n\\set x :p_n * 2\nSELECT :x, :n;",
        "SELECT 1 AS n;SELECT 10, :n;",
    );
    check("SELECT 1 AS n\\aset\nSELECT :n;", "SELECT 1 AS n;SELECT 5;");
    check(
        "SELECT NULL AS none \\gset\nSELECT :none;",
        "SELECT NULL AS none;SELECT NULL;",
    );
    check(
        "\\startpipeline\nSELECT 1;\n\\syncpipeline\nSELECT 2;\n\\endpipeline\n",
        "<SELECT 1;|SELECT 2;>",
    );
    check("\\set a 1 / 0\nSELECT 1;", "[f:1: division by zero]");
    check("SELECT :scale, :random_seed;", "SELECT 1, 99;");
}

#[test]
fn branches_are_taken_as_their_conditions_say() {
    let script = |a: i32| {
        format!(
            "\\set a {a}\n\\if :a = 1\nSELECT 1;\n\\elif :a = 2\nSELECT 2;\n\\if true\nSELECT 22;\n\
             \\endif\n\\else\nSELECT 3;\n\\endif\nSELECT 4;"
        )
    };
    assert_eq!(run(&script(1)), "SELECT 1;SELECT 4;");
    assert_eq!(run(&script(2)), "SELECT 2;SELECT 22;SELECT 4;");
    assert_eq!(run(&script(7)), "SELECT 3;SELECT 4;");
    assert_eq!(run("\\if 0\nSELECT 1;\n\\endif\nSELECT 2;"), "SELECT 2;");
}

#[test]
fn what_is_outside_of_the_subset_has_file_line_and_column() {
    let check = |script: &str, why: &str| {
        assert_eq!(read(script, &[]).unwrap_err(), why, "{script}");
    };
    check(
        "SELECT 1;\n  \\shell ls",
        "f:2:3: expected a command of the subset (\\set, \\sleep, \\gset, \\aset, \\if, \\elif, \\else, \\endif, \\startpipeline, \\syncpipeline, \\endpipeline), got \\shell",
    );
    check(
        "\\set 1a 2\nSELECT 1;",
        "f:1:6: expected a variable's name, got \"1a\"",
    );
    check(
        "\\set a 1 +\nSELECT 1;",
        "f:1:11: expected a number, a variable, a function or \"(\", got the end",
    );
    check(
        "SELECT 1;\n\\if true\n",
        "f:2:1: expected \\endif for this \\if, got none",
    );
    check(
        "SELECT 1;\n\\else\n",
        "f:2:1: expected \\if before \\else, got none",
    );
    check(
        "\\if true\nSELECT 1;\n\\else\n\\else\n\\endif",
        "f:4:1: expected \\endif after \\else, got \\else",
    );
    check(
        "\\gset\nSELECT 1;",
        "f:1:1: expected a statement before \\gset or \\aset, got none",
    );
    check(
        "SELECT 1;\n\\endpipeline",
        "f:2:1: expected \\startpipeline before this, got none",
    );
    check(
        "\\startpipeline\nSELECT 1 \\gset\n\\endpipeline",
        "f:2:10: \\gset and \\aset are not allowed in a pipeline",
    );
    check(
        "COPY a FROM STDIN;",
        "f:1:1: COPY is outside of the subset of scripts; write it as a statement of the scenario, with its data",
    );
    check(
        "\\sleep x y\nSELECT 1;",
        "f:1:7: expected \\sleep NUMBER with us, ms or s, got \"x y\"",
    );
    check(
        "-- nothing",
        "f:1:1: expected a script with a statement, got none",
    );
}

#[test]
fn a_row_is_held_against_the_nonce_that_is_selected_first() {
    let returns = |script: &str| read(script, &[]).unwrap().asks[0].returns.clone();
    assert_eq!(returns("SELECT :nonce, 1;"), Returns::EachNonce);
    assert_eq!(returns("SELECT 1, :nonce;"), Returns::Anything);
}

#[test]
fn the_built_in_scripts_are_read() {
    let shapes = BUILTINS.map(|(name, text)| {
        let program = read(text, &[("scale", 10)]).unwrap();
        let mut machine = begin(&program);
        let mut asked = 0;
        while machine.next(&program).unwrap() != Next::Done {
            asked += 1;
        }
        assert!(program.asks.iter().all(|ask| ask.keeps == Keeps::Nothing));
        (name, asked)
    });
    assert_eq!(
        shapes,
        [("tpcb-like", 7), ("simple-update", 5), ("select-only", 1)]
    );
}

#[test]
fn the_same_seed_draws_the_same_numbers() {
    let text = "\\set a random(1, 1000000)\nSELECT :a;";
    assert_eq!(run(text), run(text));
    let program = read("\\sleep 1 ms\nSELECT 1;", &[]).unwrap();
    let mut machine = begin(&program);
    assert_eq!(
        machine.next(&program),
        Ok(Next::Sleep(Duration::from_millis(1)))
    );
}

proptest::proptest! {
    #[test]
    fn any_script_is_read_or_refused(text in "[ -~\n\\\\;:'\"$äß]{0,80}") {
        if let Ok(program) = read(&text, &[]) {
            let mut machine = begin(&program);
            while let Ok(next) = machine.next(&program) {
                if next == Next::Done { break }
            }
        }
    }
}
