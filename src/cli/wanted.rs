//! Which statistics `stats` prints: `--statistic`, all if it is not given.

use anyhow::{Result, bail};
use clap::Args;

use crate::analysis::statistics::{self, Parts};
use crate::trace::Document;

#[derive(Args, Debug)]
pub struct WantedStatistics {
    /// This statistic alone, or all whose names begin so (`mass.*`); several times for several. The pass leaves out
    /// what they do not need.
    #[arg(long = "statistic", value_name = "NAME")]
    names: Vec<String>,
}

impl WantedStatistics {
    /// What the pass has to compute; an error names what no statistic and no metric of the trace is called.
    pub fn parts(&self, document: &Document) -> Result<Parts> {
        if self.names.is_empty() {
            return Ok(Parts::default());
        }
        let metrics = (0..document.attention.len())
            .flat_map(|block| statistics::metric_names(document, block).map(|(name, _)| name));
        let known: Vec<String> =
            statistics::TABLE.iter().map(|statistic| statistic.name.to_owned()).chain(metrics).collect();
        for wanted in &self.names {
            if !known.iter().any(|name| fits(wanted, name)) {
                bail!("no statistic is called `{wanted}`: there are {}", known.join(", "));
            }
        }
        Ok(Parts::of(statistics::TABLE.iter().filter(|entry| self.has(entry.name)).map(|entry| entry.part)))
    }

    /// Whether a statistic or a metric of that name is printed.
    pub fn has(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|wanted| fits(wanted, name))
    }
}

fn fits(wanted: &str, name: &str) -> bool {
    wanted.strip_suffix('*').map_or(wanted == name, |beginning| name.starts_with(beginning))
}
