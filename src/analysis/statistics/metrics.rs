//! Numbers that a trace's author computed for each head: `head_metric.<i>`, shown beside the statistics of
//! [`TABLE`](super::TABLE) under the tensor's name.

use super::head_statistics::HeadStatistics;
use crate::trace::{Document, Trace};

/// The names and the titles of a block's metrics.
pub fn metric_names(document: &Document, block: usize) -> impl Iterator<Item = (String, &str)> {
    let metrics = document.head_metrics.iter().enumerate().filter(move |(_, metric)| metric.block == block);
    metrics.map(|(index, metric)| (format!("head_metric.{index}"), metric.name.as_str()))
}

/// The metrics of a block, each `[layers, heads]`, in the order of the trace.
pub fn head_metrics(trace: &Trace, block: usize) -> Vec<HeadStatistics> {
    let metrics = trace.document().head_metrics.iter().enumerate().filter(|(_, metric)| metric.block == block);
    metrics
        .map(|(index, _)| {
            let view = trace.head_metric(index);
            let (layers, heads) = (view.shape.first(), view.shape.get(1));
            let [layers, heads] = [layers, heads].map(|count| count.copied().unwrap_or(0));
            HeadStatistics::new(format!("head_metric.{index}"), layers, heads, view.to_f32())
        })
        .collect()
}
