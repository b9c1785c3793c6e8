//! The command line.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::cases::{self, Case};
use crate::peers::Kind;

pub(crate) const USAGE: &str = "\
cargo bench --bench compare -- [OPTION]...

  --cases A,B       these cases only
  --peers A,B       these programs only: gateway, nginx, haproxy, envoy
  --bin NAME=PATH   a program that is not on the path
  --rounds N        5 by default
  --scale F         so many times the operations of each round
  --markdown FILE   the tables, between the marks of a page that has them
  --svg FILE        a plot of the ratios to nginx
  --json FILE       every sample
  --test            each case once with a few operations";

pub(crate) struct Arguments {
    pub(crate) cases: Vec<Case>,
    pub(crate) peers: Vec<Kind>,
    pub(crate) programs: HashMap<Kind, PathBuf>,
    pub(crate) rounds: usize,
    pub(crate) scale: f64,
    pub(crate) markdown: Option<PathBuf>,
    pub(crate) svg: Option<PathBuf>,
    pub(crate) json: Option<PathBuf>,
    pub(crate) is_test: bool,
}

pub(crate) enum Asked {
    Run(Arguments),
    Help,
    /// A word that chooses measurements of another benchmark, which `cargo bench` gives to all.
    Another,
}

pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Asked, String> {
    let mut arguments = Arguments {
        cases: cases::all(),
        peers: Kind::ALL.to_vec(),
        programs: HashMap::new(),
        rounds: 5,
        scale: 1.0,
        markdown: None,
        svg: None,
        json: None,
        is_test: false,
    };
    let mut words = words;
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("`{word}` needs a value"));
        match word.as_str() {
            "--help" => return Ok(Asked::Help),
            "--test" => arguments.is_test = true,
            // What cargo itself says.
            "--bench" => {}
            "--cases" => arguments.cases = chosen_cases(&value()?)?,
            "--peers" => {
                arguments.peers = value()?.split(',').map(kind).collect::<Result<_, _>>()?;
            }
            "--bin" => {
                let value = value()?;
                let (name, path) = value.split_once('=').ok_or("`--bin` needs NAME=PATH")?;
                arguments.programs.insert(kind(name)?, path.into());
            }
            "--rounds" => arguments.rounds = number(&word, &value()?)?,
            "--scale" => arguments.scale = number(&word, &value()?)?,
            "--markdown" => arguments.markdown = Some(value()?.into()),
            "--svg" => arguments.svg = Some(value()?.into()),
            "--json" => arguments.json = Some(value()?.into()),
            other if other.starts_with('-') => return Err(format!("`{other}` is no option")),
            _ => return Ok(Asked::Another),
        }
    }
    if arguments.is_test {
        arguments.rounds = 1;
    }
    Ok(Asked::Run(arguments))
}

fn chosen_cases(names: &str) -> Result<Vec<Case>, String> {
    let all = cases::all();
    let find = |name| {
        let known: Vec<_> = all.iter().map(|case| case.name).collect();
        let found = all.iter().find(|case| case.name == name).cloned();
        found.ok_or(format!("`{name}` is no case; there are {}", known.join(", ")))
    };
    names.split(',').map(find).collect()
}

fn kind(name: &str) -> Result<Kind, String> {
    let found = Kind::ALL.into_iter().find(|kind| kind.key() == name);
    found.ok_or(format!("`{name}` is none of gateway, nginx, haproxy, envoy"))
}

fn number<T: std::str::FromStr + PartialOrd + Default>(
    word: &str,
    value: &str,
) -> Result<T, String> {
    let number = value.parse().ok().filter(|number| *number > T::default());
    number.ok_or(format!("`{word}` needs a number above 0, not `{value}`"))
}
