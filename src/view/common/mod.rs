//! What several views draw with.

pub(super) mod asked;
pub(super) mod colour_bar;
pub(super) mod cut;
pub(super) mod heading;
pub(super) mod near;
pub(super) mod order;
pub(super) mod patches;
pub(super) mod point_names;
pub(super) mod region_labels;
pub(super) mod scale;
pub(super) mod sides;
pub(super) mod sinks;
pub(super) mod sketch;
pub(super) mod theme;
pub(super) mod tiles;
pub(super) mod tip;
pub(super) mod words;
pub(super) mod zone;
