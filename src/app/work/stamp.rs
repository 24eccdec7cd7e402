//! By what a file is known to have changed.

use std::path::Path;
use std::time::UNIX_EPOCH;

/// Size in bytes and time of change in nanoseconds since 1970.
pub fn stamp(path: &Path) -> Option<[i64; 2]> {
    let metadata = path.metadata().ok()?;
    let changed = metadata.modified().ok()?;
    let ns = match changed.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).ok()?,
        Err(before) => -i64::try_from(before.duration().as_nanos()).ok()?,
    };
    Some([i64::try_from(metadata.len()).ok()?, ns])
}
