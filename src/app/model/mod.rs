//! What the window shows and what can be asked of it, without egui: state, commands, the reducer.

pub mod arrangement;
pub mod browsing;
pub mod choices;
pub mod command;
pub mod comparison;
pub mod effect;
pub mod facets;
pub mod figure;
pub mod help;
pub mod history;
pub mod messages;
pub mod notes;
pub mod panel;
pub mod pins;
pub mod reduce;
pub mod state;
pub mod tokens;
