//! The names of the index: its folder, its parts, their tables and columns (docs/datasets.md).

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use twox_hash::XxHash64;

/// How the name of a part begins.
pub(super) const PART_PREFIX: &str = "part-";
const FOLDER: &str = ".vlscope";

/// Where the index of a dataset lies.
pub(super) fn index_folder(dir: &Path, index_dir: Option<&Path>) -> PathBuf {
    index_dir.map_or_else(|| dir.join(FOLDER), Path::to_owned)
}

/// The version of the layout, which each table carries in its metadata under [`STAMP_KEY`] with the options of the run.
pub(super) const FORMAT: u32 = 2;
/// The key of that metadata.
pub(super) const STAMP_KEY: &str = "vlscope.index";

/// One of the tables of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Table {
    /// One row a trace.
    Examples,
    /// One row a head.
    HeadStats,
    /// One row a token.
    Tokens,
    /// One row an image.
    Thumbnails,
}

impl Table {
    /// All tables of a part.
    pub const ALL: [Self; 4] = [Self::Examples, Self::HeadStats, Self::Tokens, Self::Thumbnails];

    /// The file in the part's folder.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Examples => "examples.parquet",
            Self::HeadStats => "head_stats.parquet",
            Self::Tokens => "tokens.parquet",
            Self::Thumbnails => "thumbnails.parquet",
        }
    }
}

/// The key of an example: XXH64 (seed 0) of its path relative to the dataset, with `/`.
pub fn example_key(path: &str) -> i64 {
    XxHash64::oneshot(0, path.as_bytes()).cast_signed()
}

/// The column of a statistic in `head_stats`.
pub fn statistic_column(name: &str) -> String {
    name.replace('.', "_")
}

/// How the column of a trace's own metric begins.
pub(super) const METRIC_PREFIX: &str = "metric_";

/// The column of a trace's own metric in `head_stats`: `metric_` and the words of its title, joined by `_`.
pub fn metric_column(title: &str) -> String {
    let lower = title.to_lowercase();
    let words: Vec<&str> =
        lower.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    format!("{METRIC_PREFIX}{}", words.join("_"))
}

/// The columns of a block's metrics, each its own: what is taken already gets the next number that is free.
pub(super) fn metric_columns<'a>(titles: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut taken = HashSet::new();
    let own = |title: &str| {
        let first = metric_column(title);
        let mut column = first.clone();
        for number in 2.. {
            if taken.insert(column.clone()) {
                break;
            }
            column = format!("{first}_{number}");
        }
        column
    };
    titles.map(own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_names() {
        // `printf 'a/b.safetensors' | xxhsum -H64`, and `xxhash.xxh64_intdigest` in Python.
        assert_eq!(example_key(""), 0xef46_db37_51d8_e999_u64.cast_signed());
        assert_eq!(statistic_column("mass.text.image"), "mass_text_image");
        let alike = ["A", "a!", "a 2", "a"];
        assert_eq!(
            metric_columns(alike.into_iter()),
            ["metric_a", "metric_a_2", "metric_a_2_2", "metric_a_3"],
            "none is lost"
        );
        assert_eq!(metric_column("Example Custom Metrics (β, 2)"), "metric_example_custom_metrics_β_2");
    }
}
