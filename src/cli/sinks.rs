//! Attention sinks: what happens to them, and from which values on a token is one.

use clap::{Args, ValueEnum};

use super::values::parse_share;
use crate::analysis::SinkTreatment;
use crate::analysis::sinks::Criteria;

/// Their treatment and thresholds.
#[derive(Args, Clone, Debug)]
pub struct SinkArguments {
    /// What happens to attention sinks in the weights that are shown.
    #[arg(long, value_enum, default_value_t = SinkName::Show)]
    sinks: SinkName,
    /// How many times the uniform share of attention a sink receives at least, in a head where it is strong.
    #[arg(long, value_name = "TIMES", default_value_t = Criteria::default().share_ratio, value_parser = parse_times)]
    sink_ratio: f32,
    /// In more than this share of the heads a sink is strong, from 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = Criteria::default().head_share, value_parser = parse_share)]
    sink_heads: f32,
    /// At least this share of the queries see a sink, from 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = Criteria::default().seen_share, value_parser = parse_share)]
    sink_seen: f32,
    /// A massive activation is at least so many times the root mean square of its hidden state.
    #[arg(long, value_name = "TIMES", default_value_t = Criteria::default().activation, value_parser = parse_times)]
    sink_activation: f32,
    /// In the dimension of a massive activation the largest is at least so many times the median over tokens.
    #[arg(long, value_name = "TIMES", default_value_t = Criteria::default().dimension_ratio, value_parser = parse_times)]
    sink_dimension: f32,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SinkName {
    /// Like all other tokens.
    Show,
    /// With a mark.
    Mark,
    /// Not at all.
    Hide,
    /// Not at all; each row's other weights are scaled up to the sum that it had.
    Renormalise,
}

impl SinkArguments {
    /// What happens to them.
    pub fn treatment(&self) -> SinkTreatment {
        match self.sinks {
            SinkName::Show => SinkTreatment::Show,
            SinkName::Mark => SinkTreatment::Mark,
            SinkName::Hide => SinkTreatment::Hide,
            SinkName::Renormalise => SinkTreatment::Renormalise,
        }
    }

    /// Which tokens are sinks.
    pub fn criteria(&self) -> Criteria {
        Criteria {
            share_ratio: self.sink_ratio,
            head_share: self.sink_heads,
            seen_share: self.sink_seen,
            activation: self.sink_activation,
            dimension_ratio: self.sink_dimension,
        }
    }
}

/// As it is typed.
pub fn treatment_name(treatment: SinkTreatment) -> &'static str {
    match treatment {
        SinkTreatment::Show => "show",
        SinkTreatment::Mark => "mark",
        SinkTreatment::Hide => "hide",
        SinkTreatment::Renormalise => "renormalise",
    }
}

fn parse_times(text: &str) -> Result<f32, String> {
    let times = text.parse().ok().filter(|times: &f32| times.is_finite() && *times >= 0.0);
    times.ok_or_else(|| format!("`{text}` is no factor: expected for example 4"))
}
