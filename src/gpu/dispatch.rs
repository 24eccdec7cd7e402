//! Workgroups beyond what one dimension allows.

/// Spreads `workgroups` over two dimensions of at most `limit` each, with as few idle ones as possible. A shader finds
/// its number with `folded` of shaders/shared/dispatch.wgsl and must stop if it is too large.
pub fn fold(workgroups: u64, limit: u32) -> [u32; 3] {
    let rows = workgroups.div_ceil(u64::from(limit)).max(1);
    let columns = workgroups.div_ceil(rows);
    [columns as u32, rows as u32, 1]
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn every_workgroup_runs_and_few_are_idle() {
        for workgroups in [0, 1, 65_535, 65_536, 70_001, 65_535 * 65_535] {
            let [x, y, z] = fold(workgroups, 65_535);
            assert!(x <= 65_535 && y <= 65_535 && z == 1);
            let run = u64::from(x) * u64::from(y);
            assert!(run >= workgroups && run - workgroups < u64::from(y.max(1)));
        }
    }
}
