//! What can be done with pins.

/// Pins lie in the options of the views: `Options::pins`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinCommand {
    /// Pin what is selected with its tokens, or take that pin away.
    Selection,
    /// Pin the selected heads, whose tokens follow the selection, or take that pin away.
    SelectedHeads,
    /// Pin a head of the selected block; its tokens follow the selection.
    Head {
        /// 0-based.
        layer: usize,
        /// 0-based.
        head: usize,
    },
    /// Select what a pin shows.
    GoTo(usize),
    /// Compare all others with this one.
    PutFirst(usize),
    /// Take one away.
    Remove(usize),
    /// Take all away.
    Clear,
}
