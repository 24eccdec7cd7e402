//! All tokens of a dataset: what the index says of each, one projection of their hidden states, and the nearest among them.

mod atlas;
mod columns;
mod nearest;

#[cfg(test)]
mod tests;

pub use atlas::{TokenAtlas, TokenError, states};
pub use columns::Tokens;
pub use nearest::{NearToken, Nearest, NearestOptions, TokenKey, nearest};
