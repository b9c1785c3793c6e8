//! Where the instructions of a step go: its functions, each with all that it calls.

use std::path::Path;
use std::process::Command;

/// How many functions are shown.
const SHOWN: usize = 60;

/// Prints the shares of functions in the `measured` instructions of a step.
pub(crate) fn print(calls: &Path, measured: u64) {
    let output = Command::new("callgrind_annotate")
        .args(["--inclusive=yes", "--auto=no", "--show-percs=no", "--threshold=100"])
        .arg(calls)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let mut rows = text.lines().filter_map(row);
    let total = rows.next().map_or(1, |(count, _)| count);
    println!("\n| instructions | share | function, with what it calls |\n|---|---|---|");
    for (count, function) in rows.take(SHOWN) {
        let each = u128::from(measured) * u128::from(count) / u128::from(total);
        let share = count as f64 * 100.0 / total as f64;
        println!("| {each} | {share:.1} % | `{function}` |");
    }
    println!("\nAll of them: callgrind_annotate --inclusive=yes {}\n", calls.display());
}

/// A count and what has it: the whole, in the first such line, or `FILE:FUNCTION [OBJECT]`.
fn row(line: &str) -> Option<(u64, String)> {
    let (count, what) = line.trim_start().split_once(' ')?;
    let count = count.replace(',', "").parse().ok()?;
    let what = what.trim();
    let what = what.rsplit_once(" [").map_or(what, |(what, _)| what);
    let Some((file, function)) = what.split_once(':') else {
        return Some((count, what.to_owned()));
    };
    let from = file.rmatch_indices('/').nth(2).map_or(0, |(at, _)| at + 1);
    Some((count, format!("{function}` in `{}", &file[from..])))
}
