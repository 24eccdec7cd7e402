//! The views: what is drawn of which numbers, and where.

mod bounds;
mod compare;
mod fixtures;
mod heads;
mod hidden;
mod joint;
mod kinds;
mod layers;
mod lens;
mod long;
mod pictures;
mod pins;
mod random;
mod selection;
mod theme;
mod timeline;
mod tokens;
mod video;
mod words;
mod zones;

#[path = "../common/traces.rs"]
mod traces;
