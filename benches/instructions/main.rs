//! How many instructions a request, a connection and their steps take, as valgrind counts them: the same in every run,
//! whatever else the machine does, so that more than a budget allows is a failure. `docs/performance.md` has the
//! figures and what to do then.
//!
//! ```sh
//! cargo bench --bench instructions                      # all, compared with budget.toml beside this file
//! cargo bench --bench instructions -- h1                # what has a word in its name
//! cargo bench --bench instructions -- --callers h1      # and where its instructions go, function by function
//! UPDATE_BUDGET=1 cargo bench --bench instructions      # writes the budget anew; with a word, the lines of that
//! ```

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot be set up has nothing else to say")]
#![allow(clippy::panic, reason = "the same")]
#![allow(clippy::disallowed_macros, reason = "it prints its figures")]
#![allow(
    clippy::disallowed_methods,
    reason = "a process gives no sign that its memory has settled"
)]

#[path = "../gateway/big_list.rs"]
mod big_list;
mod budget;
mod callers;
mod callgrind;
#[path = "../gateway/certificates.rs"]
mod certificates;
mod client;
#[allow(dead_code, reason = "what only the measuring of memory needs")]
#[path = "../idle/client.rs"]
mod connect;
#[path = "../gateway/exchange.rs"]
mod exchange;
mod exchanges;
#[path = "../load/mod.rs"]
mod load;
mod steps;

use std::env;
use std::process::ExitCode;

use budget::{Budget, Standing, grouped};
use callgrind::Callgrind;
use exchanges::EXCHANGES;
use steps::STEPS;

/// One line of the table.
struct Row {
    name: &'static str,
    /// How far a figure may be off its budget. Most steps are the same in every run; random serial numbers and the
    /// thread that writes the access log moved theirs by 1 %, and so did sockets those of requests, on a machine with
    /// much else to do. Another kernel may cut what is read otherwise.
    tolerance_percent: u64,
    measure: Box<dyn Fn() -> u64>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [first, step, ..] = &arguments[..]
        && first == steps::ALONE
    {
        steps::alone(step);
        return ExitCode::SUCCESS;
    }
    if arguments.iter().any(|argument| argument == "--test") {
        // Nothing is learnt from less than all of it, which is a step of its own in CI.
        return ExitCode::SUCCESS;
    }
    let words: Vec<_> = arguments
        .iter()
        .filter(|argument| !argument.starts_with("--"))
        .map(|word| word.to_lowercase())
        .collect();
    let is_meant = |name: &str| {
        let name = name.to_lowercase();
        words.is_empty() || words.iter().any(|word| name.contains(word))
    };
    let rows = rows();
    let meant: Vec<_> = rows.iter().filter(|row| is_meant(row.name)).collect();
    if meant.is_empty() {
        // The words are for another benchmark.
        return ExitCode::SUCCESS;
    }
    if !has_avx2() {
        // Nobody can help it, so that CI does not fail.
        eprintln!("!! SKIPPED (instructions): the budget is for x86-64 with AVX2");
        return ExitCode::SUCCESS;
    }
    if let Some(why) = Callgrind::missing() {
        eprintln!("!! SKIPPED (instructions): {why}");
        return match env::var_os("CI") {
            Some(_) => ExitCode::FAILURE,
            None => ExitCode::SUCCESS,
        };
    }
    let shows_callers = arguments.iter().any(|argument| argument == "--callers");
    let mut budget = Budget::read();
    let standings = measure(&meant, &budget, shows_callers);
    if env::var_os("UPDATE_BUDGET").is_some() {
        for (row, measured, _) in &standings {
            budget.set(row.name, *measured);
        }
        budget.write(&rows.iter().map(|row| row.name).collect::<Vec<_>>());
        return ExitCode::SUCCESS;
    }
    judge(&standings)
}

/// Whether valgrind shows programs the processor that they were counted on, which is one and the same wherever the real
/// one can do that.
fn has_avx2() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx2");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

fn rows() -> Vec<Row> {
    let steps = STEPS.iter().map(|step| Row {
        name: step.name,
        tolerance_percent: 3,
        measure: Box::new(|| step.measure()),
    });
    let exchanges = EXCHANGES.iter().map(|exchange| Row {
        name: exchange.name,
        tolerance_percent: 5,
        measure: Box::new(|| exchange.measure()),
    });
    steps.chain(exchanges).collect()
}

/// Measures and prints.
fn measure<'a>(
    rows: &[&'a Row],
    budget: &Budget,
    shows_callers: bool,
) -> Vec<(&'a Row, u64, Standing)> {
    const HEAD: &str = "| step | budget | measured | difference |\n|---|---|---|---|";
    println!("{HEAD}");
    let mut standings = Vec::new();
    for row in rows {
        let measured = (row.measure)();
        let (expected, difference) = match budget.of(row.name) {
            Some(budget) => {
                let percent = (measured as f64 / budget as f64 - 1.0) * 100.0;
                (grouped(budget), format!("{percent:+.1} %"))
            }
            None => ("none".to_owned(), String::new()),
        };
        println!("| {} | {expected} | {} | {difference} |", row.name, grouped(measured));
        if shows_callers {
            callers::print(&Callgrind::new(row.name).calls(), measured);
        }
        let standing = budget.standing(row.name, measured, row.tolerance_percent);
        standings.push((*row, measured, standing));
    }
    standings
}

/// Says what is to be done, and fails where a budget is not kept.
fn judge(standings: &[(&Row, u64, Standing)]) -> ExitCode {
    const BENCH: &str = "cargo bench --bench instructions";
    let mut code = ExitCode::SUCCESS;
    for (Row { name, tolerance_percent, .. }, _, standing) in standings {
        match standing {
            Standing::Kept => {}
            Standing::Loose => eprintln!(
                "!! `{name}` takes over {tolerance_percent} % less than its budget: lower it, \
                 `UPDATE_BUDGET=1 {BENCH} -- '{name}'`"
            ),
            Standing::Exceeded => {
                code = ExitCode::FAILURE;
                eprintln!(
                    "!! TOO MUCH: `{name}` takes over {tolerance_percent} % more than its budget: see where, \
                     `{BENCH} -- --callers '{name}'`; if it is worth it, `UPDATE_BUDGET=1 {BENCH} -- '{name}'`"
                );
            }
            Standing::Unknown => {
                code = ExitCode::FAILURE;
                eprintln!(
                    "!! NO BUDGET: `{name}` is not in budget.toml: `UPDATE_BUDGET=1 {BENCH} -- '{name}'`"
                );
            }
        }
    }
    code
}
