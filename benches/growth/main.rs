//! How the gateway's cost grows: with connections, sites, CAs in one bundle, entries of a revocation list, and bytes of
//! headers. The built gateway is a process of its own with one worker on one processor, app and load are on another,
//! and a figure is the processor time of the gateway for an exact number of operations. `docs/performance.md` has the
//! tables and what they mean.
//!
//! ```sh
//! cargo bench --bench growth                        # all tables, a few minutes after the build
//! cargo bench --bench growth -- --only sites,lists  # these; --help has all options
//! cargo bench --bench growth -- --test              # each once with little, to see that it runs
//! ```

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot be set up has nothing else to say")]
#![allow(clippy::panic, reason = "the same")]
#![allow(clippy::disallowed_macros, reason = "it prints its figures")]
#![allow(clippy::disallowed_methods, reason = "memory gives no sign when it has settled")]

mod authorities;
#[path = "../gateway/big_list.rs"]
#[allow(dead_code, reason = "the serial numbers are for the other benchmark")]
mod big_list;
mod connections;
mod headers;
mod lists;
#[path = "../load/mod.rs"]
mod load;
#[path = "../compare/machine.rs"]
mod machine;
mod sites;
mod stage;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use machine::Machine;
use stage::Stage;
use table::Table;

const USAGE: &str = "\
cargo bench --bench growth -- [OPTION]...

  --only A,B        these tables only: connections, sites, authorities, lists, headers
  --rounds N        9 by default
  --markdown FILE   each table between its marks of a page that has them
  --test            each once with little";

type Measure = fn(&Stage) -> Table;

const TABLES: [(&str, Measure); 5] = [
    ("connections", connections::table),
    ("sites", sites::table),
    ("authorities", authorities::table),
    ("lists", lists::table),
    ("headers", headers::table),
];

struct Arguments {
    tables: Vec<(&'static str, Measure)>,
    rounds: usize,
    markdown: Option<PathBuf>,
    is_test: bool,
}

enum Asked {
    Run(Arguments),
    Help,
    /// A word that chooses measurements of another benchmark, which `cargo bench` gives to all.
    Another,
}

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(Asked::Run(arguments)) => arguments,
        Ok(Asked::Another) => return ExitCode::SUCCESS,
        Ok(Asked::Help) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("growth: {error}\n\n{USAGE}");
            return ExitCode::FAILURE;
        }
    };
    load::descriptors();
    let stage = Stage::set_up(arguments.rounds, arguments.is_test);
    for (name, measure) in arguments.tables {
        let began = Instant::now();
        let machine = Machine::look(&stage.cores);
        let mut table = measure(&stage);
        let Machine { processor, cores, kernel, load_before } = machine;
        let (rounds, seconds) = (stage.rounds, began.elapsed().as_secs());
        table.machine = format!(
            "{processor}, {cores} of them, Linux {kernel}; {rounds} rounds in {seconds} s, load average \
             {load_before:.1} before and {:.1} after.",
            machine::load()
        );
        println!("{}", table.markdown());
        if let Some(path) = &arguments.markdown {
            table.put(path, name);
        }
    }
    ExitCode::SUCCESS
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Asked, String> {
    let mut arguments =
        Arguments { tables: TABLES.to_vec(), rounds: 9, markdown: None, is_test: false };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("`{word}` needs a value"));
        match word.as_str() {
            "--help" => return Ok(Asked::Help),
            "--test" => arguments.is_test = true,
            // What cargo itself says.
            "--bench" => {}
            "--only" => arguments.tables = chosen(&value()?)?,
            "--rounds" => {
                let number = value()?.parse().ok().filter(|rounds| *rounds > 0);
                arguments.rounds = number.ok_or("`--rounds` needs a number above 0")?;
            }
            "--markdown" => arguments.markdown = Some(value()?.into()),
            other if other.starts_with('-') => return Err(format!("`{other}` is no option")),
            _ => return Ok(Asked::Another),
        }
    }
    if arguments.is_test {
        arguments.rounds = 1;
    }
    Ok(Asked::Run(arguments))
}

fn chosen(names: &str) -> Result<Vec<(&'static str, Measure)>, String> {
    let find = |name| {
        let found = TABLES.into_iter().find(|(known, _)| *known == name);
        found.ok_or(format!(
            "`{name}` is no table; there are {}",
            TABLES.map(|one| one.0).join(", ")
        ))
    };
    names.split(',').map(find).collect()
}
